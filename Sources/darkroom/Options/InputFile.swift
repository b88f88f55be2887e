// Images that go with a request: opened and looked at before anything is asked for, since a request that names the
// wrong file is a mistake of this side.

import Glibc
import ImageHeader
import Wire

/// A file that is open as long as this is kept.
final class OpenInput {
    let descriptor: Int32

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }
}

/// One image as it was named: a file, or the sha256 of one that the daemon keeps.
struct InputFile {
    let input: ImageInput
    let file: OpenInput?

    /// Opens what was named.
    ///
    /// - Parameter names: Paths, or 64 hexadecimal digits.
    /// - Returns: One for each, with the descriptors counted from 0.
    /// - Throws: `CommandError` when there are too many, or when one cannot be read or is no image.
    static func open(_ names: [String]) throws(CommandError) -> [InputFile] {
        guard names.count <= Limits.inputs else {
            throw CommandError(.request, "there are \(names.count) input images; at most \(Limits.inputs) are allowed")
        }
        var inputs: [InputFile] = []
        var count = 0
        for name in names {
            if Artifact.isSHA256(name), unsafe access(name, F_OK) != 0 {
                inputs.append(InputFile(input: .artifact(name), file: nil))
            } else {
                inputs.append(InputFile(input: .descriptor(count), file: try openImage(name)))
                count += 1
            }
        }
        return inputs
    }

    private static func openImage(_ path: String) throws(CommandError) -> OpenInput {
        // Without waiting: a FIFO that nobody writes to would hang here.
        let descriptor = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw .cannotRead(path, errno) }
        let file = OpenInput(descriptor)
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw .cannotRead(path, errno) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            let what = status.st_mode & S_IFMT == S_IFDIR ? "a directory" : "no regular file"
            throw CommandError(.request, "\(path) is \(what), not an image", hint: "save it to a file first")
        }
        switch try header(descriptor, path) {
        case .known: return file
        case .needsMore, .notAnImage:
            throw CommandError(
                .request, "\(path) is not an image", hint: "images are PNG, JPEG, WebP, HEIC or HEIF, by their bytes")
        }
    }

    private static func header(_ descriptor: Int32, _ path: String) throws(CommandError) -> ImageHeader {
        var reader = ImageHeaderReader()
        var buffer = [UInt8](repeating: 0, count: 4096)
        var offset = 0
        while case .needsMore = reader.header {
            let count = unsafe buffer.withUnsafeMutableBytes {
                unsafe pread(descriptor, $0.baseAddress, $0.count, offset)
            }
            guard count >= 0 else { throw .cannotRead(path, errno) }
            guard count > 0 else { return reader.finish() }
            reader.take(buffer[..<count])
            offset += count
        }
        return reader.header
    }
}

/// The name of a kept image.
enum Artifact {
    static func isSHA256(_ name: String) -> Bool {
        name.utf8.count == 64 && name.utf8.allSatisfy { "0123456789abcdef".utf8.contains($0) }
    }
}
