-- What pages sort and count by, beside the value it stands in. What is there already is filled in from
-- it once; the trigger that forbids changes is away for that long, within one transaction.
ALTER TABLE decisions ADD COLUMN action TEXT;
ALTER TABLE decisions ADD COLUMN hold TEXT;
ALTER TABLE decisions ADD COLUMN score INTEGER;
ALTER TABLE decisions ADD COLUMN sha256 TEXT;
DROP TRIGGER decisions_are_not_changed;
UPDATE decisions SET
  action = json_extract(value, '$.action'),
  hold = json_extract(value, '$.hold'),
  score = json_extract(value, '$.score.value'),
  sha256 = json_extract(value, '$.ref.sha256');
CREATE TRIGGER decisions_are_not_changed BEFORE UPDATE ON decisions
BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END;
CREATE INDEX decisions_held ON decisions (hold, recorded_at, score) WHERE hold IS NOT NULL;
CREATE INDEX decisions_by_hour ON decisions (recorded_at, action, hold);
CREATE INDEX decisions_by_sha256 ON decisions (sha256);
CREATE INDEX fetches_by_time ON fetches (at);
CREATE INDEX audit_of_people ON audit (number) WHERE action <> 'decision_made';
CREATE INDEX evidence_posts_last ON evidence_posts (worker, posted_at);
