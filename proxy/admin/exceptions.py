"""Asking for an exception, and answering: requests, approvals, prolonging, uses."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from models.artifact import ArtifactRef, Sha256
from models.clock import Clock
from models.decision import Decision, HoldKind, Override, OverrideAction
from models.errors import (
    NotAllowed,
    OverrideInvalid,
    StoreConflict,
    UpstreamNotFound,
    ValueInvalid,
)
from policies.overrides import ends_at, problems_of
from policies.policy import Policy
from policies.rules.names import contains
from proxy.admin.access import Principal, Role, same_person
from proxy.admin.events import Event, EventKind
from proxy.admin.existing import Existing, decided_files
from proxy.admin.review import justification_of
from proxy.store.exceptions_port import (
    Answer,
    OverrideRequest,
    OverrideUses,
    RequestState,
    Scope,
)
from proxy.store.port import Store

DAYS = 30
"""Days that a request is for, where it does not say."""
OPEN_DAYS = 14
"""Days after which a request that nobody answered is over."""
SOON = timedelta(days=7)
"""How long before its end an override counts as expiring."""
ID_BYTES = 4
SPECIFIER_CHARS_MAX = 200
"""Characters of a version specifier; real ones have a dozen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What somebody asks for, about the decision that they met."""

    decision_id: str
    justification: str
    scope: Scope = Scope.FILE
    specifier: str = ""
    """Versions, where it is for the project."""
    days: int = DAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On what terms a reviewer approves."""

    expires_at: datetime | None = None
    """None: as many days from now as were asked for."""
    answer: str = ""
    above_proof: bool = False
    """Dangerous, and an admin's to say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiring:
    """An override that ends soon."""

    override: Override
    ends_at: datetime
    """When it ends: policy may end it before its own time."""


class Exceptions:
    """The use cases of requests, for whoever stands in front: pages, API, command line."""

    def __init__(
        self,
        store: Store,
        *,
        policy: Callable[[], Policy],
        clock: Clock,
        existing: Existing | None = None,
        origin: str = "",
        new_id: Callable[[], str] = lambda: secrets.token_hex(ID_BYTES),
    ) -> None:
        """`existing` defaults to files with a decision.

        `origin` is ours, without a slash at its end, for links in what people are told.
        """
        self._store = store
        self._policy = policy
        self._clock = clock
        self._existing = existing or decided_files(store)
        self._origin = origin
        self._new_id = new_id

    # -- asking ------------------------------------------------------------------------------
    async def request(self, by: Principal, ask: Ask) -> OverrideRequest:
        """Ask for an exception.

        Raises NotAllowed, UpstreamNotFound for an unknown decision, ValueInvalid for what makes no
        sense, StoreConflict for the same again and where there is nothing to ask for, Overloaded at the
        bounds.
        """
        by.require(Role.REQUESTER)
        decision = await self._store.decision_by_id(ask.decision_id)
        if decision is None:
            raise UpstreamNotFound("There is no decision of that id.")
        ref = decision.ref
        _check_wanted(await self._store.decision_of(ref) or decision)
        _check_scope(ask, ref)
        now = self._clock()
        request = OverrideRequest(
            id=self._new_id(),
            decision_id=decision.id,
            ref=ref,
            scope=ask.scope,
            specifier=ask.specifier.strip(),
            days=self._days_of(ask.days),
            justification=justification_of(ask.justification),
            requester=by.name,
            created_at=now,
            expires_at=now + timedelta(days=OPEN_DAYS),
            person=by.person,
        )
        told = self._event(
            EventKind.OVERRIDE_REQUESTED,
            request,
            f"{by.name} asks for {asked_words(request)}: {request.justification}",
        )
        await self._store.add_request(request, telling=(told,))
        return request

    async def get(self, by: Principal, request_id: str) -> OverrideRequest:
        """A request by id. Raises NotAllowed, UpstreamNotFound."""
        by.require(Role.VIEWER)
        found = await self._store.request(request_id)
        if found is None:
            raise UpstreamNotFound(
                "There is no request of that id.",
                next_step="`pratique override requests --all` lists them.",
            )
        return found[1]

    async def requests(
        self,
        by: Principal,
        *,
        state: RequestState | None = RequestState.OPEN,
        requester: str = "",
        before: int = 0,
        limit: int = 100,
    ) -> tuple[tuple[int, OverrideRequest], ...]:
        """(number, request), newest first, below number `before`. Raises NotAllowed."""
        by.require(Role.VIEWER)
        return await self._store.requests(
            state=state, requester=requester, before=before, limit=limit
        )

    async def withdraw(self, by: Principal, request_id: str) -> OverrideRequest:
        """Take back what one asked for oneself. Raises NotAllowed, StoreConflict."""
        by.require(Role.REQUESTER)
        request = await self.get(by, request_id)
        if by.name != request.requester:
            raise NotAllowed("Somebody else asked for that.", next_step="A reviewer may refuse it.")
        answer = self._answer(RequestState.WITHDRAWN, by)
        told = self._event(
            EventKind.OVERRIDE_WITHDRAWN,
            _answered(request, answer),
            f"{by.name} does not ask for {asked_words(request)} any more.",
        )
        return await self._store.end_request(request.id, answer, telling=(told,))

    # -- answering ---------------------------------------------------------------------------
    async def approve(
        self, by: Principal, request_id: str, terms: Terms | None = None
    ) -> tuple[OverrideRequest, Override]:
        """Make the override that was asked for; it binds the files that exist now.

        Raises NotAllowed (also where policy wants a second person), ValueInvalid where it would let
        nothing through, OverrideInvalid for more than policy grants, and StoreConflict for whoever
        comes second.
        """
        by.require(Role.REVIEWER)
        terms = terms or Terms()
        request = await self.get(by, request_id)
        self._check_second_person(by, request.requester, request.owner)
        override = await self._override_of(by, request, terms)
        if problems := problems_of(override, self._policy()):
            raise OverrideInvalid("The approval", problems)
        answer = self._answer(RequestState.APPROVED, by, terms.answer)
        told = self._event(
            EventKind.OVERRIDE_APPROVED,
            replace(_answered(request, answer), override_id=override.id),
            f"{by.name} approved {asked_words(request)} until {_day(override.expires_at)}.",
        )
        done = await self._store.approve_request(request.id, override, answer, telling=(told,))
        return done, override

    async def refuse(self, by: Principal, request_id: str, answer: str) -> OverrideRequest:
        """Say no, and why. Raises NotAllowed, ValueInvalid, StoreConflict."""
        by.require(Role.REVIEWER)
        request = await self.get(by, request_id)
        ended = self._answer(RequestState.REFUSED, by, justification_of(answer))
        told = self._event(
            EventKind.OVERRIDE_REFUSED,
            _answered(request, ended),
            f"{by.name} refused {asked_words(request)}: {ended.text}",
        )
        return await self._store.end_request(request.id, ended, telling=(told,))

    async def extend(
        self, by: Principal, override_id: str, *, expires_at: datetime, justification: str
    ) -> Override:
        """Prolong an override: another one with the same scope, and the same files, follows it.

        Raises NotAllowed, UpstreamNotFound, OverrideInvalid, StoreConflict where it is over.
        """
        by.require(Role.REVIEWER)
        old = await self._override(override_id)
        if old.above_proof:
            by.require(Role.ADMIN)
        if old.action is OverrideAction.ALLOW:
            behind = await self._store.request_behind(override_id)
            if behind is not None:
                self._check_second_person(by, behind.requester, behind.owner)
            else:
                self._check_second_person(by, old.actor, *await self._people_called(old.actor))
        now = self._clock()
        longer = replace(
            old,
            id=self._new_id(),
            actor=by.name,
            justification=justification_of(justification),
            created_at=now,
            expires_at=expires_at,
        )
        if problems := problems_of(longer, self._policy()):
            raise OverrideInvalid("The extension", problems)
        await self._store.extend_override(override_id, longer, at=now)
        return longer

    # -- looking -----------------------------------------------------------------------------
    async def uses(self, by: Principal, override_id: str, *, limit: int = 100) -> OverrideUses:
        """How often an override was used: count, first, last, by whom. Raises NotAllowed.

        A deny hands out nothing; its `decisions` are what it refused.
        """
        by.require(Role.VIEWER)
        return await self._store.override_uses(override_id, limit=limit)

    async def expiring(self, by: Principal, within: timedelta = SOON) -> tuple[Expiring, ...]:
        """Overrides that end within that time, the next one first. Raises NotAllowed."""
        by.require(Role.VIEWER)
        return await expiring(self._store, self._policy(), now=self._clock(), within=within)

    # -- within ------------------------------------------------------------------------------
    async def _people_called(self, name: str) -> tuple[str, ...]:
        """Everybody who ever had a token of that name."""
        return tuple({one.owner for one in await self._store.tokens() if one.name == name})

    def _check_second_person(self, by: Principal, *first: str) -> None:
        """`first`: names of the token and of the person who asked; a person with two tokens is one."""
        same = any(same_person(mine, one) for mine in (by.name, by.owner) for one in first)
        if same and self._policy().four_eyes:
            raise NotAllowed(
                "The policy wants two people for an exception, and you are the one who asked.",
                next_step="Somebody else with the role reviewer decides.",
            )

    async def _override_of(self, by: Principal, request: OverrideRequest, terms: Terms) -> Override:
        ref, now = request.ref, self._clock()
        if terms.above_proof:
            by.require(Role.ADMIN)
        elif _proven(await self._store.decision_of(ref)):
            raise ValueInvalid(
                "A proof stands against that file, and an exception does not reach above it.",
                next_step="Refuse it; or an admin says --above-proof, which is shown in red.",
            )
        specifier = f"=={ref.version}" if request.scope is Scope.RELEASE else request.specifier
        bound: tuple[Sha256, ...] = (ref.sha256,)
        if request.scope is not Scope.FILE:
            bound = tuple(sorted(set(await self._existing(ref.project, specifier))))
        if not bound:
            raise ValueInvalid(
                "No file that exists is covered by that, so it would let nothing through.",
                next_step="Refuse it, or ask for another scope.",
            )
        return Override(
            id=self._new_id(),
            action=OverrideAction.ALLOW,
            project=ref.project,
            specifier=specifier,
            sha256=ref.sha256 if request.scope is Scope.FILE else None,
            bound=bound,
            future=False,
            above_proof=terms.above_proof,
            actor=by.name,
            justification=f"{request.justification} (asked for by {request.requester})",
            created_at=now,
            expires_at=terms.expires_at or now + timedelta(days=request.days),
        )

    async def _override(self, override_id: str) -> Override:
        for one in await self._store.overrides():
            if one.id == override_id:
                return one
        raise UpstreamNotFound(
            "There is no override of that id.", next_step="`pratique override list` lists them."
        )

    def _answer(self, state: RequestState, by: Principal, text: str = "") -> Answer:
        return Answer(state=state, by=by.name, at=self._clock(), text=text.strip())

    def _days_of(self, days: int) -> int:
        most = self._policy().override_days_max
        if not 1 <= days <= most:
            raise ValueInvalid(f"An exception lasts 1 to {most} days.")
        return days

    def _event(self, kind: EventKind, request: OverrideRequest, sentence: str) -> Event:
        ref = request.ref
        facts = {
            "request": request.id,
            "requester": request.requester,
            "project": ref.project,
            "version": ref.version,
            "filename": ref.filename,
            "sha256": ref.sha256,
            "scope": request.scope.value,
            "specifier": request.specifier,
            "decision": request.decision_id,
            "decided_by": request.decided_by,
            "override": request.override_id,
        }
        return Event(
            kind=kind,
            at=self._clock(),
            subject=f"{ref.project} {ref.version}".strip(),
            sentence=sentence,
            url=f"{self._origin}/requests/{request.id}" if self._origin else "",
            facts=tuple((name, text) for name, text in facts.items() if text),
            many_url=f"{self._origin}/requests" if self._origin else "",
        )


async def expiring(
    store: Store, policy: Policy, *, now: datetime, within: timedelta
) -> tuple[Expiring, ...]:
    """Overrides in force that end within that time under `policy`, the next one first."""
    found = [
        Expiring(override=one, ends_at=ends_at(one, policy))
        for one in await store.overrides(active_at=now)
    ]
    soon = [one for one in found if now < one.ends_at <= now + within]
    return tuple(sorted(soon, key=lambda one: (one.ends_at, one.override.id)))


def asked_words(request: OverrideRequest) -> str:
    """What is asked for, in a few words."""
    match request.scope:
        case Scope.FILE:
            return request.ref.filename
        case Scope.RELEASE:
            return f"all files of {request.ref.project} {request.ref.version}"
        case Scope.PROJECT:
            return f"all files of {request.ref.project}{request.specifier}"


def _answered(request: OverrideRequest, answer: Answer) -> OverrideRequest:
    """The request as it will be, for what is told of it."""
    return replace(
        request, state=answer.state, decided_by=answer.by, decided_at=answer.at, answer=answer.text
    )


def _check_wanted(decision: Decision) -> None:
    """Raises StoreConflict where there is nothing to ask for."""
    if decision.served:
        raise StoreConflict("That file is served by now.", next_step="Install it again.")
    if decision.hold is HoldKind.ANALYSIS:
        raise StoreConflict("That file is still being checked.", next_step="Try again in a minute.")


def _check_scope(ask: Ask, ref: ArtifactRef) -> None:
    specifier = ask.specifier.strip()
    if ask.scope is Scope.RELEASE and not ref.version:
        raise ValueInvalid("The version of that file cannot be read; ask for the file alone.")
    if not specifier:
        return
    if ask.scope is not Scope.PROJECT:
        raise ValueInvalid("A version specifier belongs to a request for the project.")
    if len(specifier) > SPECIFIER_CHARS_MAX or contains(specifier, "1.0") is None:
        raise ValueInvalid("That is no version specifier.", next_step='Write it like ">=2,<3".')
    if not contains(specifier, ref.version):
        raise ValueInvalid("The file that you met is not among these versions.")


def _proven(decision: Decision | None) -> bool:
    return decision is not None and any(
        stated.code.value.startswith("proof-") for stated in decision.reasons
    )


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
