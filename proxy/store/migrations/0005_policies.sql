-- The text of every policy that a decision rests on, so that the decision can be derived again.
CREATE TABLE policies (
  digest TEXT PRIMARY KEY,
  first_seen INTEGER NOT NULL,
  text TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER policies_are_not_changed BEFORE UPDATE ON policies
BEGIN SELECT RAISE(ABORT, 'policies are kept as they came'); END;
-- How often one file was fetched.
CREATE INDEX fetches_of_file ON fetches (sha256, index_name, project, filename);
