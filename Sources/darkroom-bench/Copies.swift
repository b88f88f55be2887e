// A long list of jobs in the time of a short one: copies of a row of the database, as ended jobs.

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
            let own: Set = ["number", "id", "idempotency_key", "state", "ended_ms"]
            let others = try database.columns(in: "job").map(\.name).filter { !own.contains($0) }
            let names = others.joined(separator: ",")
            // An id is 26 digits; the first ten are the time of its making.
            try database.execute(
                sql: """
                    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
                    INSERT INTO job (id, state, ended_ms, \(names))
                      SELECT substr(id, 1, 10) || printf('%016d', i), 'cancelled', created_ms, \(names)
                      FROM (SELECT * FROM job ORDER BY number LIMIT 1), n
                    """, arguments: [count])
            return try Int.fetchOne(database, sql: "SELECT count(*) FROM job") ?? 0
        }
    }
}
