// The metadata server of a Google Cloud machine, which gives the machine's account a token without any key
// (https://cloud.google.com/compute/docs/access/authenticate-workloads, read 2026-11-22).

import AsyncHTTPClient
import FoundationEssentials
import NIOHTTP1

/// Where the metadata server is; it speaks http on an address that never leaves the machine's network.
package struct MetadataServer: Sendable, Hashable {
    /// `metadata.google.internal`, or an address and port of this machine for a stand-in.
    package var host: String

    package init(host: String = "metadata.google.internal") { self.host = host }
}

struct MetadataEndpoint: Sendable {
    var client: UpstreamClient
    var server: MetadataServer
    var clock: TokenClock

    static let attempts = 3
    static let attemptDeadline = Duration.seconds(3)

    func fetch() async throws(GeminiError) -> AccessToken {
        var attempt = 1
        while true {
            do throws(GeminiError) {
                return try await ask()
            } catch {
                guard error.isRetryable, attempt < Self.attempts else { throw error }
                do {
                    try await clock.sleep(.milliseconds(500 << (attempt - 1)))
                } catch {
                    throw .cancelledBeforeSending
                }
                attempt += 1
            }
        }
    }

    private func ask() async throws(GeminiError) -> AccessToken {
        guard
            let request = try? HTTPClient.Request(
                url: "http://\(server.host)/computeMetadata/v1/instance/service-accounts/default/token",
                headers: ["metadata-flavor": "Google", "user-agent": CommonHeaders.userAgent])
        else { throw .notEncoded }
        let answer = try await client.collect(request, deadline: Self.attemptDeadline)
        // Whoever else answers under that name does not send the header back.
        guard answer.headers.first(name: "metadata-flavor") == "Google" else {
            throw GeminiError(
                .upstreamInvalid, reach: .notSent, charged: .no, "what answers is not Google's metadata server",
                hint: "credential_kind = \"metadata_server\" works on machines of Google Cloud only")
        }
        guard answer.status == 200, let token = AccessToken(body: answer.body, now: clock.elapsed()) else {
            let isRetryable = TokenEndpoint.retried.contains(answer.status)
            throw GeminiError(
                isRetryable ? .upstreamUnavailable : .keyRejected, reach: .notSent, charged: .no,
                isRetryable: isRetryable, "the metadata server gave no token (\(answer.status))",
                hint: isRetryable ? nil : "give the machine a service account with the scope cloud-platform")
        }
        return token
    }
}
