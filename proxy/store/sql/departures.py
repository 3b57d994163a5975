"""Files that their index ceased to list."""

from __future__ import annotations

from collections.abc import Sequence

from packaging.utils import NormalizedName

from models.artifact import ArtifactRef, IndexName, Sha256
from proxy.admin.events import Event
from proxy.store.checks import check_departure
from proxy.store.codec import micros, moment
from proxy.store.departures_port import Departure
from proxy.store.sql import changes, telling
from proxy.store.sql.connection import Session
from proxy.store.sql.rows import ref_columns, ref_of

PUT = """
INSERT OR IGNORE INTO departures (index_name, project, sha256, filename, since, entry)
VALUES (:index_name, :project, :sha256, :filename, :since, :entry)
"""
FORGET = """
DELETE FROM departures WHERE index_name = :index_name AND project = :project
  AND sha256 = :sha256 AND filename = :filename
"""
OF_PROJECT = """
SELECT * FROM departures WHERE index_name = :index_name AND project = :project
ORDER BY since, sha256, filename
"""
DIGESTS = "SELECT DISTINCT sha256 FROM departures"


def put(session: Session, gone: Sequence[Departure], *, telling_: Sequence[Event]) -> None:
    """Keep them; tell, where any is new."""
    for one in gone:
        check_departure(one)
    fresh = [
        one.ref
        for one in gone
        if session.run(
            PUT, ref_columns(one.ref) | {"since": micros(one.since), "entry": one.entry}
        ).rowcount
    ]
    _touch(session, fresh)
    if fresh:
        for event in telling_:
            telling.tell(session, event)


def forget(session: Session, refs: Sequence[ArtifactRef]) -> int:
    """Those are listed again."""
    known = [ref for ref in refs if session.run(FORGET, ref_columns(ref)).rowcount]
    _touch(session, known)
    return len(known)


def of_project(
    session: Session, index: IndexName, project: NormalizedName
) -> tuple[Departure, ...]:
    """Those of a project."""
    rows = session.rows(OF_PROJECT, {"index_name": index, "project": project})
    return tuple(
        Departure(ref=ref_of(row), since=moment(row["since"]), entry=bytes(row["entry"]))
        for row in rows
    )


def digests(session: Session) -> frozenset[Sha256]:
    """The digests of all."""
    return frozenset(Sha256(row["sha256"]) for row in session.rows(DIGESTS))


def _touch(session: Session, refs: Sequence[ArtifactRef]) -> None:
    for index, project in sorted({(ref.index, ref.project) for ref in refs}):
        changes.touch(session, index, project)
