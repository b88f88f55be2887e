// Files: named by what they hold, hashed while they are written, gone unless kept.

import Foundation
import Store
import Testing
import TestKit
import Wire

struct ArtifactStoreTests {
    private func write(_ bytes: [UInt8], pieces: Int, to file: TemporaryArtifact) throws {
        for start in stride(from: 0, to: bytes.count, by: pieces) {
            let piece = Array(bytes[start..<min(bytes.count, start + pieces)])
            try unsafe piece.withUnsafeBytes { try unsafe file.write($0) }
        }
    }

    @Test func aKeptFileIsNamedByItsHash() async throws {
        let state = try StateFixture()
        let store = try state.open()
        let file = try store.artifacts.makeTemporary()
        try write(Array("abc".utf8), pieces: 2, to: file)
        let kept = try await file.keep()
        // FIPS 180-2, appendix B.1.
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        #expect(kept == TemporaryArtifact.Kept(sha256: sha256, bytes: 3))
        let path = "\(state.path)/artifacts/ba/\(sha256)"
        #expect(FileManager.default.contents(atPath: path) == Data("abc".utf8))
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    @Test func aLargeFileHasTheHashOfAllItsBytes() async throws {
        let state = try StateFixture()
        let store = try state.open()
        let bytes = (0..<3_000_001).map { UInt8(truncatingIfNeeded: $0 &* 7 ^ ($0 >> 9)) }
        var names: Set<String> = []
        for pieces in [8_191, 65_536, 3_000_001] {
            let file = try store.artifacts.makeTemporary()
            try write(bytes, pieces: pieces, to: file)
            names.insert(try await file.keep().sha256)
        }
        let name = try #require(names.first)
        #expect(names.count == 1)
        let found = FileManager.default.contents(atPath: "\(state.path)/artifacts/\(name.prefix(2))/\(name)")
        #expect(found == Data(bytes))
        let said = try ChildProcess.run(
            "/usr/bin/sha256sum", ["\(state.path)/artifacts/\(name.prefix(2))/\(name)"])
        #expect(said.standardOutput.prefix(64) == name)
    }

    @Test func whatIsNotKeptIsRemoved() throws {
        let state = try StateFixture()
        let store = try state.open()
        do {
            let file = try store.artifacts.makeTemporary()
            try write([1, 2, 3], pieces: 3, to: file)
            #expect(try FileManager.default.contentsOfDirectory(atPath: state.path + "/temporary").count == 1)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: state.path + "/temporary") == [])
    }

    @Test func anArtifactIsItsOwners() async throws {
        let state = try StateFixture()
        let store = try state.open()
        _ = try await store.admit(newJob("a"), started: 1)
        _ = try await store.finish(finished("a", "ab"))
        let entry = ImageEntry(sha256: "ab", mimeType: "image/png", width: 16, height: 9, bytes: 3)
        #expect(try await store.artifact("ab", of: 1000) == entry)
        #expect(try await store.artifact("ab", of: 2000) == nil)
        #expect(try await store.artifact("ab", of: nil) == entry)
    }

    @Test func idsSortByTimeAndNeverRepeat() {
        let ids = (0..<1000).map { JobID.make(at: time(1_700_000_000_000 + Int64($0) * 3)) }
        #expect(ids.map(\.rawValue) == ids.map(\.rawValue).sorted())
        #expect(Set(ids).count == 1000)
        #expect(ids.allSatisfy { $0.rawValue.count == 26 })
    }
}
