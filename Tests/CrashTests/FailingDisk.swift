// A disk that fails when told to, under a real daemon: `failing.c`, compiled here and loaded before libc.

import Foundation
import Glibc
import TestKit

/// What of a daemon's file operations fails.
final class FailingDisk {
    enum Operation: Int32, CaseIterable { case write, fsync, open, rename, unlink, truncate }

    /// The places of `struct plan`, each an `int`.
    private enum Field: Int { case operations, left, error, isLasting, struck, seen }

    private let directory: TemporaryDirectory
    private let descriptor: Int32
    private var path: String { directory.file("plan") }

    struct NotCompiled: Error { let output: ChildProcess.Output }

    private static let library = Result { () throws -> (TemporaryDirectory, String) in
        let directory = try TemporaryDirectory()
        let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "failing.c").path
        let library = directory.file("failing.so")
        let output = try ChildProcess.run(
            "/usr/bin/env",
            ["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o", library, source, "-ldl"])
        guard output.status == 0 else { throw NotCompiled(output: output) }
        return (directory, library)
    }

    init() throws {
        directory = try TemporaryDirectory()
        _ = try directory.write("plan", String(repeating: "\0", count: 64))
        descriptor = unsafe Glibc.open(directory.file("plan"), O_RDWR | O_CLOEXEC)
    }

    deinit { close(descriptor) }

    /// What a daemon's environment has to hold; only files below the path are looked at.
    func environment(below path: String) throws -> [String: String] {
        ["LD_PRELOAD": try Self.library.get().1, "FAILING_PLAN": self.path, "FAILING_BELOW": path]
    }

    /// Lets the n-th of some operations from now on fail.
    ///
    /// - Parameters:
    ///   - operations: Which are counted.
    ///   - number: From 1.
    ///   - error: An errno; 0 ends the process before the operation.
    ///   - isLasting: Whether all that follow fail too.
    func fail(_ operations: [Operation], number: Int, error: Int32, isLasting: Bool = false) {
        self[.operations] = 0
        self[.struck] = 0
        self[.seen] = 0
        self[.left] = Int32(number)
        self[.error] = error
        self[.isLasting] = isLasting ? 1 : 0
        self[.operations] = operations.reduce(0) { $0 | 1 << $1.rawValue }
    }

    func heal() { self[.operations] = 0 }

    /// How many operations have failed since `fail`.
    var struckCount: Int { Int(self[.struck]) }

    private subscript(field: Field) -> Int32 {
        get {
            var value: Int32 = 0
            _ = unsafe pread(descriptor, &value, 4, field.rawValue * 4)
            return value
        }
        set {
            var value = newValue
            _ = unsafe pwrite(descriptor, &value, 4, field.rawValue * 4)
        }
    }
}
