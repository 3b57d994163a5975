-- The person behind a token, and behind a request: of two tokens of one person only one counts where
-- two people are wanted. Empty: the name stands for the person.
ALTER TABLE tokens ADD COLUMN person TEXT NOT NULL DEFAULT '';
ALTER TABLE override_requests ADD COLUMN person TEXT NOT NULL DEFAULT '';

-- Links by which the first admin gets in, by the hash of their key: any process that has the store
-- open may be the one that is asked.
CREATE TABLE setup_links (
  hash TEXT PRIMARY KEY,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- How much each webhook was told of each kind of event in the present minute; beyond the bound one
-- delivery, a summary, gathers the others.
CREATE TABLE gatherings (
  webhook TEXT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
  kind TEXT NOT NULL,
  installed INTEGER NOT NULL,
  began_at INTEGER NOT NULL,
  told INTEGER NOT NULL,
  delivery INTEGER,
  schema_version INTEGER NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (webhook, kind, installed)
) STRICT, WITHOUT ROWID;
