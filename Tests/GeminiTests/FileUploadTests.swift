// The Files API against a scripted server: what is uploaded, in which pieces, how often, and for how long it is known.

import Foundation
import Synchronization
import Testing

@testable import Gemini

struct FileUploadTests {
    @Test func aRequestOverTheLimitSendsItsLargestInputsAhead() async throws {
        let upstream = try await FilesServer.start()
        var request = asking()
        let large = String(repeating: "x", count: 5_000)
        request.inputs = [input("small", "image/png"), input(large, "image/webp")]
        let limit = try request.body(for: .native).contentLength - 1
        let answer = try await generated(request, try route(to: upstream, limit: limit))
        #expect(answer.images.count == 1)
        let requests = upstream.requests
        #expect(requests.map(\.uri) == ["/upload/v1beta/files", "/put/1", "/v1beta/models/m:generateContent"])
        try #require(requests.count == 3)
        let start = requests[0]
        #expect(start.body == #"{"file":{"mimeType":"image/webp"}}"#)
        #expect(start.headers["x-goog-api-key"] == "the-key" && start.headers["x-goog-upload-protocol"] == "resumable")
        #expect(start.headers["x-goog-upload-command"] == "start")
        #expect(start.headers["x-goog-upload-header-content-length"] == "5000")
        #expect(start.headers["x-goog-upload-header-content-type"] == "image/webp")
        let put = requests[1]
        #expect(put.body == large && put.headers["content-length"] == "5000")
        #expect(
            put.headers["x-goog-upload-command"] == "upload, finalize" && put.headers["x-goog-upload-offset"] == "0")
        // The address is the permission: the key does not go where a header points.
        #expect(put.headers["x-goog-api-key"] == nil)
        #expect(
            requests[2].body.contains(
                #"{"inlineData":{"data":"c21hbGw=","mimeType":"image/png"}},{"fileData":{"fileUri":"https://files/f1","mimeType":"image/webp"}}"#
            ))
        try await upstream.stop()
    }

    @Test func anUploadIsRememberedAndAFileThatIsGoneIsUploadedAnew() async throws {
        let deleted = Mutex(false)
        let upstream = try await FilesServer.start { request in
            guard request.uri.hasSuffix(":generateContent"), request.body.contains("/f1"), deleted.withLock({ $0 })
            else { return nil }
            return [
                .answer(
                    403,
                    #"{"error":{"message":"You do not have permission to access the File f1 or it may not exist."}}"#)
            ]
        }
        var request = asking()
        request.inputs = [input("over the limit", "image/png")]
        let memory = UploadMemory()
        let native = try route(to: upstream, inputLimit: 5, memory: memory)
        _ = try await generated(request, native)
        _ = try await generated(request, native)
        #expect(upstream.requests.filter { $0.uri == "/upload/v1beta/files" }.count == 1)
        #expect(memory.file(sha256: "over the limit")?.uri == "https://files/f1")
        deleted.withLock { $0 = true }
        #expect(try await generated(request, native).images.count == 1)
        #expect(upstream.requests.filter { $0.uri == "/upload/v1beta/files" }.count == 2)
        #expect(memory.file(sha256: "over the limit")?.uri == "https://files/f2")
        try await upstream.stop()
    }

    @Test func aFileThatIsNeverFoundSaysNothingOfTheKey() async throws {
        let refusal = #"{"error":{"message":"You do not have permission to access the File f%, or it may not exist."}}"#
        let upstream = try await FilesServer.start { request in
            guard request.uri.hasSuffix(":generateContent") else { return nil }
            return [.answer(403, refusal.replacing("%", with: request.body.contains("/f1") ? "1" : "2"))]
        }
        var request = asking()
        request.inputs = [input("over the limit", "image/png")]
        let native = try route(to: upstream, inputLimit: 5)
        do throws(GeminiError) {
            _ = try await generated(request, native)
            Issue.record("it drew")
        } catch {
            #expect(Outcome(error) == Outcome(.upstreamInvalid, .answered, .no) && error.isRetryable)
        }
        #expect(upstream.requests.filter { $0.uri.hasSuffix(":generateContent") }.count == 2)
        try await upstream.stop()
    }

    @Test func tenRequestsAtOnceUploadOnce() async throws {
        let upstream = try await FilesServer.start()
        var request = asking()
        request.inputs = [input("over the limit", "image/png")]
        let native = try route(to: upstream, inputLimit: 5)
        try await withThrowingTaskGroup { group in
            for _ in 0..<10 {
                group.addTask { [request] in try await generated(request, native).images.count }
            }
            for try await count in group { #expect(count == 1) }
        }
        #expect(upstream.requests.filter { $0.uri == "/upload/v1beta/files" }.count == 1)
        try await upstream.stop()
    }

    @Test func aLargeFileGoesInPiecesAndAFailedPieceIsSentAgain() async throws {
        let failures = Mutex(2)
        let upstream = try await FilesServer.start { request in
            guard request.headers["x-goog-upload-offset"] == "8388608" else { return nil }
            let mayFail = failures.withLock { left in
                left -= 1
                return left >= 0
            }
            return mayFail ? [.answer(503, "")] : nil
        }
        let bytes = Array(repeating: UInt8(ascii: "x"), count: 8_388_608 + 5)
        let pauses = Mutex<[Duration]>([])
        let file = try await upload(bytes, to: upstream) { wait in pauses.withLock { $0.append(wait) } }
        #expect(file.name == "files/f1")
        #expect(pauses.withLock { $0 } == [.seconds(1), .seconds(2)])
        let puts = upstream.requests.dropFirst()
        #expect(puts.map { $0.headers["x-goog-upload-offset"] } == ["0", "8388608", "8388608", "8388608"])
        #expect(
            puts.map { $0.headers["x-goog-upload-command"] } == ["upload"]
                + Array(repeating: "upload, finalize", count: 3))
        #expect(puts.map(\.body.utf8.count) == [8_388_608, 5, 5, 5])
        try await upstream.stop()
    }

    @Test func threeFailuresOfOnePieceEndTheUploadBeforeAnythingWasAsked() async throws {
        let upstream = try await FilesServer.start { $0.uri.hasPrefix("/put") ? [.answer(200, "{}")] : nil }
        let error = try #require(await uploadError(to: upstream))
        #expect(Outcome(error) == Outcome(.upstreamInvalid, .notSent, .no) && error.isRetryable)
        #expect(upstream.requests.count == 4)
        try await upstream.stop()
    }

    @Test func aFileIsUsedWhenGoogleIsDoneWithIt() async throws {
        let looks = Mutex(0)
        let upstream = try await FilesServer.start(firstState: "PROCESSING") { request in
            guard request.method == "GET" else { return nil }
            let look = looks.withLock { looks in
                looks += 1
                return looks
            }
            return [
                .answer(
                    200,
                    #"{"name":"files/f1","uri":"https://files/f1","state":"\#(look < 3 ? "PROCESSING" : "ACTIVE")"}"#)
            ]
        }
        #expect(try await upload([1, 2, 3], to: upstream).uri == "https://files/f1")
        #expect(upstream.requests.suffix(3).map(\.uri) == Array(repeating: "/v1beta/files/f1", count: 3))
        try await upstream.stop()
    }

    @Test func aFileThatNeverGetsReadyIsGivenUp() async throws {
        let upstream = try await FilesServer.start(firstState: "PROCESSING") { request in
            request.method == "GET" ? [.answer(200, #"{"name":"files/f1","uri":"u","state":"PROCESSING"}"#)] : nil
        }
        let error = try #require(await uploadError(to: upstream))
        #expect(Outcome(error) == Outcome(.upstreamTimeout, .notSent, .no) && error.isRetryable)
        #expect(upstream.requests.count == 2 + FileUpload.looks)
        try await upstream.stop()
    }

    @Test func aFileThatGoogleCannotReadIsBadInput() async throws {
        let upstream = try await FilesServer.start(firstState: "FAILED")
        #expect(try Outcome(#require(await uploadError(to: upstream))) == Outcome(.badInput, .notSent, .no))
        try await upstream.stop()
    }

    @Test(arguments: ["http://elsewhere/put", "ftp://x", ""])
    func anImageGoesNowhereUnencrypted(_ address: String) async throws {
        let upstream = try await FilesServer.start { request in
            request.uri == "/upload/v1beta/files"
                ? [.answer(200, "", headers: "X-Goog-Upload-URL: \(address)\r\n")] : nil
        }
        #expect(try Outcome(#require(await uploadError(to: upstream))) == Outcome(.upstreamInvalid, .notSent, .no))
        try await upstream.stop()
    }

    @Test func aRejectedKeyIsToldAsSuchAndNothingWasAsked() async throws {
        let upstream = try await FilesServer.start { _ in
            [.answer(400, #"{"error":{"details":[{"reason":"API_KEY_INVALID"}]}}"#)]
        }
        #expect(try Outcome(#require(await uploadError(to: upstream))) == Outcome(.keyRejected, .notSent, .no))
        try await upstream.stop()
    }

    @Test(arguments: [#"{"error":{"code":404,"message":"m","status":"NOT_FOUND"}}"#, ""])
    func aHostWithoutTheFilesAPISaysNothingOfTheModelOrTheKey(_ body: String) async throws {
        let upstream = try await FilesServer.start { _ in [.answer(404, body)] }
        let error = try #require(await uploadError(to: upstream))
        #expect(Outcome(error) == Outcome(.upstreamInvalid, .notSent, .no) && !error.isRetryable)
        #expect(error.message == "the Files API, by which large input images go ahead, answered 404")
        try await upstream.stop()
    }

    @Test func aConversationThatIsTooLargeByItsOwnImagesIsRefusedUnsent() async throws {
        let upstream = try await FilesServer.start()
        var request = asking()
        request.history = [
            Turn(
                prompt: "p", inputs: [], content: Array(#"{"parts":[{"inlineData":{"data":0}}]}"#.utf8),
                images: [input(String(repeating: "x", count: 5_000), "image/png")])
        ]
        let native = try route(to: upstream, limit: 4_000)
        do throws(GeminiError) {
            _ = try await generated(request, native)
            Issue.record("it was sent")
        } catch {
            #expect(Outcome(error) == Outcome(.tooLarge, .notSent, .no))
            #expect(error.hint == "start afresh from the conversation's last image as an input")
        }
        #expect(upstream.requests == [])
        try await upstream.stop()
    }

    private func upload(
        _ bytes: [UInt8], to upstream: ScriptedUpstream, pause: @escaping @Sendable (Duration) -> Void = { _ in }
    ) async throws(GeminiError) -> RemoteFile {
        do {
            var access = FilesAccess(
                client: try route(to: upstream).client, baseURL: try BaseURL(upstream.base), key: try key())
            access.sleep = { pause($0) }
            let image = InputImage(mimeType: "image/png", sha256: "s", source: MemorySource(bytes))
            return try await FileUpload(image: image, access: access, until: .now + .seconds(60)).run()
        } catch let error as GeminiError {
            throw error
        } catch {
            throw .sinkFailed(error)
        }
    }

    private func uploadError(to upstream: ScriptedUpstream) async -> GeminiError? {
        do throws(GeminiError) {
            _ = try await upload([1, 2, 3], to: upstream)
            return nil
        } catch {
            return error
        }
    }

    private func route(
        to upstream: ScriptedUpstream, limit: Int = 1_000_000, inputLimit: Int? = nil,
        memory: UploadMemory = UploadMemory()
    ) throws -> NativeRoute {
        var settings = NativeRoute.Settings(baseURL: try BaseURL(upstream.base), key: try key())
        settings.transport.extraCertificatesFile = upstream.certificatePath
        // This machine may be busy.
        settings.transport.connectTimeout = .seconds(60)
        settings.inlineLimits = InlineLimits(requestBytes: limit, inputBytes: inputLimit)
        settings.uploads = memory
        let native = try NativeRoute(settings)
        upstream.own(native)
        return native
    }
}

/// A server with the Files API and a model that always answers with an image.
enum FilesServer {
    static func start(
        firstState: String = "ACTIVE",
        _ instead: @escaping @Sendable (ScriptedUpstream.Request) -> [ScriptedUpstream.Step]? = { _ in nil }
    ) async throws -> ScriptedUpstream {
        let count = SharedCount()
        return try await ScriptedUpstream { request in
            if let steps = instead(request) { return steps }
            if request.uri == "/upload/v1beta/files" {
                let number = count.next()
                let address = "https://\(request.headers["host"] ?? "")/put/\(number)"
                return [.answer(200, "", headers: "X-Goog-Upload-URL: \(address)\r\n")]
            }
            guard request.uri.hasPrefix("/put/") else { return [.answer(200, answerBody(with: picture()))] }
            guard request.headers["x-goog-upload-command"] == "upload, finalize" else {
                return [.answer(200, "", headers: "X-Goog-Upload-Status: active\r\n")]
            }
            let name = "f\(request.uri.dropFirst("/put/".count))"
            return [
                .answer(
                    200,
                    #"{"file":{"name":"files/\#(name)","uri":"https://files/\#(name)","state":"\#(firstState)","sizeBytes":"3"}}"#,
                    headers: "X-Goog-Upload-Status: final\r\n")
            ]
        }
    }
}

private final class SharedCount: Sendable {
    private let count = Mutex(0)
    func next() -> Int {
        count.withLock { count in
            count += 1
            return count
        }
    }
}

private func generated(_ request: GenerationRequest, _ route: NativeRoute) async throws(GeminiError) -> Answer<
    MemorySink
> {
    try await route.generate(
        request, deadline: .seconds(60), makeSink: { _ in MemorySink() }, progress: { _ in })
}
