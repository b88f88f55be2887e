// Where images go, as -o said it; looked at before anything is asked for, since an image that has no place to go is
// paid for all the same.

import Glibc

enum OutputTarget: Equatable {
    /// `-o -`
    case standardOutput
    /// A file, or a name for one that is not there yet; several images get numbers, where `{n}` is or at the end.
    case file(String)
    /// Something that is there and is no regular file, as a pipe or /dev/null: written to, never replaced.
    case node(String)
    /// A directory, with its slash, or empty for the current one: the images are named by job or sha256.
    case directory(String)

    /// - Throws: `CommandError` when nothing can be written there.
    init(_ option: String?) throws(CommandError) {
        guard let option, !option.isEmpty else {
            try Self.requireWritable(".", for: ".")
            self = .directory("")
            return
        }
        if option == "-" {
            guard isatty(STDOUT_FILENO) == 0 else {
                throw CommandError(
                    .usage, "the bytes of an image do not belong on a terminal",
                    hint: "-o FILE, or pipe the output into something")
            }
            self = .standardOutput
            return
        }
        var status = stat()
        let isThere = unsafe stat(option, &status) == 0
        switch isThere ? status.st_mode & S_IFMT : 0 {
        case S_IFDIR:
            try Self.requireWritable(option, for: option)
            self = .directory(option.hasSuffix("/") ? option : option + "/")
        case S_IFREG, 0:
            guard !option.hasSuffix("/") else { throw .cannotWrite(option, ENOENT, hint: "mkdir -p \(quoted(option))") }
            try Self.requireWritable(Self.directory(of: option), for: option)
            self = .file(option)
        default: self = .node(option)
        }
    }

    /// `pictures` of `pictures/cat.png`; `.` when there is none.
    static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private static func requireWritable(_ directory: String, for path: String) throws(CommandError) {
        guard unsafe access(directory, W_OK | X_OK) == 0 else { throw .cannotWrite(path, errno) }
    }
}

/// A word as a shell takes it whole.
func quoted(_ word: String) -> String {
    let isPlain = word.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "/"), UInt8(ascii: "-"),
            UInt8(ascii: "_"):
            true
        default: false
        }
    }
    guard !isPlain else { return word }
    return "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
}
