// A listening socket that the daemon binds itself, when no service manager hands it one.
//
// The law of this file: who holds `PATH.lock` owns the path. Only its holder removes what is at the path, and only a
// socket on which nobody listens. The lock file itself is never removed: a new file under the same name would be a
// second lock.

import CAncillary
import Glibc

package final class BoundSocket: Sendable {
    package let path: String
    /// Listens already, and does not block.
    package let descriptor: OwnedDescriptor
    /// Locked as long as it is open.
    private let lock: OwnedDescriptor
    private let identity: FileIdentity?

    /// Binds and listens.
    ///
    /// - Parameters:
    ///   - path: At most 107 bytes.
    ///   - mode: Of the socket's node; the umask does not change it, and it is never wider, not for a moment.
    /// - Throws: `.inUse` when another process holds the lock or listens at the path.
    package init(path: String, mode: UInt32 = 0o600) throws(BoundSocketError) {
        let byteCount = path.utf8.count
        guard byteCount <= Int(CA_MAX_SOCKET_PATH_BYTES) else { throw .pathTooLong(byteCount: byteCount) }
        lock = try Self.takeLock(at: path + ".lock")
        try Self.removeStaleSocket(at: path)
        descriptor = try Self.listen(at: path, mode: mode)
        identity = FileIdentity(path)
        self.path = path
    }

    deinit { remove() }

    /// Takes the socket's node away, once nobody is to connect any more; also done when the last reference goes.
    package func remove() {
        // Somebody may have put another socket there meanwhile; that one is not ours to remove.
        guard let identity, FileIdentity(path) == identity else { return }
        unsafe unlink(path)
    }

    private static func takeLock(at path: String) throws(BoundSocketError) -> OwnedDescriptor {
        let opened = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard opened >= 0 else { throw .system(SystemError("open \(path)", errno)) }
        let file = OwnedDescriptor(taking: opened)
        let result = ca_lock(file.rawValue)
        guard result >= 0 else {
            guard result == -EWOULDBLOCK else { throw .system(SystemError("flock", -result)) }
            throw .inUse(pid: readPID(from: file))
        }
        let text = Array("\(getpid())\n".utf8)
        guard ftruncate(file.rawValue, 0) == 0, unsafe pwrite(file.rawValue, text, text.count, 0) == text.count else {
            throw .system(SystemError("write \(path)", errno))
        }
        return file
    }

    private static func readPID(from file: OwnedDescriptor) -> Int32? {
        var text = [UInt8](repeating: 0, count: 16)
        let count = unsafe pread(file.rawValue, &text, text.count, 0)
        return Int32(String(decoding: text.prefix(max(0, count)).prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
    }

    private static func removeStaleSocket(at path: String) throws(BoundSocketError) {
        guard let found = FileIdentity(path) else { return }
        guard found.isSocket else { throw .notASocket }
        // A listener that knows nothing of the lock, such as a service manager, is asked for by connecting.
        let result = unsafe ca_connect(path, 0)
        switch -result {
        case ...0: throw .inUse(pid: try? Peer(of: OwnedDescriptor(taking: result)).pid)
        case EAGAIN: throw .inUse(pid: nil)
        case ECONNREFUSED: break
        default: throw .system(SystemError("connect \(path)", -result))
        }
        guard unsafe unlink(path) == 0 || errno == ENOENT else { throw .system(SystemError("unlink \(path)", errno)) }
    }

    private static func listen(at path: String, mode: UInt32) throws(BoundSocketError) -> OwnedDescriptor {
        let made = ca_socket()
        guard made >= 0 else { throw .system(SystemError("socket", -made)) }
        let socket = OwnedDescriptor(taking: made)
        // The node is made with this mode less the umask, so that a wide umask cannot open a moment for others.
        guard fchmod(made, mode) == 0 else { throw .system(SystemError("fchmod", errno)) }
        let bound = unsafe ca_bind(made, path)
        guard bound >= 0 else { throw .system(SystemError("bind \(path)", -bound)) }
        // What the umask took away is given back; until listen(2) nobody can connect.
        guard unsafe chmod(path, mode) == 0, Glibc.listen(made, SOMAXCONN) == 0 else {
            let error = SystemError("listen \(path)", errno)
            unsafe unlink(path)
            throw .system(error)
        }
        return socket
    }
}

/// Why a path could not be listened on.
package enum BoundSocketError: Error, Equatable {
    /// Longer than the 107 bytes that a socket's address holds.
    case pathTooLong(byteCount: Int)
    /// Another process listens there; its pid as far as it is known.
    case inUse(pid: Int32?)
    /// Something that is no socket is at the path; it was left alone.
    case notASocket
    case system(SystemError)
}

private struct FileIdentity: Equatable {
    let device: UInt64
    let inode: UInt64
    let isSocket: Bool

    /// What is at `path` itself, links not followed; nil when nothing can be found there.
    init?(_ path: String) {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return nil }
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        isSocket = status.st_mode & S_IFMT == S_IFSOCK
    }
}
