// How the Files API of one project is reached.

import AsyncHTTPClient
import NIOHTTP1

struct FilesAccess: Sendable {
    let client: UpstreamClient
    let baseURL: BaseURL
    let key: ApiKey
    /// Waits between two questions whether a file is ready, which the Files API tells in no other way; a clock in tests.
    var sleep: @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }

    var headers: HTTPHeaders {
        var headers = CommonHeaders.plain()
        headers.add(name: "x-goog-api-key", value: key.headerValue)
        return headers
    }

    /// `https://host/upload/v1beta/files` for a base of `https://host/v1beta`.
    var uploadURL: String {
        let slash = baseURL.text.lastIndex(of: "/") ?? baseURL.text.startIndex
        return "\(baseURL.text[..<slash])/upload\(baseURL.text[slash...])/files"
    }

    /// That an address may be given an image: encrypted, or on the host that was configured without encryption.
    func mayUpload(to address: String) -> Bool {
        if address.hasPrefix("https://") { return true }
        let origin = baseURL.text.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false).prefix(3)
        return address.hasPrefix(origin.joined(separator: "/") + "/")
    }

    /// Asks and expects 200.
    ///
    /// - Throws: Everything else, classified; with reach `.notSent` and not charged, for no image was asked for.
    func answer(
        _ method: HTTPMethod, _ url: String, _ headers: HTTPHeaders, _ body: RequestBody?,
        until: ContinuousClock.Instant
    ) async throws(GeminiError) -> UpstreamClient.SmallAnswer {
        let loop = client.loop
        guard
            let request = try? HTTPClient.Request(
                url: url, method: method, headers: headers, body: body?.stream(on: loop))
        else { throw .filesAPIUnclear }
        let answer = try await client.collect(request, deadline: try remaining(until))
        guard answer.status != 200 else { return answer }
        var error = ErrorClassifier(httpStatus: 0, key: key).answering(answer)
            .classify(body: Array(answer.body.prefix(ErrorClassifier.bodyBytes)))
        if [404, 405].contains(answer.status) {
            // What is missing is the Files API or a file, and neither the model nor the host of the models.
            error.kind = .upstreamInvalid
            error.message = "the Files API, by which large input images go ahead, answered \(answer.status)"
            error.hint =
                "check that `base_url` leads to it, at /upload beside the version; smaller inputs need no upload"
        }
        error.reach = .notSent
        error.charged = .no
        throw error
    }

    func pause(_ wait: Duration, until: ContinuousClock.Instant) async throws(GeminiError) {
        guard wait < (try remaining(until)) else { throw Self.tooLate }
        do {
            try await sleep(wait)
        } catch {
            throw GeminiError(
                .cancelled, reach: .notSent, charged: .no, "the request was cancelled before it was sent")
        }
    }

    private func remaining(_ until: ContinuousClock.Instant) throws(GeminiError) -> Duration {
        let left = until - .now
        guard left > .zero else { throw Self.tooLate }
        return left
    }

    static let tooLate = GeminiError(
        .upstreamTimeout, reach: .notSent, charged: .no, isRetryable: true,
        "the input images could not be uploaded in time")
}
