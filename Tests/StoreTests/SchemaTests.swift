// An older database, with jobs in it, becomes one of today.

import Foundation
import GRDB
import Store
import Testing
import Wire

struct SchemaTests {
    @Test func aDatabaseOfTheFirstSchemaKeepsItsJobs() async throws {
        let state = try StateFixture()
        try FileManager.default.createDirectory(atPath: state.path, withIntermediateDirectories: true)
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { try $0.execute(sql: firstSchema) }
        try migrator.migrate(try DatabaseQueue(path: state.path + "/darkroom.sqlite"))
        try state.edit { database in
            try database.execute(
                sql: """
                    INSERT INTO job (number, id, uid, gid, pid, socket, state, priority, project, route, model_asked,
                      model_sent, request, request_hash, created_ms, deadline_ms, ended_ms, cost_micros, cost_basis)
                    VALUES (1, 'a', 1000, 100, 1, 'api', 'done', 'interactive', 'default', 'native', 'flash', 'gemini-x',
                        '{"prompt":"a cat"}', x'00', 1000, 9000, 2000, 300, 'usage'),
                      (2, 'b', 1000, 100, 1, 'api', 'queued', 'bulk', 'default', 'native', 'flash', 'gemini-x',
                        '{"prompt":"a dog"}', x'00', 1000, 9000, NULL, NULL, NULL);
                    INSERT INTO call (job, number, state) VALUES (1, 0, 'done'), (2, 0, 'queued');
                    INSERT INTO hold (job, call, state, held_micros, settled_micros, released_micros, made_ms)
                      VALUES (1, 0, 'settled', 500, 300, 200, 1000), (2, 0, 'held', 500, 0, 0, 1000);
                    INSERT INTO usage (job, call, at_ms, uid, project, model, prompt_tokens, output_tokens,
                      image_tokens, thought_tokens, images, cost_micros, basis)
                      VALUES (1, 0, 2000, 1000, 'default', 'gemini-x', 1, 2, 3, 4, 1, 300, 'usage');
                    INSERT INTO artifact VALUES (1, 0, 0, 'final', 'ab', 'image/png', 16, 9, 3, 1000, 2000);
                    """)
        }
        let store = try state.open()
        let done = try #require(try await store.job(JobID(rawValue: "a"))).result
        #expect(done.images == [ImageEntry(sha256: "ab", mimeType: "image/png", width: 16, height: 9, bytes: 3)])
        #expect(done.usage == Usage(promptTokens: 1, outputTokens: 2, imageTokens: 3, thoughtTokens: 4))
        #expect(done.state == .done && !done.reused && done.continues == nil)
        #expect(done.cost == Cost(micros: 300, basis: .usage))
        let open = try await store.openJobs().jobs
        #expect(open.map(\.id.rawValue) == ["b"] && open.map(\.priority) == [.bulk])
        #expect(try await store.start(JobID(rawValue: "b"), call: 0, at: time(3000)))
        guard case .turns(let turns) = try await store.conversation(of: JobID(rawValue: "a"), for: 1000) else {
            Issue.record("a done job of the first schema cannot be continued")
            return
        }
        #expect(turns.map(\.prompt) == ["a cat"] && turns.map(\.content) == [[]])
    }
}
