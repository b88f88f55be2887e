// For how long an upload is known, and how many are.

import Foundation
import Synchronization
import Testing

@testable import Gemini

struct UploadMemoryTests {
    @Test func aFileIsForgottenAnHourBeforeItEnds() {
        let clock = Mutex(Date(timeIntervalSince1970: 1_000_000))
        let memory = UploadMemory { clock.withLock { $0 } }
        let end = memory.end(told: "1970-01-14T00:00:00.123456Z")
        #expect(end == Date(timeIntervalSince1970: 1_123_200))
        let file = UploadedFile(name: "files/a", uri: "u", expiresAt: end)
        memory.remember(file, sha256: "s")
        #expect(memory.file(sha256: "s") == file && memory.remembered == ["s": file])
        clock.withLock { $0 = end.addingTimeInterval(-3_600) }
        #expect(memory.file(sha256: "s") == nil && memory.remembered == [:])
    }

    @Test(arguments: [nil, "tomorrow"])
    func anEndThatIsNotToldIsTwoDaysAway(_ told: String?) {
        let now = Date(timeIntervalSince1970: 1_000_000)
        #expect(UploadMemory(now: { now }).end(told: told) == now.addingTimeInterval(172_800))
    }

    @Test func whatWasKeptAcrossARestartIsUsed() {
        let now = Date(timeIntervalSince1970: 1_000_000)
        let file = UploadedFile(name: "files/a", uri: "u", expiresAt: now.addingTimeInterval(7_200))
        #expect(UploadMemory(["s": file], now: { now }).file(sha256: "s") == file)
    }

    @Test func thoseThatEndFirstMakeRoom() {
        let now = Date(timeIntervalSince1970: 1_000_000)
        let memory = UploadMemory(now: { now })
        for number in 0...UploadMemory.fileCount {
            let end = now.addingTimeInterval(Double(10_000 + number))
            memory.remember(UploadedFile(name: "files/\(number)", uri: "u", expiresAt: end), sha256: "\(number)")
        }
        #expect(memory.remembered.count == UploadMemory.fileCount)
        #expect(memory.file(sha256: "0") == nil && memory.file(sha256: "1") != nil)
    }
}
