// A long list of jobs in the time of a short one: copies of a row of the database, as jobs that are done, each with the
// rows that a job of one image has.

import GRDB

enum Copies {
    /// Copies the oldest job until there are so many more jobs.
    ///
    /// - Parameters:
    ///   - count: How many copies.
    ///   - state: The state directory, which no daemon has open.
    /// - Returns: How many jobs there are then.
    /// - Throws: What the database says.
    static func end(_ count: Int, in state: String) throws -> Int {
        let database = try DatabaseQueue(path: state + "/darkroom.sqlite")
        return try database.write { database in
            let own: Set = [
                "number", "id", "idempotency_key", "state", "ended_ms", "started_ms", "attempts", "cost_micros",
                "cost_basis", "queued_ms", "upstream_ms", "overhead_ms", "model_answered", "finish_reason",
            ]
            let others = try database.columns(in: "job").map(\.name).filter { !own.contains($0) }
            let names = others.joined(separator: ",")
            // An id is 26 digits; the first ten are the time of its making.
            try database.execute(
                sql: """
                    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
                    INSERT INTO job (id, state, ended_ms, started_ms, attempts, cost_micros, cost_basis, queued_ms,
                        upstream_ms, overhead_ms, model_answered, finish_reason, \(names))
                      SELECT substr(id, 1, 10) || printf('%016d', i), 'done', created_ms, created_ms, 1, 67800, 'usage',
                        3, 11842, 4, model_sent, 'STOP', \(names)
                      FROM (SELECT * FROM job ORDER BY number LIMIT 1), n
                    """, arguments: [count])
            try database.execute(
                sql: """
                    INSERT INTO call (job, number, state, attempts, sent_ms, ended_ms)
                      SELECT number, 0, 'done', 1, started_ms, ended_ms FROM job WHERE state = 'done';
                    INSERT INTO hold (job, call, state, held_micros, settled_micros, released_micros, made_ms, ended_ms)
                      SELECT number, 0, 'settled', 71200, 67800, 3400, created_ms, ended_ms FROM job WHERE state = 'done';
                    INSERT INTO usage (job, call, at_ms, uid, project, model, prompt_tokens, output_tokens, image_tokens,
                        thought_tokens, images, cost_micros, basis)
                      SELECT number, 0, ended_ms, uid, project, model_sent, 12, 1318, 1120, 186, 1, 67800, 'usage'
                      FROM job WHERE state = 'done';
                    INSERT INTO artifact (job, call, position, kind, sha256, mime_type, width, height, bytes, uid, made_ms)
                      SELECT number, 0, 0, 'final', printf('%064d', number), 'image/jpeg', 1376, 768, 812345, uid, ended_ms
                      FROM job WHERE state = 'done'
                    """)
            return try Int.fetchOne(database, sql: "SELECT count(*) FROM job") ?? 0
        }
    }
}
