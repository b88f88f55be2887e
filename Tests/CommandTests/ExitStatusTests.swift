import Testing
import Wire

@testable import darkroom

struct ExitStatusTests {
    @Test func everyKindHasExactlyOneStatus() {
        for kind in ErrorKind.all {
            let found = ExitStatus.table.filter { $0.kinds.contains(kind) }
            #expect(found.count == 1, "\(kind.rawValue): \(found.map(\.number))")
        }
    }

    @Test func everyStatusIsInTheTableOnce() {
        #expect(ExitStatus.table.map(\.number) == ExitStatus.table.map(\.number).sorted())
        #expect(Set(ExitStatus.table.map(\.number)).count == ExitStatus.table.count)
    }

    @Test func aKindOfALaterDaemonIsOther() {
        #expect(ExitStatus.of(WireError(ErrorKind(rawValue: "out_of_paint"), "none left")) == .other)
    }

    @Test func aDeadlineIsNoTryAgainOnceMoneyMayBeSpent() {
        #expect(ExitStatus.of(WireError(.deadline, "late", charged: .no)) == .later)
        #expect(ExitStatus.of(WireError(.deadline, "late", charged: .unknown)) == .unknown)
    }
}
