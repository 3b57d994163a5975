"""Origins of names, and their moves."""

from __future__ import annotations

from typing import Any

from packaging.utils import NormalizedName

from models.artifact import IndexName
from models.errors import StoreError
from proxy.store.bounds import row_limit
from proxy.store.checks import check_origin_move
from proxy.store.codec import micros, moment
from proxy.store.details import origin_detail
from proxy.store.origins_port import AnnouncingMove, Origin, OriginMove
from proxy.store.sql import audit, changes
from proxy.store.sql import telling as outbox
from proxy.store.sql.connection import Row, Session

BIND = (
    "INSERT OR IGNORE INTO origins (project, index_name, since) VALUES (:project, :index, :since)"
)
OF_PROJECT = "SELECT * FROM origins WHERE project = :project"
PAGE = """
SELECT * FROM origins WHERE project > :after AND (:index = '' OR index_name = :index)
ORDER BY project LIMIT :limit
"""
MOVE = "UPDATE origins SET index_name = :now, since = :at WHERE project = :project"
NOTE = """
INSERT INTO origin_moves (project, was, now, actor, justification, at)
VALUES (:project, :was, :now, :actor, :justification, :at)
"""
MOVES = "SELECT * FROM origin_moves WHERE number > :after ORDER BY number LIMIT :limit"
NEWEST = "SELECT coalesce(max(number), 0) AS number FROM origin_moves"


def bind(session: Session, project: NormalizedName, index: IndexName) -> Origin:
    """Bind a name that is not bound; the origin in force."""
    session.run(BIND, {"project": project, "index": index, "since": micros(session.clock())})
    made = find(session, project)
    assert made is not None  # noqa: S101 - it was written a line above
    return made


def find(session: Session, project: NormalizedName) -> Origin | None:
    """Where a name comes from."""
    row = session.row(OF_PROJECT, {"project": project})
    return None if row is None else _origin(row)


def page(session: Session, *, index: str, after: str, limit: int) -> tuple[Origin, ...]:
    """Bound names in their order."""
    params = {"index": index, "after": after, "limit": row_limit(limit)}
    return tuple(_origin(row) for row in session.rows(PAGE, params))


def move(
    session: Session,
    project: NormalizedName,
    to: IndexName,
    *,
    actor: str,
    justification: str,
    telling: AnnouncingMove,
) -> OriginMove:
    """Give a name to another upstream. Raises StoreConflict, StoreError."""
    before = find(session, project)
    check_origin_move(before, project, to, justification)
    assert before is not None  # noqa: S101 - checked a line above
    values: dict[str, Any] = {
        "project": project,
        "was": before.index,
        "now": to,
        "actor": actor,
        "justification": justification,
        "at": micros(session.clock()),
    }
    session.run(MOVE, {key: values[key] for key in ("now", "at", "project")})
    session.run(NOTE, values)
    audit.append(
        session,
        actor=actor,
        action="origin_moved",
        subject=project,
        detail=origin_detail(before.index, to, justification),
    )
    for index in (before.index, to):
        changes.touch(session, index, project)
    (made,) = moves(session, after=newest(session) - 1, limit=1)
    outbox.tell_all(session, telling(made))
    return made


def moves(session: Session, *, after: int, limit: int) -> tuple[OriginMove, ...]:
    """Moves above a number, the oldest first."""
    rows = session.rows(MOVES, {"after": after, "limit": row_limit(limit)})
    return tuple(map(_move, rows))


def newest(session: Session) -> int:
    """The number of the newest move; 0: there was none."""
    row = session.row(NEWEST)
    if row is None:
        raise StoreError("The newest move of a name cannot be read.")
    return int(row["number"])


def _origin(row: Row) -> Origin:
    return Origin(
        project=NormalizedName(row["project"]),
        index=IndexName(row["index_name"]),
        since=moment(row["since"]),
    )


def _move(row: Row) -> OriginMove:
    return OriginMove(
        number=row["number"],
        project=NormalizedName(row["project"]),
        was=IndexName(row["was"]),
        now=IndexName(row["now"]),
        actor=row["actor"],
        justification=row["justification"],
        at=moment(row["at"]),
    )
