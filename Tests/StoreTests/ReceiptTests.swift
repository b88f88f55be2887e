// A run that ended between a whole image and the row of its call, and what the next one makes of the receipt.

import Foundation
import GRDB
import Store
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
        let count = bytes.count
        let kept = try await file.keep { kept in
            var end = finished("a", kept.sha256)
            end.artifacts[0].entry.bytes = count
            return end
        }
        return kept.sha256
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
