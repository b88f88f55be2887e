// nginx as an administrator would tune it to keep the key away from its users: a Unix socket, the key put in, answers
// passed through as they come.

import FoundationEssentials
import Glibc

/// A running nginx, one worker.
final class NginxProxy {
    let socket: String
    private let process: ChildProcess

    var pid: pid_t { process.pid }

    /// Nil when it is not installed.
    init?(upstream: Upstream, workplace: Workplace) throws {
        guard let program = Workplace.installed("nginx") else { return nil }
        let directory = try workplace.directory("nginx")
        socket = "\(directory)/socket"
        let user = geteuid() == 0 ? "user root;" : ""
        try workplace.write(
            """
            daemon off;
            \(user)
            worker_processes 1;
            pid \(directory)/pid;
            error_log \(directory)/log warn;
            events { worker_connections 4096; }
            http {
                access_log off;
                tcp_nodelay on;
                keepalive_timeout 1h;
                keepalive_requests 1000000000;
                client_body_temp_path \(directory)/body;
                proxy_temp_path \(directory)/proxy;
                fastcgi_temp_path \(directory)/fastcgi;
                uwsgi_temp_path \(directory)/uwsgi;
                scgi_temp_path \(directory)/scgi;
                upstream gemini {
                    server 127.0.0.1:\(upstream.port);
                    keepalive 64;
                    keepalive_timeout 1h;
                    keepalive_requests 1000000000;
                }
                server {
                    listen unix:\(socket);
                    location / {
                        proxy_pass https://gemini;
                        proxy_http_version 1.1;
                        proxy_set_header Connection "";
                        proxy_set_header Host localhost;
                        proxy_set_header x-goog-api-key \(upstream.key);
                        proxy_ssl_name localhost;
                        proxy_ssl_server_name on;
                        proxy_ssl_verify on;
                        proxy_ssl_trusted_certificate \(upstream.authority);
                        proxy_ssl_protocols TLSv1.3;
                        proxy_read_timeout 300s;
                        proxy_buffering off;
                        proxy_buffer_size 64k;
                        proxy_buffers 16 64k;
                    }
                }
            }

            """, to: "\(directory)/nginx.conf")
        process = try ChildProcess(
            program, ["-p", directory, "-c", "\(directory)/nginx.conf", "-e", "\(directory)/log"],
            error: .file("\(directory)/error"))
        let request = GenerateRequest.native(.tiny, key: nil)
        let expectedBytes = upstream.answers.bytes(of: .tiny)
        do {
            try process.untilServing(log: "\(directory)/log") {
                let descriptor = try Sockets.unix(self.socket, type: SOCK_STREAM)
                try ProxyClient(descriptor: descriptor, request: request, expectedBytes: expectedBytes).fetch()
            }
        } catch {
            process.end()
            throw error
        }
    }

    func stop() { process.end() }
}

extension ChildProcess {
    /// Tries until `attempt` goes well, for at most a minute and while the process lives.
    func untilServing(log: String, _ attempt: () throws -> Void) throws {
        var failure: any Error = BenchError("no attempt")
        for _ in 0..<600 where ended == nil {
            do { return try attempt() } catch { failure = error }
            // Neither contender says when it serves: nginx goes into its own background, LiteLLM only logs.
            usleep(100_000)
        }
        throw BenchError("it does not serve: \(failure)\n\((try? ProcFile.text(log)) ?? "")")
    }
}
