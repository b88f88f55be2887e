// A process that a test started and ends: by its own pid, never by name.

import Foundation
import Glibc

/// The programs that the build put beside the tests.
enum BuiltProduct {
    static let directory: String = {
        let path = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return URL(fileURLWithPath: path).deletingLastPathComponent().path
    }()

    static func path(of name: String) -> String { "\(directory)/\(name)" }
}

/// A child whose output goes to files, so that neither stream can block it.
final class ChildProcess {
    struct Output: Equatable {
        var status: Int32
        var standardOutput: String
        var standardError: String
    }

    private let process = Process()
    private let files: TemporaryDirectory

    init(_ path: String, _ arguments: [String], environment: [String: String]) throws {
        files = try TemporaryDirectory()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.environment = environment
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: try files.write("output", "")))
        process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: try files.write("error", "")))
        try process.run()
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    }

    var isRunning: Bool { process.isRunning }
    var standardErrorSoFar: String { read("error") }

    func signal(_ number: Int32) { kill(process.processIdentifier, number) }

    /// Waits for the end.
    func finish() -> Output {
        process.waitUntilExit()
        return Output(
            status: process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus,
            standardOutput: read("output"), standardError: read("error"))
    }

    static func run(_ path: String, _ arguments: [String], environment: [String: String]) throws -> Output {
        try ChildProcess(path, arguments, environment: environment).finish()
    }

    private func read(_ name: String) -> String {
        (try? String(contentsOfFile: files.file(name), encoding: .utf8)) ?? ""
    }
}
