-- Every policy that was put in force through Pratique itself, by whom and why; the newest is in force.
CREATE TABLE policy_documents (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  digest TEXT NOT NULL,
  text TEXT NOT NULL,
  actor TEXT NOT NULL,
  comment TEXT NOT NULL,
  at INTEGER NOT NULL
) STRICT;
CREATE TRIGGER policy_documents_are_not_changed BEFORE UPDATE ON policy_documents
BEGIN SELECT RAISE(ABORT, 'policy documents are kept as they came'); END;
CREATE TRIGGER policy_documents_are_not_deleted BEFORE DELETE ON policy_documents
BEGIN SELECT RAISE(ABORT, 'policy documents are kept as they came'); END;
