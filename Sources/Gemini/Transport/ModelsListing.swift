// The models listing in its three spellings: the Developer API's pages of `models`, the compatible layer's `data`, and
// Vertex's `publisherModels`.

import AsyncHTTPClient
import FoundationEssentials
import NIOHTTP1

struct ModelsListing {
    var client: UpstreamClient
    /// Without a query.
    var url: String
    /// With the credential.
    var headers: HTTPHeaders
    /// Of the route; the status is filled in from the answer.
    var classifier: ErrorClassifier
    /// The compatible layer gives all at once and documents no query.
    var isPaged = true

    /// Models asked for at a time; Google gives no more.
    static let pageSize = 1_000
    /// Pages at most: Google lists some sixty models.
    static let pages = 20

    /// Looks whether the credential is accepted, with the smallest page.
    func check(deadline: Duration) async -> KeyCheck {
        do throws(GeminiError) {
            _ = try await page(size: 1, token: nil, deadline: deadline)
            return .accepted
        } catch {
            return .failed(error)
        }
    }

    /// Every model of every page.
    func all(deadline: Duration) async throws(GeminiError) -> [ListedModel] {
        var found: [ListedModel] = []
        var token: String?
        var pages = 0
        repeat {
            let page = try await page(size: Self.pageSize, token: token, deadline: deadline)
            found += page.models
            token = page.next
            pages += 1
        } while token != nil && pages < Self.pages
        return found
    }

    private func page(
        size: Int, token: String?, deadline: Duration
    ) async throws(GeminiError) -> (models: [ListedModel], next: String?) {
        var query = isPaged ? "?pageSize=\(size)" : ""
        if let token { query += "&pageToken=\(Percent.encoded(token))" }
        guard let request = try? HTTPClient.Request(url: url + query, method: .GET, headers: headers) else {
            throw .notEncoded
        }
        let answer = try await client.collect(request, deadline: deadline)
        guard answer.status == 200 else { throw classifier.answering(answer).classify(body: answer.body) }
        guard let page = try? JSONDecoder().decode(Page.self, from: Data(answer.body)) else {
            throw .invalidAnswer("the models listing cannot be read")
        }
        let rows = page.models ?? page.publisherModels ?? page.data ?? []
        return (rows.compactMap(\.listed), page.nextPageToken.flatMap { $0.isEmpty ? nil : $0 })
    }

    private struct Page: Decodable {
        var models: [Row]?
        var publisherModels: [Row]?
        var data: [Row]?
        var nextPageToken: String?
    }

    private struct Row: Decodable {
        var name: String?
        var id: String?
        var displayName: String?
        var supportedGenerationMethods: [String]?

        var listed: ListedModel? {
            guard let id = (name ?? id)?.split(separator: "/").last else { return nil }
            return ListedModel(
                id: String(id), displayName: displayName, methods: supportedGenerationMethods ?? [])
        }
    }
}

extension ErrorClassifier {
    /// The classifier for an answer that was collected.
    func answering(_ answer: UpstreamClient.SmallAnswer) -> ErrorClassifier {
        var classifier = self
        classifier.httpStatus = answer.status
        classifier.retryAfter = answer.headers.first(name: "retry-after").flatMap(Duration.init(retryAfter:))
        return classifier
    }
}

/// Percent-encoding for a value of a query or a form: all but the unreserved characters of RFC 3986, section 2.3.
enum Percent {
    private static let unreserved = Set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~".utf8)

    static func encoded(_ text: String) -> String {
        text.utf8.map { byte in
            guard !unreserved.contains(byte) else { return String(Unicode.Scalar(byte)) }
            return (byte < 16 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
        }.joined()
    }
}
