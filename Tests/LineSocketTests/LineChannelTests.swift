import CAncillary
import Foundation
import LineSocket
import Testing
import TestKit

struct LineChannelTests {
    @Test func eachWayOfNotConnectingIsToldApart() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/s"
        #expect(throws: LineChannelError.notThere) { try LineChannel(path) }
        let socket = OwnedDescriptor(taking: ca_socket())
        #expect(unsafe ca_bind(socket.rawValue, path) == 0)
        #expect(throws: LineChannelError.refused) { try LineChannel(path) }
        #expect(throws: LineChannelError.pathTooLong) { try LineChannel(String(repeating: "a", count: 108)) }
        #expect(listen(socket.rawValue, 0) == 0)
        let first = try LineChannel(path)
        #expect(throws: LineChannelError.timedOut) {
            try LineChannel(connectingTo: path, timeout: .milliseconds(1))
        }
        withExtendedLifetime(first) {}
    }

    @Test func nothingComesByADeadlineThatHasPassedAndThenItDoes() throws {
        let (first, second) = try makePair()
        let channel = LineChannel(adopting: first)
        #expect(throws: LineChannelError.timedOut) { try channel.receive(until: .now) }
        try LineChannel(adopting: second).send("late")
        #expect(try channel.next() == "late")
    }

    @Test func aFullSocketEndsSendingAtTheDeadline() throws {
        let (first, second) = try makePair()
        let channel = LineChannel(adopting: first)
        let line = [UInt8](repeating: 97, count: 10_000_000)
        #expect(throws: LineChannelError.timedOut) { try channel.send(line, until: .now) }
        withExtendedLifetime(second) {}
    }

    @Test func linesAreReceivedBeforeTheEndAndAPartOfOneIsAnError() throws {
        let (first, second) = try makePair()
        let channel = LineChannel(adopting: first)
        do {
            let other = RawClient(socket: second)
            try other.write("whole\npart")
            other.finish()
        }
        #expect(try channel.next() == "whole")
        #expect(throws: LineChannelError.closed) { try channel.next() }
    }

    @Test func sendingToAPeerThatIsGoneIsAnErrorAndNotASignal() throws {
        let channel: LineChannel
        do {
            let (first, _) = try makePair()
            channel = LineChannel(adopting: first)
        }
        #expect(throws: LineChannelError.closed) { try channel.send("x") }
    }
}
