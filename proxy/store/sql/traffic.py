"""Fetch records and upstream pages: what went by."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from packaging.utils import NormalizedName

from models.artifact import IndexName, Sha256
from proxy.store.bounds import row_limit
from proxy.store.checks import clean_fetches, clean_page
from proxy.store.port import Fetch, StoredPage
from proxy.store.sql import changes
from proxy.store.sql.connection import Session
from proxy.store.sql.rows import FETCH_COLUMNS, fetch_of, fetch_values, page_columns, page_of

NEWEST = "SELECT * FROM fetches ORDER BY number DESC LIMIT :limit"
NEWEST_OF = "SELECT * FROM fetches WHERE sha256 = :sha256 ORDER BY number DESC LIMIT :limit"
COUNT = "SELECT coalesce(sum(fetches), 0) AS count FROM holders WHERE sha256 = :sha256"
LAST = "SELECT seq FROM sqlite_sequence WHERE name = 'fetches'"
ADD_UP = """
INSERT INTO holders
SELECT sha256, requester, groups, address, decision_id, count(*), sum(status = 200),
  sum(status = 206), min(at), max(at)
FROM fetches WHERE number > :last GROUP BY sha256, requester, groups, address, decision_id
ON CONFLICT DO UPDATE SET
  fetches = fetches + excluded.fetches,
  whole = whole + excluded.whole,
  parts = parts + excluded.parts,
  first_at = min(first_at, excluded.first_at),
  last_at = max(last_at, excluded.last_at)
"""
"""Adds the records after `:last` to what is known of their holders. Whoever inserts runs it."""
ROWS = (128, 16, 1)
"""Records of one statement. Python's lock is let go of once for each statement: by the row, a busy
event loop would make every single row wait. Half the CPU of a row read from one JSON text."""


def insert_of(rows: int) -> str:
    """The statement that appends so many records."""
    places = f"({', '.join('?' * len(FETCH_COLUMNS))})"
    return f"INSERT INTO fetches ({', '.join(FETCH_COLUMNS)}) VALUES {', '.join([places] * rows)}"  # noqa: S608


_INSERTS = {rows: insert_of(rows) for rows in ROWS}
PAGE = "SELECT * FROM pages WHERE index_name = :index_name AND project = :project"
PUT_PAGE = """
INSERT OR REPLACE INTO pages (
  index_name, project, content_type, etag, fetched_at, max_age_s, status, body
) VALUES (
  :index_name, :project, :content_type, :etag, :fetched_at, :max_age_s, :status, :body
)
"""


def record(session: Session, fetches: Sequence[Fetch]) -> None:
    """Append fetch records."""
    rows = [fetch_values(fetch) for fetch in clean_fetches(fetches)]
    last = session.row(LAST)
    done = 0
    for size in ROWS:
        while len(rows) - done >= size:
            values = chain.from_iterable(rows[done : done + size])
            session.run_with(_INSERTS[size], tuple(values))
            done += size
    session.run(ADD_UP, {"last": last["seq"] if last else 0})


def newest(session: Session, *, sha256: Sha256 | None, limit: int) -> tuple[Fetch, ...]:
    """Fetch records, newest first."""
    sql = NEWEST_OF if sha256 else NEWEST
    rows = session.rows(sql, {"sha256": sha256, "limit": row_limit(limit)})
    return tuple(fetch_of(row) for row in rows)


def count(session: Session, sha256: Sha256) -> int:
    """How many fetch records there are of these bytes."""
    row = session.row(COUNT, {"sha256": sha256})
    return int(row["count"]) if row else 0


def put_page(session: Session, page: StoredPage) -> None:
    """Keep an upstream page."""
    changes.know(session, page.index)
    session.run(PUT_PAGE, page_columns(clean_page(page)))


def page(session: Session, index: IndexName, project: NormalizedName) -> StoredPage | None:
    """The stored upstream page."""
    row = session.row(PAGE, {"index_name": index, "project": project})
    return page_of(row) if row else None
