// The doctor's own steps, on this side of the socket: is there one, may I, do we understand each other. Then the
// daemon's.

import Client
import Glibc
import Wire

struct Checkup {
    private let path: String
    private var steps: [Diagnose.Step] = []

    init(path: String) { self.path = path }

    /// Takes every step that the one before it leaves sense in.
    mutating func run(spend: Bool) -> Diagnose.Result {
        if let connection = connect(), greet(connection) { diagnose(connection, spend: spend) }
        return Diagnose.Result(steps: steps, verdict: steps.map(\.verdict).max() ?? .ok)
    }

    private mutating func add(
        _ name: String, _ verdict: Diagnose.Verdict, _ found: String, meaning: String? = nil, next: String? = nil
    ) {
        steps.append(
            Diagnose.Step(
                Diagnose.Name(rawValue: name), project: nil, verdict: verdict, found: found, meaning: meaning,
                next: next))
    }

    private mutating func connect() -> DarkroomConnection? {
        var status = stat()
        if unsafe stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFSOCK {
            add("socket", .fault, "\(path) is no socket", next: "name the daemon's with --socket or $DARKROOM_SOCKET")
            return nil
        }
        do throws(ClientError) {
            let connection = try DarkroomConnection(path)
            add("socket", .ok, path)
            add("permission", .ok, "\(Membership.userName) may connect")
            return connection
        } catch .notPermitted {
            add("socket", .ok, path)
            let membership = Membership(socket: path)
            add(
                "permission", .fault, membership.found, meaning: membership.meaning,
                next: membership.next ?? ClientError.notPermitted(path: path).hint)
        } catch {
            switch error {
            case .notRunning, .stale:
                let start = error.hint.map { $0 + "; " } ?? ""
                add(
                    "socket", .fault, error.message,
                    next:
                        "\(start)if it does not stay up: darkroomd --check-config says whether its configuration is why"
                )
            default: add("socket", .fault, error.message, next: error.hint)
            }
        }
        return nil
    }

    private mutating func greet(_ connection: DarkroomConnection) -> Bool {
        let hello: Hello.Result
        do {
            hello = try connection.call(Hello.self, Hello.Params(client: .string("darkroom")), within: .seconds(30))
                .result
        } catch {
            let (message, hint) = Self.words(error)
            add("daemon", .fault, message, next: hint)
            return false
        }
        let version = hello.server.version
        let found = "darkroomd \(version), protocol \(hello.protocol)"
        let upgrade = "sudo systemctl restart darkroom, after the packages were upgraded"
        if hello.protocol != Hello.protocolVersion {
            add(
                "version", .fault, found, meaning: "this command speaks protocol \(Hello.protocolVersion) only",
                next: upgrade)
            return false
        }
        if version != Release.version {
            add("version", .warning, found, meaning: "this command is of release \(Release.version)", next: upgrade)
        } else {
            add("version", .ok, found)
        }
        return true
    }

    private mutating func diagnose(_ connection: DarkroomConnection, spend: Bool) {
        do {
            // Addresses that answer nothing, one after the other, and an image for each route.
            let limit: Duration = .seconds(spend ? 1200 : 300)
            steps += try connection.call(
                Diagnose.self, Diagnose.Params(spend: spend ? true : nil), within: limit
            ).result.steps
        } catch let error as ClientError {
            if case .methodUnknown = error {
                add("diagnosis", .warning, error.message, next: error.hint)
            } else {
                add("diagnosis", .fault, error.message, next: error.hint)
            }
        } catch {
            let (message, hint) = Self.words(error)
            let isRefused = (error as? WireError)?.kind == .notPermitted
            add("diagnosis", isRefused ? .warning : .fault, message, next: hint)
        }
    }

    private static func words(_ error: any Error) -> (String, String?) {
        switch error {
        case let error as WireError: (error.message, error.hint)
        case let error as ClientError: (error.message, error.hint)
        default: ("\(error)", nil)
        }
    }
}
