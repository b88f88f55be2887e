// Access tokens: given for a service account's signed assertion, or to the machine itself, and known again later.

import Crypto
import CryptoExtras
import FoundationEssentials
import Synchronization

/// The token endpoint and what it gave.
final class TokenIssuer: Sendable {
    static let path = "/token"
    static let scope = "https://www.googleapis.com/auth/cloud-platform"
    static let grantType = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    private static let googleAudience = "https://oauth2.googleapis.com/token"
    /// How far a clock may be off, and how long an assertion may last.
    private static let skewSeconds = 300.0
    private static let longestSeconds = 3600.0

    private struct Account {
        var project: String
        var keyID: String
        var key: _RSA.Signing.PublicKey
    }

    private struct State {
        var accounts: [String: Account] = [:]
        /// The key of the accounts made here; making one takes a while.
        var ownKey: _RSA.Signing.PrivateKey?
        var tokens: [String: (project: String, expires: Date)] = [:]
        var lifetimeSeconds = 3599
    }

    let project: String
    private let clock: SimulatedClock
    private let state = Mutex(State())

    init(project: String, clock: SimulatedClock) {
        self.project = project
        self.clock = clock
    }

    /// Takes the assertions of an account whose JSON file it is.
    func add(accountFile: Data) throws {
        let file = try JSON(parsing: accountFile)
        let key = try _RSA.Signing.PrivateKey(pemRepresentation: file["private_key"]?.text ?? "").publicKey
        state.withLock {
            $0.accounts[file["client_email"]?.text ?? ""] = Account(
                project: file["project_id"]?.text ?? project, keyID: file["private_key_id"]?.text ?? "", key: key)
        }
    }

    /// The JSON file of an account of a project; its tokens come from `origin`.
    func accountFile(project: String?, origin: String) throws -> JSON {
        let project = project ?? self.project
        let email = "darkroom@\(project).iam.gserviceaccount.com"
        let key = try state.withLock { state in
            let key = try state.ownKey ?? _RSA.Signing.PrivateKey(keySize: .bits2048)
            state.ownKey = key
            state.accounts[email] = Account(project: project, keyID: Self.keyID(of: key.publicKey), key: key.publicKey)
            return key
        }
        return [
            "type": "service_account", "project_id": .string(project),
            "private_key_id": .string(Self.keyID(of: key.publicKey)),
            "private_key": .string(key.pkcs8PEMRepresentation + "\n"), "client_email": .string(email),
            "client_id": "100000000000000000000", "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": .string(origin + Self.path), "universe_domain": "googleapis.com",
        ]
    }

    private static func keyID(of key: _RSA.Signing.PublicKey) -> String {
        Insecure.SHA1.hash(data: key.derRepresentation)
            .map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }

    /// How long tokens given from now on are good.
    func setLifetime(seconds: Int) { state.withLock { $0.lifetimeSeconds = seconds } }

    /// Makes every token given so far worthless.
    func revoke() { state.withLock { $0.tokens = [:] } }

    func bearer(of token: String) -> Bearer {
        state.withLock { state in
            guard let known = state.tokens[token] else { return .unknown }
            return known.expires > clock.now ? .token(project: known.project) : .expired
        }
    }

    /// A new token for a project, as both the token endpoint and the metadata server word it.
    func issue(for project: String) -> JSON {
        let random = (0..<8).map { _ in String(UInt64.random(in: 0...UInt64.max), radix: 36) }.joined()
        let token = "ya29.c." + random
        let seconds = state.withLock { state in
            state.tokens[token] = (project, clock.now + Double(state.lifetimeSeconds))
            return state.lifetimeSeconds
        }
        return ["access_token": .string(token), "expires_in": .integer(seconds), "token_type": "Bearer"]
    }

    /// The answer to a form that asks for a token.
    func reply(to form: [(name: String, value: String)], origin: String) -> Reply {
        let grant = form.first { $0.name == "grant_type" }?.value ?? ""
        guard grant == Self.grantType else {
            return Self.refusal("unsupported_grant_type", "Invalid grant_type: \(grant)")
        }
        guard let assertion = form.first(where: { $0.name == "assertion" })?.value else {
            return Self.refusal("invalid_request", "Missing required parameter: assertion")
        }
        switch verified(assertion, origin: origin) {
        case .success(let project): return Reply(json: issue(for: project))
        case .failure(let refusal): return Self.refusal(refusal.error, refusal.description)
        }
    }

    /// A form as the record keeps it: what the assertion says, without what makes it one.
    static func recorded(_ form: [(name: String, value: String)]) -> JSON {
        let assertion = form.first { $0.name == "assertion" }.flatMap { SignedToken($0.value) }
        return [
            "grant_type": form.first { $0.name == "grant_type" }.map { .string($0.value) } ?? .null,
            "header": assertion?.header ?? .null, "claims": assertion?.claims ?? .null,
        ]
    }

    private struct GrantRefusal: Error {
        var error = "invalid_grant"
        var description: String
    }

    private func verified(_ assertion: String, origin: String) -> Result<String, GrantRefusal> {
        let token = SignedToken(assertion)
        guard let token, token.header["alg"]?.text == "RS256" else {
            return .failure(GrantRefusal(description: "Bad Request"))
        }
        guard let email = token.claims["iss"]?.text, let account = state.withLock({ $0.accounts[email] }) else {
            return .failure(GrantRefusal(description: "Invalid grant: account not found"))
        }
        let signature = _RSA.Signing.RSASignature(rawRepresentation: token.signature)
        let isOfKey = token.header["kid"]?.text.map { $0 == account.keyID } ?? true
        guard isOfKey, account.key.isValidSignature(signature, for: token.signed, padding: .insecurePKCS1v1_5) else {
            return .failure(GrantRefusal(description: "Invalid JWT Signature."))
        }
        guard let audience = token.claims["aud"]?.text, [origin + Self.path, Self.googleAudience].contains(audience)
        else {
            return .failure(GrantRefusal(description: "Invalid JWT: Failed audience check."))
        }
        let now = clock.now.timeIntervalSince1970
        guard let issued = token.claims["iat"]?.number, let expires = token.claims["exp"]?.number,
            issued <= now + Self.skewSeconds, expires > now - Self.skewSeconds, expires > issued,
            expires - issued <= Self.longestSeconds, issued > now - Self.longestSeconds - Self.skewSeconds
        else {
            return .failure(
                GrantRefusal(
                    description: "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable "
                        + "timeframe. Check your iat and exp values in the JWT claim."))
        }
        guard token.claims["scope"]?.text?.split(separator: " ").contains(Self.scope[...]) == true else {
            return .failure(
                GrantRefusal(error: "invalid_scope", description: "Invalid OAuth scope or ID token audience provided."))
        }
        return .success(account.project)
    }

    private static func refusal(_ error: String, _ description: String) -> Reply {
        Reply(json: ["error": .string(error), "error_description": .string(description)], status: 400)
    }
}

/// A JSON Web Token in its three parts.
struct SignedToken {
    let header: JSON
    let claims: JSON
    let signature: Data
    /// What the signature is of.
    let signed: Data

    init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let header = Self.decoded(parts[0]), let claims = Self.decoded(parts[1]),
            let signature = Self.decoded(parts[2]), let headerJSON = try? JSON(parsing: header),
            let claimsJSON = try? JSON(parsing: claims)
        else { return nil }
        self.header = headerJSON
        self.claims = claimsJSON
        self.signature = signature
        signed = Data((parts[0] + "." + parts[1]).utf8)
    }

    private static func decoded(_ part: Substring) -> Data? {
        let standard = part.replacing("-", with: "+").replacing("_", with: "/")
        return Data(base64Encoded: standard + String(repeating: "=", count: (4 - standard.count % 4) % 4))
    }
}

/// The metadata server of a virtual machine.
enum MetadataServer {
    static let prefix = "/computeMetadata/v1"
    private static let flavor = (name: "Metadata-Flavor", value: "Google")

    static func reply(path: String, flavor asked: String?, tokens: TokenIssuer) -> Reply {
        var reply: Reply
        if asked != flavor.value {
            reply = Reply(text: "Missing Metadata-Flavor:Google header.\n", status: 403, contentType: "text/html")
        } else {
            switch path.dropFirst(prefix.count) {
            case "", "/":
                reply = Reply(text: "instance/\nproject/\n", status: 200, contentType: "application/text")
            case "/project/project-id":
                reply = Reply(text: tokens.project, status: 200, contentType: "application/text")
            case "/instance/service-accounts/default/token":
                reply = Reply(json: tokens.issue(for: tokens.project), layout: .compact)
            case "/instance/service-accounts/default/email":
                reply = Reply(
                    text: "darkroom@\(tokens.project).iam.gserviceaccount.com", status: 200,
                    contentType: "application/text")
            case "/instance/service-accounts/default/scopes":
                reply = Reply(text: TokenIssuer.scope + "\n", status: 200, contentType: "application/text")
            default: reply = Reply(text: "", status: 404, contentType: "text/html; charset=UTF-8")
            }
        }
        reply.headers.removeAll { $0.name == "Server" }
        return Reply(
            status: reply.status, headers: reply.headers + [flavor, ("Server", "Metadata Server for VM")],
            body: reply.body)
    }
}
