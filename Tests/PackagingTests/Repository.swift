// The checkout that these tests look at, and the tools that they look with.

import Foundation
import Testing
import TestKit

/// The repository's files.
enum Repository {
    /// The top level, found from this file's own path: tests run where they were built.
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    /// Every Swift file under a folder, as paths from the top level, sorted.
    static func swiftFiles(under folder: String) throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: root.appending(path: folder).path)
            .filter { $0.hasSuffix(".swift") }.sorted().map { "\(folder)/\($0)" }
    }
}

/// A tool of the system that a check needs; a test without it is skipped by name, never passed in silence.
struct Tool {
    let name: String
    /// Where it is, or nothing.
    let path: String?

    init(_ name: String) {
        self.name = name
        let directories = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":")
        path = directories.map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    var isInstalled: Bool { path != nil }

    /// Runs the tool to its end.
    func run(_ arguments: [String]) throws -> ChildProcess.Output {
        try ChildProcess.run(
            try #require(path, "\(name) is not installed"), arguments,
            // What steers the daemon, the command or the build must not steer a tool.
            environment: ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("DARKROOM_") })
    }
}
