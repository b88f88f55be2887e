// Keeping an image while the disk fails: repeated until it holds, and never believed when bytes are gone.

import Foundation
import Glibc
import Store
import Synchronization
import Testing

/// Flushes for real, but for one call that fails; notes what each call was for.
private final class FailingFsync: Sendable {
    private struct State {
        var paths: [String] = []
        var failing = 0
        var spoil: (@Sendable (Int32) -> Void)?
    }

    private let state = Mutex(State())

    var fsync: Fsync { Fsync { self.call($0) } }
    var paths: [String] { state.withLock { $0.paths } }

    /// Forgets the calls so far and lets the n-th from now on fail, its file spoilt before.
    func fail(_ number: Int, spoiling spoil: (@Sendable (Int32) -> Void)? = nil) {
        state.withLock { $0 = State(paths: [], failing: number, spoil: spoil) }
    }

    private func call(_ descriptor: Int32) -> Int32 {
        let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(descriptor)")
        let (isFailing, spoil) = state.withLock { state in
            state.paths.append(path ?? "")
            return (state.paths.count == state.failing, state.spoil)
        }
        guard isFailing else { return Glibc.fsync(descriptor) == 0 ? 0 : errno }
        spoil?(descriptor)
        return EIO
    }
}

struct KeepingTests {
    private let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ ($0 >> 8)) }

    private func temporary(in store: Store) throws -> TemporaryArtifact {
        let file = try store.artifacts.makeTemporary()
        try unsafe bytes.withUnsafeBytes { try unsafe file.write($0) }
        return file
    }

    @Test func whicheverFlushFailsTheNextKeepHolds() async throws {
        for number in 1...4 {
            let state = try StateFixture()
            let disk = FailingFsync()
            let store = try state.open(fsync: disk.fsync)
            #expect(disk.paths == [state.path, state.path + "/artifacts"])
            disk.fail(number)
            let file = try temporary(in: store)
            if number < 4 {
                await #expect(throws: StoreError.file(operation: "fsync", errno: EIO)) { try await file.keep() }
            }
            let kept = try await file.keep()
            let parent = "\(state.path)/artifacts/\(kept.sha256.prefix(2))"
            #expect(FileManager.default.contents(atPath: "\(parent)/\(kept.sha256)") == Data(bytes))
            #expect(try FileManager.default.contentsOfDirectory(atPath: state.path + "/temporary") == [])
            let files = disk.paths.filter { $0.hasPrefix(state.path + "/temporary/") }
            // A file that could not be flushed is not believed a second time: its copy is.
            #expect(files.count == (number == 1 ? 2 : 1) && Set(files).count == files.count)
            let artifacts = state.path + "/artifacts"
            let directories = [
                [artifacts, parent], [artifacts, artifacts, parent], [artifacts, parent, parent], [artifacts, parent],
            ]
            #expect(disk.paths.filter { !files.contains($0) } == directories[number - 1])
        }
    }

    @Test func bytesThatTheDiskLostAreNotKept() async throws {
        let state = try StateFixture()
        let disk = FailingFsync()
        let store = try state.open(fsync: disk.fsync)
        disk.fail(1) { descriptor in
            let wrong: [UInt8] = [0xFF]
            _ = unsafe pwrite(descriptor, wrong, 1, 1000)
        }
        do {
            let file = try temporary(in: store)
            await #expect(throws: StoreError.file(operation: "fsync", errno: EIO)) { try await file.keep() }
            for _ in 0..<2 {
                await #expect(throws: StoreError.corrupt("the disk lost an image")) { try await file.keep() }
            }
        }
        // The thread that kept it lets go of it a moment after it has answered.
        for _ in 0..<1_000_000 where try !names(in: "temporary", of: state).isEmpty { await Task.yield() }
        #expect(try names(in: "temporary", of: state) == [])
        #expect(try names(in: "artifacts", of: state) == [])
    }

    private func names(in directory: String, of state: StateFixture) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "\(state.path)/\(directory)")
    }
}
