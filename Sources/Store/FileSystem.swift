// The few file calls of this module: interrupted ones repeated, errors typed, every descriptor closed on exec.

import Glibc

/// A descriptor that closes when the last reference goes.
package final class OpenFile: Sendable {
    package let descriptor: Int32

    init(path: String, flags: Int32, mode: mode_t = 0o600, operation: String) throws(StoreError) {
        descriptor = unsafe open(path, flags | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw .failed(operation, errno) }
    }

    deinit { close(descriptor) }

    func write(_ bytes: [UInt8]) throws(StoreError) {
        let failure: StoreError? = unsafe bytes.withUnsafeBytes { buffer in
            do throws(StoreError) {
                unsafe try write(buffer)
                return nil
            } catch { return error }
        }
        if let failure { throw failure }
    }

    /// Appends at the descriptor's offset.
    func write(_ bytes: UnsafeRawBufferPointer) throws(StoreError) {
        var done = 0
        while done < bytes.count {
            let count = unsafe Glibc.write(descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done)
            if count >= 0 {
                done += count
            } else if errno != EINTR {
                throw .failed("write", errno)
            }
        }
    }

    /// Writes at an offset; after an error some of the bytes may be there.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(StoreError) {
        var done = 0
        while done < bytes.count {
            let start = unsafe bytes.baseAddress?.advanced(by: done)
            let count = unsafe pwrite(descriptor, start, bytes.count - done, Int(offset) + done)
            if count >= 0 {
                done += count
            } else if errno != EINTR {
                throw .failed("write", errno)
            }
        }
    }

    /// Its length in bytes; 0 when that cannot be asked.
    var size: Int {
        var status = stat()
        return unsafe fstat(descriptor, &status) == 0 ? Int(status.st_size) : 0
    }

    /// Reads at an offset; fewer bytes than asked for only at the end of the file.
    func read(upTo count: Int, at offset: Int64) throws(StoreError) -> [UInt8] {
        var failed: Int32 = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = 0
            while filled < count {
                let start = unsafe buffer.baseAddress?.advanced(by: filled)
                let got = unsafe pread(descriptor, start, count - filled, Int(offset) + filled)
                if got < 0, errno == EINTR { continue }
                if got < 0 { failed = errno }
                if got <= 0 { return }
                filled += got
            }
        }
        guard failed == 0 else { throw .failed("read", failed) }
        return bytes
    }

    /// Reads exactly so many bytes at an offset into an array, which is resized to hold them.
    ///
    /// - Parameters:
    ///   - count: How many bytes.
    ///   - offset: Where in the file.
    ///   - buffer: Reused: its room is taken once.
    /// - Throws: `.corrupt` when the file ends before.
    func read(_ count: Int, at offset: Int64, into buffer: inout [UInt8]) throws(StoreError) {
        if buffer.count > count { buffer.removeLast(buffer.count - count) }
        if buffer.count < count { buffer.append(contentsOf: repeatElement(0, count: count - buffer.count)) }
        var done = 0
        while done < count {
            let got = unsafe buffer.withUnsafeMutableBytes { bytes in
                unsafe pread(descriptor, bytes.baseAddress?.advanced(by: done), count - done, Int(offset) + done)
            }
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { throw .failed("read", errno) }
            guard got > 0 else { throw .corrupt("a temporary file is too short") }
            done += got
        }
    }
}

enum FileSystem {
    /// Makes a directory for this user only, if it is not there.
    static func makeDirectory(_ path: String) throws(StoreError) {
        guard unsafe mkdir(path, 0o700) != 0, errno != EEXIST else { return }
        throw .failed("make a directory", errno)
    }

    /// Renames; false when the target's directory is not there.
    static func rename(_ from: String, to: String) throws(StoreError) -> Bool {
        if unsafe Glibc.rename(from, to) == 0 { return true }
        guard errno == ENOENT else { throw .failed("rename", errno) }
        return false
    }

    static func removeIfThere(_ path: String) {
        // What cannot be removed is met again by the sweep at the next start.
        _ = unsafe unlink(path)
    }

    /// Milliseconds since 1970 of the last change to a file's bytes, or nil when no regular file is there.
    static func modified(_ path: String) -> Int64? {
        var status = stat()
        guard unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return Int64(status.st_mtim.tv_sec) * 1000 + Int64(status.st_mtim.tv_nsec) / 1_000_000
    }

    /// The names in a directory, without `.` and `..`; none when it is not there or no directory.
    static func names(in path: String) throws(StoreError) -> [String] {
        guard let directory = unsafe opendir(path) else {
            if errno == ENOENT || errno == ENOTDIR { return [] }
            throw .failed("list a directory", errno)
        }
        defer { unsafe closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}
