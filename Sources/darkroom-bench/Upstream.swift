// What all contenders ask: the simulator, playing recorded answers over TLS.

import FoundationEssentials
import Glibc

/// A running upstream.
final class Upstream: Sendable {
    let answers: RecordedAnswers
    let port: Int
    /// The file of the authority that signed the upstream's certificate.
    let authority: String
    let key = "simulator-key"
    private let process: ChildProcess
    /// Closed with this process, however it ends; the simulator ends with it.
    private let lifeline: Int32

    private struct Readiness: Decodable {
        let url: String
        let ca: String
    }

    init(workplace: Workplace) throws {
        answers = try RecordedAnswers(directory: workplace.answers)
        let input = try Pipe()
        let output = try Pipe()
        lifeline = input.writing
        process = try ChildProcess(
            workplace.program("gemini-simulator"),
            [
                "--recorded", answers.directory, "--listen", "127.0.0.1:0", "--key", key,
                "--tls-directory", workplace.directory("tls"), "--exit-with-stdin",
            ], input: .descriptor(input.reading), output: .descriptor(output.writing))
        close(input.reading)
        close(output.writing)
        defer { close(output.reading) }
        let line = try Self.firstLine(of: output.reading)
        let readiness = try JSONDecoder().decode(Readiness.self, from: Data(line))
        guard let port = URL(string: readiness.url)?.port else { throw BenchError("\(readiness.url) has no port") }
        self.port = port
        authority = readiness.ca
    }

    /// The base URL of the native interface, at the upstream itself or at a relay in front of it.
    func baseURL(port: Int? = nil) -> String { "https://localhost:\(port ?? self.port)/v1beta" }

    func stop() {
        process.end()
        close(lifeline)
    }

    private static func firstLine(of descriptor: Int32) throws -> [UInt8] {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while line.last != 0x0A {
            guard Sockets.isReadable(descriptor, within: .seconds(30)), unsafe read(descriptor, &byte, 1) == 1 else {
                throw BenchError("gemini-simulator did not become ready")
            }
            line.append(byte)
        }
        return line
    }
}
