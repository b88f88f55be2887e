// The keys, one for each project, from the credentials directory, and the route that each opens. A key that is missing or
// of the wrong kind stops nobody from starting.

import Gemini
import Systemd
import Wire

/// The way to one project's upstream, or why there is none.
struct ProjectAccess: Sendable {
    /// Absent as long as there is no key that can be used.
    let route: (any Route)?
    let watch: KeyWatch
    /// By which the credential can be told from another; absent without one.
    let keyDigest: (@Sendable (_ salt: [UInt8]) -> [UInt8])?

    /// Reads the credential, NAME, else NAME.plain, as the units load it, and makes the route.
    ///
    /// - Parameters:
    ///   - project: Whose.
    ///   - directory: Where credentials are.
    ///   - uploads: What remembers, longer than a run, which files of this project lie at Google.
    /// - Throws: When the route cannot be made whatever the key.
    init(
        _ project: ProjectConfiguration, credentials directory: String?, uploads: any UploadKeeping
    ) throws(StartFailure) {
        let credential = Credential(project, directory: directory)
        keyDigest = credential.digest
        switch credential {
        case .none(let fault):
            route = nil
            watch = KeyWatch(credential: project.credential, fault: fault)
        case .key, .serviceAccount, .metadataServer:
            // The key goes nowhere that it does not belong.
            guard project.addressFault == nil else {
                route = nil
                watch = KeyWatch(credential: project.credential, fault: nil)
                return
            }
            do throws(RouteConfigurationError) {
                route = try Self.route(project, credential, uploads)
            } catch .project(nil) {
                // The account's file names no project either, which a restart with google_project mends.
                route = nil
                watch = KeyWatch(
                    credential: project.credential,
                    fault: .unusable("credential \(project.credential) names no project, and nor does google_project"))
                return
            } catch {
                throw StartFailure(
                    status: StartFailure.badConfiguration, message: "project \(project.name): \(error.description)")
            }
            watch = KeyWatch(credential: project.credential, fault: nil)
        }
    }

    private static func route(
        _ project: ProjectConfiguration, _ credential: Credential, _ uploads: any UploadKeeping
    ) throws(RouteConfigurationError) -> (any Route)? {
        var transport = UpstreamClient.Settings()
        transport.extraCertificatesFile = project.caFile
        transport.proxy = project.proxy.map { .init(host: $0.host, port: $0.port) }
        transport.addressFamily = project.addressFamily
        transport.connectionCount = max(project.maxConcurrent, 8)
        switch (project.route, credential) {
        case (.native, .key(let key)):
            var settings = NativeRoute.Settings(baseURL: project.baseURL, key: key)
            settings.uploads = UploadMemory(keeper: uploads)
            settings.transport = transport
            return try NativeRoute(settings)
        case (.openai, .key(let key)):
            var settings = OpenAIRoute.Settings(baseURL: project.baseURL, key: key)
            settings.transport = transport
            return try OpenAIRoute(settings)
        case (.vertex, .key(let key)):
            return try vertex(project, .expressKey(key), transport)
        case (.vertex, .serviceAccount(let account)):
            return try vertex(project, .serviceAccount(account), transport)
        case (.vertex, .metadataServer(let server)):
            return try vertex(project, .metadataServer(server), transport)
        case (.native, .serviceAccount), (.openai, .serviceAccount), (.native, .metadataServer),
            (.openai, .metadataServer), (_, .none):
            return nil
        }
    }

    private static func vertex(
        _ project: ProjectConfiguration, _ credential: VertexCredential, _ transport: UpstreamClient.Settings
    ) throws(RouteConfigurationError) -> VertexRoute {
        var settings = VertexRoute.Settings(
            credential: credential, location: project.vertex?.location ?? "global",
            project: project.vertex?.googleProject)
        settings.baseURL = project.baseURL
        settings.isSharedOnly = project.vertex?.isSharedOnly ?? false
        settings.transport = transport
        return try VertexRoute(settings)
    }
}

/// What a credential file turned out to be.
private enum Credential {
    case key(ApiKey)
    case serviceAccount(ServiceAccount)
    /// No file at all.
    case metadataServer(MetadataServer)
    case none(KeyWatch.Fault)

    var digest: (@Sendable (_ salt: [UInt8]) -> [UInt8])? {
        switch self {
        case .key(let key): { key.digest(salt: $0) }
        case .serviceAccount(let account): { account.digest(salt: $0) }
        // The machine is the account; there is nothing to tell apart.
        case .metadataServer: { _ in [] }
        case .none: nil
        }
    }

    init(_ project: ProjectConfiguration, directory: String?) {
        if let vertex = project.vertex, vertex.credentialKind == .metadataServer {
            self = .metadataServer(vertex.metadataServer)
            return
        }
        let names = [project.credential, "\(project.credential).plain"]
        guard let directory else {
            self = .none(.missing(CredentialError.missing(names: [project.credential]).description))
            return
        }
        let credentials = CredentialsDirectory(path: directory)
        do throws(CredentialError) {
            self =
                project.vertex?.credentialKind == .serviceAccount
                ? try Self.serviceAccount(credentials, names) : try Self.key(credentials, names)
        } catch .missing(let names) {
            self = .none(.missing(CredentialError.missing(names: names).description))
        } catch {
            self = .none(.unusable(error.description))
        }
    }

    private static func key(
        _ credentials: CredentialsDirectory, _ names: [String]
    ) throws(CredentialError) -> Credential {
        do throws(CredentialError) {
            let (name, key) = try credentials.readKey(firstOf: names) { ApiKey($0) }
            return key.map { .key($0) } ?? .none(.unusable(CredentialError.malformed(name: name).description))
        } catch {
            switch error {
            case .tooLong(let name, _), .malformed(let name):
                let document = try? credentials.readDocument(firstOf: [name]) { Self.text($0).hasPrefix("{") }
                guard document?.secret == true else { throw error }
                return .none(
                    .wrongKind(
                        "credential \(name) is a JSON file, as a service account's is; this project needs an API key"))
            case .missing, .badName, .unreadable, .empty: throw error
            }
        }
    }

    private static func serviceAccount(
        _ credentials: CredentialsDirectory, _ names: [String]
    ) throws(CredentialError) -> Credential {
        let (name, read) = try credentials.readDocument(firstOf: names) { span in
            Result { () throws(ServiceAccount.Fault) in try ServiceAccount(json: Array(Self.text(span).utf8)) }
        }
        switch read {
        case .success(let account): return .serviceAccount(account)
        case .failure(let fault): return .none(.wrongKind("credential \(name) \(fault)"))
        }
    }

    private static func text(_ span: Span<UInt8>) -> String {
        var bytes: [UInt8] = []
        for index in span.indices { bytes.append(span[index]) }
        return String(decoding: bytes, as: UTF8.self)
    }
}
