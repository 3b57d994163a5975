"""The watch list: kept beside the decisions, in the same transactions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from packaging.utils import NormalizedName

from models.artifact import ArtifactRef
from models.decision import Action, Decision
from proxy.store.bounds import row_limit
from proxy.store.codec import micros, moment, moment_or_none
from proxy.store.sql.connection import Row, Session
from proxy.store.sql.rows import ref_columns, ref_of
from proxy.store.watch_port import Watched, casts_doubt, is_watched

ADD = """
INSERT OR IGNORE INTO watches (
  index_name, project, sha256, filename, since, analysed_at, queued_at, wanted
) VALUES (:index_name, :project, :sha256, :filename, :now, :now, NULL, 0)
"""
OF_REF = """
WHERE index_name = :index_name AND project = :project
  AND sha256 = :sha256 AND filename = :filename
"""
DROP = f"DELETE FROM watches {OF_REF}"  # noqa: S608 - both are constants of ours
ANALYSED = f"UPDATE watches SET analysed_at = :now, wanted = 0 {OF_REF}"  # noqa: S608 - as above
QUEUED = f"UPDATE watches SET queued_at = :now {OF_REF}"  # noqa: S608 - as above
WANT_BESIDE = """
UPDATE watches SET wanted = 1
WHERE index_name = :index_name AND project = :project
  AND NOT (sha256 = :sha256 AND filename = :filename)
"""
WANT = "UPDATE watches SET wanted = 1, queued_at = NULL WHERE project = :project"
# In the order of the indexes by analysis, which end in the primary key: nothing is sorted.
IN_ORDER = "ORDER BY analysed_at, index_name, project, sha256, filename LIMIT :limit"
OF_PROJECT = f"""
SELECT * FROM watches WHERE project = :project
ORDER BY wanted DESC, {IN_ORDER.removeprefix("ORDER BY ")}
"""  # noqa: S608 - constants of ours
WANTED = f"SELECT * FROM watches WHERE wanted = 1 {IN_ORDER}"  # noqa: S608 - as above
OTHERS = f"SELECT * FROM watches WHERE wanted = 0 {IN_ORDER}"  # noqa: S608 - as above
NOT_JUST_QUEUED = "(queued_at IS NULL OR queued_at <= :queued_before)"
WANTED_DUE = f"""
SELECT * FROM watches WHERE wanted = 1 AND {NOT_JUST_QUEUED} {IN_ORDER}
"""  # noqa: S608 - as above
OTHERS_DUE = f"""
SELECT * FROM watches WHERE wanted = 0 AND analysed_at <= :analysed_before AND {NOT_JUST_QUEUED}
{IN_ORDER}
"""  # noqa: S608 - as above
QUEUED_SINCE = "SELECT count(*) AS count FROM watches WHERE queued_at > :moment"


def follow(session: Session, decision: Decision, *, before: Action | None, now: datetime) -> None:
    """Bring the list in line with a decision that was just made current."""
    columns = ref_columns(decision.ref)
    if is_watched(decision):
        session.run(ADD, columns | {"now": micros(now)})
    else:
        session.run(DROP, columns)
    if casts_doubt(decision, before):
        session.run(WANT_BESIDE, columns)


def analysed(session: Session, ref: ArtifactRef, *, now: datetime) -> None:
    """Evidence of a file came."""
    session.run(ANALYSED, ref_columns(ref) | {"now": micros(now)})


def find(session: Session, *, project: str, limit: int) -> tuple[Watched, ...]:
    """Files on the list."""
    params = {"project": project, "limit": row_limit(limit)}
    if project:
        return tuple(_watched_of(row) for row in session.rows(OF_PROJECT, params))
    return _first(session, (WANTED, OTHERS), params)


def due(
    session: Session, *, analysed_before: datetime, queued_before: datetime, limit: int
) -> tuple[Watched, ...]:
    """Files whose time has come."""
    params = {
        "analysed_before": micros(analysed_before),
        "queued_before": micros(queued_before),
        "limit": row_limit(limit),
    }
    return _first(session, (WANTED_DUE, OTHERS_DUE), params)


def queued_since(session: Session, moment_: datetime) -> int:
    """How many were queued after a moment."""
    return int(session.rows(QUEUED_SINCE, {"moment": micros(moment_)})[0]["count"])


def queued(session: Session, ref: ArtifactRef, *, at: datetime) -> None:
    """Note that a file was queued."""
    session.run(QUEUED, ref_columns(ref) | {"now": micros(at)})


def want(session: Session, project: NormalizedName) -> int:
    """Have a project's files looked at as soon as there is room."""
    return session.run(WANT, {"project": project}).rowcount


def _first(
    session: Session, queries: tuple[str, ...], params: dict[str, Any]
) -> tuple[Watched, ...]:
    """The rows of several queries, one after the other, `limit` in all."""
    found: list[Watched] = []
    for sql in queries:
        left = params["limit"] - len(found)
        found += (_watched_of(row) for row in session.rows(sql, params | {"limit": left}))
    return tuple(found)


def _watched_of(row: Row) -> Watched:
    return Watched(
        ref=ref_of(row),
        since=moment(row["since"]),
        analysed_at=moment(row["analysed_at"]),
        queued_at=moment_or_none(row["queued_at"]),
        wanted=bool(row["wanted"]),
    )
