import FoundationEssentials
import Glibc
import Testing

@testable import Systemd

@Suite struct ListenSocketsTests {
    private static let ours = "\(getpid())"

    /// No process has so many descriptors.
    private static let notOpen: Int32 = 0x7FFF_FF00

    /// Puts sockets at consecutive descriptors, as systemd does, and closes them after the test.
    private func withSockets(
        _ kinds: [Kind], _ body: (Int32, [String]) throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            let paths = kinds.indices.map { "\(directory)/\($0).sock" }
            let originals = try zip(kinds, paths).map { kind, path in try kind.open(at: path) }
            defer { for descriptor in originals { close(descriptor) } }
            let first = try Self.duplicateInARow(originals)
            defer { for index in kinds.indices { close(first + Int32(index)) } }
            try body(first, paths)
        }
    }

    /// Duplicates descriptors to neighbouring numbers, none of which another test beside this one has or gets.
    private static func duplicateInARow(_ originals: [Int32]) throws -> Int32 {
        var first: Int32 = 700
        while true {
            var taken: [Int32] = []
            for (index, original) in originals.enumerated() {
                let descriptor = fcntl(original, F_DUPFD, first + Int32(index))
                try #require(descriptor >= 0)
                taken.append(descriptor)
                if index == 0 { first = descriptor }
                if descriptor != first + Int32(index) { break }
            }
            if let last = taken.last, taken.count == originals.count, last == first + Int32(originals.count) - 1 {
                return first
            }
            for descriptor in taken { close(descriptor) }
            first += 1
        }
    }

    enum Kind {
        case listening, bound, datagram, file

        func open(at path: String) throws -> Int32 {
            switch self {
            case .listening:
                let descriptor = try boundSocket(type: SOCK_STREAM, path: path)
                try #require(Glibc.listen(descriptor, 8) == 0)
                return descriptor
            case .bound: return try boundSocket(type: SOCK_STREAM, path: path)
            case .datagram: return try boundSocket(type: SOCK_DGRAM, path: path)
            case .file: return unsafe Glibc.open("/dev/null", O_RDONLY | O_CLOEXEC)
            }
        }
    }

    private func environment(count: Int, names: String?, process: String = ours) -> SystemdEnvironment {
        var variables = ["LISTEN_PID": process, "LISTEN_FDS": "\(count)"]
        variables["LISTEN_FDNAMES"] = names
        return SystemdEnvironment(variables)
    }

    @Test(arguments: ["api:admin", "admin:api", "api:api"])
    func socketsAreToldApartByNameInAnyOrder(names: String) async throws {
        try await withSockets([.listening, .listening]) { first, _ in
            let sockets = try environment(count: 2, names: names).listenSockets(named: ["api", "admin"], first: first)
            let expected = zip(names.split(separator: ":"), first...).map {
                ListenSocket(name: String($0), descriptor: $1)
            }
            #expect(sockets == expected)
        }
    }

    @Test func anAdoptedSocketIsNonBlockingAndClosedOnExec() async throws {
        try await withSockets([.listening]) { first, _ in
            #expect(fcntl(first, F_GETFD) & FD_CLOEXEC == 0)
            _ = try environment(count: 1, names: "api").listenSockets(named: ["api"], first: first)
            #expect(fcntl(first, F_GETFD) & FD_CLOEXEC != 0)
            #expect(fcntl(first, F_GETFL) & O_NONBLOCK != 0)
        }
    }

    @Test func anUnknownNameIsRefusedBeforeAnySocketIsTouched() async throws {
        try await withSockets([.listening, .listening]) { first, _ in
            let error = #expect(throws: ListenSocketError.self) {
                try environment(count: 2, names: "api:root").listenSockets(named: ["api", "admin"], first: first)
            }
            #expect(error == .unknownName("root", expected: ["admin", "api"]))
            #expect(
                error?.description
                    == "systemd passed a socket named \"root\"; FileDescriptorName= must be one of admin, api")
            #expect(fcntl(first, F_GETFD) & FD_CLOEXEC == 0)
        }
    }

    @Test func aSocketWithoutANameIsRefused() async throws {
        try await withSockets([.listening]) { first, _ in
            #expect(throws: ListenSocketError.unknownName("unknown", expected: ["api"])) {
                try environment(count: 1, names: nil).listenSockets(named: ["api"], first: first)
            }
        }
    }

    @Test(arguments: [Kind.bound, .datagram, .file])
    func whatIsNoListeningStreamSocketIsRefused(kind: Kind) async throws {
        try await withSockets([kind]) { first, _ in
            #expect(throws: ListenSocketError.wrongType(name: "api", descriptor: first)) {
                try environment(count: 1, names: "api").listenSockets(named: ["api"], first: first)
            }
        }
    }

    @Test func aDescriptorThatIsNotOpenIsRefused() {
        #expect(throws: ListenSocketError.unusable(name: "api", descriptor: Self.notOpen, errno: EBADF)) {
            try environment(count: 1, names: "api").listenSockets(named: ["api"], first: Self.notOpen)
        }
    }

    @Test func socketsMeantForAnotherProcessAreNotOurs() throws {
        #expect(
            try environment(count: 1, names: "api", process: "1").listenSockets(named: ["api"], first: Self.notOpen)
                == [])
        #expect(try SystemdEnvironment([:]).listenSockets(named: ["api"]) == [])
    }

    @Test(arguments: [("two", "api:admin"), ("-1", ""), ("65", "api"), ("", "")])
    func aCountThatIsNoneIsRefused(count: String, names: String) {
        let environment = SystemdEnvironment(["LISTEN_PID": Self.ours, "LISTEN_FDS": count, "LISTEN_FDNAMES": names])
        #expect(throws: ListenSocketError.malformedEnvironment(variable: "LISTEN_FDS", value: count)) {
            try environment.listenSockets(named: ["api"], first: Self.notOpen)
        }
    }

    @Test func namesThatDoNotMatchTheCountAreRefused() {
        #expect(throws: ListenSocketError.malformedEnvironment(variable: "LISTEN_FDNAMES", value: "api:admin")) {
            try environment(count: 1, names: "api:admin").listenSockets(named: ["api", "admin"], first: Self.notOpen)
        }
    }

    @Test func thePathOfAnAdoptedSocketStays() async throws {
        try await withSockets([.listening]) { first, paths in
            let sockets = try environment(count: 1, names: "api").listenSockets(named: ["api"], first: first)
            #expect(sockets.count == 1)
            #expect(FileManager.default.fileExists(atPath: paths[0]))
        }
    }
}
