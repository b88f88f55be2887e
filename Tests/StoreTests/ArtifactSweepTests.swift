// The sweep removes what nobody can miss, and nothing that may have been paid for.

import Foundation
import GRDB
import Store
import Testing
import Wire

struct ArtifactSweepTests {
    private let year2286 = time(9_999_999_999_999)

    private func isThere(_ sha256: String, in store: Store) throws -> Bool { try store.artifacts.open(sha256) != nil }

    @Test func aFileWithoutARowGoesAtTheNextStartAndNotBefore() async throws {
        let state = try StateFixture()
        var (named, orphan) = ("", "")
        do {
            let store = try state.open()
            named = try await keep([1, 2, 3], in: store)
            orphan = try await keep([4, 5, 6], in: store)
            _ = try await store.admit(newJob("a"), started: 1)
            _ = try await store.finish(finished("a", named))
            #expect(try await store.sweepArtifacts(olderThan: year2286) == 0)
        }
        let store = try state.open()
        #expect(try await store.sweepArtifacts(olderThan: time(0)) == 0)
        #expect(try await store.sweepArtifacts(olderThan: year2286) == 1)
        #expect(try isThere(named, in: store))
        #expect(try !isThere(orphan, in: store))
    }

    @Test func aPaidImageWhoseRowWasNotCommittedStaysUntilItsJobIsResolved() async throws {
        let state = try StateFixture()
        var (paid, older) = ("", "")
        do {
            let store = try state.open()
            _ = try await store.admit(newJob("a", at: 10_000_000), started: 1)
            paid = try await keep([1, 2, 3], in: store)
            older = try await keep([4, 5, 6], in: store)
        }
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSince1970: 1_000)],
            ofItemAtPath: "\(state.path)/artifacts/\(older.prefix(2))/\(older)")
        let store = try state.open()
        #expect(store.lostAtStart == [JobID(rawValue: "a")])
        #expect(try await store.sweepArtifacts(olderThan: year2286) == 1)
        #expect(try isThere(paid, in: store))
        #expect(try !isThere(older, in: store))
        _ = try await store.resolve(JobID(rawValue: "a"), charged: true, at: time(2000), by: alice)
        #expect(try await store.resolve(JobID(rawValue: "a"), charged: true, at: time(2001), by: alice) == .nothingOpen)
        #expect(try await store.sweepArtifacts(olderThan: year2286) == 1)
        #expect(try !isThere(paid, in: store))
    }

    @Test func onceARowNamesAFileTheRowAloneKeepsIt() async throws {
        let state = try StateFixture()
        let store = try state.open()
        let twice = try await keep([1, 2, 3], in: store)
        #expect(try await keep([1, 2, 3], in: store) == twice)
        for (id, left) in [("a", true), ("b", false)] {
            _ = try await store.admit(newJob(id), started: 1)
            _ = try await store.finish(finished(id, twice))
            try state.edit { try $0.execute(sql: "DELETE FROM artifact") }
            _ = try await store.sweepArtifacts(olderThan: year2286)
            // The second job made the same image, and its row is still to come after the first.
            #expect(try isThere(twice, in: store) == left)
        }
    }

    @Test func aStrayFileDoesNotStopTheSweep() async throws {
        let state = try StateFixture()
        let store = try state.open()
        let files = FileManager.default
        let artifacts = state.path + "/artifacts"
        let orphan = "ff" + String(repeating: "0", count: 62)
        #expect(files.createFile(atPath: artifacts + "/00", contents: nil))
        try files.createDirectory(atPath: artifacts + "/lost+found", withIntermediateDirectories: true)
        let folder = artifacts + "/ff/ff" + String(repeating: "1", count: 62)
        try files.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let strays = ["README", orphan.uppercased(), "00" + orphan.dropFirst(2)]
        for name in strays + [orphan] { #expect(files.createFile(atPath: "\(artifacts)/ff/\(name)", contents: nil)) }
        #expect(try await store.sweepArtifacts(olderThan: year2286) == 1)
        let left = try files.contentsOfDirectory(atPath: artifacts + "/ff")
        #expect(Set(left) == Set(strays + ["ff" + String(repeating: "1", count: 62)]))
    }

    @Test func moreFilesThanOneBatchAreAllLookedAt() async throws {
        let state = try StateFixture()
        let store = try state.open()
        try FileManager.default.createDirectory(
            atPath: state.path + "/artifacts/ab", withIntermediateDirectories: true)
        let names = (0..<600).map { "ab" + String(repeating: "0", count: 59) + String($0 + 100) }
        for name in names {
            #expect(FileManager.default.createFile(atPath: "\(state.path)/artifacts/ab/\(name)", contents: nil))
        }
        for (id, name) in [("a", names[3]), ("b", names[599])] {
            _ = try await store.admit(newJob(id), started: 1)
            _ = try await store.finish(finished(id, name))
        }
        #expect(try await store.sweepArtifacts(olderThan: year2286) == 598)
        let left = try FileManager.default.contentsOfDirectory(atPath: state.path + "/artifacts/ab")
        #expect(left.sorted() == [names[3], names[599]])
    }
}
