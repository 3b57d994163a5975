-- Feeds of advisories, the records they brought, and what a change of them is still to touch.

CREATE TABLE feeds (
  name TEXT PRIMARY KEY,
  source TEXT NOT NULL,
  tried_at INTEGER,
  succeeded_at INTEGER,
  etag TEXT NOT NULL,
  last_modified TEXT NOT NULL,
  records INTEGER NOT NULL,
  malicious INTEGER NOT NULL,
  withdrawn INTEGER NOT NULL,
  refused INTEGER NOT NULL,
  newest_modified INTEGER,
  error TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE advisories (
  feed TEXT NOT NULL REFERENCES feeds (name),
  id TEXT NOT NULL,
  modified INTEGER NOT NULL,
  malicious INTEGER NOT NULL,
  withdrawn INTEGER NOT NULL,
  schema_version INTEGER NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (feed, id)
) STRICT;

-- What a record speaks of: a project, or the digest of a file; the other one is empty.
CREATE TABLE advisory_subjects (
  project TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  feed TEXT NOT NULL,
  id TEXT NOT NULL,
  PRIMARY KEY (project, sha256, feed, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX advisory_subjects_of ON advisory_subjects (feed, id);

-- Subjects whose records changed, until every decision about them was looked at again.
CREATE TABLE advisory_changes (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  project TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  UNIQUE (project, sha256)
) STRICT;
