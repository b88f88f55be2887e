import Testing
import Wire

@testable import darkroom

struct TokenTests {
    /// 2026-11-22T12:00:00Z.
    private let now = Timestamp(milliseconds: 1_795_348_800_000)

    @Test(arguments: [
        ("2026-11-01", "2026-11-01T00:00:00Z"), ("2026-11-01T08:30:00Z", "2026-11-01T08:30:00Z"),
        ("36h", "2026-11-21T00:00:00Z"), ("7d", "2026-11-15T12:00:00Z"), ("1w", "2026-11-15T12:00:00Z"),
        ("90m", "2026-11-22T10:30:00Z"),
    ])
    func aTimeIsADayAMomentOrHowLongAgo(text: String, time: String) throws {
        #expect(now.description == "2026-11-22T12:00:00Z")
        #expect(try Token.time(text, now: now).description == time)
    }

    @Test(arguments: ["", "d", "-1d", "2026-13-01", "yesterday", "2026-11-01 08:30", "5"])
    func anythingElseIsNone(text: String) {
        #expect(throws: (any Error).self) { try Token.time(text, now: now) }
    }
}
