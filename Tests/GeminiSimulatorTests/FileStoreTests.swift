// The Files API piece by piece: the protocol's headers, the project's fence, the end after 48 hours.

import Foundation
import Testing
import TestKit

struct FileStoreTests {
    private static let key = "x-goog-api-key: simulator-key"

    private func start(_ simulator: RunningSimulator, bytes: Int, headers: [String] = [key]) throws -> Seen {
        try simulator.send(
            simulator.url.replacing("/v1beta", with: "/upload/v1beta/files"),
            body: #"{"file":{"displayName":"a picture","mimeType":"image/png"}}"#,
            headers: headers + [
                "x-goog-upload-protocol: resumable", "x-goog-upload-command: start",
                "x-goog-upload-header-content-length: \(bytes)", "x-goog-upload-header-content-type: image/png",
            ])
    }

    private func piece(
        _ simulator: RunningSimulator, _ url: String, _ data: Data, at offset: Int, _ command: String
    ) throws -> Seen {
        let scratch = try TemporaryDirectory()
        let file = scratch.file("piece")
        try data.write(to: URL(filePath: file))
        return try simulator.send(
            url, headers: ["x-goog-upload-command: \(command)", "x-goog-upload-offset: \(offset)"],
            curl: ["--data-binary", "@" + file])
    }

    /// A picture of the API's own.
    private func picture(_ simulator: RunningSimulator) throws -> Data {
        try #require(
            try simulator.generate(config: #"{"imageConfig":{"imageSize":"512","aspectRatio":"9:16"}}"#).images.first)
    }

    private func uploaded(_ simulator: RunningSimulator) throws -> [String: Any] {
        let data = try picture(simulator)
        let started = try start(simulator, bytes: data.count)
        let url = try #require(started.headers["x-goog-upload-url"])
        let seen = try piece(simulator, url, data, at: 0, "upload, finalize")
        return try #require(seen.json["file"] as? [String: Any])
    }

    private func use(_ simulator: RunningSimulator, _ uri: String, key: String = key) throws -> Seen {
        try simulator.send(
            simulator.url + "/models/gemini-3.1-flash-image:generateContent",
            body: #"""
                {"contents":[{"parts":[{"fileData":{"fileUri":"\#(uri)","mimeType":"image/jpeg"}},{"text":"x"}]}],
                "generationConfig":{"imageConfig":{"imageSize":"512"}}}
                """#, headers: [key])
    }

    @Test func aFileComesInPiecesAndIsActiveAtOnce() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        let data = Data([0x89, 0x50, 0x4E, 0x47]) + Data(repeating: UInt8(ascii: "\""), count: 700_000)
        let url = try #require(try start(simulator, bytes: data.count).headers["x-goog-upload-url"])
        let first = try piece(simulator, url, data.prefix(524_288), at: 0, "upload")
        #expect(first.status == 200 && first.headers["x-goog-upload-status"] == "active")
        let odd = try piece(simulator, url, data.dropFirst(524_288).prefix(1000), at: 524_288, "upload")
        #expect(odd.errorMessage == "The size of a chunk must be a multiple of 262144 bytes.")
        let gap = try piece(simulator, url, data.dropFirst(600_000), at: 600_000, "upload, finalize")
        #expect(gap.errorMessage == "Upload offset 600000 does not match the 524288 bytes received.")
        let asked = try simulator.send(url, headers: ["x-goog-upload-command: query"], curl: ["-X", "POST"])
        #expect(asked.headers["x-goog-upload-size-received"] == "524288")
        let last = try piece(simulator, url, data.dropFirst(524_288), at: 524_288, "upload, finalize")
        #expect(last.headers["x-goog-upload-status"] == "final")
        let file = try #require(last.json["file"] as? [String: Any])
        #expect(
            ["sizeBytes", "state", "mimeType", "displayName", "source"].map { file[$0] as? String }
                == ["700004", "ACTIVE", "image/png", "a picture", "UPLOADED"])
    }

    @Test func aFilesSidesDecideTheRatio() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        let uri = try #require(try uploaded(simulator)["uri"] as? String)
        #expect(try use(simulator, uri).images.map(Header.init) == [Header(type: "jpeg", width: 384, height: 688)])
    }

    @Test func aFileIsOfOneProjectAndOf48Hours() throws {
        let simulator = try RunningSimulator(["--key", "simulator-key", "--key", "stranger@other"], key: nil)
        defer { #expect(simulator.stop() == 0) }
        let file = try uploaded(simulator)
        let uri = try #require(file["uri"] as? String)
        let id = try #require(uri.split(separator: "/").last)
        let refusal = "You do not have permission to access the File \(id) or it may not exist."
        #expect(try use(simulator, uri, key: "x-goog-api-key: stranger").errorMessage == refusal)
        let clock = simulator.control + "/clock"
        _ = try simulator.send(clock, body: #"{"jumpSeconds":172700}"#, headers: [])
        #expect(try use(simulator, uri).status == 200)
        _ = try simulator.send(clock, body: #"{"jumpSeconds":200}"#, headers: [])
        #expect(try use(simulator, uri).status == 403)
        #expect(try use(simulator, uri).errorMessage == refusal)
    }

    @Test func anUploadWithoutAKeyOrAProtocolIsRefused() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        #expect(try start(simulator, bytes: 1, headers: []).status == 403)
        let plain = try simulator.send(simulator.url.replacing("/v1beta", with: "/upload/v1beta/files"), body: "{}")
        #expect(plain.status == 400)
    }

    @Test func theRecordHoldsTheDigestOfAPiece() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        _ = try uploaded(simulator)
        let record = try #require(try simulator.records().last)
        #expect((record["bodySHA256"] as? String)?.count == 64)
        #expect(record["body"] is NSNull)
    }
}
