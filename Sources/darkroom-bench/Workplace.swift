// Where the benchmark keeps its files, and where it finds the programs that it runs.

import FoundationEssentials
import Glibc

/// Directories of one run; removed at its end.
struct Workplace: Sendable {
    /// On a file system with fsyncs that cost something; the recorded answers stay here for the next run.
    let disk: String
    /// In memory.
    let memory: String
    /// Where the benchmark's own executable lies, and the others beside it.
    private let programs: String

    init(work: String?) throws {
        let root = work ?? FileManager.default.temporaryDirectory.appending(path: "darkroom-bench").path
        disk = "\(root)/run-\(getpid())"
        memory = "/dev/shm/darkroom-bench-\(getpid())"
        answers = "\(root)/answers"
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        programs = URL(filePath: own).deletingLastPathComponent().path
        for directory in [disk, memory] {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        }
    }

    /// The recorded answers, kept from run to run.
    let answers: String

    /// The benchmark's own executable, for the children that are it.
    var own: String { get throws { try program("darkroom-bench") } }

    /// A program that was built with the benchmark.
    func program(_ name: String) throws -> String {
        let path = "\(programs)/\(name)"
        guard FileManager.default.isExecutableFile(atPath: path) else {
            throw BenchError("\(path) is not there; build it with: swift build -c release --product \(name)")
        }
        return path
    }

    /// A program on the search path, or nil.
    static func installed(_ name: String) -> String? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        let directories = path.split(separator: ":").map(String.init) + ["/usr/sbin", "/sbin"]
        return directories.map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// A new directory on one of the two file systems.
    func directory(_ name: String, in place: StatePlace = .disk) throws -> String {
        let path = "\(place == .disk ? disk : memory)/\(name)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }

    func write(_ text: String, to path: String) throws { try Data(text.utf8).write(to: URL(filePath: path)) }

    func remove() {
        for directory in [disk, memory] { try? FileManager.default.removeItem(atPath: directory) }
    }
}
