"""A store grown in one dimension at a time, made of the one real decision and fetch that it has.

The copies name other projects in their columns and keep the value: they are looked for, never found,
and weigh what real ones weigh. Upkeep takes them for derived under the policy in force. Triggers and the
indexes are away while rows go in, and made anew from the store's own text.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

PROJECTS = 1_000
"""Among so many projects decisions and fetches are spread, however many there are."""
PAGE_BYTES = 1_000
"""Of each page of a grown project: that of a project with few files."""

_NUMBERS = "WITH RECURSIVE n(i) AS (SELECT :first UNION ALL SELECT i + 1 FROM n WHERE i < :last)"
_DECISIONS = f"""
{_NUMBERS}
INSERT INTO decisions (
  number, id, digest, recorded_at, schema_version, value, action, hold, score, sha256
)
SELECT :offset + i, d.id || '-' || i, d.digest, d.recorded_at, d.schema_version, d.value, d.action, d.hold,
  d.score, printf('%064x', i)
FROM n, decisions d WHERE d.number = :model
"""  # noqa: S608 - of constants
_CURRENT = f"""
{_NUMBERS}
INSERT INTO current_decisions (
  number, index_name, project, sha256, filename, digest, action, policy_digest, model_digest,
  evidence_digest, expires_at
)
SELECT :offset + i, c.index_name, 'grown-' || (i % {PROJECTS}), printf('%064x', i), c.filename,
  c.digest, c.action, c.policy_digest, c.model_digest, c.evidence_digest, NULL
FROM n, current_decisions c WHERE c.number = :model
"""  # noqa: S608 - of constants
_GROUNDS = f"""
{_NUMBERS}
INSERT INTO decision_grounds
SELECT :offset + i, g.index_name, 'grown-' || (i % {PROJECTS}), printf('%064x', i), g.filename,
  g.evidence_digest, g.facts_digest
FROM n, decision_grounds g WHERE g.number = :model
"""  # noqa: S608 - of constants
_FETCHES = f"""
{_NUMBERS}
INSERT INTO fetches (
  at, index_name, project, sha256, filename, requester, address, user_agent, status, decision_id,
  groups
)
SELECT f.at - i, f.index_name, 'grown-' || (i % {PROJECTS}), printf('%064x', i), f.filename,
  'client-' || (i % 500), f.address, f.user_agent, f.status, f.decision_id, f.groups
FROM n, (SELECT * FROM fetches ORDER BY number DESC LIMIT 1) f
"""  # noqa: S608 - of constants
_HOLDERS = f"""
{_NUMBERS}
INSERT INTO holders
SELECT printf('%064x', i), 'client-' || (i % 500), f.groups, f.address, f.decision_id, 1,
  f.status = 200, f.status = 206, f.at - i, f.at - i
FROM n, (SELECT * FROM fetches ORDER BY number DESC LIMIT 1) f
"""  # noqa: S608 - of constants
_PAGES = f"""
{_NUMBERS}
INSERT INTO pages (
  index_name, project, content_type, etag, fetched_at, max_age_s, status, body
)
SELECT p.index_name, 'grown-' || i, p.content_type, p.etag, p.fetched_at, p.max_age_s, p.status,
  zeroblob({PAGE_BYTES})
FROM n, (SELECT * FROM pages WHERE status = 200 LIMIT 1) p
"""  # noqa: S608 - of constants
_ORIGINS = f"""
{_NUMBERS}
INSERT INTO origins SELECT 'grown-' || i, o.index_name, o.since
FROM n, (SELECT * FROM origins LIMIT 1) o
"""  # noqa: S608 - of constants
_CHANGES = f"""
{_NUMBERS}
INSERT INTO changes (index_name, project) SELECT c.index_name, 'grown-' || i
FROM n, (SELECT * FROM changes LIMIT 1) c
"""  # noqa: S608 - of constants

_TOUCHED = (
    "decisions", "current_decisions", "decision_grounds", "fetches", "holders", "pages", "origins",
    "changes",
)  # fmt: skip


def grow_decisions(database: Path, rows: int) -> None:
    """Add copies until there are `rows` decisions, of the files of a thousand projects."""
    with _quick(database) as db:
        have = _count(db, "current_decisions")
        (model,) = db.execute(
            "SELECT min(number) FROM current_decisions WHERE action = 'SERVE'"
        ).fetchone()
        (newest,) = db.execute("SELECT max(number) FROM decisions").fetchone()
        place = {"first": 1, "last": rows - have, "model": model, "offset": newest}
        if have < rows:
            for statement in (_DECISIONS, _CURRENT, _GROUNDS):
                db.execute(statement, place)


def grow_fetches(database: Path, rows: int) -> None:
    """Add copies until there are `rows` fetch records, each of another file."""
    with _quick(database) as db:
        have = _count(db, "fetches")
        if have < rows:
            place = {"first": 1, "last": rows - have}
            db.execute(_HOLDERS, place)  # first: it copies the newest record, which then changes
            db.execute(_FETCHES, place)


def grow_projects(database: Path, rows: int) -> None:
    """Add projects whose pages were seen until there are `rows`: page, home, generation."""
    with _quick(database) as db:
        have = _count(db, "pages")
        if have < rows:
            place = {"first": 1, "last": rows - have}
            for statement in (_PAGES, _ORIGINS, _CHANGES):
                db.execute(statement, place)


@contextmanager
def _quick(database: Path) -> Iterator[sqlite3.Connection]:
    """One transaction without triggers and indexes; nobody else may write. As it was afterwards."""
    with closing(sqlite3.connect(database, isolation_level=None)) as db:
        for line in ("synchronous = OFF", "cache_size = -400000", "temp_store = MEMORY"):
            db.execute(f"PRAGMA {line}")
        marks = ", ".join("?" * len(_TOUCHED))
        aside = db.execute(
            "SELECT type, name, sql FROM sqlite_master WHERE type IN ('trigger', 'index') "  # noqa: S608
            f"AND sql IS NOT NULL AND tbl_name IN ({marks})",
            _TOUCHED,
        ).fetchall()
        db.execute("BEGIN")
        for kind, name, _ in aside:
            db.execute(f"DROP {kind} {name}")
        yield db
        for _, _, text in aside:
            db.execute(text)
        db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _count(db: sqlite3.Connection, table: str) -> int:
    (count,) = db.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - a constant
    return int(count)
