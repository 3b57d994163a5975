-- From which upstream each name comes: the first that answered for it, until a person says otherwise.
-- What was served before there was this table is remembered from pages and decisions, the newest first.
CREATE TABLE origins (
  project TEXT PRIMARY KEY,
  index_name TEXT NOT NULL,
  since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO origins (project, index_name, since)
SELECT project, index_name, fetched_at FROM pages WHERE status = 200 ORDER BY fetched_at DESC;
INSERT OR IGNORE INTO origins (project, index_name, since)
SELECT c.project, c.index_name, d.recorded_at
FROM current_decisions c JOIN decisions d ON d.number = c.number
WHERE c.action = 'SERVE' ORDER BY c.number DESC;

-- A name's moves from one upstream to another. Numbers only rise, so that every process sees each.
CREATE TABLE origin_moves (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  project TEXT NOT NULL,
  was TEXT NOT NULL,
  now TEXT NOT NULL,
  actor TEXT NOT NULL,
  justification TEXT NOT NULL,
  at INTEGER NOT NULL
) STRICT;
CREATE TRIGGER origin_moves_are_not_changed BEFORE UPDATE ON origin_moves
BEGIN SELECT RAISE(ABORT, 'moves are append-only'); END;
CREATE TRIGGER origin_moves_are_not_deleted BEFORE DELETE ON origin_moves
BEGIN SELECT RAISE(ABORT, 'moves are append-only'); END;

-- Who depends on a file may come from another upstream than the file.
DROP INDEX dependencies_on;
CREATE INDEX dependencies_on ON dependencies (dependency, dependency_sha256);
