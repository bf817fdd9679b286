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
  results TEXT,
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE tasks (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  job TEXT NOT NULL REFERENCES jobs (id),
  stage INTEGER NOT NULL,
  position INTEGER NOT NULL,
  work TEXT NOT NULL,
  state TEXT NOT NULL,
  lease_epoch INTEGER NOT NULL DEFAULT 0,
  session TEXT,
  not_before INTEGER NOT NULL DEFAULT 0,
  failures INTEGER NOT NULL DEFAULT 0,
  losses INTEGER NOT NULL DEFAULT 0,
  out_of_memory INTEGER NOT NULL DEFAULT 0,
  output TEXT,
  UNIQUE (job, stage, position)
) STRICT;
CREATE INDEX tasks_claim ON tasks (stage, position, id) WHERE state = 'QUEUED';
CREATE INDEX tasks_leased ON tasks (session) WHERE state = 'LEASED';

CREATE TABLE sessions (
  id TEXT PRIMARY KEY,
  worker TEXT NOT NULL,
  numerics_class TEXT NOT NULL,
  plugins TEXT NOT NULL,
  lease_until INTEGER NOT NULL
) STRICT;
