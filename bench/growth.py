"""A store with many decisions, projects and fetches, made of the one real decision that it has.

The copies name other projects in their columns and keep the value: they are looked for, never found,
and weigh what real ones weigh. Upkeep takes them for derived under the policy in force.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

PROJECTS_MAX = 500_000
BATCH = 50_000

_NUMBERS = "WITH RECURSIVE n(i) AS (SELECT :first UNION ALL SELECT i + 1 FROM n WHERE i < :last)"
_DECISIONS = f"""
{_NUMBERS}
INSERT INTO decisions (id, digest, recorded_at, schema_version, value)
SELECT d.id || '-' || i, d.digest, d.recorded_at, d.schema_version, d.value
FROM n, decisions d WHERE d.number = :model
"""  # noqa: S608 - of constants
_CURRENT = f"""
{_NUMBERS}
INSERT INTO current_decisions (
  number, index_name, project, sha256, filename, digest, action, policy_digest, model_digest,
  evidence_digest, expires_at
)
SELECT :offset + i, c.index_name, 'grown-' || (i % {PROJECTS_MAX}), printf('%064x', i), c.filename,
  c.digest, c.action, c.policy_digest, c.model_digest, c.evidence_digest, NULL
FROM n, current_decisions c WHERE c.number = :model
"""  # noqa: S608 - of constants
_FETCHES = f"""
{_NUMBERS}
INSERT INTO fetches (
  at, index_name, project, sha256, filename, requester, address, user_agent, status, decision_id,
  groups
)
SELECT f.at - i, f.index_name, 'grown-' || (i % {PROJECTS_MAX}), printf('%064x', i), f.filename,
  'client-' || (i % 500), f.address, f.user_agent, f.status, f.decision_id, f.groups
FROM n, (SELECT * FROM fetches ORDER BY number DESC LIMIT 1) f
"""  # noqa: S608 - of constants


def grow(database: Path, rows: int) -> None:
    """Add copies until there are `rows` decisions and as many fetches. Nobody else may write."""
    with closing(sqlite3.connect(database, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = OFF")
        have = int(db.execute("SELECT count(*) FROM current_decisions").fetchone()[0])
        model, newest = db.execute(
            "SELECT (SELECT min(number) FROM current_decisions WHERE action = 'SERVE'),"
            " (SELECT max(number) FROM decisions)"
        ).fetchone()
        for first in range(have, rows, BATCH):
            last = min(first + BATCH, rows) - 1
            offset = int(newest) + 1 - have
            place = {"first": first, "last": last, "model": model}
            db.execute("BEGIN")
            db.execute(_DECISIONS, place)
            db.execute(_CURRENT, place | {"offset": offset})
            db.execute(_FETCHES, place)
            db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
