// For how long an upload is known, and how many are.

import Foundation
import Synchronization
import Testing

@testable import Gemini

struct UploadMemoryTests {
    @Test func aFileIsForgottenAnHourBeforeItEnds() async {
        let clock = Mutex(Date(timeIntervalSince1970: 1_000_000))
        let memory = UploadMemory { clock.withLock { $0 } }
        let end = memory.end(told: "1970-01-14T00:00:00.123456Z")
        #expect(end == Date(timeIntervalSince1970: 1_123_200))
        let file = UploadedFile(name: "files/a", uri: "u", expiresAt: end)
        await memory.remember(file, sha256: "s")
        #expect(memory.file(sha256: "s") == file)
        clock.withLock { $0 = end.addingTimeInterval(-3_600) }
        #expect(memory.file(sha256: "s") == nil)
    }

    @Test(arguments: [nil, "tomorrow"])
    func anEndThatIsNotToldIsTwoDaysAway(_ told: String?) {
        let now = Date(timeIntervalSince1970: 1_000_000)
        #expect(UploadMemory(now: { now }).end(told: told) == now.addingTimeInterval(172_800))
    }

    @Test func whatWasKeptAcrossARestartIsUsedUntilItIsForgotten() async {
        let now = Date(timeIntervalSince1970: 1_000_000)
        let file = UploadedFile(name: "files/a", uri: "u", expiresAt: now.addingTimeInterval(7_200))
        let keeper = KeptInMemory()
        await UploadMemory(keeper: keeper, now: { now }).remember(file, sha256: "s")
        let next = UploadMemory(keeper: keeper, now: { now })
        await next.load()
        #expect(next.file(sha256: "s") == file)
        await next.forget([file])
        #expect(next.file(sha256: "s") == nil)
        #expect(await keeper.all() == [:])
    }

    @Test func thoseThatEndFirstMakeRoom() async {
        let now = Date(timeIntervalSince1970: 1_000_000)
        let memory = UploadMemory(now: { now })
        for number in 0...UploadMemory.fileCount {
            let end = now.addingTimeInterval(Double(10_000 + number))
            await memory.remember(UploadedFile(name: "files/\(number)", uri: "u", expiresAt: end), sha256: "\(number)")
        }
        #expect((0...UploadMemory.fileCount).count { memory.file(sha256: "\($0)") != nil } == UploadMemory.fileCount)
        #expect(memory.file(sha256: "0") == nil && memory.file(sha256: "1") != nil)
    }
}

/// What the store is in the daemon.
private final class KeptInMemory: UploadKeeping {
    private let files = Mutex<[String: UploadedFile]>([:])

    func all() async -> [String: UploadedFile] { files.withLock { $0 } }

    func keep(_ file: UploadedFile, sha256: String) async { files.withLock { $0[sha256] = file } }

    func forget(names: [String]) async {
        files.withLock { files in files = files.filter { !names.contains($0.value.name) } }
    }
}
