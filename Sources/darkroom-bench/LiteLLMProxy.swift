// LiteLLM's proxy on loopback, one worker, with the settings that its documentation gives for production.

import FoundationEssentials
import Glibc

/// A running LiteLLM.
final class LiteLLMProxy {
    let port: Int
    /// What its callers show; it does not start without one.
    let masterKey = "sk-" + LiteLLMProxy.randomText()
    private let process: ChildProcess

    var pid: pid_t { process.pid }

    /// Nil when the virtual environment has none.
    init?(python: String, upstream: Upstream, workplace: Workplace) throws {
        let program = "\(python)/bin/litellm"
        guard FileManager.default.isExecutableFile(atPath: program) else { return nil }
        let directory = try workplace.directory("litellm")
        port = try Sockets.freePort()
        let models = ImageSize.allCases.map { size in
            """
              - model_name: "\(size.rawValue)"
                litellm_params:
                  model: gemini/\(size.model)
                  api_key: \(upstream.key)
                  api_base: \(upstream.baseURL())
                model_info:
                  mode: image_generation
            """
        }
        try workplace.write(
            """
            model_list:
            \(models.joined(separator: "\n"))
            litellm_settings:
              telemetry: false
              drop_params: true

            """, to: "\(directory)/config.yaml")
        process = try ChildProcess(
            program,
            [
                "--config", "\(directory)/config.yaml", "--host", "127.0.0.1", "--port", "\(port)",
                // Its own five seconds would close a client that waits for the others to be ready.
                "--telemetry", "False", "--keepalive_timeout", "3600",
            ],
            environment: [
                "SSL_CERT_FILE": upstream.authority, "REQUESTS_CA_BUNDLE": upstream.authority,
                "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MODE": "PRODUCTION", "LITELLM_LOG": "ERROR",
                "LITELLM_TELEMETRY": "False", "LITELLM_MASTER_KEY": masterKey,
                "LITELLM_SALT_KEY": "sk-" + Self.randomText(),
            ], output: .file("\(directory)/log"), error: .file("\(directory)/error"))
        let port = port
        let request = GenerateRequest.openAI(.tiny, key: masterKey)
        let expectedBytes = upstream.answers.bytes(of: .tiny)
        do {
            try process.untilServing(log: "\(directory)/log") {
                let descriptor = try Sockets.loopback(port: port)
                try ProxyClient(
                    descriptor: descriptor, request: request, expectedBytes: expectedBytes
                ).fetch()
            }
        } catch {
            process.end()
            throw error
        }
    }

    func stop() { process.end() }

    private static func randomText() -> String {
        (0..<4).map { _ in String(UInt64.random(in: .min ... .max), radix: 36) }.joined()
    }
}
