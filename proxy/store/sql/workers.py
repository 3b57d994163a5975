"""Workers that are no longer believed."""

from __future__ import annotations

from proxy.store.sql import audit, jobs
from proxy.store.sql.connection import Session


def distrust(session: Session, worker: str, *, actor: str) -> None:
    """Distrust a worker, and audit it once."""
    if jobs.distrust(session, worker, now=session.clock()):
        audit.append(session, actor=actor, action="worker_distrusted", subject=worker, detail="{}")
