// The benchmarks: Darkroom beside what people use today, on the same work, in the same run.

import ArgumentParser
import Glibc

@main
struct DarkroomBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "darkroom-bench",
        abstract: "Measure Darkroom beside what people use today.",
        subcommands: [
            CompareCommand.self, HoldCommand.self, QuotaCommand.self, AdmitCommand.self, TrickleCommand.self,
            TrickleClientsCommand.self, DurabilityCommand.self,
        ])
}

/// What stops a benchmark, in a sentence for the person who started it.
struct BenchError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }

    /// What the last system call said.
    static func system(_ what: String) -> BenchError {
        BenchError("\(what): \(unsafe String(cString: strerror(errno)))")
    }
}
