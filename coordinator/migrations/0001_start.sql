CREATE TABLE jobs (
  id TEXT PRIMARY KEY,
  request_id TEXT NOT NULL UNIQUE,
  study TEXT NOT NULL,
  base_directory TEXT NOT NULL,
  validate_only INTEGER NOT NULL,
  state TEXT NOT NULL,
  state_reason TEXT NOT NULL DEFAULT '',
  violations TEXT NOT NULL DEFAULT '[]',
  plan TEXT,
  headline TEXT NOT NULL DEFAULT '',
  -- What the job asks of a worker, once it is planned.
  need TEXT NOT NULL DEFAULT '{}',
  stage INTEGER NOT NULL DEFAULT 0,
  stages INTEGER NOT NULL DEFAULT 0,
  tasks_total INTEGER NOT NULL DEFAULT 1,
  results TEXT,
  created_at INTEGER NOT NULL,
  ended_at INTEGER,
  -- Whether the blobs that only its tasks needed have been deleted.
  collected INTEGER NOT NULL DEFAULT 0,
  -- Grows with every change that a watcher can see.
  revision INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE INDEX jobs_by_age ON jobs (created_at, id);

CREATE TABLE tasks (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  job TEXT NOT NULL REFERENCES jobs (id),
  stage INTEGER NOT NULL,
  position INTEGER NOT NULL,
  -- Weights digest of the encoder that the task runs; empty when it runs none.
  model TEXT NOT NULL,
  work TEXT NOT NULL,
  state TEXT NOT NULL,
  lease_epoch INTEGER NOT NULL DEFAULT 0,
  -- The session that holds it, or that ended it.
  session TEXT,
  leased_at INTEGER NOT NULL DEFAULT 0,
  not_before INTEGER NOT NULL DEFAULT 0,
  min_memory INTEGER NOT NULL DEFAULT 0,
  failures INTEGER NOT NULL DEFAULT 0,
  losses INTEGER NOT NULL DEFAULT 0,
  output TEXT,
  UNIQUE (job, stage, position)
) STRICT;
CREATE INDEX tasks_claim ON tasks (job, stage, position) WHERE state = 'QUEUED';
CREATE INDEX tasks_leased ON tasks (session) WHERE state = 'LEASED';

CREATE TABLE sessions (
  id TEXT PRIMARY KEY,
  worker TEXT NOT NULL,
  capabilities TEXT NOT NULL,
  draining INTEGER NOT NULL DEFAULT 0,
  cordoned INTEGER NOT NULL DEFAULT 0,
  -- Failures in a row, each on another task than the one before.
  failures INTEGER NOT NULL DEFAULT 0,
  failed_task INTEGER,
  registered_at INTEGER NOT NULL,
  beat_at INTEGER NOT NULL,
  lease_until INTEGER NOT NULL
) STRICT;

-- Manifests of plugins that workers offered. Built-in plugins share the digest of the build.
CREATE TABLE manifests (
  plugin TEXT NOT NULL,
  digest TEXT NOT NULL,
  manifest TEXT NOT NULL,
  PRIMARY KEY (plugin, digest)
) STRICT;

CREATE TABLE events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  job TEXT NOT NULL REFERENCES jobs (id),
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  message TEXT NOT NULL
) STRICT;
CREATE INDEX events_of_job ON events (job, seq);
