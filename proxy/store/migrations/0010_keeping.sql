-- Keeping: how long history stays, and guards that let nothing else go.

-- Before which moment rows of a kind may be gone. It only ever moves forward, so that it stays true.
CREATE TABLE kept_since (
  what TEXT PRIMARY KEY,
  at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER kept_since_moves_forward BEFORE UPDATE ON kept_since
WHEN NEW.what <> OLD.what OR NEW.at < OLD.at
BEGIN SELECT RAISE(ABORT, 'what is gone does not come back'); END;
CREATE TRIGGER kept_since_is_not_deleted BEFORE DELETE ON kept_since
BEGIN SELECT RAISE(ABORT, 'what is gone does not come back'); END;

-- Where the audit chain begins by now: the last row of each archive. Everything up to the newest
-- anchor is in a file, and only that may be deleted.
CREATE TABLE audit_anchors (
  number INTEGER PRIMARY KEY,
  hash TEXT NOT NULL,
  at INTEGER NOT NULL,
  file TEXT NOT NULL,
  sha256 TEXT NOT NULL
) STRICT;
CREATE TRIGGER audit_anchors_are_in_the_chain BEFORE INSERT ON audit_anchors
WHEN NEW.number >= (SELECT coalesce(max(number), 0) FROM audit)
  OR NEW.number <= (SELECT coalesce(max(number), 0) FROM audit_anchors)
  OR NOT EXISTS (SELECT 1 FROM audit WHERE number = NEW.number AND hash = NEW.hash)
BEGIN SELECT RAISE(ABORT, 'an anchor is a row of the audit table, and not its newest'); END;
CREATE TRIGGER audit_anchors_are_not_changed BEFORE UPDATE ON audit_anchors
BEGIN SELECT RAISE(ABORT, 'anchors are append-only'); END;
CREATE TRIGGER audit_anchors_are_not_deleted BEFORE DELETE ON audit_anchors
BEGIN SELECT RAISE(ABORT, 'anchors are append-only'); END;

DROP TRIGGER audit_is_not_deleted;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
WHEN OLD.number > (SELECT coalesce(max(number), 0) FROM audit_anchors)
BEGIN SELECT RAISE(ABORT, 'the audit table is append-only'); END;

-- What each decision of the history is about and rests on: to find who still needs a row. (Out of its
-- value this cannot be indexed: trusted_schema is off, and json_extract() is not for schemas then.)
CREATE TABLE decision_grounds (
  number INTEGER PRIMARY KEY,
  index_name TEXT NOT NULL,
  project TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  filename TEXT NOT NULL,
  evidence_digest TEXT,
  facts_digest TEXT
) STRICT;
INSERT INTO decision_grounds
SELECT number, json_extract(value, '$.ref.index'), json_extract(value, '$.ref.project'),
  json_extract(value, '$.ref.sha256'), json_extract(value, '$.ref.filename'),
  json_extract(value, '$.evidence_digest'), json_extract(value, '$.facts_digest')
FROM decisions WHERE json_valid(value);
CREATE INDEX decision_grounds_of ON decision_grounds (sha256, number);
CREATE INDEX decision_grounds_evidence ON decision_grounds (evidence_digest)
WHERE evidence_digest IS NOT NULL;
CREATE INDEX decision_grounds_facts ON decision_grounds (facts_digest) WHERE facts_digest IS NOT NULL;

DROP TRIGGER decisions_are_not_deleted;
CREATE TRIGGER decisions_are_not_deleted BEFORE DELETE ON decisions
WHEN OLD.recorded_at >= coalesce((SELECT at FROM kept_since WHERE what = 'decisions'), 0)
  OR EXISTS (SELECT 1 FROM current_decisions WHERE number = OLD.number)
BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END;

DROP TRIGGER evidence_is_not_deleted;
CREATE TRIGGER evidence_is_not_deleted BEFORE DELETE ON evidence
WHEN NOT EXISTS (SELECT 1 FROM kept_since WHERE what = 'evidence')
  OR EXISTS (
    SELECT 1 FROM evidence_posts WHERE digest = OLD.digest
      AND posted_at >= (SELECT at FROM kept_since WHERE what = 'evidence')
  )
  OR EXISTS (SELECT 1 FROM current_decisions WHERE evidence_digest = OLD.digest)
  OR EXISTS (SELECT 1 FROM jobs WHERE evidence_digest = OLD.digest)
BEGIN SELECT RAISE(ABORT, 'evidence is immutable'); END;

CREATE TRIGGER fetches_are_not_deleted BEFORE DELETE ON fetches
WHEN OLD.at >= coalesce((SELECT at FROM kept_since WHERE what = 'fetches'), 0)
BEGIN SELECT RAISE(ABORT, 'fetch records are kept for as long as is set'); END;

-- Who names a blob: evidence its trace and metadata, facts their graph.
CREATE TABLE blob_uses (
  blob TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('trace', 'metadata', 'graph')),
  holder TEXT NOT NULL,
  PRIMARY KEY (blob, kind, holder)
) STRICT, WITHOUT ROWID;
CREATE INDEX blob_uses_by_holder ON blob_uses (holder);

-- When a blob was last put: it comes before what names it.
CREATE TABLE blob_times (
  blob TEXT PRIMARY KEY,
  put_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT OR IGNORE INTO blob_uses (blob, kind, holder)
SELECT named.value, CASE named.key WHEN 'trace_digest' THEN 'trace' ELSE 'metadata' END, e.digest
FROM evidence e, json_each(CASE WHEN json_valid(e.value) THEN e.value ELSE '{}' END) named
WHERE named.key IN ('trace_digest', 'metadata_digest') AND named.type = 'text';
INSERT OR IGNORE INTO blob_uses (blob, kind, holder)
SELECT json_extract(signal.value, '$.value'), 'graph', f.digest
FROM facts f,
  json_each(CASE WHEN json_valid(f.value) THEN f.value ELSE '{}' END, '$.signals') signal
WHERE json_extract(signal.value, '$.name') = 'graph.tree'
  AND json_type(signal.value, '$.value') = 'text';

-- For the checks of foreign keys, each of which would read all jobs otherwise.
CREATE INDEX jobs_by_evidence ON jobs (evidence_digest);
CREATE INDEX jobs_by_facts ON jobs (facts_digest);
