import Dispatch
import Glibc
import LineSocket
import Synchronization
import Testing
import TestKit
import Wire

@testable import Client

struct ConnectingTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func failure(_ path: String) -> ClientError? {
        do throws(ClientError) {
            _ = try DarkroomConnection(path, patience: .zero)
            return nil
        } catch {
            return error
        }
    }

    @Test func aMissingSocketMeansThatTheDaemonIsNotRunning() {
        #expect(failure(directory.file("s")) == .notRunning(path: directory.file("s")))
        #expect(failure(directory.file("no/folder/s")) == .notRunning(path: directory.file("no/folder/s")))
    }

    @Test func aSocketThatNobodyListensOnIsStale() throws {
        let socket = try ScriptedDaemon.bind(directory.file("s"))
        #expect(failure(directory.file("s")) == .stale(path: directory.file("s")))
        withExtendedLifetime(socket) {}
    }

    @Test func aPathThatIsTooLongIsSaidToBe() {
        let path = "/" + String(repeating: "x", count: 107)
        #expect(failure(path) == .pathTooLong(path: path))
    }

    @Test func aDaemonThatIsStartingIsWaitedFor() throws {
        let socket = try ScriptedDaemon.bind(directory.file("s"))
        DispatchQueue(label: "start").async { listen(socket.rawValue, 1) }
        _ = try DarkroomConnection(directory.file("s"), patience: .seconds(30))
    }

    @Test func aSocketThatIsNotThereIsWaitedForOnlyIfThatWasAskedFor() throws {
        let path = directory.file("s")
        #expect(throws: ClientError.notRunning(path: path)) { try DarkroomConnection(path) }
        let listener = Mutex<OwnedDescriptor?>(nil)
        let isBound = DispatchSemaphore(value: 0)
        DispatchQueue(label: "start").async {
            listener.withLock { $0 = try? ScriptedDaemon.bind(path) }
            listener.withLock { _ = $0.map { listen($0.rawValue, 1) } }
            isBound.signal()
        }
        _ = try DarkroomConnection(path, patience: .seconds(30))
        isBound.wait()
    }

    @Test func eachWayOfNotConnectingSaysWhatToType() {
        let standard = SocketPath.standard
        let cases: [(ClientError, String, String?)] = [
            (
                .notRunning(path: standard), "darkroomd is not running: there is no socket at \(standard)",
                "sudo systemctl start darkroom.socket"
            ),
            (
                .notRunning(path: "/s"), "darkroomd is not running: there is no socket at /s",
                "darkroomd --socket /s --state DIR runs it in the foreground"
            ),
            (
                .stale(path: standard), "darkroomd is not running: nobody listens at \(standard)",
                "sudo systemctl restart darkroom.socket"
            ),
            (
                .stale(path: "/s"), "darkroomd is not running: nobody listens at /s",
                "darkroomd --socket /s --state DIR runs it in the foreground"
            ),
            (
                .notPermitted(path: standard), "this user may not connect to \(standard)",
                "sudo usermod -aG darkroom $USER, then log in again"
            ),
            (.notPermitted(path: "/s"), "this user may not connect to /s", "ls -l /s shows who may"),
            (
                .protocolTooNew(daemon: 2), "darkroomd speaks protocol 2, and this program only 1",
                "upgrade this program: sudo apt-get install --only-upgrade darkroom"
            ),
            (
                .protocolTooOld(daemon: 0), "darkroomd speaks only protocol 0, and this program 1",
                "sudo systemctl restart darkroom, after the package was upgraded"
            ),
            (
                .notPermitted(path: SocketPath.adminStandard),
                "this user may not connect to \(SocketPath.adminStandard)", "ask as root: sudo darkroom"
            ),
            (
                .methodUnknown("image.price", daemon: "0.0.9"),
                "this darkroomd (0.0.9) is older than this program: it does not know image.price",
                "sudo systemctl restart darkroom, after the package was upgraded"
            ),
            (
                .unanswered(key: "k"), "darkroomd went away before it had named a job, and did not come back",
                "ask again with --key k: the same key is never paid for twice"
            ),
            (
                .lost(job: JobID(rawValue: "j1")), "the connection to darkroomd is lost; job j1 goes on without it",
                "darkroom wait j1"
            ),
        ]
        for (error, message, hint) in cases {
            #expect(error.message == message)
            #expect(error.hint == hint)
        }
    }
}
