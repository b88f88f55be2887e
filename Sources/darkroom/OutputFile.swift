// A file that is whole or not there: written beside its place under another name, then renamed. No fsync: the daemon
// keeps the image, and `darkroom fetch` brings it back after a power cut.

import Client
import Glibc

enum OutputFile {
    /// Writes an image under a name.
    ///
    /// - Parameters:
    ///   - file: The bytes.
    ///   - count: How many they have to be.
    ///   - path: The name.
    ///   - mayReplace: Whether the user gave this very name, so that what has it now may go; otherwise the next free
    ///     number is added.
    /// - Returns: The name that it has.
    /// - Throws: `CommandError` with status 73; nothing is left behind then.
    static func write(
        _ file: ReceivedFile, count: Int, to path: String, mayReplace: Bool
    ) throws(CommandError) -> String {
        let target = mayReplace ? followed(path) : path
        let (descriptor, temporary) = try makeTemporary(beside: target)
        var isDone = false
        defer {
            close(descriptor)
            if !isDone { unsafe unlink(temporary) }
        }
        do throws(ClientError) {
            try file.copy(to: descriptor, count: count)
        } catch {
            throw CommandError(.output, "cannot write \(path): \(error.message)", hint: keptHint)
        }
        let (place, name) = mayReplace ? (target, path) : try reserve(path)
        guard unsafe rename(temporary, place) == 0 else {
            let number = errno
            if !mayReplace { unsafe unlink(place) }
            throw .cannotWrite(name, number, hint: keptHint)
        }
        isDone = true
        return name
    }

    /// Writes an image into something that is no regular file.
    static func write(_ file: ReceivedFile, count: Int, into node: String) throws(CommandError) {
        let descriptor = unsafe open(node, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .cannotWrite(node, errno, hint: keptHint) }
        defer { close(descriptor) }
        try write(file, count: count, to: descriptor, named: node)
    }

    /// Writes an image to an open descriptor.
    static func write(
        _ file: ReceivedFile, count: Int, to descriptor: Int32, named name: String
    ) throws(CommandError) {
        do throws(ClientError) {
            try file.copy(to: descriptor, count: count)
        } catch {
            throw CommandError(.output, "cannot write \(name): \(error.message)", hint: keptHint)
        }
    }

    static let keptHint = "the image is kept: darkroom jobs, then darkroom fetch JOB -o FILE"

    /// The file that a symbolic link leads to, so that the file is replaced and the link stays.
    private static func followed(_ path: String) -> String {
        guard let resolved = unsafe realpath(path, nil) else { return path }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }

    private static func makeTemporary(beside path: String) throws(CommandError) -> (Int32, String) {
        let directory = OutputTarget.directory(of: path)
        while true {
            let name = "\(directory)/.darkroom-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
            let descriptor = unsafe open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
            if descriptor >= 0 { return (descriptor, name) }
            guard errno == EEXIST else { throw .cannotWrite(path, errno, hint: keptHint) }
        }
    }

    /// Takes the first free name by an empty file, so that nobody else takes it before the rename.
    private static func reserve(_ path: String) throws(CommandError) -> (place: String, name: String) {
        var name = path
        for number in 1...9999 {
            let descriptor = unsafe open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
            if descriptor >= 0 {
                close(descriptor)
                return (name, name)
            }
            guard errno == EEXIST else { throw .cannotWrite(name, errno, hint: keptHint) }
            name = ImageName.numbered(path, number)
        }
        throw .cannotWrite(path, EEXIST, hint: keptHint)
    }
}
