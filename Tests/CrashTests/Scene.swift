// A simulator, a state directory, and one daemon after the other on it.

import Foundation
import GRDB
import Glibc
import TestKit
import Testing
import Wire

/// Where the daemons of one test run, one after the other.
final class Scene {
    let simulator: RunningSimulator
    let directory: TemporaryDirectory
    private let configuration: String

    var state: String { directory.file("state") }
    var socket: String { directory.file("s") }

    /// - Parameters:
    ///   - simulator: What they ask.
    ///   - extra: Keys of the configuration before the project's.
    ///   - project: Keys of the project.
    ///   - directory: A directory of its own when absent.
    /// - Throws: When there can be no directory.
    init(
        _ simulator: RunningSimulator, extra: String = "", project: String = "", directory: TemporaryDirectory? = nil
    ) throws {
        self.simulator = simulator
        self.directory = try directory ?? TemporaryDirectory()
        configuration = RunningDaemon.configuration(simulator, extra: extra, project: project)
    }

    /// Starts a daemon, which ends at a fault point when one is named.
    func start(_ fault: String? = nil, environment: [String: String] = [:]) throws -> RunningDaemon {
        var environment = environment
        if let fault { environment["DARKROOM_FAULT"] = "\(fault):kill" }
        return try RunningDaemon(configuration: configuration, directory: directory, environment: environment)
    }

    /// Reads or edits the database while no daemon runs.
    func edit<Value>(_ body: (Database) throws -> Value) throws -> Value {
        let database = try DatabaseQueue(path: state + "/darkroom.sqlite")
        defer { try? database.close() }
        return try database.write(body)
    }

    /// Decides about every job of unknown outcome, starts once more, and waits until what no row names is gone.
    ///
    /// - Returns: The files that are left all the same.
    func orphansOfTheNextRun() throws -> [String] {
        try edit { database in
            // As `job.resolve` with `charged` false leaves it; a daemon would need an admin for it.
            try database.execute(
                sql: "UPDATE hold SET state = 'released', released_micros = held_micros WHERE state = 'held'")
        }
        let daemon = try start()
        defer { daemon.crash() }
        for _ in 0..<100 {
            let orphans = try Books.orphans(of: state)
            if orphans.isEmpty { return [] }
            // The sweep tells nobody that it is through.
            usleep(50_000)
        }
        return try Books.orphans(of: state)
    }
}

extension ChildProcess.Output {
    /// Ended by SIGKILL, and not by a test that lost its patience.
    var wasKilled: Bool { status == 128 + SIGKILL && !standardError.contains("killed by the test") }
}

/// A whole PNG of one pixel, as an input of a request.
let onePixel = """
    ,"inputs":[{"data":"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="}]
    """
