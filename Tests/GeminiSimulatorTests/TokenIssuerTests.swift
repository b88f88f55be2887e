// Access tokens: which assertions are good for one, in the token endpoint's own words.

import Foundation
import Testing
import TestKit

struct TokenIssuerTests {
    private static let timeframe =
        "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp "
        + "values in the JWT claim."

    /// Signs claims with the key of a service account's file, by openssl.
    private func assertion(_ account: [String: Any], changed: [String: Any] = [:], header: [String: Any] = [:]) throws
        -> String
    {
        func base64(_ data: Data) -> String {
            data.base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
        }
        let now = Int(Date.now.timeIntervalSince1970)
        var claims: [String: Any] = [
            "iss": account["client_email"] ?? "", "aud": account["token_uri"] ?? "", "iat": now, "exp": now + 3600,
            "scope": "https://www.googleapis.com/auth/cloud-platform",
        ]
        claims.merge(changed) { $1 }
        var head: [String: Any] = ["alg": "RS256", "typ": "JWT", "kid": account["private_key_id"] ?? ""]
        head.merge(header) { $1 }
        let parts = try [head, claims].map { base64(try JSONSerialization.data(withJSONObject: $0)) }
        let scratch = try TemporaryDirectory()
        let key = try scratch.write("key.pem", account["private_key"] as? String ?? "")
        let text = try scratch.write("text", parts.joined(separator: "."))
        let signature = scratch.file("signature")
        let openssl = try ChildProcess.run(
            "/usr/bin/openssl", ["dgst", "-sha256", "-sign", key, "-out", signature, text])
        #expect(openssl.status == 0, "\(openssl.standardError)")
        let signed = try Data(contentsOf: URL(filePath: signature))
        return (parts + [base64(signed)]).joined(separator: ".")
    }

    private func token(_ simulator: RunningSimulator, _ assertion: String, grant: String? = nil) throws -> Seen {
        let type = grant ?? "urn:ietf:params:oauth:grant-type:jwt-bearer"
        return try simulator.send(
            simulator.url.replacing("/v1beta", with: "/token"), headers: [],
            curl: ["--data-urlencode", "grant_type=\(type)", "--data-urlencode", "assertion=\(assertion)"])
    }

    private func account(_ simulator: RunningSimulator) throws -> [String: Any] {
        try simulator.send(simulator.control + "/service-account", headers: []).json
    }

    @Test func aSignedAssertionGivesATokenForAnHour() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        let account = try account(simulator)
        #expect(account["type"] as? String == "service_account")
        let seen = try token(simulator, try assertion(account))
        #expect(seen.status == 200)
        #expect(seen.json["expires_in"] as? Int == 3599 && seen.json["token_type"] as? String == "Bearer")
        let record = try #require(try simulator.records().last?["body"] as? [String: Any])
        #expect((record["claims"] as? [String: Any])?["iss"] as? String == account["client_email"] as? String)
        // What was signed is recorded, what would be good for a token is not.
        #expect(record["assertion"] == nil)
    }

    @Test func aWrongAssertionIsRefusedInTheOAuthForm() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        let account = try account(simulator)
        let now = Int(Date.now.timeIntervalSince1970)
        let cases: [(claims: [String: Any], error: String, description: String)] = [
            (["aud": "https://example.com/token"], "invalid_grant", "Invalid JWT: Failed audience check."),
            (["iss": "nobody@example.com"], "invalid_grant", "Invalid grant: account not found"),
            (["iat": now - 7200, "exp": now - 3600], "invalid_grant", Self.timeframe),
            (["iat": now + 600, "exp": now + 4200], "invalid_grant", Self.timeframe),
            (["exp": now + 7200], "invalid_grant", Self.timeframe),
            (["scope": "openid"], "invalid_scope", "Invalid OAuth scope or ID token audience provided."),
        ]
        for (claims, error, description) in cases {
            let seen = try token(simulator, try assertion(account, changed: claims))
            #expect(seen.status == 400)
            #expect(seen.json as? [String: String] == ["error": error, "error_description": description], "\(claims)")
        }
        // A clock that is four minutes ahead is forgiven.
        let ahead = try assertion(account, changed: ["iat": now + 240, "exp": now + 3840])
        #expect(try token(simulator, ahead).status == 200)
    }

    @Test func anAlteredAssertionHasAnInvalidSignature() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        let account = try account(simulator)
        let good = try assertion(account).split(separator: ".")
        let other = try assertion(account, changed: ["sub": "x"]).split(separator: ".")
        let seen = try token(simulator, "\(good[0]).\(other[1]).\(good[2])")
        #expect(seen.json["error_description"] as? String == "Invalid JWT Signature.")
        let otherKey = try token(simulator, try assertion(account, header: ["kid": "0"]))
        #expect(otherKey.json["error_description"] as? String == "Invalid JWT Signature.")
        let otherGrant = try token(simulator, good.joined(separator: "."), grant: "password")
        #expect(otherGrant.json["error"] as? String == "unsupported_grant_type")
    }

    @Test func theMetadataServerWantsItsHeaderAndSendsItBack() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        let root = simulator.url.replacing("/v1beta", with: "/computeMetadata/v1")
        let path = root + "/instance/service-accounts/default/token"
        #expect(try simulator.send(path, headers: []).status == 403)
        let seen = try simulator.send(path, headers: ["metadata-flavor: Google"])
        #expect(seen.status == 200 && seen.headers["metadata-flavor"] == "Google")
        #expect(seen.json.keys.sorted() == ["access_token", "expires_in", "token_type"])
        let project = try simulator.send(root + "/project/project-id", headers: ["metadata-flavor: Google"])
        #expect(project.text == "simulator-project")
    }
}
