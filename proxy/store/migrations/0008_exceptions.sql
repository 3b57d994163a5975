-- Requests for exceptions, what came of them, who was reminded; who has which bytes; what turned bad.

-- A request that nobody answers is over at `expires_at`; its row then still says open.
CREATE TABLE override_requests (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  decision_id TEXT NOT NULL,
  index_name TEXT NOT NULL,
  project TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  filename TEXT NOT NULL,
  scope TEXT NOT NULL CHECK (scope IN ('file', 'release', 'project')),
  specifier TEXT NOT NULL,
  days INTEGER NOT NULL,
  justification TEXT NOT NULL,
  requester TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'approved', 'refused', 'withdrawn')),
  decided_by TEXT NOT NULL,
  decided_at INTEGER,
  answer TEXT NOT NULL,
  override_id TEXT NOT NULL
) STRICT;
CREATE INDEX override_requests_by_state ON override_requests (state, number);
CREATE INDEX override_requests_by_requester ON override_requests (requester, number);
CREATE INDEX override_requests_by_override ON override_requests (override_id)
WHERE override_id <> '';

-- Which override was put in the place of which, to prolong it.
CREATE TABLE override_extensions (
  override_id TEXT PRIMARY KEY,
  extends TEXT NOT NULL UNIQUE
) STRICT, WITHOUT ROWID;

-- The reminders that were told, each once.
CREATE TABLE override_reminders (
  override_id TEXT NOT NULL,
  threshold_h INTEGER NOT NULL,
  told_at INTEGER NOT NULL,
  PRIMARY KEY (override_id, threshold_h)
) STRICT, WITHOUT ROWID;

-- Which decisions an override made: fetch records name the decision.
CREATE TABLE override_decisions (
  override_id TEXT NOT NULL,
  decision_id TEXT NOT NULL,
  PRIMARY KEY (override_id, decision_id)
) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO override_decisions (override_id, decision_id)
SELECT json_extract(value, '$.override_id'), id FROM decisions
WHERE json_valid(value) AND json_extract(value, '$.override_id') <> '';

-- The groups of the client's token at that time (names, by spaces); empty where it is not known.
ALTER TABLE fetches ADD COLUMN groups TEXT NOT NULL DEFAULT '';

-- Who has which bytes, on the word of which decision: fetch records added up for each client, so that
-- a file of a million fetches is answered for at once. `first_at` stays true where older records are
-- let go.
CREATE TABLE holders (
  sha256 TEXT NOT NULL,
  requester TEXT NOT NULL,
  groups TEXT NOT NULL,
  address TEXT NOT NULL,
  decision_id TEXT NOT NULL,
  fetches INTEGER NOT NULL,
  whole INTEGER NOT NULL,
  parts INTEGER NOT NULL,
  first_at INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  PRIMARY KEY (sha256, requester, groups, address, decision_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX holders_by_decision ON holders (decision_id);
INSERT INTO holders
SELECT sha256, requester, groups, address, decision_id, count(*), sum(status = 200),
  sum(status = 206), min(at), max(at)
FROM fetches GROUP BY sha256, requester, groups, address, decision_id;
CREATE TRIGGER fetches_are_added_up AFTER INSERT ON fetches BEGIN
  INSERT INTO holders VALUES (
    NEW.sha256, NEW.requester, NEW.groups, NEW.address, NEW.decision_id, 1, NEW.status = 200,
    NEW.status = 206, NEW.at, NEW.at
  )
  ON CONFLICT DO UPDATE SET
    fetches = fetches + 1,
    whole = whole + excluded.whole,
    parts = parts + excluded.parts,
    first_at = min(first_at, excluded.first_at),
    last_at = max(last_at, excluded.last_at);
END;
CREATE TRIGGER fetches_are_taken_off AFTER DELETE ON fetches BEGIN
  UPDATE holders SET
    fetches = fetches - 1,
    whole = whole - (OLD.status = 200),
    parts = parts - (OLD.status = 206)
  WHERE sha256 = OLD.sha256 AND requester = OLD.requester AND groups = OLD.groups
    AND address = OLD.address AND decision_id = OLD.decision_id;
  DELETE FROM holders
  WHERE sha256 = OLD.sha256 AND requester = OLD.requester AND groups = OLD.groups
    AND address = OLD.address AND decision_id = OLD.decision_id AND fetches <= 0;
END;

-- Files that were served and are not any more: the decision that ended it, and the last one that
-- served. While it is analysed again (`waits`) nothing is known yet.
CREATE TABLE worsened_decisions (
  number INTEGER PRIMARY KEY,
  served INTEGER NOT NULL,
  at INTEGER NOT NULL,
  index_name TEXT NOT NULL,
  project TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  filename TEXT NOT NULL,
  waits INTEGER NOT NULL
) STRICT;
CREATE INDEX worsened_by_time ON worsened_decisions (at, number) WHERE waits = 0;
CREATE INDEX worsened_by_bytes ON worsened_decisions (sha256, number);

CREATE TEMP TABLE settled AS
SELECT number, recorded_at,
  json_extract(value, '$.action') AS action,
  json_extract(value, '$.ref.index') AS index_name,
  json_extract(value, '$.ref.project') AS project,
  json_extract(value, '$.ref.sha256') AS sha256,
  json_extract(value, '$.ref.filename') AS filename
FROM decisions
WHERE json_valid(value) AND json_extract(value, '$.hold') IS NOT 'analysis';

INSERT INTO worsened_decisions
SELECT number, served, recorded_at, index_name, project, sha256, filename, 0
FROM (
  SELECT *, lag(action) OVER of_file AS action_before, lag(number) OVER of_file AS served
  FROM settled
  WINDOW of_file AS (PARTITION BY index_name, project, sha256, filename ORDER BY number)
)
WHERE action_before = 'SERVE' AND action <> 'SERVE';

-- Those that are being analysed again right now. A bare column beside max() is of the same row.
INSERT INTO worsened_decisions
SELECT c.number, s.number, d.recorded_at, c.index_name, c.project, c.sha256, c.filename, 1
FROM current_decisions c JOIN decisions d USING (number) JOIN (
  SELECT max(number) AS number, action, index_name, project, sha256, filename FROM settled
  GROUP BY index_name, project, sha256, filename
) s USING (index_name, project, sha256, filename)
WHERE c.action = 'HOLD' AND json_extract(d.value, '$.hold') = 'analysis' AND s.action = 'SERVE';

DROP TABLE settled;
