// From every schema there was, with data in it, to today's; each is the frozen text of its migrations, so that a change
// of one that has shipped is found out.

import Foundation
import GRDB
import Store
import Testing
import Wire

struct EarlierSchemaTests {
    /// Migrations after the first, as they shipped.
    private static let migrations = [
        firstSchema,
        """
        ALTER TABLE job ADD COLUMN continues TEXT;
        ALTER TABLE job ADD COLUMN grounding TEXT;
        ALTER TABLE job ADD COLUMN reuse_hash BLOB;
        ALTER TABLE job ADD COLUMN reused_from TEXT;
        ALTER TABLE job ADD COLUMN saved_micros INTEGER;
        CREATE INDEX job_reusable ON job(uid, reuse_hash, number) WHERE state = 'done';
        CREATE TABLE turn (
          job INTEGER NOT NULL REFERENCES job(number) ON DELETE CASCADE,
          call INTEGER NOT NULL,
          content BLOB NOT NULL,
          PRIMARY KEY (job, call)
        );
        """,
        """
        CREATE TABLE usage_of_ended (
          job INTEGER NOT NULL,
          call INTEGER NOT NULL,
          at_ms INTEGER NOT NULL, uid INTEGER NOT NULL, project TEXT NOT NULL, model TEXT NOT NULL,
          prompt_tokens INTEGER, output_tokens INTEGER, image_tokens INTEGER, thought_tokens INTEGER,
          images INTEGER NOT NULL, cost_micros INTEGER NOT NULL, basis TEXT NOT NULL,
          PRIMARY KEY (job, call)
        ) WITHOUT ROWID;
        INSERT INTO usage_of_ended SELECT job, call, at_ms, uid, project, model, prompt_tokens, output_tokens,
          image_tokens, thought_tokens, images, cost_micros, basis FROM usage;
        DROP TABLE usage;
        ALTER TABLE usage_of_ended RENAME TO usage;
        CREATE INDEX usage_at ON usage(at_ms);
        """,
        """
        ALTER TABLE job ADD COLUMN input_tokens INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE job ADD COLUMN budgets TEXT;
        ALTER TABLE usage ADD COLUMN budgets TEXT;
        ALTER TABLE call ADD COLUMN project TEXT;
        CREATE INDEX call_sent ON call(sent_ms) WHERE sent_ms IS NOT NULL;
        CREATE TABLE paused (
          project TEXT NOT NULL PRIMARY KEY,
          since_ms INTEGER NOT NULL
        ) WITHOUT ROWID;
        """,
        """
        ALTER TABLE job ADD COLUMN overflow TEXT;
        ALTER TABLE job ADD COLUMN home TEXT;
        ALTER TABLE job ADD COLUMN concurrency INTEGER;
        ALTER TABLE job ADD COLUMN cancel_asked_ms INTEGER;
        CREATE INDEX job_cancel_asked ON job(id) WHERE cancel_asked_ms IS NOT NULL AND ended_ms IS NULL;
        CREATE TABLE gate (
          project TEXT NOT NULL,
          model TEXT NOT NULL,
          until_ms INTEGER NOT NULL,
          patience_ms INTEGER,
          is_of_calendar INTEGER NOT NULL,
          error TEXT NOT NULL,
          PRIMARY KEY (project, model)
        ) WITHOUT ROWID;
        CREATE TABLE learnt (
          project TEXT NOT NULL,
          model TEXT NOT NULL,
          kind TEXT NOT NULL,
          value INTEGER NOT NULL,
          until_ms INTEGER NOT NULL,
          PRIMARY KEY (project, model, kind)
        ) WITHOUT ROWID;
        CREATE TABLE sent_before (
          minute INTEGER NOT NULL,
          project TEXT NOT NULL,
          model TEXT NOT NULL,
          is_bulk INTEGER NOT NULL,
          sent_ms INTEGER NOT NULL,
          requests INTEGER NOT NULL, input_tokens INTEGER NOT NULL, cost_micros INTEGER NOT NULL,
          PRIMARY KEY (minute, project, model, is_bulk)
        ) WITHOUT ROWID;
        CREATE TABLE upload (
          project TEXT NOT NULL,
          sha256 TEXT NOT NULL,
          name TEXT NOT NULL,
          uri TEXT NOT NULL,
          expires_ms INTEGER NOT NULL,
          PRIMARY KEY (project, sha256)
        ) WITHOUT ROWID;
        CREATE TABLE key (
          project TEXT NOT NULL PRIMARY KEY,
          salt BLOB NOT NULL,
          digest BLOB NOT NULL
        ) WITHOUT ROWID;
        """,
    ]

    /// What was there: a job that is done, one that waits, one that was under way, one whose outcome is open.
    private static let rows = """
        INSERT INTO job (number, id, uid, gid, pid, socket, state, priority, project, route, model_asked, model_sent,
          request, request_hash, idempotency_key, created_ms, deadline_ms, ended_ms, cost_micros, cost_basis)
        VALUES
          (1, 'a', 1000, 100, 1, 'api', 'done', 'interactive', 'default', 'native', 'flash', 'gemini-x',
            '{"prompt":"a"}', x'00', 'key', 1000, 9000, 2000, 300, 'usage'),
          (2, 'b', 1000, 100, 1, 'api', 'queued', 'bulk', 'default', 'native', 'flash', 'gemini-x',
            '{"prompt":"b"}', x'00', NULL, 1000, 9000, NULL, NULL, NULL),
          (3, 'c', 1000, 100, 1, 'api', 'sent', 'interactive', 'default', 'native', 'flash', 'gemini-x',
            '{"prompt":"c"}', x'00', NULL, 1000, 9000, NULL, NULL, NULL),
          (4, 'd', 1000, 100, 1, 'api', 'unknown', 'interactive', 'default', 'native', 'flash', 'gemini-x',
            '{"prompt":"d"}', x'00', NULL, 1000, 9000, 2000, 500, 'hold');
        INSERT INTO call (job, number, state, ended_ms) VALUES
          (1, 0, 'done', 2000), (2, 0, 'queued', NULL), (3, 0, 'sent', NULL), (4, 0, 'unknown', 2000);
        INSERT INTO hold (job, call, state, held_micros, settled_micros, released_micros, made_ms) VALUES
          (1, 0, 'settled', 500, 300, 200, 1000), (2, 0, 'held', 500, 0, 0, 1000), (3, 0, 'held', 500, 0, 0, 1000),
          (4, 0, 'held', 500, 0, 0, 1000);
        INSERT INTO usage (job, call, at_ms, uid, project, model, prompt_tokens, output_tokens, image_tokens,
          thought_tokens, images, cost_micros, basis)
          VALUES (1, 0, 2000, 1000, 'default', 'gemini-x', 1, 2, 3, 4, 1, 300, 'usage');
        INSERT INTO artifact VALUES (1, 0, 0, 'final', 'ab', 'image/png', 16, 9, 3, 1000, 2000);
        """

    private func state(ofSchema number: Int) throws -> StateFixture {
        let state = try StateFixture()
        try FileManager.default.createDirectory(atPath: state.path, withIntermediateDirectories: true)
        let database = try DatabaseQueue(path: state.path + "/darkroom.sqlite")
        var migrator = DatabaseMigrator()
        for (index, sql) in Self.migrations.prefix(number).enumerated() {
            migrator.registerMigration("\(index + 1)") { try $0.execute(sql: sql) }
        }
        try migrator.migrate(database)
        try database.write { try $0.execute(sql: Self.rows) }
        try database.close()
        return state
    }

    @Test(arguments: 1...5) func everyJobOfAnEarlierSchemaIsWhatItWas(number: Int) async throws {
        let state = try state(ofSchema: number)
        let store = try state.open(at: 5000)
        let done = try #require(try await store.job(JobID(rawValue: "a"))).result
        #expect(done.state == .done && done.cost == Cost(micros: 300, basis: .usage))
        #expect(done.images == [ImageEntry(sha256: "ab", mimeType: "image/png", width: 16, height: 9, bytes: 3)])
        #expect(done.usage == Usage(promptTokens: 1, outputTokens: 2, imageTokens: 3, thoughtTokens: 4))
        #expect(store.lostAtStart == [JobID(rawValue: "c")])
        #expect(try await store.openJobs().jobs.map(\.id.rawValue) == ["b"])
        #expect(try await store.unknownCount() == 2)
        // Its jobs live on as today's do.
        #expect(try await store.start(JobID(rawValue: "b"), call: 0, at: time(5000)))
        #expect(try await store.finish(finished("b"))?.state == .done)
        let resolved = try await store.resolve(JobID(rawValue: "d"), charged: true, at: time(6000), by: alice)
        guard case .settled(let result, _) = resolved else {
            Issue.record("\(resolved)")
            return
        }
        #expect(result.cost == Cost(micros: 500, basis: .hold))
        let (integrity, strangers, spent) = try state.edit { database in
            (
                try String.fetchAll(database, sql: "PRAGMA integrity_check"),
                try Int.fetchOne(database, sql: "SELECT count(*) FROM pragma_foreign_key_check"),
                try Int.fetchOne(database, sql: "SELECT sum(cost_micros) FROM usage")
            )
        }
        #expect(integrity == ["ok"] && strangers == 0 && spent == 1100)
        #expect(try await store.verifyAudit().firstBroken == nil)
    }

    /// A migration that has shipped is never edited: today's schema after as many migrations is the frozen one.
    @Test(arguments: 1...5) func theMigrationsAreAsTheyShipped(number: Int) throws {
        let today = try StateFixture()
        try FileManager.default.createDirectory(atPath: today.path, withIntermediateDirectories: true)
        try Store.migrate(at: today.path + "/darkroom.sqlite", upTo: "\(number)")
        #expect(try schema(of: today) == schema(of: try state(ofSchema: number)))
    }

    /// Every table and index, as SQLite has them after all that was altered.
    private func schema(of state: StateFixture) throws -> [String] {
        try state.edit { database in
            let texts = try String.fetchAll(
                database, sql: "SELECT type || ' ' || name || ': ' || coalesce(sql, '') FROM sqlite_master ORDER BY 1")
            // The frozen text is indented otherwise.
            return texts.map { $0.split(whereSeparator: \.isWhitespace).joined(separator: " ") }
        }
    }

    @Test func aNewerSchemaIsRefusedAndLeftAsItIs() throws {
        let state = try StateFixture()
        try state.open().close()
        try state.edit { try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('999')") }
        #expect(throws: StoreError.newerSchema) { try state.open() }
        #expect(
            try state.edit { try String.fetchAll($0, sql: "SELECT identifier FROM grdb_migrations") }.contains("999"))
    }
}
