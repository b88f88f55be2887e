import Foundation
import Testing
import TestKit

/// What the linker put into the command; the build's own check of imports does not see what an import brings along.
@Suite struct LinkTests {
    private static let command = BuiltProduct.path(of: "darkroom")

    @Test func theCommandLoadsNothingButTheStandardLibraryAndFoundationEssentials() throws {
        let outcome = try Tool("readelf").run(["--dynamic", "--wide", Self.command])
        try #require(outcome.status == 0, "\(outcome)")
        let libraries = outcome.standardOutput.split(separator: "\n").compactMap { line -> String? in
            guard line.contains("(NEEDED)"), let start = line.firstIndex(of: "["), let end = line.lastIndex(of: "]")
            else { return nil }
            return String(line[line.index(after: start)..<end])
        }
        #expect(!libraries.isEmpty)
        let allowed: Set = [
            "libFoundationEssentials.so", "libBlocksRuntime.so", "libdispatch.so", "libc.so.6", "libm.so.6",
            "libgcc_s.so.1", "libstdc++.so.6", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1",
        ]
        // The full Foundation would bring libicu's 30 MB of data into every start of a command.
        #expect(libraries.filter { !allowed.contains($0) && !$0.hasPrefix("libswift") } == [])
    }

    @Test func theCommandHoldsNoNetworkStackAndNoDatabase() throws {
        let outcome = try Tool("nm").run(["--format=just-symbols", Self.command])
        try #require(outcome.status == 0, "\(outcome)")
        let symbols = outcome.standardOutput.split(separator: "\n")
        // Its own symbols are there, so a stripped binary does not pass for a clean one.
        #expect(symbols.contains { $0.contains("s6Client") })
        let foreign = [
            "7NIOCore", "8NIOPosix", "6NIOSSL", "15AsyncHTTPClient", "4GRDB", "sqlite3_", "CNIO", "s6Gemini",
        ]
        for name in foreign {
            #expect(symbols.first { $0.contains(name) } == nil)
        }
    }
}
