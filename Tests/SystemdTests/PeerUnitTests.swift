import Glibc
import Testing

@testable import Systemd

@Suite struct PeerUnitTests {
    @Test func aProcessOfAnotherNamespaceIsNotTakenForUs() {
        #expect(systemdUnit(ofProcess: 0) == nil)
        #expect(systemdUnit(ofProcess: -1) == nil)
    }

    @Test func aProcessThatIsGoneHasNoUnit() {
        // One beyond the largest pid that Linux gives on 64 bits, proc(5).
        #expect(systemdUnit(ofProcess: 4_194_305) == nil)
    }
}
