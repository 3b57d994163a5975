"""The generation counter and the names of the indexes that the store has heard of."""

from __future__ import annotations

from packaging.utils import NormalizedName

from models.artifact import IndexName, Sha256
from models.decision import Override
from proxy.store.port import Change
from proxy.store.sql.connection import Row, Session

GENERATION = "SELECT coalesce(max(generation), 0) AS generation FROM changes"
SINCE = """
SELECT * FROM changes WHERE generation > :generation ORDER BY generation LIMIT :limit
"""
BEFORE = """
SELECT * FROM changes WHERE generation < :generation ORDER BY generation DESC LIMIT :limit
"""
# REPLACE takes the project's row away and adds it at the end, under the next number.
TOUCH = "INSERT OR REPLACE INTO changes (index_name, project) VALUES (:index_name, :project)"
KNOW_INDEX = "INSERT OR IGNORE INTO indexes (name) VALUES (:name)"
INDEXES = "SELECT name FROM indexes ORDER BY name"
PROJECTS_WITH_BYTES = """
SELECT index_name, project FROM current_decisions WHERE sha256 = :sha256
UNION SELECT index_name, project FROM jobs WHERE sha256 = :sha256
UNION SELECT index_name, project FROM pages WHERE instr(body, CAST(:sha256 AS BLOB)) > 0
ORDER BY index_name, project
"""


def generation(session: Session) -> int:
    """The current generation."""
    return int(session.rows(GENERATION)[0]["generation"])


def since(session: Session, after: int, *, limit: int | None) -> tuple[Change, ...]:
    """What changed after a generation, oldest first: at most one row for each project."""
    place = {"generation": after, "limit": -1 if limit is None else limit}
    return tuple(map(_change, session.rows(SINCE, place)))


def before(session: Session, generation: int, *, limit: int) -> tuple[Change, ...]:
    """What changed last before a generation, newest first."""
    return tuple(map(_change, session.rows(BEFORE, {"generation": generation, "limit": limit})))


def touch(session: Session, index: IndexName, project: NormalizedName) -> int:
    """Raise the generation for a project; the new one."""
    know(session, index)
    session.run(TOUCH, {"index_name": index, "project": project})
    return generation(session)


def touch_override(session: Session, override: Override, seen: frozenset[IndexName]) -> None:
    """Raise the generation of every project that an override may speak of."""
    for index, project in _touched(session, override, seen):
        touch(session, index, project)


def know(session: Session, index: IndexName) -> None:
    """Remember an index by its name."""
    session.run(KNOW_INDEX, {"name": index})


def _touched(
    session: Session, override: Override, seen: frozenset[IndexName]
) -> list[tuple[IndexName, NormalizedName]]:
    if override.project is not None:
        names = {IndexName(row["name"]) for row in session.rows(INDEXES)} | seen
        return [(name, override.project) for name in sorted(names)]
    sha256 = override.sha256 or Sha256("")
    rows = session.rows(PROJECTS_WITH_BYTES, {"sha256": sha256})
    return [(IndexName(row["index_name"]), NormalizedName(row["project"])) for row in rows]


def _change(row: Row) -> Change:
    return Change(
        generation=row["generation"],
        index=IndexName(row["index_name"]),
        project=NormalizedName(row["project"]),
    )
