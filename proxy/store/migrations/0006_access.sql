-- What a token opens beside the index, and the groups of clients it belongs to (names, by spaces).
ALTER TABLE tokens ADD COLUMN role TEXT NOT NULL DEFAULT 'installer';
ALTER TABLE tokens ADD COLUMN groups TEXT NOT NULL DEFAULT '';

-- Who is signed in at the pages: a browser's secret by its hash, for as long as its token lives.
CREATE TABLE sessions (
  hash TEXT PRIMARY KEY,
  token_id TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_token ON sessions (token_id, created_at);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
