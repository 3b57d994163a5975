"""Fetch records and upstream pages: what went by."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from packaging.utils import NormalizedName

from models.artifact import ArtifactRef, IndexName, Sha256
from models.errors import StoreError
from proxy.store.bounds import row_limit
from proxy.store.checks import clean_fetches, clean_page
from proxy.store.port import Fetch, StoredPage
from proxy.store.sql import changes
from proxy.store.sql.connection import Session
from proxy.store.sql.rows import fetch_columns, fetch_of, page_columns, page_of, ref_columns

NEWEST = "SELECT * FROM fetches ORDER BY number DESC LIMIT :limit"
NEWEST_OF = "SELECT * FROM fetches WHERE sha256 = :sha256 ORDER BY number DESC LIMIT :limit"
COUNT = """
SELECT count(*) AS count FROM fetches
WHERE index_name = :index_name AND project = :project
  AND sha256 = :sha256 AND filename = :filename
"""
COLUMNS = (
    "at",
    "index_name",
    "project",
    "sha256",
    "filename",
    "requester",
    "address",
    "user_agent",
    "status",
    "decision_id",
    "groups",
)
# One statement for a whole batch: Python's lock is let go of once and not at each row, for which a
# busy event loop would make every single row wait. Half the CPU a row, by measurement.
INSERT = f"""
INSERT INTO fetches ({", ".join(COLUMNS)})
SELECT {", ".join(f"json_extract(value, '$[{place}]')" for place in range(len(COLUMNS)))}
FROM json_each(:rows)
"""  # noqa: S608 - of the names above alone
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
    columns = [fetch_columns(fetch) for fetch in clean_fetches(fetches)]
    try:
        rows = orjson.dumps([[row[name] for name in COLUMNS] for row in columns])
    except TypeError as error:  # a number that no column holds
        raise StoreError(f"A fetch record cannot be stored: {error}.") from error
    session.run(INSERT, {"rows": rows.decode()})


def newest(session: Session, *, sha256: Sha256 | None, limit: int) -> tuple[Fetch, ...]:
    """Fetch records, newest first."""
    sql = NEWEST_OF if sha256 else NEWEST
    rows = session.rows(sql, {"sha256": sha256, "limit": row_limit(limit)})
    return tuple(fetch_of(row) for row in rows)


def count(session: Session, ref: ArtifactRef) -> int:
    """How many fetch records a file has."""
    row = session.row(COUNT, ref_columns(ref))
    return int(row["count"]) if row else 0


def put_page(session: Session, page: StoredPage) -> None:
    """Keep an upstream page."""
    changes.know(session, page.index)
    session.run(PUT_PAGE, page_columns(clean_page(page)))


def page(session: Session, index: IndexName, project: NormalizedName) -> StoredPage | None:
    """The stored upstream page."""
    row = session.row(PAGE, {"index_name": index, "project": project})
    return page_of(row) if row else None
