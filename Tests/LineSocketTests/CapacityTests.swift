// What needs a process of its own: its limit on descriptors, and its memory.

import CAncillary
import Foundation
import LineSocket
import Synchronization
import Testing
import TestKit

struct CapacityTests {
    @Test func aServerWithoutDescriptorsRefusesAndThenServesAgain() async throws {
        await #expect(processExitsWith: .success) {
            let held = Mutex<[OwnedDescriptor]>([])
            let result = try await withServer({ line, connection in
                switch line.text {
                case "take": held.withLock { $0 = takeAllDescriptors(but: 5) }
                case "give back": held.withLock { $0 = [] }
                default: break
                }
                await connection.send(OutboundLine(line.bytes))
            }) { running in
                let result = try await onOwnThread {
                    try ChildProcess.python(
                        """
                        import socket, sys
                        def connect(): s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); return s
                        def ask(s, text):
                            try: s.sendall(text.encode() + b"\\n")
                            except OSError: pass
                            return s.recv(100).decode().strip()
                        control = connect()
                        ask(control, "take")
                        many = [connect() for _ in range(20)]
                        answers = [ask(s, "x") for s in many]
                        ask(control, "give back")
                        print(answers.count("x"), answers.count("too many"), ask(connect(), "again"))
                        """, running.path)
                }
                let counters = await running.server.counters
                #expect(counters.outOfDescriptors == 15)
                return result
            }
            #expect(result == "5 15 again\n")
        }
    }

    /// With a part of them the line would have others than it names.
    @Test func aLineWhoseDescriptorsDoNotAllFitHasNoneOfThem() async {
        await #expect(processExitsWith: .success) {
            let (sender, receiver) = try makePair()
            let file = try makeFile("f")
            try RawClient(socket: sender).write("line\n", [file, file, file, file, file])
            let taken = takeAllDescriptors(but: 3)
            let line = try LineChannel(adopting: receiver).receive(until: LineChannel.patience)
            #expect(line?.text == "line" && line?.descriptors.count == 0)
            let free = (0..<4).compactMap { _ in try? makeFile("") }
            #expect(free.count == 3)
            withExtendedLifetime(taken) {}
        }
    }

    @Test(.enabled(if: CapacityTests.hardLimit >= 11_000, "the hard limit on open files is under 11,000"))
    func tenThousandIdleConnectionsAreHeld() async throws {
        await #expect(processExitsWith: .success) {
            var limit = rlimit()
            #expect(unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
            limit.rlim_cur = limit.rlim_max
            #expect(unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
            let (ready, measured) = (Gate(), Gate())
            try await withServer({ line, connection in
                ready.open()
                await measured.wait()
                await connection.send(OutboundLine(line.bytes))
            }) { running in
                let before = try residentBytes()
                async let answer = onOwnThread {
                    try ChildProcess.python(
                        """
                        import resource, socket, sys
                        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
                        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
                        many = [socket.socket(socket.AF_UNIX) for _ in range(10000)]
                        for s in many: s.connect(sys.argv[1])
                        many[-1].sendall(b"last\\n")
                        print(many[-1].recv(100).decode().strip())
                        """, running.path)
                }
                await ready.wait()
                let each = (try residentBytes() - before) / 10_000
                #expect(await running.server.connectionCount == 10_000)
                #expect(each < 3_072, "bytes for each idle connection")
                measured.open()
                #expect(try await answer == "last\n")
            }
        }
    }

    private static var hardLimit: UInt {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
        return UInt(limit.rlim_max)
    }
}

/// Leaves this process with `spare` free descriptors, out of 256.
private func takeAllDescriptors(but spare: Int) -> [OwnedDescriptor] {
    var limit = rlimit()
    guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return [] }
    limit.rlim_cur = 256
    guard unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return [] }
    var taken: [OwnedDescriptor] = []
    while let file = try? makeFile("") { taken.append(file) }
    return taken.dropLast(spare)
}

/// Resident memory of this process.
private func residentBytes() throws -> Int {
    let fields = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
    return (Int(fields[1]) ?? 0) * sysconf(Int32(_SC_PAGESIZE))
}
