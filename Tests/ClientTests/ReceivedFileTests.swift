import Glibc
import LineSocket
import Testing
import TestKit

@testable import Client

struct ReceivedFileTests {
    private let content = String(repeating: "darkroom", count: 4000)

    private func file() throws -> ReceivedFile { ReceivedFile(try ScriptedConnection.open(content)) }

    private func read(_ descriptor: Int32) -> String {
        var bytes = [UInt8](repeating: 0, count: 65536)
        let count = unsafe Glibc.read(descriptor, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }

    @Test func aPipeGetsAllBytes() throws {
        var ends: [Int32] = [0, 0]
        #expect(unsafe pipe(&ends) == 0)
        defer { ends.forEach { _ = close($0) } }
        try file().copy(to: ends[1], count: content.utf8.count)
        #expect(read(ends[0]) == content)
    }

    /// copy_file_range and sendfile both refuse a file that is open for appending.
    @Test func aFileOpenForAppendingGetsAllBytes() throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write("log", "before ")
        let target = unsafe open(path, O_WRONLY | O_APPEND)
        try file().copy(to: target, count: content.utf8.count)
        close(target)
        let written = unsafe open(path, O_RDONLY)
        defer { close(written) }
        #expect(read(written) == "before " + content)
    }

    @Test func aFileThatEndsTooEarlyIsAnError() throws {
        let target = try ScriptedConnection.open("")
        #expect(throws: ClientError.copyFailed("it ends after 32000 of 32001 bytes")) {
            try file().copy(to: target.rawValue, count: 32001)
        }
    }

    @Test func aTargetThatTakesNothingIsAnError() throws {
        let full = unsafe open("/dev/full", O_WRONLY)
        defer { close(full) }
        #expect(throws: ClientError.copyFailed("write: No space left on device")) {
            try file().copy(to: full, count: content.utf8.count)
        }
    }
}
