"""Asking for an exception, and answering: what stands behind the pages of requests."""

from __future__ import annotations

import secrets
from datetime import timedelta

from models.artifact import Sha256, version_of
from models.clock import Clock
from models.decision import Override, OverrideAction
from models.errors import NotAllowed, OverrideInvalid, StoreConflict, UpstreamNotFound
from policies.overrides import problems_of
from policies.policy import Policy
from policies.rules.names import contains
from proxy.admin.access import Principal, Role
from proxy.admin.review import days_of, justification_of
from proxy.store.exceptions_port import Answer, OverrideRequest, RequestState, Scope
from proxy.store.port import Store

ANSWER_DAYS = 14
"""Days after which a request is over that nobody answered: two working weeks."""


async def ask(
    store: Store,
    by: Principal,
    decision_id: str,
    *,
    scope: Scope,
    specifier: str,
    days: int,
    justification: str,
    clock: Clock,
) -> OverrideRequest:
    """Ask that what a decision holds or denies be let through.

    Raises NotAllowed, ValueInvalid, UpstreamNotFound, StoreConflict where there is nothing to ask for
    or the same was asked for already, Overloaded.
    """
    by.require(Role.REQUESTER)
    decision = await store.decision_by_id(decision_id)
    if decision is None:
        raise UpstreamNotFound("There is no decision of that id.")
    current = await store.decision_of(decision.ref)
    if current is not None and current.served:
        raise StoreConflict("That file is served by now.", next_step="Install it again.")
    now = clock()
    made = OverrideRequest(
        id=secrets.token_hex(4),
        decision_id=decision.id,
        ref=decision.ref,
        scope=scope,
        specifier=specifier if scope is Scope.PROJECT else "",
        days=days_of(days),
        justification=justification_of(justification),
        requester=by.name,
        created_at=now,
        expires_at=now + timedelta(days=ANSWER_DAYS),
    )
    await store.add_request(made)
    return made


async def approve(
    store: Store, by: Principal, request_id: str, *, text: str, policy: Policy, clock: Clock
) -> OverrideRequest:
    """Grant a request: it becomes an override that binds the files of now. Raises as `answer`."""
    by.require(Role.REVIEWER)
    asked = await _request(store, request_id)
    if policy.four_eyes and asked.requester == by.name:
        raise NotAllowed(
            "Policy wants that somebody else grants what you asked for.",
            next_step="Let another reviewer answer.",
        )
    now = clock()
    one_file = asked.scope is Scope.FILE
    specifier = f"=={asked.ref.version}" if asked.scope is Scope.RELEASE else asked.specifier
    made = Override(
        id=secrets.token_hex(4),
        action=OverrideAction.ALLOW,
        project=asked.ref.project,
        specifier="" if one_file else specifier,
        sha256=asked.ref.sha256 if one_file else None,
        bound=(asked.ref.sha256,) if one_file else await _bound(store, asked, specifier),
        future=False,
        above_proof=False,
        actor=by.name,
        justification=f"{asked.justification} (asked for by {asked.requester})",
        created_at=now,
        expires_at=now + timedelta(days=asked.days),
    )
    if problems := problems_of(made, policy):
        raise OverrideInvalid("The request", problems)
    ended = Answer(state=RequestState.APPROVED, by=by.name, at=now, text=text.strip())
    return await store.approve_request(request_id, made, ended)


async def refuse(
    store: Store, by: Principal, request_id: str, *, text: str, clock: Clock
) -> OverrideRequest:
    """End a request without an exception. Raises NotAllowed, ValueInvalid, StoreConflict."""
    by.require(Role.REVIEWER)
    ended = Answer(state=RequestState.REFUSED, by=by.name, at=clock(), text=justification_of(text))
    return await store.end_request(request_id, ended)


async def withdraw(
    store: Store, by: Principal, request_id: str, *, clock: Clock
) -> OverrideRequest:
    """Take back what one asked for oneself. Raises NotAllowed, StoreConflict."""
    by.require(Role.REQUESTER)
    asked = await _request(store, request_id)
    if asked.requester != by.name:
        raise NotAllowed("Somebody else asked for that.", next_step="A reviewer may refuse it.")
    ended = Answer(state=RequestState.WITHDRAWN, by=by.name, at=clock())
    return await store.end_request(request_id, ended)


async def _request(store: Store, request_id: str) -> OverrideRequest:
    found = await store.request(request_id)
    if found is None:
        raise UpstreamNotFound("There is no request of that id.")
    return found[1]


async def _bound(store: Store, asked: OverrideRequest, specifier: str) -> tuple[Sha256, ...]:
    """The digests of the files of now that the request is about, by what was decided here."""
    files = await store.decisions_of(asked.ref.index, asked.ref.project)
    return tuple(
        sorted(
            {
                one.ref.sha256
                for one in files
                if not specifier
                or ((version := version_of(one.ref.filename)) and contains(specifier, version))
            }
        )
    )
