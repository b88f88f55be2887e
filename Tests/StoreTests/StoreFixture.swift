// A real state directory for one test, and the rows that tests put into it.

import Foundation
import GRDB
import Store
import TestKit
import Wire

/// A directory that is removed with its last reference.
final class StateFixture: Sendable {
    private let directory: TemporaryDirectory
    /// Not there before the first `open`.
    var path: String { directory.file("state") }

    init() throws { directory = try TemporaryDirectory() }

    func open(at milliseconds: Int64 = 1000, fsync: Fsync = .system) throws -> Store {
        try Store(path: path, fsync: fsync, now: Timestamp(milliseconds: milliseconds))
    }

    /// Reads or edits behind the store's back.
    func edit<Value>(_ body: (Database) throws -> Value) throws -> Value {
        // The store may write at the same time, so this connection waits for its turn.
        var configuration = Configuration()
        configuration.busyMode = .timeout(10)
        return try DatabaseQueue(path: path + "/darkroom.sqlite", configuration: configuration).write(body)
    }
}

/// Keeps a file of these bytes; no row names it.
func keep(_ bytes: [UInt8], in store: Store) async throws -> String {
    let file = try store.artifacts.makeTemporary()
    try unsafe bytes.withUnsafeBytes { try unsafe file.write($0) }
    return try await file.keep().sha256
}

func time(_ milliseconds: Int64) -> Timestamp { Timestamp(milliseconds: milliseconds) }

let alice = Origin(uid: 1000, gid: 100, pid: 42, unit: "build.service", socket: "api")
let bob = Origin(uid: 2000, gid: 100, pid: 43, unit: nil, socket: "api")

func newJob(
    _ id: String, origin: Origin = alice, label: String? = nil, key: String? = nil, request: String = "{}",
    hold: Int64 = 500, at milliseconds: Int64 = 1000
) -> NewJob {
    NewJob(
        id: JobID(rawValue: id), origin: origin, priority: .interactive, label: label, project: "default",
        route: "native", model: JobModel(asked: "flash", sent: "gemini-x"), request: Array(request.utf8),
        idempotencyKey: key, requested: Requested(aspectRatio: "16:9"), warnings: [], created: time(milliseconds),
        deadline: time(milliseconds + 600_000), callCount: 1, holdMicros: hold)
}

func failure(_ id: String, _ kind: ErrorKind, charged: Charged, cost: Int64 = 0, at milliseconds: Int64 = 3000)
    -> FailedCall
{
    FailedCall(
        job: JobID(rawValue: id), call: 0, at: time(milliseconds),
        error: WireError(kind, "it failed", charged: charged, job: JobID(rawValue: id)), costMicros: cost, timing: nil)
}

func finished(_ id: String, _ sha256: String = "ab") -> FinishedCall {
    FinishedCall(
        job: JobID(rawValue: id), call: 0, at: time(3000),
        artifacts: [
            KeptArtifact(
                kind: .final,
                entry: ImageEntry(sha256: sha256, mimeType: "image/png", width: 16, height: 9, bytes: 3))
        ],
        text: "here", finishReason: "STOP", modelAnswered: "gemini-x",
        warnings: [Warning(.typeDiffers, "another type")],
        usage: Usage(promptTokens: 1, outputTokens: 2, imageTokens: 3, thoughtTokens: 4), costMicros: 300,
        basis: .usage, timing: Timing(queuedMs: 1, upstreamMs: 2, overheadMs: 3))
}
