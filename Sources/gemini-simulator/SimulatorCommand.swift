// gemini-simulator: its options, what it announces, and how it ends.

import ArgumentParser
import GeminiSimulator
import Glibc

@main
struct SimulatorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gemini-simulator",
        abstract: "Plays the image part of the Gemini API on this machine, its failures included.",
        discussion: """
            Answers generateContent with drawn pictures of the real pixel sizes and refuses what the API refuses, on the \
            native route, the OpenAI-compatible one and Vertex; keeps uploaded files; gives access tokens to service \
            accounts. When it is ready it writes one line of JSON to standard output: the base URLs, the certificate to \
            trust, the control URL. A prompt may carry a directive, as in 'a cat {sim:{"fixture":"overloaded"}}'; the \
            same goes to POST CONTROL/rules for requests that match. GET CONTROL/requests tells what was received, GET \
            CONTROL/ what else there is.
            """)

    @Option(help: "Address and port to listen on; port 0 is a free one.")
    var listen = "127.0.0.1:0"

    @Option(help: "A key that is valid, with @PROJECT behind it for another project than the first; several times.")
    var key: [String] = ["simulator-key"]

    @Option(help: "A key of Vertex's express mode that is valid; may be given several times.")
    var expressKey: [String] = ["simulator-express-key"]

    @Option(help: "The project of keys, service accounts and the metadata server.")
    var project = "simulator-project"

    @Option(help: "A service account's JSON file whose assertions are taken; others are made on demand.")
    var serviceAccount: String?

    @Flag(help: "Plain HTTP instead of TLS.")
    var plaintext = false

    @Option(help: "Where ca.pem is written, or taken from when it is there; a directory of its own by default.")
    var tlsDirectory: String?

    @Option(
        help: "Serve a certificate that is wrong: other-host, expired, unknown-authority.",
        transform: { name in
            guard let fault = CertificateFault(rawValue: name) else { throw ValidationError("there is no '\(name)'") }
            return fault
        }
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
        var options = SimulatorOptions()
        options.host = place.host
        options.port = place.port
        options.keys = key
        options.expressKeys = expressKey
        options.project = project
        options.serviceAccountFile = serviceAccount
        options.isPlaintext = plaintext
        options.tlsDirectory = tlsDirectory
        options.certificateFault = badCertificate
        options.recordedDirectory = recorded
        options.takesItsTime = realisticDelay
        let api = try await SimulatedAPI(options)
        print(api.announcement)
        // Standard output is a pipe for whoever waits for this line.
        fflush(nil)
        try await api.serve(until: ending.ended)
    }
}

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
