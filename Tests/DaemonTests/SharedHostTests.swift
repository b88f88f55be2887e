// Three users of one host and one quota: a queue of bulk jobs, a person, and a program that asks in bursts. The clocks
// of the daemon and of the simulator that counts are twenty times as fast.

import Glibc
import TestKit
import Testing
import Wire

@Suite(.serialized, .enabled(if: getuid() == 0, "NOT TESTED: only root can be three users")) struct SharedHostTests {
    /// Asks for so many images without waiting, says that they are all taken, and then waits for each; its state.
    private static let caller = #"""
        import json, socket, sys
        path, name, priority, count = sys.argv[1:]
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(path)
        lines = connection.makefile("rb")
        def call(method, params):
            request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            connection.sendall(json.dumps(request).encode() + b"\n")
            while True:
                message = json.loads(lines.readline())
                if "id" in message:
                    return message["result"]
        def ask(number):
            return call("image.generate", {
                "prompt": f"{name} {number}", "wait": False, "priority": priority, "deadlineSeconds": 36000})["job"]
        jobs = [ask(number) for number in range(int(count))]
        print("taken", flush=True)
        for job in jobs:
            print(call("job.wait", {"job": job, "delivery": "none"})["state"], flush=True)
        """#

    private func start(_ name: String, _ priority: String, _ count: Int, as uid: Int, _ daemon: RunningDaemon) throws
        -> ChildProcess
    {
        try ChildProcess(
            "/usr/bin/setpriv",
            [
                "--reuid=\(uid)", "--regid=\(uid)", "--clear-groups", "/usr/bin/python3", "-c", Self.caller,
                daemon.socket, name, priority, "\(count)",
            ])
    }

    private struct Counts: Decodable {
        var sent: Int
        var refused: [String: Int]
    }

    @Test func threeUsersShareALimitAndThePersonIsNotLast() throws {
        let simulator = try RunningSimulator()
        _ = try simulator.call("POST", "/quota", body: #"{"models":{"*":{"rpm":24}},"clockScale":20}"#)
        let limits = "[project.limits.\"gemini-3.1-flash-image\"]\nrequests_per_minute = 24"
        let daemon = try RunningDaemon(
            configuration: RunningDaemon.configuration(simulator, project: limits),
            arguments: ["--socket-mode", "0666"], environment: ["DARKROOM_CLOCK_SCALE": "20"])
        // All of them stand in line before the first is sent, however slow this machine is.
        let admin = try RawSocket(daemon.adminSocket)
        #expect(try admin.call(1, "project.pause", #"{"project":"default"}"#).error == nil)
        let queue = try start("queue", "bulk", 20, as: 54_321, daemon)
        #expect(queue.readLine() == "taken", "\(queue.standardErrorSoFar)")
        let person = try start("person", "interactive", 2, as: 54_322, daemon)
        #expect(person.readLine() == "taken", "\(person.standardErrorSoFar)")
        let bursts = try start("burst", "interactive", 6, as: 54_323, daemon)
        #expect(bursts.readLine() == "taken", "\(bursts.standardErrorSoFar)")
        #expect(try admin.call(2, "project.resume", #"{"project":"default"}"#).error == nil)
        for (caller, count) in [(queue, 20), (person, 2), (bursts, 6)] {
            let output = caller.finish()
            #expect(output.standardOutput == String(repeating: "done\n", count: count), "\(output)")
        }
        let counts = try WireJSON.decode(Counts.self, from: Array(try simulator.call("GET", "/quota").utf8))
        #expect(counts.sent == 28 && counts.refused.values.allSatisfy { $0 == 0 }, "\(counts)")
        let last = try #require(try simulator.generations().last)
        guard case .string(let prompt)? = RunningSimulator.member("contents.0.parts.0.text", of: last) else {
            Issue.record("no prompt: \(last)")
            return
        }
        #expect(prompt.hasPrefix("queue "), "\(prompt)")
    }
}
