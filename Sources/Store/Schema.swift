// The database's schema, as numbered migrations. A migration is never edited once it has shipped.

import GRDB

enum Schema {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { database in try database.execute(sql: first) }
        migrator.registerMigration("2") { database in try database.execute(sql: second) }
        migrator.registerMigration("3") { database in try database.execute(sql: third) }
        migrator.registerMigration("4") { database in try database.execute(sql: fourth) }
        migrator.registerMigration("5") { database in try database.execute(sql: fifth) }
        migrator.registerMigration("6") { database in try database.execute(sql: sixth) }
        return migrator
    }

    // Times are milliseconds since 1970, money is micro-dollars. Lists are paged by id, which sorts by time.
    // `ended_ms IS NULL` is "open": the partial indexes let recovery and status read those rows alone.
    private static let first = """
        CREATE TABLE job (
          number INTEGER PRIMARY KEY,
          id TEXT NOT NULL UNIQUE,
          uid INTEGER NOT NULL, gid INTEGER NOT NULL, pid INTEGER NOT NULL, unit TEXT, socket TEXT NOT NULL,
          state TEXT NOT NULL CHECK (state IN
            ('queued','waiting','sent','receiving','done','failed','cancelled','unknown')),
          priority TEXT NOT NULL, label TEXT, project TEXT NOT NULL, route TEXT NOT NULL,
          model_asked TEXT NOT NULL, model_sent TEXT NOT NULL, model_answered TEXT,
          request TEXT NOT NULL, request_hash BLOB NOT NULL, idempotency_key TEXT,
          requested_ratio TEXT, requested_size TEXT,
          created_ms INTEGER NOT NULL, deadline_ms INTEGER NOT NULL, started_ms INTEGER, ended_ms INTEGER,
          attempts INTEGER NOT NULL DEFAULT 0,
          queued_ms REAL, upstream_ms REAL, overhead_ms REAL,
          finish_reason TEXT, text TEXT, warnings TEXT, cost_micros INTEGER, cost_basis TEXT, error TEXT,
          CHECK ((ended_ms IS NULL) = (state IN ('queued','waiting','sent','receiving')))
        );
        CREATE UNIQUE INDEX job_idempotency ON job(uid, idempotency_key) WHERE idempotency_key IS NOT NULL;
        CREATE INDEX job_of_uid ON job(uid, id);
        CREATE INDEX job_of_uid_in_state ON job(uid, state, id);
        CREATE INDEX job_in_state ON job(state, id);
        CREATE INDEX job_labelled ON job(label, id) WHERE label IS NOT NULL;
        CREATE INDEX job_labelled_of_uid ON job(label, uid, id) WHERE label IS NOT NULL;
        CREATE INDEX job_labelled_of_uid_in_state ON job(label, uid, state, id) WHERE label IS NOT NULL;
        CREATE INDEX job_open ON job(id) WHERE ended_ms IS NULL;

        CREATE TABLE call (
          job INTEGER NOT NULL REFERENCES job(number) ON DELETE CASCADE,
          number INTEGER NOT NULL,
          state TEXT NOT NULL CHECK (state IN
            ('queued','waiting','sent','receiving','done','failed','cancelled','unknown')),
          attempts INTEGER NOT NULL DEFAULT 0,
          slot INTEGER, sent_ms INTEGER, ended_ms INTEGER, error TEXT,
          PRIMARY KEY (job, number)
        ) WITHOUT ROWID;

        CREATE TABLE hold (
          job INTEGER NOT NULL REFERENCES job(number) ON DELETE CASCADE,
          call INTEGER NOT NULL,
          state TEXT NOT NULL CHECK (state IN ('held','settled','released')),
          held_micros INTEGER NOT NULL, settled_micros INTEGER NOT NULL DEFAULT 0,
          released_micros INTEGER NOT NULL DEFAULT 0,
          made_ms INTEGER NOT NULL, ended_ms INTEGER,
          PRIMARY KEY (job, call),
          CHECK (state = 'held' OR settled_micros + released_micros = held_micros)
        ) WITHOUT ROWID;
        CREATE INDEX hold_open ON hold(job) WHERE state = 'held';

        CREATE TABLE usage (
          job INTEGER NOT NULL REFERENCES job(number) ON DELETE CASCADE,
          call INTEGER NOT NULL,
          at_ms INTEGER NOT NULL, uid INTEGER NOT NULL, project TEXT NOT NULL, model TEXT NOT NULL,
          prompt_tokens INTEGER, output_tokens INTEGER, image_tokens INTEGER, thought_tokens INTEGER,
          images INTEGER NOT NULL, cost_micros INTEGER NOT NULL, basis TEXT NOT NULL,
          PRIMARY KEY (job, call)
        ) WITHOUT ROWID;
        CREATE INDEX usage_at ON usage(at_ms);

        CREATE TABLE artifact (
          job INTEGER NOT NULL REFERENCES job(number) ON DELETE CASCADE,
          call INTEGER NOT NULL, position INTEGER NOT NULL,
          kind TEXT NOT NULL CHECK (kind IN ('final','extra','draft')),
          sha256 TEXT NOT NULL, mime_type TEXT NOT NULL,
          width INTEGER NOT NULL, height INTEGER NOT NULL, bytes INTEGER NOT NULL,
          uid INTEGER NOT NULL, made_ms INTEGER NOT NULL,
          PRIMARY KEY (job, call, position)
        ) WITHOUT ROWID;
        CREATE INDEX artifact_by_content ON artifact(sha256, uid);

        CREATE TABLE input (
          job INTEGER NOT NULL REFERENCES job(number) ON DELETE CASCADE,
          position INTEGER NOT NULL,
          sha256 TEXT NOT NULL, mime_type TEXT NOT NULL,
          width INTEGER NOT NULL, height INTEGER NOT NULL, bytes INTEGER NOT NULL,
          PRIMARY KEY (job, position)
        ) WITHOUT ROWID;
        CREATE INDEX input_by_content ON input(sha256);

        CREATE TABLE audit (
          sequence INTEGER PRIMARY KEY,
          previous BLOB NOT NULL, hash BLOB NOT NULL,
          at_ms INTEGER NOT NULL, event TEXT NOT NULL,
          uid INTEGER, gid INTEGER, pid INTEGER, unit TEXT, socket TEXT,
          job TEXT, project TEXT, model TEXT, details TEXT
        );
        """

    // Conversations, results used again, and what grounding found. `turn.content` is the model's content as JSON in which
    // each image is its position among the artifacts of the call. `reuse_hash` is SHA256 over what decides the image.
    private static let second = """
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
        """

    // What was spent is known longer than the job that it was spent on: `usage` without its reference to `job`.
    private static let third = """
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
        """

    // Limits and budgets after a restart. `budgets` is a JSON list of the accounts of rules that a job concerns,
    // `call.project` the project that serves a call, where that is not the job's alone.
    private static let fourth = """
        ALTER TABLE job ADD COLUMN input_tokens INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE job ADD COLUMN budgets TEXT;
        ALTER TABLE usage ADD COLUMN budgets TEXT;
        ALTER TABLE call ADD COLUMN project TEXT;
        CREATE INDEX call_sent ON call(sent_ms) WHERE sent_ms IS NOT NULL;

        CREATE TABLE paused (
          project TEXT NOT NULL PRIMARY KEY,
          since_ms INTEGER NOT NULL
        ) WITHOUT ROWID;
        """

    // `sent_before` is what limits still have to know of calls whose jobs are no longer kept, by minutes.
    // What upstream has said that outlasts a run: shut gates (`model` is empty for a whole project), limits, files that
    // lie at Google. All of it is said of one Google project, so it goes when another key is found; `key` tells by a
    // salted digest. `overflow` and `concurrency` are what a rule said of a job that waits; `home` is the project that it
    // was admitted for, once another has served a call of it. A job with `cancel_asked_ms` was cancelled after it was
    // sent: what of it comes back to the queue is never sent again.
    private static let fifth = """
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
        """

    // Status counts what nobody knows, however many jobs are open.
    private static let sixth = """
        CREATE INDEX call_unknown ON call(job) WHERE state = 'unknown';
        """
}
