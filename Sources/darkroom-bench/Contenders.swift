// Who takes part in a run: started once, kept to its end, and how each is given work.

import Glibc

/// Everything that stays up while the rounds go by.
final class Contenders {
    let upstream: Upstream
    let workplace: Workplace
    let python: String?
    private(set) var missing: [String] = []
    private(set) var nginx: NginxProxy?
    private(set) var liteLLM: LiteLLMProxy?
    /// Resident memory of the proxies when they had answered one tiny image and nothing else.
    private(set) var idleBytes: [Contender: Int] = [:]
    private var daemons: [StatePlace: DaemonProcess] = [:]
    private var started: [DaemonProcess] = []

    init(workplace: Workplace, python: String?) throws {
        self.workplace = workplace
        self.python = python
        upstream = try Upstream(workplace: workplace)
    }

    /// Starts the proxies; what is not installed is noted and left out.
    func startProxies() throws {
        nginx = try NginxProxy(upstream: upstream, workplace: workplace)
        if let nginx {
            idleBytes[.nginx] = try ProcessFigures.memory(withDescendants: nginx.pid).resident
        } else {
            missing.append("nginx is not installed.")
        }
        if let python { liteLLM = try LiteLLMProxy(python: python, upstream: upstream, workplace: workplace) }
        if let liteLLM {
            idleBytes[.liteLLM] = try ProcessFigures.memory(withDescendants: liteLLM.pid).resident
        } else {
            missing.append("LiteLLM is not installed, or --python does not name its environment.")
        }
    }

    /// The daemon that stays up, with its state at that place.
    func daemon(_ place: StatePlace) throws -> DaemonProcess {
        if let running = daemons[place] { return running }
        let started = try newDaemon(place)
        daemons[place] = started
        return started
    }

    /// A daemon that has done nothing yet; who is done with it may stop it before the run ends.
    func newDaemon(_ place: StatePlace, state: String? = nil, port: Int? = nil) throws -> DaemonProcess {
        let daemon = try DaemonProcess(
            name: "d\(started.count)", state: state, place: place, port: port, upstream: upstream,
            workplace: workplace)
        started.append(daemon)
        return daemon
    }

    /// How to open a client of a contender that answers images over a connection kept open; nil when it is missing.
    ///
    /// - Returns: The maker of clients, and the process that does the work.
    func clients(
        of contender: Contender, size: ImageSize, daemon given: DaemonProcess? = nil
    ) throws -> (open: @Sendable () throws -> any ImageClient, pid: pid_t)? {
        let expectedBytes = upstream.answers.bytes(of: size)
        switch contender {
        case .nginx:
            guard let nginx else { return nil }
            let socket = nginx.socket
            return (
                {
                    ProxyClient(
                        descriptor: try Sockets.unix(socket, type: SOCK_STREAM),
                        request: GenerateRequest.native(size, key: nil), expectedBytes: expectedBytes)
                }, nginx.pid
            )
        case .liteLLM:
            guard let liteLLM else { return nil }
            let port = liteLLM.port
            let request = GenerateRequest.openAI(size, key: liteLLM.masterKey)
            return (
                {
                    ProxyClient(
                        descriptor: try Sockets.loopback(port: port), request: request, expectedBytes: expectedBytes)
                }, liteLLM.pid
            )
        case .daemon(let way, let place):
            let running = try given ?? daemon(place)
            let socket = running.socket
            return (
                { try DaemonClient(socket: socket, way: way, size: size, expectedBytes: expectedBytes) }, running.pid
            )
        case .direct, .command, .pipeline, .script, .curlReused, .curlFresh: return nil
        }
    }

    func stop() {
        for daemon in started { daemon.stop() }
        nginx?.stop()
        liteLLM?.stop()
        upstream.stop()
    }
}
