// Gets an access token for a service account. Nothing here costs money and nothing of an image has left yet, so every
// error is one of before sending.

import AsyncHTTPClient
import FoundationEssentials
import NIOCore
import NIOHTTP1

struct TokenEndpoint: Sendable {
    var client: UpstreamClient
    var account: ServiceAccount
    var clock: TokenClock

    /// Attempts in all.
    static let attempts = 4
    /// Wall time of one.
    static let attemptDeadline = Duration.seconds(10)
    /// What google-auth asks again after, and 502 of front ends.
    static let retried: Set<Int> = [408, 429, 500, 502, 503, 504]

    /// Asks for a token, again when the endpoint is not well.
    func fetch() async throws(GeminiError) -> AccessToken {
        var attempt = 1
        while true {
            do throws(GeminiError) {
                return try await ask()
            } catch {
                guard error.isRetryable, attempt < Self.attempts else { throw error }
                // 0.5 s, 1 s, 2 s, each at most half as long again.
                let pause = Duration.milliseconds((500 << (attempt - 1)) * Int.random(in: 100...150) / 100)
                do {
                    try await clock.sleep(pause)
                } catch {
                    throw .cancelledBeforeSending
                }
                attempt += 1
            }
        }
    }

    private func ask() async throws(GeminiError) -> AccessToken {
        guard let assertion = try? account.assertion(at: clock.wall()),
            let request = try? HTTPClient.Request(
                url: account.tokenAddress, method: .POST,
                headers: [
                    "user-agent": CommonHeaders.userAgent, "accept": "application/json",
                    "content-type": "application/x-www-form-urlencoded",
                ],
                body: .string(
                    "grant_type=" + Percent.encoded("urn:ietf:params:oauth:grant-type:jwt-bearer") + "&assertion="
                        + assertion))
        else { throw .notEncoded }
        let answer = try await client.collect(request, deadline: Self.attemptDeadline)
        guard answer.status == 200 else { throw refusal(answer, assertion) }
        guard let token = AccessToken(body: answer.body, now: clock.elapsed()) else {
            throw GeminiError(
                .upstreamInvalid, reach: .notSent, charged: .no, "what answers under token_uri gave no access token",
                hint: "check token_uri in the service account's key file")
        }
        return token
    }

    private func refusal(_ answer: UpstreamClient.SmallAnswer, _ assertion: String) -> GeminiError {
        var error = ErrorClassifier(httpStatus: answer.status, route: .vertex, key: ApiKey(assertion))
            .classify(body: Array(answer.body.prefix(ErrorClassifier.bodyBytes)))
        error.reach = .notSent
        error.charged = .no
        if Self.retried.contains(answer.status) {
            error.kind = answer.status == 408 || answer.status == 504 ? .upstreamTimeout : .upstreamUnavailable
            error.isRetryable = true
            error.message = "Google's token endpoint gives no tokens at the moment (\(answer.status))"
            error.hint = nil
            return error
        }
        guard error.kind == .keyRejected else {
            error.hint = error.hint ?? "check token_uri in the service account's key file"
            return error
        }
        let skew = ClockSkew.seconds(answer.headers, wall: clock.wall()) ?? 0
        if abs(skew) > ClockSkew.tolerated {
            error.message =
                "Google did not accept the service account's assertion: this host's clock is "
                + "\(abs(skew) / 60) minutes \(skew > 0 ? "ahead" : "behind")"
            error.hint = "set the clock, `timedatectl` shows whether it is synchronised; the key itself may be good"
        } else {
            error.message = "Google does not accept this service account's key"
            error.hint = "it was deleted, or its account was disabled: put a new key into the credential"
        }
        return error
    }
}

extension GeminiError {
    static var cancelledBeforeSending: GeminiError {
        GeminiError(.cancelled, reach: .notSent, charged: .no, "the request was cancelled before it was sent")
    }
}
