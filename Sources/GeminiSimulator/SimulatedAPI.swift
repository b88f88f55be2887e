// The simulator as a library: what can be chosen, and one that listens.

import FoundationEssentials
import NIOCore
import NIOPosix

/// What a simulator is to be.
public struct SimulatorOptions: Sendable {
    /// The address to listen on.
    public var host = "127.0.0.1"
    /// The port to listen on; 0 is a free one.
    public var port = 0
    /// The keys that are valid; a key with `@PROJECT` behind it belongs to that project, any other to `project`.
    public var keys = ["simulator-key"]
    /// The keys that are valid in Vertex's express mode.
    public var expressKeys = ["simulator-express-key"]
    /// The project of everything that names none.
    public var project = "simulator-project"
    /// Path of a service account's JSON whose assertions are taken besides those of accounts made here.
    public var serviceAccountFile: String?
    /// Whether plain HTTP is spoken instead of TLS.
    public var isPlaintext = false
    /// Where the authority is kept; nil is a directory that goes away in the end.
    public var tlsDirectory: String?
    /// What is wrong with the certificate.
    public var certificateFault: CertificateFault?
    /// Path of a directory whose files are answers as they are.
    public var recordedDirectory: String?
    /// Whether pictures take the time they take at Google.
    public var takesItsTime = false

    /// A simulator on a free port that takes `simulator-key`.
    public init() {}
}

/// A simulator that listens.
public final class SimulatedAPI: Sendable {
    /// Where everything is: `https://localhost:PORT`.
    public let origin: String
    /// Path of the certificate to trust; nil without TLS.
    public let certificateFile: String?
    private let server: Server
    private let scratch: URL?

    /// Listens; what comes is answered once `serve(until:)` runs.
    public init(_ options: SimulatorOptions = SimulatorOptions()) async throws {
        let ownDirectory = FileManager.default.temporaryDirectory.appending(path: "gemini-simulator-\(UUID())")
        let directory: URL? =
            options.isPlaintext ? nil : options.tlsDirectory.map { URL(filePath: $0) } ?? ownDirectory
        scratch = directory == ownDirectory ? ownDirectory : nil
        let tls = try directory.map { directory in
            let authority = try Authority(directory: directory)
            let signer = options.certificateFault == .unknownAuthority ? try Authority() : authority
            return try signer.serverConfiguration(fault: options.certificateFault)
        }
        certificateFile = directory?.appending(path: Authority.certificateFile).path
        let group = MultiThreadedEventLoopGroup.singleton
        let clock = SimulatedClock()
        let tokens = TokenIssuer(project: options.project, clock: clock)
        if let file = options.serviceAccountFile {
            try tokens.add(accountFile: Data(contentsOf: URL(filePath: file)))
        }
        let api = API(
            pictures: PictureCache(threads: .singleton, eventLoop: group.next()), files: FileStore(clock: clock),
            tokens: tokens, quotas: QuotaKeeper(clock: clock), clock: clock)
        let simulator = Simulator(
            keys: KeyRing(
                keys: options.keys, expressKeys: options.expressKeys, project: options.project, tokens: tokens),
            scheme: options.isPlaintext ? "http" : "https", api: api,
            recorded: try options.recordedDirectory.map(Recorded.init(directory:)),
            takesItsTime: options.takesItsTime)
        server = try await Server(
            simulator: simulator, host: options.host, port: options.port, tls: tls, group: group)
        origin = "\(simulator.scheme)://localhost:\(server.port)"
    }

    /// One line of JSON that says where everything is.
    public var announcement: String {
        let line: JSON = [
            "url": .string(origin + "/v1beta"), "ca": certificateFile.map(JSON.string) ?? .null,
            "control": .string(origin + "/_simulator"), "openai": .string(origin + "/v1beta/openai"),
            "vertex": .string(origin), "token": .string(origin + "/token"), "metadata": .string(origin),
        ]
        return line.text(.compact)
    }

    /// Serves until the stream yields or ends, then closes what is open.
    public func serve(until ended: AsyncStream<Void>) async throws {
        defer { if let scratch { try? FileManager.default.removeItem(at: scratch) } }
        try await server.serve(until: ended)
    }
}
