// gemini-simulator: its options and the order in which it starts.

import ArgumentParser
import FoundationEssentials
import Glibc
import NIOCore
import NIOPosix

@main
struct SimulatorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gemini-simulator",
        abstract: "Plays the image part of the Gemini API on this machine, its failures included.",
        discussion: """
            Answers generateContent with drawn pictures of the real pixel sizes and refuses what the API refuses. When it \
            is ready it writes one line of JSON to standard output: the base URL, the certificate to trust, the control \
            URL. A prompt may carry a directive, as in 'a cat {sim:{"fixture":"overloaded"}}'; the same goes to \
            POST CONTROL/rules for requests that match. GET CONTROL/requests tells what was received.
            """)

    @Option(help: "Address and port to listen on; port 0 is a free one.")
    var listen = "127.0.0.1:0"

    @Option(help: "A key that is valid; may be given several times.")
    var key: [String] = ["simulator-key"]

    @Flag(help: "Plain HTTP instead of TLS.")
    var plaintext = false

    @Option(help: "Where ca.pem is written, or taken from when it is there; a directory of its own by default.")
    var tlsDirectory: String?

    @Option(
        help: "Serve a certificate that is wrong: \(CertificateFault.allCases.map(\.rawValue).joined(separator: ", "))."
    )
    var badCertificate: CertificateFault?

    @Option(help: "Answer paths that end in NAME with the bytes of NAME.json in this directory.")
    var recorded: String?

    @Flag(help: "Let pictures take the time they take at Google, instead of none.")
    var realisticDelay = false

    @Flag(help: "End when standard input does.")
    var exitWithStdin = false

    func run() async throws {
        let ending = Ending(withInput: exitWithStdin)
        defer { withExtendedLifetime(ending) {} }
        let place = try ListenAddress(listen)
        let directory = try temporaryOrGivenDirectory()
        defer { if tlsDirectory == nil, let directory { try? FileManager.default.removeItem(at: directory) } }
        let tls = try directory.map { directory in
            let authority = try Authority(directory: directory)
            let signer = badCertificate == .unknownAuthority ? try Authority() : authority
            return try signer.serverConfiguration(fault: badCertificate)
        }
        let group = MultiThreadedEventLoopGroup.singleton
        let pictures = PictureCache(threads: .singleton, eventLoop: group.next())
        let simulator = Simulator(
            keys: Set(key), api: API(pictures: pictures), recorded: try recorded.map(Recorded.init(directory:)),
            takesItsTime: realisticDelay)
        let server = try await Server(
            simulator: simulator, host: place.host, port: place.port, tls: tls, group: group)
        announce(server, directory)
        try await server.serve(until: ending.ended)
    }

    /// nil without TLS.
    private func temporaryOrGivenDirectory() throws -> URL? {
        if plaintext { return nil }
        if let tlsDirectory { return URL(filePath: tlsDirectory) }
        return FileManager.default.temporaryDirectory
            .appending(path: "gemini-simulator-\(ProcessInfo.processInfo.processIdentifier)")
    }

    private func announce(_ server: Server, _ directory: URL?) {
        let origin = (directory == nil ? "http" : "https") + "://localhost:\(server.port)"
        let line: JSON = [
            "url": .string(origin + "/v1beta"),
            "ca": directory.map { .string($0.appending(path: Authority.certificateFile).path) } ?? .null,
            "control": .string(origin + "/_simulator"),
        ]
        print(line.text(.compact))
        // Standard output is a pipe for whoever waits for this line.
        fflush(nil)
    }
}

extension CertificateFault: ExpressibleByArgument {}

/// `HOST:PORT`, with brackets around an IPv6 address.
struct ListenAddress {
    let host: String
    let port: Int

    init(_ text: String) throws {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]),
            colon != text.startIndex
        else { throw ValidationError("--listen wants HOST:PORT, such as 127.0.0.1:0, not '\(text)'") }
        host = text[..<colon].filter { $0 != "[" && $0 != "]" }
        self.port = Int(port)
    }
}
