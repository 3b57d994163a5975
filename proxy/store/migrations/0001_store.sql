-- Times are whole microseconds since 1970, UTC. A `value` is canonical JSON with the version of
-- its schema beside it; the columns before it are there to be looked up by.

-- Every index that the store has heard of: what an override by project touches.
CREATE TABLE indexes (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

-- The generation counter: one row for each project, moved up whenever something about it changes.
CREATE TABLE changes (
  generation INTEGER PRIMARY KEY AUTOINCREMENT,
  index_name TEXT NOT NULL,
  project TEXT NOT NULL,
  UNIQUE (index_name, project)
) STRICT;

CREATE TABLE facts (
  digest TEXT PRIMARY KEY,
  schema_version INTEGER NOT NULL,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE evidence (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  digest TEXT NOT NULL UNIQUE,
  schema_version INTEGER NOT NULL,
  value TEXT NOT NULL
) STRICT;

-- Who posted which evidence: two workers may post the same, and only one be distrusted later.
CREATE TABLE evidence_posts (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  digest TEXT NOT NULL REFERENCES evidence (digest),
  sha256 TEXT NOT NULL,
  filename TEXT NOT NULL,
  worker TEXT NOT NULL,
  posted_at INTEGER NOT NULL
) STRICT;
CREATE INDEX evidence_posts_of ON evidence_posts (sha256, filename, number);
CREATE INDEX evidence_posts_by_worker ON evidence_posts (worker, digest);
CREATE INDEX evidence_posts_by_digest ON evidence_posts (digest);

CREATE TABLE distrusted_workers (
  name TEXT PRIMARY KEY,
  since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE blobs (digest TEXT PRIMARY KEY, data BLOB NOT NULL) STRICT;

CREATE TABLE decisions (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL,
  digest TEXT NOT NULL,
  recorded_at INTEGER NOT NULL,
  schema_version INTEGER NOT NULL,
  value TEXT NOT NULL
) STRICT;
CREATE INDEX decisions_by_id ON decisions (id, number);

CREATE TABLE current_decisions (
  number INTEGER PRIMARY KEY REFERENCES decisions (number),
  index_name TEXT NOT NULL,
  project TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  filename TEXT NOT NULL,
  digest TEXT NOT NULL,
  action TEXT NOT NULL,
  policy_digest TEXT NOT NULL,
  model_digest TEXT,
  evidence_digest TEXT,
  expires_at INTEGER,
  UNIQUE (index_name, project, sha256, filename)
) STRICT;
CREATE INDEX current_by_project ON current_decisions (project, number);
CREATE INDEX current_by_sha256 ON current_decisions (sha256);
CREATE INDEX current_by_policy ON current_decisions (policy_digest);
CREATE INDEX current_by_model ON current_decisions (model_digest) WHERE model_digest IS NOT NULL;
CREATE INDEX current_by_evidence ON current_decisions (evidence_digest);
CREATE INDEX current_by_expiry ON current_decisions (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE overrides (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  project TEXT,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  revoked_at INTEGER,
  schema_version INTEGER NOT NULL,
  value TEXT NOT NULL
) STRICT;
CREATE INDEX overrides_by_project ON overrides (project);

-- One row for each ref; a job that is opened anew keeps its number. `priority` 0 is leased first.
CREATE TABLE jobs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  index_name TEXT NOT NULL,
  project TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  filename TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('queued', 'leased', 'observed', 'decided')),
  priority INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  lease_id TEXT NOT NULL,
  worker TEXT NOT NULL,
  lease_expires_at INTEGER,
  last_error TEXT NOT NULL,
  not_before INTEGER,
  facts_digest TEXT NOT NULL REFERENCES facts (digest),
  evidence_digest TEXT REFERENCES evidence (digest),
  UNIQUE (index_name, project, sha256, filename)
) STRICT;
CREATE INDEX jobs_open ON jobs (priority, created_at, id) WHERE state <> 'decided';
CREATE INDEX jobs_queued ON jobs (priority, created_at, id) WHERE state = 'queued';
CREATE INDEX jobs_leased ON jobs (lease_expires_at) WHERE state = 'leased';
CREATE INDEX jobs_observed ON jobs (priority, updated_at, id) WHERE state = 'observed';
CREATE UNIQUE INDEX jobs_by_lease ON jobs (lease_id) WHERE lease_id <> '';
CREATE INDEX jobs_by_sha256 ON jobs (sha256);

-- The capability of a live lease; it goes when the lease does.
CREATE TABLE resolved_files (
  lease_id TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  url TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  PRIMARY KEY (lease_id, sha256)
) STRICT, WITHOUT ROWID;

CREATE TABLE tokens (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  hash TEXT NOT NULL UNIQUE,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  revoked_at INTEGER
) STRICT;
CREATE INDEX tokens_by_name ON tokens (name);

CREATE TABLE fetches (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  index_name TEXT NOT NULL,
  project TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  filename TEXT NOT NULL,
  requester TEXT NOT NULL,
  address TEXT NOT NULL,
  user_agent TEXT NOT NULL,
  status INTEGER NOT NULL,
  decision_id TEXT NOT NULL
) STRICT;
CREATE INDEX fetches_by_sha256 ON fetches (sha256, number);

CREATE TABLE pages (
  index_name TEXT NOT NULL,
  project TEXT NOT NULL,
  content_type TEXT NOT NULL,
  etag TEXT NOT NULL,
  fetched_at INTEGER NOT NULL,
  max_age_s INTEGER NOT NULL,
  status INTEGER NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (index_name, project)
) STRICT;

-- AUTOINCREMENT, so that sqlite_sequence remembers how long the chain was.
CREATE TABLE audit (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT NOT NULL,
  detail TEXT NOT NULL,
  previous TEXT NOT NULL,
  hash TEXT NOT NULL
) STRICT;

-- History is appended to, never rewritten. This guards against our own mistakes; whoever owns the
-- file can drop a trigger, and for that there is the chain.
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit table is append-only'); END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit table is append-only'); END;
CREATE TRIGGER decisions_are_not_changed BEFORE UPDATE ON decisions
BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END;
CREATE TRIGGER decisions_are_not_deleted BEFORE DELETE ON decisions
BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END;
CREATE TRIGGER evidence_is_not_changed BEFORE UPDATE ON evidence
BEGIN SELECT RAISE(ABORT, 'evidence is immutable'); END;
CREATE TRIGGER evidence_is_not_deleted BEFORE DELETE ON evidence
BEGIN SELECT RAISE(ABORT, 'evidence is immutable'); END;
