// A run that ended between a whole image and the row of its call, and what the next one makes of the receipt.

import Foundation
import GRDB
import Store
import TestKit
import Testing
import Wire

struct ReceiptTests {
    private let state: StateFixture
    private let bytes = Array("an image".utf8)

    init() throws { state = try StateFixture() }

    /// Keeps an image for a call that is under way, and ends there; gives back the image's sha256.
    private func live() async throws -> String {
        let store = try state.open()
        _ = try await store.admit(newJob("a"), started: 1)
        let file = try store.artifacts.makeTemporary()
        try unsafe bytes.withUnsafeBytes { try unsafe file.write($0) }
        let receipt = await store.artifacts.leaveReceipt(finished("a"), [arrived(file)])
        return try await file.keep(noting: receipt).sha256
    }

    private func arrived(_ file: TemporaryArtifact, _ kind: KeptArtifact.Kind = .final) -> ArrivedImage {
        ArrivedImage(file: file, kind: kind, mimeType: "image/png", width: 16, height: 9)
    }

    private func write(_ text: String, in store: Store) throws -> TemporaryArtifact {
        let file = try store.artifacts.makeTemporary(isPaidFor: true)
        try unsafe Array(text.utf8).withUnsafeBytes { try unsafe file.write($0) }
        return file
    }

    /// Ends with a receipt alone, nothing hashed and no file named; edits it before the next run.
    private func liveUntilTheReceipt(_ edit: (String) throws -> Void = { _ in }) async throws {
        let store = try state.open()
        _ = try await store.admit(newJob("a", request: #"{"prompt":"x"}"#), started: 1)
        let files = try ["a draft", "an image"].map { try write($0, in: store) }
        var end = finished("a")
        end.turn = Array("the turn".utf8)
        let receipt = await store.artifacts.leaveReceipt(end, [arrived(files[0], .draft), arrived(files[1])])
        receipt.leaveBehind()
        try edit(try self.receipt())
    }

    @Test func aReceiptBeforeTheHashesIsEnoughForEveryImageAndTheTurn() async throws {
        try await liveUntilTheReceipt()
        #expect(try await ended() == ["done", "settled", "1"])
        let store = try state.open()
        let job = try #require(try await store.job(JobID(rawValue: "a"))).result
        #expect(job.extraImages.map(\.bytes) == [7] && job.images.map(\.bytes) == [8])
        for image in job.images + job.extraImages { #expect(try store.artifacts.open(image.sha256) != nil) }
        guard case .turns(let turns) = try await store.conversation(of: JobID(rawValue: "a"), for: 1000) else {
            Issue.record("the conversation is gone")
            return
        }
        #expect(turns.map(\.content) == [Array("the turn".utf8)])
    }

    @Test func withoutAHashBytesAreBelievedOfTheSameBootAlone() async throws {
        try await liveUntilTheReceipt { path in
            var text = String(
                try String(contentsOfFile: path, encoding: .utf8).drop { $0 != "\n" }.dropFirst())
            // As if the clock had stood elsewhere at the machine's start.
            text.replace("\"wall\":", with: "\"wall\":1")
            try rewrite(text, at: path)
        }
        #expect(try await ended() == ["unknown", "held", "0"])
    }

    /// Writes a receipt with the sum that belongs to it.
    private func rewrite(_ text: String, at path: String) throws {
        let file = path + ".text"
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
        let output = try ChildProcess.run("/usr/bin/env", ["sha256sum", file])
        try FileManager.default.removeItem(atPath: file)
        let whole = output.standardOutput.prefix(64) + "\n" + text
        try Data(whole.utf8).write(to: URL(fileURLWithPath: path))
    }

    private func receipt() throws -> String {
        let folder = state.path + "/temporary"
        let names = try FileManager.default.contentsOfDirectory(atPath: folder)
        return "\(folder)/\(try #require(names.first { $0.hasSuffix(".receipt") }))"
    }

    /// The state and the state of the hold that the next run leaves the job in.
    private func ended() async throws -> [String] {
        let store = try state.open(at: 9000)
        #expect(try FileManager.default.contentsOfDirectory(atPath: state.path + "/temporary") == [])
        #expect(try await store.verifyAudit().firstBroken == nil)
        let job = try #require(try await store.job(JobID(rawValue: "a"))).result
        let hold = try state.edit { try String.fetchOne($0, sql: "SELECT state FROM hold") }
        return [job.state.rawValue, hold ?? "", "\(job.images.map(\.sha256).count)"]
    }

    @Test func aCallWhoseImageWasWholeIsDone() async throws {
        let sha256 = try await live()
        #expect(try await ended() == ["done", "settled", "1"])
        let store = try state.open()
        let job = try #require(try await store.job(JobID(rawValue: "a"))).result
        #expect(job.images.map(\.sha256) == [sha256] && job.text == "here")
        #expect(job.cost == Cost(micros: 300, basis: .usage) && store.lostAtStart == [])
    }

    @Test func aReceiptThatIsTornSaysNothing() async throws {
        _ = try await live()
        let path = try receipt()
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))
        try whole.dropLast(10).write(to: URL(fileURLWithPath: path))
        #expect(try await ended() == ["unknown", "held", "0"])
    }

    @Test func aFileWithOtherBytesIsNotTheImage() async throws {
        let sha256 = try await live()
        let path = "\(state.path)/artifacts/\(sha256.prefix(2))/\(sha256)"
        try Data("an imagE".utf8).write(to: URL(fileURLWithPath: path))
        #expect(try await ended() == ["unknown", "held", "0"])
    }

    @Test func aReceiptOfAnotherCallIsNotThisOnes() async throws {
        _ = try await live()
        let path = try receipt()
        try FileManager.default.moveItem(atPath: path, toPath: path.replacingOccurrences(of: "a.0", with: "a.1"))
        #expect(try await ended() == ["unknown", "held", "0"])
    }
}
