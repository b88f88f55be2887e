// Inputs on their way in: what counts as an image, what is refused, and that nothing of it stays.

import Foundation
import Glibc
import Store
import Synchronization
import TestKit
import Testing

struct TakingInTests {
    private static func bigEndian(_ number: Int) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) }
    }

    private static func chunk(_ type: String, _ body: [UInt8]) -> [UInt8] {
        bigEndian(body.count) + Array(type.utf8) + body + [0, 0, 0, 0]
    }

    private static func png(bytes: Int = 100) -> [UInt8] {
        [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
            + chunk("IHDR", bigEndian(32) + bigEndian(16) + [8, 2, 0, 0, 0])
            + chunk("IDAT", [UInt8](repeating: 7, count: bytes)) + chunk("IEND", [])
    }

    private static let jpeg: [UInt8] =
        [0xFF, 0xD8, 0xFF, 0xC0, 0, 11, 8, 0, 16, 0, 32, 1, 1, 0x11, 0, 0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0]
        + [1, 2, 3, 0xFF, 0, 4] + [0xFF, 0xD9]

    private static let webp: [UInt8] =
        Array("RIFF".utf8) + [30, 0, 0, 0] + Array("WEBPVP8X".utf8) + [10, 0, 0, 0] + [0, 0, 0, 0, 31, 0, 0, 15, 0, 0]
        + [UInt8](repeating: 0, count: 8)

    private func files(_ state: StateFixture) throws -> [String] {
        try ["artifacts", "temporary"].flatMap { folder in
            try FileManager.default.subpathsOfDirectory(atPath: "\(state.path)/\(folder)").filter { $0.count > 10 }
        }
    }

    private func open(_ bytes: [UInt8], _ flags: Int32 = O_RDONLY) throws -> GivenFile {
        let directory = try TemporaryDirectory()
        let path = directory.file("input")
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        return GivenFile(path, flags)
    }

    @Test(arguments: [(png(), "image/png"), (jpeg, "image/jpeg"), (webp, "image/webp")])
    func anImageIsKeptAsItsBytesSay(bytes: [UInt8], type: String) async throws {
        let state = try StateFixture()
        let store = try state.open()
        let taken = try await store.takeIn([.bytes(bytes), .file(open(bytes))], for: 1000, limits: InputLimits())
        #expect(taken.inputs.count == 2 && taken.inputs[0] == taken.inputs[1])
        let input = taken.inputs[0]
        #expect([input.width, input.height, input.bytes] == [32, 16, bytes.count] && input.mimeType == type)
        #expect(try files(state).count == 1)
        await store.discard(taken)
        #expect(try files(state) == [])
    }

    @Test func whatIsCutOffAnywhereIsRefused() async throws {
        let state = try StateFixture()
        let store = try state.open()
        for whole in [Self.png(), Self.jpeg, Self.webp] {
            for length in 0..<whole.count {
                await #expect(throws: InputError.self, "\(length) bytes of \(whole.prefix(4))") {
                    try await store.takeIn([.bytes(Array(whole.prefix(length)))], for: 1000, limits: InputLimits())
                }
            }
        }
        #expect(try files(state) == [])
    }

    @Test func boundsNameTheInput() async throws {
        let state = try StateFixture()
        let store = try state.open()
        let limits = InputLimits(inputBytes: 1000, totalBytes: 1500)
        let small = Self.png(bytes: 700)
        await #expect(throws: InputError.tooLarge(1, limitBytes: 1000)) {
            try await store.takeIn([.bytes(small), .file(open(Self.png(bytes: 5000)))], for: 1, limits: limits)
        }
        await #expect(throws: InputError.tooLargeTogether(limitBytes: 1500)) {
            try await store.takeIn([.bytes(small), .bytes(small)], for: 1, limits: limits)
        }
        await #expect(throws: InputError.tooMany(14)) {
            try await store.takeIn(Array(repeating: .bytes(small), count: 15), for: 1, limits: limits)
        }
        await #expect(throws: InputError.noArtifact(0)) {
            try await store.takeIn([.artifact(String(repeating: "0", count: 64))], for: 1, limits: limits)
        }
        #expect(try files(state) == [])
    }

    @Test func aDescriptorThatCannotBeReadIsRefused() async throws {
        let state = try StateFixture()
        let store = try state.open()
        await #expect(throws: InputError.bad(0, "its descriptor is not open for reading")) {
            try await store.takeIn([.file(open(Self.png(), O_WRONLY))], for: 1, limits: InputLimits())
        }
        // Its kind and size can be asked for, and nothing else.
        await #expect(throws: InputError.bad(0, "its descriptor is not open for reading")) {
            try await store.takeIn([.file(open(Self.png(), 0o10000000))], for: 1, limits: InputLimits())
        }
        await #expect(throws: InputError.bad(0, "its descriptor is no regular file")) {
            try await store.takeIn([.file(GivenFile("/dev/zero", O_RDONLY))], for: 1, limits: InputLimits())
        }
    }

    @Test func aFileThatIsCutWhileItIsReadIsRefused() async throws {
        let state = try StateFixture()
        let store = try state.open()
        let file = WatchedFile(try open(Self.png(), O_RDWR), cutTo: 60)
        await #expect(throws: InputError.bad(0, "it became shorter while it was read")) {
            try await store.takeIn([.file(file)], for: 1, limits: InputLimits())
        }
        #expect(try files(state) == [])
    }

    @Test func ofAFileThatIsTooLargeNothingIsRead() async throws {
        let state = try StateFixture()
        let store = try state.open()
        let file = WatchedFile(try open(Self.png(bytes: 5000)))
        await #expect(throws: InputError.tooLarge(0, limitBytes: 1000)) {
            try await store.takeIn([.file(file)], for: 1, limits: InputLimits(inputBytes: 1000, totalBytes: 1500))
        }
        #expect(file.useCount == 1)
    }

    @Test func somebodyElsesImageIsNoInput() async throws {
        let state = try StateFixture()
        let store = try state.open()
        let sha256 = String(repeating: "a", count: 64)
        _ = try await store.admit(newJob("a"), started: 1)
        _ = try await store.finish(finished("a", sha256))
        let taken = try await store.takeIn([.artifact(sha256)], for: alice.uid, limits: InputLimits())
        #expect(taken.inputs.map(\.sha256) == [sha256])
        await #expect(throws: InputError.noArtifact(0)) {
            try await store.takeIn([.artifact(sha256)], for: bob.uid, limits: InputLimits())
        }
    }
}

/// A file whose uses are counted: the first is for its size, and before the next it may be cut.
private final class WatchedFile: InputFile {
    private let file: GivenFile
    private let length: Int?
    private let uses = Atomic(0)

    var useCount: Int { uses.load(ordering: .relaxed) }

    init(_ file: GivenFile, cutTo length: Int? = nil) {
        self.file = file
        self.length = length
    }

    var descriptor: Int32 {
        if uses.add(1, ordering: .relaxed).newValue == 2, let length { ftruncate(file.descriptor, length) }
        return file.descriptor
    }
}

/// A file as a client would have sent it.
private final class GivenFile: InputFile {
    let descriptor: Int32

    init(_ path: String, _ flags: Int32) { descriptor = unsafe Glibc.open(path, flags) }

    deinit { close(descriptor) }
}
