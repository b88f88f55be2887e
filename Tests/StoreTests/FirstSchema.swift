// The schema of the first release, as it was: a copy, so that a change of migration "1" is found out.

let firstSchema = """
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
