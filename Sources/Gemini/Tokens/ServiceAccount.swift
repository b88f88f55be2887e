// The key file of a Google service account, and the assertion it signs (RFC 7523 with RS256,
// https://developers.google.com/identity/protocols/oauth2/service-account#httprest, read 2026-11-22).

import Crypto
import CryptoExtras
import FoundationEssentials

/// A service account's identity with its private key; prints as a placeholder everywhere.
package struct ServiceAccount: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Why a credential file is no service account's; `description` is a clause that shows nothing of the file.
    package enum Fault: Error, Sendable, Equatable, CustomStringConvertible {
        case notJSON
        /// Another kind of credential: `authorized_user` and the like.
        case otherType(String)
        case missing(member: String)
        case unreadableKey
        /// A token address that is neither https nor this machine.
        case insecureTokenAddress

        package var description: String {
            switch self {
            case .notJSON: "is not JSON; a service account's key is a JSON file"
            case .otherType(let type): "is of type \"\(type.prefix(40))\" and not \"service_account\""
            case .missing(let member): "has no \(member)"
            case .unreadableKey: "has a private_key that is not an RSA key in PEM"
            case .insecureTokenAddress:
                "has a token_uri that is not https, so that the assertion would travel in the clear"
            }
        }
    }

    /// Sixteen bytes by which an account's key can be told from another.
    package func digest(salt: [UInt8]) -> [UInt8] {
        let whole = salt + Array(email.utf8) + [0] + Array(key.publicKey.derRepresentation)
        return Array(SHA256.hash(data: whole).prefix(16))
    }

    static let scope = "https://www.googleapis.com/auth/cloud-platform"
    /// Google takes an hour at most.
    static let lifetimeSeconds = 3_600

    /// The Google Cloud project that the account belongs to.
    package let projectID: String?
    let email: String
    let tokenAddress: String
    private let keyID: String?
    private let key: _RSA.Signing.PrivateKey

    /// Reads a key file.
    package init(json: [UInt8]) throws(Fault) {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        guard let file = try? decoder.decode(File.self, from: Data(json)) else { throw .notJSON }
        guard file.type == "service_account" else { throw .otherType(file.type ?? "") }
        guard let email = file.clientEmail, !email.isEmpty else { throw .missing(member: "client_email") }
        guard let pem = file.privateKey, !pem.isEmpty else { throw .missing(member: "private_key") }
        guard let key = try? _RSA.Signing.PrivateKey(pemRepresentation: pem) else { throw .unreadableKey }
        let address = file.tokenUri ?? "https://oauth2.googleapis.com/token"
        guard let components = URLComponents(string: address), let host = components.host, !host.isEmpty,
            components.scheme == "https" || (components.scheme == "http" && BaseURL.isLoopback(host))
        else { throw .insecureTokenAddress }
        self.email = email
        self.key = key
        keyID = file.privateKeyId
        projectID = file.projectId
        tokenAddress = address
    }

    /// Signs that this account asks for a token.
    ///
    /// - Parameter time: Seconds since 1970, by this host's clock.
    /// - Returns: A JWT, good for an hour from `time` on.
    /// - Throws: When the key cannot sign.
    func assertion(at time: Int) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let header = try encoder.encode(Header(kid: keyID))
        let claims = try encoder.encode(
            Claims(
                iss: email, scope: Self.scope, aud: tokenAddress, iat: time, exp: time + Self.lifetimeSeconds))
        let signed = Self.base64URL(header) + "." + Self.base64URL(claims)
        let signature = try key.signature(for: SHA256.hash(data: Data(signed.utf8)), padding: .insecurePKCS1v1_5)
        return signed + "." + Self.base64URL(signature.rawRepresentation)
    }

    private static func base64URL(_ data: Data) -> String {
        String(
            data.base64EncodedString().compactMap { letter -> Character? in
                switch letter {
                case "+": "-"
                case "/": "_"
                case "=": nil
                default: letter
                }
            })
    }

    private struct File: Decodable {
        var type: String?
        var projectId: String?
        var privateKeyId: String?
        var privateKey: String?
        var clientEmail: String?
        var tokenUri: String?
    }

    private struct Header: Encodable {
        var alg = "RS256"
        var typ = "JWT"
        var kid: String?
    }

    private struct Claims: Encodable {
        var iss: String
        var scope: String
        var aud: String
        var iat: Int
        var exp: Int
    }

    package var description: String { "ServiceAccount(…)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
