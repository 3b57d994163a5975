-- Webhooks, what waits to be delivered to them, and the files that are looked at again and again.

-- The secret stands here readable: a signature is made with the secret itself, not with its hash.
CREATE TABLE webhooks (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  url TEXT NOT NULL,
  secret TEXT NOT NULL,
  kinds TEXT NOT NULL,
  template TEXT NOT NULL,
  allow_private INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One row for each webhook that an event is for, until it is delivered. `next_at` is empty for dead
-- letters, `dead_at` for all others.
CREATE TABLE deliveries (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  webhook TEXT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
  event_id TEXT NOT NULL,
  schema_version INTEGER NOT NULL,
  value TEXT NOT NULL,
  told_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  next_at INTEGER,
  dead_at INTEGER,
  error TEXT NOT NULL,
  UNIQUE (webhook, event_id)
) STRICT;
CREATE INDEX deliveries_waiting ON deliveries (webhook, next_at, number) WHERE dead_at IS NULL;
CREATE INDEX deliveries_dead ON deliveries (dead_at, number) WHERE dead_at IS NOT NULL;

-- Files that are served as MONITOR: when they were last analysed, and last queued for it.
CREATE TABLE watches (
  index_name TEXT NOT NULL,
  project TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  filename TEXT NOT NULL,
  since INTEGER NOT NULL,
  analysed_at INTEGER NOT NULL,
  queued_at INTEGER,
  wanted INTEGER NOT NULL,
  PRIMARY KEY (index_name, project, sha256, filename)
) STRICT, WITHOUT ROWID;
CREATE INDEX watches_by_analysis ON watches (analysed_at);
CREATE INDEX watches_by_queueing ON watches (queued_at);
CREATE INDEX watches_of_project ON watches (project);
CREATE INDEX watches_wanted ON watches (analysed_at) WHERE wanted = 1;

INSERT INTO watches (
  index_name, project, sha256, filename, since, analysed_at, queued_at, wanted
)
SELECT c.index_name, c.project, c.sha256, c.filename, d.recorded_at, d.recorded_at, NULL, 0
FROM current_decisions c JOIN decisions d USING (number)
WHERE c.action = 'SERVE' AND c.evidence_digest IS NOT NULL
  AND json_extract(d.value, '$.tier') = 'MONITOR' AND json_extract(d.value, '$.override_id') = '';
