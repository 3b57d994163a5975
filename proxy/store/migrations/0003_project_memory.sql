-- What a project showed with each file that was asked about: its publishers, its owners.
CREATE TABLE project_memory (
  index_name TEXT NOT NULL,
  project TEXT NOT NULL,
  kind TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  value TEXT NOT NULL,
  first_seen INTEGER NOT NULL,
  last_seen INTEGER NOT NULL,
  PRIMARY KEY (index_name, project, kind, sha256)
) STRICT, WITHOUT ROWID;
