"""Requests for overrides: asked, answered, looked up; and overrides that are prolonged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from models.artifact import IndexName
from models.decision import Override
from models.errors import StoreConflict
from proxy.admin.events import Event
from proxy.store.bounds import row_limit
from proxy.store.codec import micros, micros_or_none, moment, moment_or_none
from proxy.store.exceptions_port import Answer, OverrideRequest, RequestState, Scope
from proxy.store.requests import (
    ENDED,
    EXTENDED,
    REQUESTED,
    answer_detail,
    check_extendable,
    check_room,
    checked,
    ended,
    extension_detail,
    request_detail,
    same_request,
)
from proxy.store.sql import audit, overrides
from proxy.store.sql import telling as outbox
from proxy.store.sql.connection import Row, Session
from proxy.store.sql.rows import ref_columns, ref_of, value_of

BY_ID = "SELECT * FROM override_requests WHERE id = :id"
OPEN_COUNT = """
SELECT count(*) AS in_all, coalesce(sum(requester = :requester), 0) AS of_requester
FROM override_requests WHERE state = 'open' AND expires_at > :now
"""
OPEN_OF = """
SELECT * FROM override_requests
WHERE requester = :requester AND state = 'open' AND expires_at > :now
"""
INSERT = """
INSERT INTO override_requests (
  id, decision_id, index_name, project, sha256, filename, scope, specifier, days, justification,
  requester, person, created_at, expires_at, state, decided_by, decided_at, answer, override_id
) VALUES (
  :id, :decision_id, :index_name, :project, :sha256, :filename, :scope, :specifier, :days,
  :justification, :requester, :person, :created_at, :expires_at, :state, :decided_by, :decided_at,
  :answer, :override_id
)
"""
END = """
UPDATE override_requests SET state = :state, decided_by = :decided_by, decided_at = :decided_at,
  answer = :answer, override_id = :override_id
WHERE id = :id AND state = 'open'
"""
ALL = """
SELECT * FROM override_requests
WHERE number < :before AND (:requester = '' OR requester = :requester)
ORDER BY number DESC LIMIT :limit
"""
OF_STATE = """
SELECT * FROM override_requests
WHERE state = :state AND number < :before AND (:requester = '' OR requester = :requester)
  AND (:now IS NULL OR (expires_at > :now) = :alive)
ORDER BY number DESC LIMIT :limit
"""
BEHIND = """
WITH RECURSIVE line (id) AS (
  SELECT :id UNION SELECT extends FROM override_extensions JOIN line ON override_id = line.id
)
SELECT r.* FROM line JOIN override_requests r ON r.override_id = line.id AND r.override_id <> ''
LIMIT 1
"""
EXTEND = "INSERT INTO override_extensions (override_id, extends) VALUES (:id, :extends)"
NEWEST = 2**63 - 1
"""Above every number."""


def add(session: Session, request: OverrideRequest, *, telling: Sequence[Event] = ()) -> None:
    """Keep a new request, audit it and tell."""
    kept = checked(request)
    if session.row(BY_ID, {"id": kept.id}):
        raise StoreConflict(f"There is another request {kept.id} already.")
    params = {"requester": kept.requester, "now": micros(kept.created_at)}
    for row in session.rows(OPEN_OF, params):
        known = _request_of(row)
        if (known.ref, known.scope, known.specifier) == (kept.ref, kept.scope, kept.specifier):
            raise same_request(known)
    counted = session.rows(OPEN_COUNT, params)[0]
    check_room(of_requester=counted["of_requester"], in_all=counted["in_all"])
    session.run(INSERT, _columns(kept))
    audit.append(
        session,
        actor=kept.requester,
        action=REQUESTED,
        subject=kept.id,
        detail=request_detail(kept),
    )
    outbox.tell_all(session, telling)


def by_id(session: Session, request_id: str) -> tuple[int, OverrideRequest] | None:
    """A request as it stands now."""
    row = session.row(BY_ID, {"id": request_id})
    return (row["number"], _request_of(row).as_of(session.clock())) if row else None


def find(
    session: Session, *, state: RequestState | None, requester: str, before: int, limit: int
) -> tuple[tuple[int, OverrideRequest], ...]:
    """Requests, newest first."""
    now = session.clock()
    params: dict[str, Any] = {
        "requester": requester,
        "before": before if 0 < before < NEWEST else NEWEST,
        "limit": row_limit(limit),
        "state": "",
        "now": None,
        "alive": 0,
    }
    match state:
        case None:
            rows = session.rows(ALL, params)
        case RequestState.OPEN | RequestState.EXPIRED:
            alive = int(state is RequestState.OPEN)
            params |= {"state": RequestState.OPEN.value, "now": micros(now), "alive": alive}
            rows = session.rows(OF_STATE, params)
        case _:
            rows = session.rows(OF_STATE, params | {"state": state.value})
    return tuple((row["number"], _request_of(row).as_of(now)) for row in rows)


def approve(
    session: Session,
    request_id: str,
    override: Override,
    answer: Answer,
    *,
    seen: frozenset[IndexName],
    telling: Sequence[Event] = (),
) -> OverrideRequest:
    """Make the override, end the request with it, and tell."""
    done = _ended(session, request_id, answer)
    overrides.add(session, override, seen)
    outbox.tell_all(session, telling)
    return _end(session, replace(done, override_id=override.id))


def end(
    session: Session, request_id: str, answer: Answer, *, telling: Sequence[Event] = ()
) -> OverrideRequest:
    """Refuse or withdraw a request, and tell."""
    done = _end(session, _ended(session, request_id, answer))
    outbox.tell_all(session, telling)
    return done


def extend(
    session: Session,
    override_id: str,
    extended: Override,
    *,
    at: datetime,
    seen: frozenset[IndexName],
) -> Override:
    """Put an override in the place of another."""
    row = session.row(overrides.BY_ID, {"id": override_id})
    check_extendable(value_of(Override, row) if row else None, override_id, at)
    overrides.add(session, extended, seen)
    overrides.revoke(session, override_id, actor=extended.actor, at=at, seen=seen)
    session.run(EXTEND, {"id": extended.id, "extends": override_id})
    audit.append(
        session,
        actor=extended.actor,
        action=EXTENDED,
        subject=extended.id,
        detail=extension_detail(override_id, extended),
    )
    return extended


def behind(session: Session, override_id: str) -> OverrideRequest | None:
    """The request that an override came from."""
    row = session.row(BEHIND, {"id": override_id})
    return _request_of(row).as_of(session.clock()) if row else None


def _ended(session: Session, request_id: str, answer: Answer) -> OverrideRequest:
    row = session.row(BY_ID, {"id": request_id})
    return ended(_request_of(row) if row else None, answer, request_id)


def _end(session: Session, done: OverrideRequest) -> OverrideRequest:
    session.run(END, _columns(done))
    audit.append(
        session,
        actor=done.decided_by,
        action=ENDED[done.state],
        subject=done.id,
        detail=answer_detail(done),
    )
    return done


def _columns(request: OverrideRequest) -> dict[str, Any]:
    return ref_columns(request.ref) | {
        "id": request.id,
        "decision_id": request.decision_id,
        "scope": request.scope.value,
        "specifier": request.specifier,
        "days": request.days,
        "justification": request.justification,
        "requester": request.requester,
        "person": request.person,
        "created_at": micros(request.created_at),
        "expires_at": micros(request.expires_at),
        "state": request.state.value,
        "decided_by": request.decided_by,
        "decided_at": micros_or_none(request.decided_at),
        "answer": request.answer,
        "override_id": request.override_id,
    }


def _request_of(row: Row) -> OverrideRequest:
    return OverrideRequest(
        id=row["id"],
        decision_id=row["decision_id"],
        ref=ref_of(row),
        scope=Scope(row["scope"]),
        specifier=row["specifier"],
        days=row["days"],
        justification=row["justification"],
        requester=row["requester"],
        person=row.get("person", ""),
        created_at=moment(row["created_at"]),
        expires_at=moment(row["expires_at"]),
        state=RequestState(row["state"]),
        decided_by=row["decided_by"],
        decided_at=moment_or_none(row["decided_at"]),
        answer=row["answer"],
        override_id=row["override_id"],
    )
