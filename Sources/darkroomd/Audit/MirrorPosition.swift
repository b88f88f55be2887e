// How far the journal has the audit chain, from one run to the next. Not flushed: after a power loss some rows are
// mirrored twice, with the same sequence number, and none is missing.

import Glibc
import Store

/// The last mirrored row's number, in a file of twenty digits.
struct MirrorPosition: Sendable {
    let path: String

    init(path: String) { self.path = path }

    /// The position of a store's chain, which lies beside it.
    init(in store: Store) { self.init(path: store.path + "/journal-position") }

    /// 0 when there is no file or it says nothing that can be read.
    func read() -> Int64 {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard file >= 0 else { return 0 }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 32)
        let count = unsafe pread(file, &bytes, bytes.count, 0)
        guard count > 0 else { return 0 }
        let digits = bytes.prefix(count).prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
        return Int64(String(decoding: digits, as: UTF8.self)) ?? 0
    }

    /// Best effort: a position that is too low costs duplicates, never rows.
    func write(_ sequence: Int64) {
        let file = unsafe open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { return }
        defer { close(file) }
        let digits = "\(sequence)"
        let padded = Array((String(repeating: "0", count: max(0, 20 - digits.utf8.count)) + digits + "\n").utf8)
        _ = unsafe pwrite(file, padded, padded.count, 0)
    }
}
