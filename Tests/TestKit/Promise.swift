// A test says which of the README's promises it backs, and a run of the tests writes down which did: the README's table
// is made of that file, by Packaging/promises.

import Foundation
package import Testing

/// What the README promises, by its number there.
package enum Promise: Int, Sendable {
    case noClientHoldsAKey = 1
    case nothingIsDroppedInSilence
    case paidForOnceAndKept
    case noLimitIsCrossed
    case theMemoryOfABuffer
    case everyActIsOnRecord
}

/// The trait of a test that backs a promise.
package struct Backing: TestTrait, TestScoping {
    let promise: Promise

    /// Runs the test, and then appends a line to the file that `DARKROOM_PROMISES` names: the promise's number, the test's
    /// name and its file, with tabs between.
    package func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        try await function()
        guard let path = ProcessInfo.processInfo.environment["DARKROOM_PROMISES"] else { return }
        let name = test.name.prefix { $0 != "(" }
        let line = "\(promise.rawValue)\t\(name)\t\(test.sourceLocation.fileID)\n"
        let file = try #require(FileHandle(forWritingAtPath: path), "\(path) cannot be written")
        try file.seekToEnd()
        try file.write(contentsOf: Data(line.utf8))
        try file.close()
    }
}

extension Trait where Self == Backing {
    /// This test fails when the promise is broken.
    package static func backs(_ promise: Promise) -> Backing { Backing(promise: promise) }
}
