// Service accounts and their tokens: what is signed, what is kept, what is asked again.

import Crypto
import CryptoExtras
import Foundation
import NIOHTTP1
import Synchronization
import Testing

@testable import Gemini

/// A clock that stands still until a test moves it, and waits for nothing.
final class TokenTime: Sendable {
    private let state = Mutex((wall: 1_800_000_000, elapsed: Duration.zero, pauses: [Duration]()))

    var pauses: [Duration] { state.withLock { $0.pauses } }

    func pass(_ time: Duration) { state.withLock { $0.elapsed += time } }
    func setWall(_ seconds: Int) { state.withLock { $0.wall = seconds } }

    var clock: TokenClock {
        TokenClock(
            wall: { self.state.withLock { $0.wall } }, elapsed: { self.state.withLock { $0.elapsed } },
            sleep: { pause in self.state.withLock { $0.pauses.append(pause) } })
    }
}

/// A service account that was made for a test, with its key.
struct MadeAccount {
    let key: _RSA.Signing.PrivateKey

    init() throws { key = try _RSA.Signing.PrivateKey(keySize: .bits2048) }

    func file(tokenAddress: String, type: String = "service_account", pem: String? = nil) throws -> [UInt8] {
        Array(
            try JSONEncoder().encode([
                "type": type, "project_id": "demo-project", "private_key_id": "key-1",
                "private_key": pem ?? key.pkcs8PEMRepresentation, "client_email": "painter@demo-project.example",
                "token_uri": tokenAddress,
            ]))
    }

    /// The claims of an assertion, if this account signed it.
    func claims(of assertion: String) throws -> [String: String] {
        let parts = assertion.split(separator: ".").map(String.init)
        let signature = _RSA.Signing.RSASignature(rawRepresentation: try decoded(parts[2]))
        let isValid = key.publicKey.isValidSignature(
            signature, for: SHA256.hash(data: Data("\(parts[0]).\(parts[1])".utf8)), padding: .insecurePKCS1v1_5)
        guard isValid else { return [:] }
        var claims: [String: String] = [:]
        for part in parts[..<2] {
            let object = try JSONSerialization.jsonObject(with: try decoded(part)) as? [String: Any] ?? [:]
            for (name, value) in object { claims[name] = "\(value)" }
        }
        return claims
    }

    private func decoded(_ text: String) throws -> Data {
        let padded = text.replacing("-", with: "+").replacing("_", with: "/")
        return try #require(
            Data(base64Encoded: padded + String(repeating: "=", count: (4 - padded.count % 4) % 4)))
    }
}

struct ServiceAccountTests {
    @Test func theAssertionIsWhatGoogleAsksForAndSigned() throws {
        let made = try MadeAccount()
        let account = try ServiceAccount(json: made.file(tokenAddress: "https://oauth2.googleapis.com/token"))
        #expect(account.projectID == "demo-project")
        #expect(
            try made.claims(of: account.assertion(at: 1_800_000_000)) == [
                "alg": "RS256", "typ": "JWT", "kid": "key-1", "iss": "painter@demo-project.example",
                "scope": "https://www.googleapis.com/auth/cloud-platform",
                "aud": "https://oauth2.googleapis.com/token", "iat": "1800000000", "exp": "1800003600",
            ])
    }

    @Test func aFileThatIsNoServiceAccountsIsRefusedInAClause() throws {
        let made = try MadeAccount()
        func fault(_ json: [UInt8]) -> ServiceAccount.Fault? {
            do throws(ServiceAccount.Fault) {
                _ = try ServiceAccount(json: json)
                return nil
            } catch {
                return error
            }
        }
        #expect(fault(Array("AIzaKey".utf8)) == .notJSON)
        #expect(fault(Array(#"{"type":"authorized_user"}"#.utf8)) == .otherType("authorized_user"))
        #expect(fault(Array(#"{"type":"service_account"}"#.utf8)) == .missing(member: "client_email"))
        #expect(
            fault(Array(#"{"type":"service_account","client_email":"a@b"}"#.utf8)) == .missing(member: "private_key"))
        #expect(try fault(made.file(tokenAddress: "https://h/token", pem: "none")) == .unreadableKey)
        #expect(try fault(made.file(tokenAddress: "http://oauth2.googleapis.com/token")) == .insecureTokenAddress)
        #expect(try fault(made.file(tokenAddress: "http://127.0.0.1:9/token")) == nil)
    }

    @Test func itPrintsAsAPlaceholder() throws {
        let account = try ServiceAccount(json: MadeAccount().file(tokenAddress: "https://h/token"))
        var dumped = ""
        dump([account], to: &dumped)
        #expect([dumped, "\(account)", String(reflecting: account)].filter { $0.contains("painter") } == [])
    }
}

struct TokenSourceTests {
    private func made(_ text: String, life: Int = 3_600, at now: Duration = .zero) throws -> AccessToken {
        try #require(AccessToken(body: Array(#"{"access_token":"\#(text)","expires_in":\#(life)}"#.utf8), now: now))
    }

    @Test func allWhoWaitShareOneFetch() async throws {
        let fetches = Mutex(0)
        let source = Mutex<TokenSource?>(nil)
        let token = try made("t")
        let tokens = TokenSource(clock: TokenTime().clock) { () async throws(GeminiError) in
            fetches.withLock { $0 += 1 }
            // Nobody is answered before all ten wait.
            while await source.withLock({ $0 })?.waiterCount != 10 { await Task.yield() }
            return token
        }
        source.withLock { $0 = tokens }
        let got = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<10 { group.addTask { try await tokens.token().secret.headerValue } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(got == [String](repeating: "t", count: 10) && fetches.withLock { $0 } == 1)
        source.withLock { $0 = nil }
        await tokens.shutdown()
    }

    @Test func aTokenIsReplacedBeforeItEnds() async throws {
        let time = TokenTime()
        let clock = time.clock
        let fetches = Mutex(0)
        let tokens = TokenSource(clock: clock) { () async throws(GeminiError) in
            let number = fetches.withLock { count in
                count += 1
                return count
            }
            guard
                let token = AccessToken(
                    body: Array(#"{"access_token":"t\#(number)","expires_in":3600,"token_type":"Bearer"}"#.utf8),
                    now: clock.elapsed())
            else { throw .notEncoded }
            return token
        }
        #expect(try await tokens.token().secret.headerValue == "t1")
        time.pass(.seconds(3_600 - 226))
        #expect(try await tokens.token().secret.headerValue == "t1")
        time.pass(.seconds(1))
        // Nobody waits for the next one while this one lives.
        #expect(try await tokens.token().secret.headerValue == "t1")
        while try await tokens.token().secret.headerValue != "t2" { await Task.yield() }
        #expect(fetches.withLock { $0 } == 2)
        await tokens.shutdown()
    }

    @Test func aFetchThatFailsLeavesTheOldTokenWhileItLives() async throws {
        let time = TokenTime()
        let fails = Mutex(false)
        let token = try made("old")
        let tokens = TokenSource(clock: time.clock) { () async throws(GeminiError) in
            if fails.withLock({ $0 }) { throw .notEncoded }
            return token
        }
        _ = try await tokens.token()
        fails.withLock { $0 = true }
        time.pass(.seconds(3_580))
        #expect(try await tokens.token().secret.headerValue == "old")
        time.pass(.seconds(11))
        await #expect(throws: GeminiError.self) { try await tokens.token() }
        await tokens.shutdown()
    }

    @Test(
        arguments: [
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777), ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Thu, 29 Feb 2024 23:59:59 GMT", 1_709_251_199), ("Sun, 22 Nov 2026 22:10:38 GMT", 1_795_385_438),
            ("yesterday", nil), ("Sun, 06 Nov 94 08:49:37 GMT", nil),
        ] as [(String, Int?)])
    func aDateHeaderIsRead(_ text: String, _ seconds: Int?) {
        #expect(ClockSkew.time(of: text) == seconds)
    }
}
