// What systemd's watchdog is told comes from an answer on the daemon's own socket, and from nothing else.

import Dispatch
import Foundation
import TestKit
import Testing

@Suite(.serialized) struct WatchdogProbeTests {
    @Test func theWatchdogIsToldNothingThatTheSocketDidNotAnswer() throws {
        let daemon = try RunningDaemon(configuration: nil, key: nil, environment: ["WATCHDOG_USEC": "200000"])
        #expect(daemon.manager.wait(for: "WATCHDOG=1", orEndOf: daemon.process))
        // From here on somebody else listens where the daemon asks for itself, and never answers.
        let (asked, go) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let other = try ScriptedDaemon(daemon.socket) { _, _ in
            asked.signal()
            go.wait()
        }
        func pings() -> Int { daemon.manager.transcript.count { $0.contains("WATCHDOG=1") } }
        #expect(asked.wait(timeout: .now() + 60) == .success)
        let before = pings()
        for _ in 0..<2 {
            go.signal()
            #expect(asked.wait(timeout: .now() + 60) == .success)
        }
        #expect(pings() == before)
        for _ in 0..<100 { go.signal() }
        other.stop()
    }
}
