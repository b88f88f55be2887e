// The way out of the daemon: through a proxy that is asked to CONNECT, and over one family of addresses.

import TestKit
import Testing
import Wire

@Suite(.serialized) struct ProxyTests {
    private let simulator: RunningSimulator

    init() throws { simulator = try RunningSimulator() }

    /// Prints its port and then the first line of each request, tunnels, and leaves with its input.
    private static let proxy = #"""
        import socket, sys, threading
        listener = socket.create_server(("127.0.0.1", 0))
        def copy(source, sink):
            try:
                while data := source.recv(65536):
                    sink.sendall(data)
                sink.shutdown(socket.SHUT_WR)
            except OSError:
                pass
        def serve(client):
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                data = client.recv(65536)
                if not data:
                    return
                head += data
            print(head.split(b"\r\n")[0].decode(), flush=True)
            host, port = head.split()[1].decode().rsplit(":", 1)
            upstream = socket.create_connection((host, int(port)))
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            threading.Thread(target=copy, args=(upstream, client), daemon=True).start()
            copy(client, upstream)
        def accept():
            while True:
                client, _ = listener.accept()
                threading.Thread(target=serve, args=(client,), daemon=True).start()
        print(listener.getsockname()[1], flush=True)
        threading.Thread(target=accept, daemon=True).start()
        sys.stdin.read()
        """#

    private func daemon(_ project: String) throws -> RunningDaemon {
        try RunningDaemon(configuration: RunningDaemon.configuration(simulator, project: project))
    }

    private func made(_ daemon: RunningDaemon) throws -> JobResult {
        try RawSocket(daemon.socket).call(1, "image.generate", #"{"prompt":"p","delivery":"none"}"#)
            .decode(JobResult.self)
    }

    @Test func theProxyIsAskedForTheHostAndTheImageComesThroughIt() throws {
        let proxy = try ChildProcess("/usr/bin/python3", ["-c", Self.proxy])
        let port = try #require(proxy.readLine(), "\(proxy.standardErrorSoFar)")
        let daemon = try daemon("proxy = \"http://127.0.0.1:\(port)\"")
        #expect(try made(daemon).state == .done)
        let result = try RawSocket(daemon.socket).call(2, "server.diagnose").decode(Diagnose.Result.self)
        let network = try #require(result.steps.first { $0.step == .network })
        #expect(network.verdict == .ok && network.found.hasPrefix("the proxy 127.0.0.1:\(port) has "), "\(network)")
        let output = proxy.finish()
        let place = simulator.host.split(separator: "/").last ?? ""
        let lines = output.standardOutput.split(separator: "\n")
        #expect(!lines.isEmpty && lines.allSatisfy { $0 == "CONNECT \(place) HTTP/1.1" }, "\(output)")
        #expect(try simulator.spending().count == 1)
    }

    @Test func theFamilyThatTheHostHasIsUsed() throws {
        #expect(try made(daemon("address_family = \"ipv4\"")).state == .done)
    }

    @Test(arguments: ["address_family = \"ipv6\"", "proxy = \"http://127.0.0.1:1\""])
    func whereNoWayLeadsNothingIsChargedAndNothingSent(project: String) throws {
        let daemon = try daemon(project)
        let error = try #require(
            try RawSocket(daemon.socket).call(1, "image.generate", #"{"prompt":"p","deadlineSeconds":20}"#).error)
        #expect(error.kind == .upstreamUnavailable && error.charged == .no, "\(error)")
        #expect(try simulator.requests() == [])
    }
}
