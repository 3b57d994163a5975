-- Files that an index ceased to list, or whose bytes it changed, while we have a decision of them.
CREATE TABLE departures (
  index_name TEXT NOT NULL,
  project TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  filename TEXT NOT NULL,
  since INTEGER NOT NULL,
  entry BLOB NOT NULL,
  PRIMARY KEY (index_name, project, sha256, filename)
) STRICT, WITHOUT ROWID;
