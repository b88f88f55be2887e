// Text that comes from somewhere else than an argument: a prompt from standard input, a JSON object from a file.

import Glibc
import Wire

enum Prompt {
    /// Reads it whole from standard input; the line feed that ends it is not part of it.
    static func fromStandardInput() throws(CommandError) -> String {
        var bytes = try WholeFile.read(STDIN_FILENO, named: "standard input", atMost: Limits.promptBytes + 1)
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        guard bytes.count <= Limits.promptBytes else {
            throw CommandError(.request, "the prompt is longer than \(Limits.promptBytes) bytes")
        }
        guard let prompt = String(validating: bytes, as: UTF8.self) else {
            throw CommandError(.request, "the prompt is not UTF-8")
        }
        return prompt
    }
}

enum NativeFile {
    /// Longest object: a request's line is at most 1 MiB, and the prompt needs room in it too.
    private static let limit = 524_288

    /// Reads the JSON object to be merged into the native request.
    static func read(_ path: String) throws(CommandError) -> [String: JSONValue] {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .cannotRead(path, errno) }
        defer { close(descriptor) }
        let bytes = try WholeFile.read(descriptor, named: path, atMost: limit + 1)
        guard bytes.count <= limit else { throw CommandError(.request, "\(path) is longer than \(limit) bytes") }
        guard let object = try? WireJSON.decode([String: JSONValue].self, from: bytes) else {
            throw CommandError(.request, "\(path) is not a JSON object")
        }
        return object
    }
}

private enum WholeFile {
    static func read(_ descriptor: Int32, named name: String, atMost limit: Int) throws(CommandError) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while bytes.count < limit {
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .cannotRead(name, errno) }
            guard count > 0 else { break }
            bytes += buffer[..<count]
        }
        return bytes
    }
}
