"""Which artifact bytes must stay, and when others were last wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from models.artifact import Sha256
from models.decision import OverrideAction
from proxy.store.codec import moment
from proxy.store.sql import departures, overrides
from proxy.store.sql.connection import Session

OPEN_JOBS = "SELECT DISTINCT sha256 FROM jobs WHERE state <> 'decided'"
LAST = "SELECT max(last_at) AS last_at FROM holders WHERE sha256 = :sha256"


def needed(session: Session, as_of: datetime) -> frozenset[Sha256]:
    """Digests whose bytes must stay."""
    waiting = {Sha256(row["sha256"]) for row in session.rows(OPEN_JOBS)}
    allowed: set[Sha256] = set()
    for override in overrides.find(session, project=None, active_at=as_of):
        if override.action is OverrideAction.ALLOW:
            allowed.update(override.bound)
            allowed.update({override.sha256} if override.sha256 else ())
    return departures.digests(session) | waiting | allowed


def last_fetched(session: Session, sha256s: Sequence[Sha256]) -> Mapping[Sha256, datetime]:
    """When each was last fetched."""
    found = {}
    for sha256 in sha256s:
        row = session.row(LAST, {"sha256": sha256})
        if row is not None and row["last_at"] is not None:
            found[sha256] = moment(row["last_at"])
    return found
