// What has to be true of a state directory whatever ended its daemon: asked of the database, the files, the simulator
// and the audit chain, none of them through the daemon's own code.

import Foundation
import GRDB
import TestKit
import Testing
import Wire

/// The count of a run's jobs and of what went wrong with them.
struct Books {
    private(set) var jobs = 0
    private(set) var states: [String: Int] = [:]
    /// Accepted and not there, or an image that was answered and is not there.
    private(set) var lost: [String] = []
    /// Sent to upstream more than once.
    private(set) var doubled: [String] = []
    /// Whatever else does not fit together.
    private(set) var wrong: [String] = []

    var isClean: Bool { lost.isEmpty && doubled.isEmpty && wrong.isEmpty }

    /// One row for a table, behind its first column.
    var row: String {
        let ends = ["done", "failed", "cancelled", "unknown"].map { "\(states[$0] ?? 0)" }.joined(separator: " | ")
        return "\(jobs) | \(ends) | \(lost.count) | \(doubled.count) | \(wrong.count)"
    }

    static let heading = "jobs | done | failed | cancelled | unknown | lost | doubled | wrong"

    /// Audits a state directory on which nothing is under way.
    ///
    /// - Parameters:
    ///   - state: The state directory; a daemon may have it open.
    ///   - calls: How often upstream was asked for each prompt.
    ///   - accepted: The ids that clients were told.
    ///   - answered: The images that clients were told, by sha256.
    ///   - mayBeRefused: Part of the prompts that upstream refused at first, at no charge.
    /// - Throws: When the database or the files cannot be read.
    init(
        of state: String, calls: [String: Int], accepted: Set<JobID> = [], answered: Set<String> = [],
        mayBeRefused: String? = nil
    ) throws {
        var configuration = Configuration()
        configuration.readonly = true
        configuration.busyMode = .timeout(10)
        let database = try DatabaseQueue(path: state + "/darkroom.sqlite", configuration: configuration)
        try database.read { database in
            try count(database, accepted, calls, mayBeRefused)
            try check(database)
            try checkFiles(database, state + "/artifacts", answered)
        }
        try database.close()
        let audit = try ChildProcess.run(
            BuiltProduct.path(of: "darkroomd"), ["--verify-audit", "--state", state])
        if audit.status != 0 { wrong.append("the audit chain: \(audit)") }
    }

    private mutating func count(
        _ database: Database, _ accepted: Set<JobID>, _ calls: [String: Int], _ mayBeRefused: String?
    ) throws {
        let rows = try Row.fetchAll(
            database,
            sql: """
                SELECT id, state, json_extract(request, '$.prompt'), started_ms IS NOT NULL OR reused_from IS NOT NULL,
                  (SELECT count(*) FROM call WHERE call.job = job.number),
                  (SELECT count(*) FROM audit WHERE audit.job = job.id AND event IN ('ended','cancelled')) FROM job
                """)
        jobs = rows.count
        for row in rows {
            let id: String = row[0]
            let state: String = row[1]
            let prompt: String = row[2]
            let asked = calls[prompt] ?? 0
            let callCount: Int = row[4]
            states[state, default: 0] += 1
            let isEnded = ["done", "failed", "cancelled", "unknown"].contains(state)
            if isEnded, row[5] as Int != callCount { wrong.append("\(id) has \(row[5] as Int) ends in the audit") }
            if asked > callCount, mayBeRefused.map({ !prompt.contains($0) }) ?? true {
                doubled.append("\(id), asked \(asked) times")
            }
            if state == "done", asked < callCount { wrong.append("\(id) is done without having been asked") }
            if state == "cancelled" || state == "queued", asked > 0 { wrong.append("\(id) is \(state) and was asked") }
            if asked > 0, !(row[3] as Bool) { wrong.append("\(id) was asked before it was written as sent") }
        }
        let known = Set(rows.map { $0[0] as String })
        lost += accepted.filter { !known.contains($0.rawValue) }.map { "\($0) was accepted and is not there" }
    }

    private mutating func check(_ database: Database) throws {
        let integrity = try String.fetchAll(database, sql: "PRAGMA integrity_check")
        if integrity != ["ok"] { wrong += integrity }
        let claims = [
            "a row without its job": "SELECT count(*) FROM pragma_foreign_key_check",
            "an ended call whose hold is open": """
            SELECT count(*) FROM hold JOIN call ON call.job = hold.job AND call.number = hold.call
              WHERE hold.state = 'held' AND call.state IN ('done','failed','cancelled')
            """,
            "an open call without its hold": """
            SELECT count(*) FROM call LEFT JOIN hold ON call.job = hold.job AND call.number = hold.call
              WHERE call.state IN ('queued','waiting','sent','receiving') AND hold.state IS NOT 'held'
            """,
            "a hold that is not its usage": """
            SELECT count(*) FROM hold LEFT JOIN usage ON usage.job = hold.job AND usage.call = hold.call
              WHERE hold.state <> 'held' AND hold.settled_micros <> coalesce(usage.cost_micros, 0)
            """,
            "usage while the money is held": """
            SELECT count(*) FROM usage JOIN hold ON usage.job = hold.job AND usage.call = hold.call
              WHERE hold.state = 'held'
            """,
            "a done call without its one image": """
            SELECT count(*) FROM call WHERE state = 'done' AND 1 <>
              (SELECT count(*) FROM artifact WHERE artifact.job = call.job AND call = call.number AND kind = 'final')
            """,
            "a job that has ended before its calls": """
            SELECT count(*) FROM job JOIN call ON call.job = job.number
              WHERE job.ended_ms IS NOT NULL AND call.ended_ms IS NULL
            """,
            "a job that goes on after its calls": """
            SELECT count(*) FROM job WHERE ended_ms IS NULL AND NOT EXISTS
              (SELECT 1 FROM call WHERE call.job = job.number AND ended_ms IS NULL)
            """,
        ]
        for (claim, sql) in claims {
            let count = try Int.fetchOne(database, sql: sql) ?? -1
            if count != 0 { wrong.append("\(claim): \(count)") }
        }
    }

    private mutating func checkFiles(_ database: Database, _ folder: String, _ answered: Set<String>) throws {
        let rows = try Row.fetchAll(
            database, sql: "SELECT sha256, bytes FROM artifact UNION SELECT sha256, bytes FROM input")
        let known = Set(rows.map { $0[0] as String })
        lost += answered.subtracting(known).map { "\($0) was answered and has no row" }
        let sums = try Self.sums(in: folder)
        for row in rows {
            let name: String = row[0]
            guard let file = sums[name] else {
                lost.append("the file \(name)")
                continue
            }
            if file.sha256 != name || file.bytes != row[1] as Int { wrong.append("\(name) has other bytes") }
        }
    }

    /// The files of a folder of artifacts, by name, with what they hold.
    private static func sums(in folder: String) throws -> [String: (sha256: String, bytes: Int)] {
        let text = try ChildProcess.python(
            """
            import hashlib, os, sys
            for folder, _, names in os.walk(sys.argv[1]):
                for name in names:
                    try:
                        data = open(os.path.join(folder, name), "rb").read()
                    except FileNotFoundError:
                        continue  # swept meanwhile
                    print(name, hashlib.sha256(data).hexdigest(), len(data))
            """, folder)
        var sums: [String: (sha256: String, bytes: Int)] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            sums[words[0]] = (words[1], Int(words[2]) ?? -1)
        }
        return sums
    }

    /// The files that no row names.
    static func orphans(of state: String) throws -> [String] {
        let files = try sums(in: state + "/artifacts").keys
        let named = try DatabaseQueue(path: state + "/darkroom.sqlite").read { database in
            try Set(String.fetchAll(database, sql: "SELECT sha256 FROM artifact UNION SELECT sha256 FROM input"))
        }
        let temporary = try FileManager.default.contentsOfDirectory(atPath: state + "/temporary")
        return files.filter { !named.contains($0) } + temporary
    }
}

extension RunningSimulator {
    /// How often each prompt came, on any route that draws.
    func calls() throws -> [String: Int] {
        var calls: [String: Int] = [:]
        for request in try generations() {
            guard case .string(let prompt)? = request["prompt"] else { continue }
            calls[prompt, default: 0] += 1
        }
        return calls
    }
}
