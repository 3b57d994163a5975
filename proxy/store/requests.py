"""How a request for an override goes from state to state, pure: both stores apply these."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from models.canonical import canonical_json
from models.decision import Override
from models.errors import Overloaded, StoreConflict, StoreError, ValueInvalid
from proxy.store.checks import clean
from proxy.store.codec import micros
from proxy.store.exceptions_port import (
    JUSTIFICATION_CHARS_MAX,
    OPEN_PER_REQUESTER_MAX,
    OPEN_REQUESTS_MAX,
    Answer,
    OverrideRequest,
    RequestState,
)

REQUESTED = "override_requested"
ENDED = {
    RequestState.APPROVED: "override_request_approved",
    RequestState.REFUSED: "override_request_refused",
    RequestState.WITHDRAWN: "override_request_withdrawn",
}
"""Actions of audit rows, by what became of a request."""
EXTENDED = "override_extended"


def checked(request: OverrideRequest) -> OverrideRequest:
    """A new request, storable. Raises ValueInvalid for one that is over before it begins."""
    micros(request.created_at)
    if request.state is not RequestState.OPEN or micros(request.expires_at) <= micros(
        request.created_at
    ):
        raise ValueInvalid("A new request is open, and ends after it begins.")
    return replace(request, justification=clean(request.justification, JUSTIFICATION_CHARS_MAX))


def check_room(*, of_requester: int, in_all: int) -> None:
    """Raises Overloaded where so many are open already."""
    if of_requester >= OPEN_PER_REQUESTER_MAX:
        raise Overloaded(
            f"You have {of_requester} open requests, and that is the most.",
            next_step="Wait for answers, or withdraw some.",
        )
    if in_all >= OPEN_REQUESTS_MAX:
        raise Overloaded(
            f"{in_all} requests wait for a reviewer, and that is the most.",
            next_step="Ask a reviewer to answer some.",
        )


def same_request(known: OverrideRequest) -> StoreConflict:
    """The error for asking the same thing twice."""
    return StoreConflict(
        f"You have asked for that already: request {known.id}.",
        next_step="Wait for its answer, or withdraw it.",
    )


def ended(request: OverrideRequest | None, answer: Answer, request_id: str) -> OverrideRequest:
    """The request with its end. Raises StoreError for none, StoreConflict where it is over already."""
    if request is None:
        raise StoreError(
            f"There is no request {request_id}.",
            next_step="`pratique override requests --all` lists them.",
        )
    micros(answer.at)
    before = request.as_of(answer.at)
    if before.state is RequestState.EXPIRED:
        raise StoreConflict(
            f"The request {request.id} expired on {request.expires_at:%Y-%m-%d %H:%M} UTC.",
            next_step="Whoever needs it asks again.",
        )
    if before.state is not RequestState.OPEN:
        when = f" at {before.decided_at:%Y-%m-%d %H:%M} UTC" if before.decided_at else ""
        raise StoreConflict(
            f"{before.decided_by} has {before.state.value} the request {request.id} already{when}.",
            next_step="Nothing was changed by your decision.",
        )
    return replace(
        request,
        state=answer.state,
        decided_by=answer.by,
        decided_at=answer.at,
        answer=clean(answer.text, JUSTIFICATION_CHARS_MAX),
    )


def check_extendable(old: Override | None, override_id: str, at: datetime) -> Override:
    """The override, if it is in force at `at`. Raises StoreError for none, StoreConflict else."""
    if old is None:
        raise StoreError(
            f"There is no override {override_id}.", next_step="`pratique override list` lists them."
        )
    if old.revoked_at is not None:
        raise StoreConflict(
            f"{old.revoked_by} has ended or prolonged the override {override_id} already.",
            next_step="`pratique override list` shows what is in force.",
        )
    if not old.active(at):
        raise StoreConflict(
            f"The override {override_id} is not in force.", next_step="Ask for a new one."
        )
    return old


def request_detail(request: OverrideRequest) -> str:
    """A request for an audit row: all of it."""
    told: dict[str, Any] = {
        "days": request.days,
        "decision": request.decision_id,
        "justification": request.justification,
        "ref": request.ref.key,
        "scope": request.scope.value,
        "specifier": request.specifier,
    }
    if request.person:
        told["person"] = request.person
    return _json(told)


def answer_detail(request: OverrideRequest) -> str:
    """The end of a request, for an audit row."""
    return _json(
        {
            "answer": request.answer,
            "override": request.override_id,
            "ref": request.ref.key,
            "requester": request.requester,
        }
    )


def extension_detail(extends: str, extended: Override) -> str:
    """What was prolonged, for an audit row."""
    return _json({"expires_at": extended.expires_at.isoformat(), "extends": extends})


def _json(value: dict[str, Any]) -> str:
    return canonical_json(value).decode()
