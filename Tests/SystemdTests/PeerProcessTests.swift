import Glibc
import Testing

@testable import Systemd

@Suite struct PeerProcessTests {
    @Test func aProcessOfAnotherNamespaceIsNotTakenForUs() {
        #expect(PeerProcess(0, of: getuid()) == PeerProcess())
        #expect(PeerProcess(-1, of: getuid()) == PeerProcess())
    }

    @Test func ofAProcessThatIsGoneNothingIsTold() {
        // One beyond the largest pid that Linux gives on 64 bits, proc(5).
        #expect(PeerProcess(4_194_305, of: getuid()) == PeerProcess())
    }

    @Test func aProcessOfAnotherUserThatHasTheNumberIsNotTold() {
        #expect(PeerProcess(getpid(), of: getuid()).executable?.hasPrefix("/") == true)
        #expect(PeerProcess(getpid(), of: getuid() + 1) == PeerProcess())
    }
}
