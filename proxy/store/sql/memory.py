"""What projects showed with their files."""

from __future__ import annotations

from packaging.utils import NormalizedName

from models.artifact import IndexName, Sha256
from proxy.store.bounds import MEMORY_ROWS_MAX
from proxy.store.checks import check_remembered
from proxy.store.codec import micros, moment
from proxy.store.port import MemoryKind, Remembered
from proxy.store.sql.connection import Row, Session

# The value of a known file stands; only that it was seen again is noted.
PUT = """
INSERT INTO project_memory (index_name, project, kind, sha256, value, first_seen, last_seen)
VALUES (:index_name, :project, :kind, :sha256, :value, :first_seen, :last_seen)
ON CONFLICT (index_name, project, kind, sha256) DO UPDATE
SET last_seen = max(last_seen, excluded.last_seen) WHERE value = excluded.value
"""
FORGET = """
DELETE FROM project_memory
WHERE index_name = :index_name AND project = :project AND kind = :kind AND sha256 IN (
  SELECT sha256 FROM project_memory
  WHERE index_name = :index_name AND project = :project AND kind = :kind
  ORDER BY last_seen DESC, sha256 LIMIT -1 OFFSET :keep
)
"""
OF_PROJECT = """
SELECT * FROM project_memory
WHERE index_name = :index_name AND project = :project AND kind = :kind
ORDER BY first_seen, sha256
"""


def put(session: Session, seen: Remembered) -> None:
    """Keep what a file's project showed."""
    check_remembered(seen)
    columns = {
        "index_name": seen.index,
        "project": seen.project,
        "kind": seen.kind.value,
        "sha256": seen.sha256,
    }
    session.run(
        PUT,
        columns
        | {
            "value": seen.value,
            "first_seen": micros(seen.first_seen),
            "last_seen": micros(seen.last_seen),
        },
    )
    del columns["sha256"]
    session.run(FORGET, columns | {"keep": MEMORY_ROWS_MAX})


def of_project(
    session: Session, index: IndexName, project: NormalizedName, kind: MemoryKind
) -> tuple[Remembered, ...]:
    """All that is remembered of a project."""
    rows = session.rows(OF_PROJECT, {"index_name": index, "project": project, "kind": kind.value})
    return tuple(_remembered(row) for row in rows)


def _remembered(row: Row) -> Remembered:
    return Remembered(
        index=IndexName(row["index_name"]),
        project=NormalizedName(row["project"]),
        kind=MemoryKind(row["kind"]),
        sha256=Sha256(row["sha256"]),
        value=row["value"],
        first_seen=moment(row["first_seen"]),
        last_seen=moment(row["last_seen"]),
    )
