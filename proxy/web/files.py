"""The file: GET, HEAD, Range and `.metadata` of it, all through the one gate.decide()."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from aiohttp import hdrs, web

from models.artifact import ArtifactKind, ArtifactRef, parse_ref
from models.decision import Action, Decision, HoldKind
from models.errors import (
    Overloaded,
    PratiqueError,
    StoreError,
    UpstreamNotFound,
    ValueInvalid,
)
from models.reason import reason_line, verdict_words
from models.work import Priority
from proxy.index.guard import PROVENANCE_SUFFIX
from proxy.store.port import Fetch, Token
from proxy.web.auth import ANONYMOUS, Callers
from proxy.web.delivery import Delivery
from proxy.web.door import Door
from proxy.web.forwarded import address_of
from proxy.web.ids import DecisionIds
from proxy.web.intake import Intake
from proxy.web.listing import Listing
from proxy.web.lookahead import LookAhead
from proxy.web.metadata import MetadataSource
from proxy.web.problems import problem
from proxy.web.representation import tagged
from proxy.web.served import FACTS
from proxy.web.untried import newest_untried
from proxy.web.waiting import Waiting

METADATA_SUFFIX = ".metadata"
WHEEL_SUFFIX = ".whl"
"""Enough to tell that a file whose name was parsed is a wheel, for a fraction of `kind`'s 11 µs."""
PROVENANCE_TYPE = "application/vnd.pypi.integrity.v1+json"
"""A provenance object's media type, as the integrity API of PyPI has it."""
ASKED_MAX = 8_192
"""File URLs whose parsed form is remembered; parsing one takes 30 µs."""
AGENTS_MAX = 1_024
"""User-Agents remembered in the form that is recorded; an organisation has some dozens."""
USER_AGENT_CHARS_MAX = 200
"""Characters of a User-Agent that are recorded; pip's is about 600, its version stands in front."""


class Caller(NamedTuple):
    """Who asks: `client` is what bounds are counted by. Made for each request, so it is a tuple."""

    requester: str
    address: str
    groups: tuple[str, ...] = ()

    @property
    def client(self) -> str:
        """The token's name, or the address of who has none."""
        return f"@{self.address}" if self.requester == ANONYMOUS else self.requester


@dataclass(frozen=True, slots=True)
class _Asked:
    """A file URL, read; `suffix` where what lies beside the file is meant."""

    ref: ArtifactRef
    version: str
    suffix: str


_Send = Callable[[web.Request, ArtifactRef, Caller], Awaitable[web.StreamResponse]]


class Files:
    """Handlers of `/files/…`. Nothing but SERVE lets a byte, or a length, out."""

    def __init__(
        self,
        door: Door,
        callers: Callers,
        intake: Intake,
        delivery: Delivery,
        waiting: Waiting,
        metadata: MetadataSource,
        ahead: LookAhead,
    ) -> None:
        self._door = door
        self._callers = callers
        self._intake = intake
        self._delivery = delivery
        self._waiting = waiting
        self._metadata_source = metadata
        self._ahead = ahead
        self._listing = Listing(door)
        self._ids = DecisionIds()

    async def file(self, request: web.Request) -> web.StreamResponse:
        """GET, HEAD /files/{index}/{project}/{sha256}/{filename}, also what lies beside it."""
        trusted = self._door.settings.trusted_proxies
        caller = _caller(self._callers.token(request), address_of(request, trusted))
        part = request.match_info
        asked = _asked_for(part["index"], part["project"], part["sha256"], part["filename"])
        ref = asked.ref
        facts = request[FACTS]
        facts["requester"] = caller.requester
        facts["project"] = ref.project
        facts["version"] = asked.version
        facts["filename"] = ref.filename
        facts["sha256"] = ref.sha256
        await self._listing.check_home(ref)
        if self._door.gate.stored(ref) is None:
            await self._door.gate.load(ref.index, ref.project)
            await self._listing.check(ref)
        if asked.suffix == METADATA_SUFFIX:
            return await self._metadata(request, ref, caller)
        send = self._provenance if asked.suffix == PROVENANCE_SUFFIX else self._send
        return await self._bytes(request, ref, caller, send)

    async def _bytes(
        self, request: web.Request, ref: ArtifactRef, caller: Caller, send: _Send
    ) -> web.StreamResponse:
        decision = self._decide(ref, caller)
        if _checking(decision):
            outcome = await self._judged(request, decision, caller)
            if isinstance(outcome, web.Response):
                return outcome
            decision = outcome
        if _checking(decision) and self._lets_go(decision, caller):
            await self._door.gate.let_go(decision)
        elif not self._lets(decision, caller):
            return await self._refusal(request, decision)
        else:
            await self._door.gate.settle(decision)
        return await send(request, ref, caller)

    async def _judged(
        self, request: web.Request, decision: Decision, caller: Caller
    ) -> Decision | web.Response:
        """The decision once there is one, or what to answer meanwhile.

        It is still undecided where the file goes out unjudged: where nothing is enforced, and policy
        says at once, or it did before, or nobody had it analysed in time.
        """
        ref, gate = decision.ref, self._door.gate
        lets_go = self._lets_go(decision, caller)
        at_once = lets_go and (self._lets(decision, caller) or gate.was_let_go(ref))
        if at_once:
            # Its analysis is what gives a record of it.
            self._intake.start(ref, priority=Priority.METADATA, client=caller.client)
        else:
            try:
                self._intake.start(ref, priority=_priority(request), client=caller.client)
                outcome = await self._waiting.until_decided(
                    request,
                    ref,
                    lambda: self._decide(ref, caller),
                    client=caller.client,
                    lets_go=lets_go,
                )
            except Overloaded:
                if not lets_go:
                    raise
                outcome = self._decide(ref, caller)
            if isinstance(outcome, web.Response) or not _checking(outcome):
                return outcome
        # What advisories prove acts in every mode, also where the queue had no room to find it.
        await self._door.refused(ref)
        return self._decide(ref, caller)

    async def _send(
        self, request: web.Request, ref: ArtifactRef, caller: Caller
    ) -> web.StreamResponse:
        async def find() -> Path:
            path = self._door.artifacts.path(ref.sha256)
            self._door.metrics.looked_up("artifacts", hit=path is not None)
            return path or await self._door.fetcher.ensure(ref)

        async def check(status: int) -> web.Response | None:
            decision = self._decide(ref, caller)
            lets = self._goes(decision, caller)
            if lets and request.method == hdrs.METH_GET and status in (200, 206):
                fetch = self._fetch(request, decision, caller, status)
                if not self._door.fetch_log.journalled(fetch):
                    await self._door.fetch_log.record(fetch)
                    decision = self._decide(ref, caller)  # it may have turned while we wrote
                    lets = self._goes(decision, caller)
            self._note(request, decision)
            if lets and not decision.served:
                request[FACTS]["observed"] = True
            elif lets and not ref.filename.endswith(WHEEL_SUFFIX):
                self._ahead.sent(ref)
            return None if lets else await self._refusal(request, decision)

        return await self._delivery.send(
            request, ref.sha256, find, client=caller.client, check=check
        )

    async def _provenance(
        self, request: web.Request, ref: ArtifactRef, caller: Caller
    ) -> web.StreamResponse:
        """Upstream's provenance object (PEP 740), unchanged, and where our own word on it stands."""
        entry = await self._listing.entry(ref)
        if entry is None:
            raise UpstreamNotFound("The index lists no such file now.")
        data = await self._door.provenance.of(ref, entry)
        decision = self._decide(ref, caller)  # it may have turned while we fetched
        self._note(request, decision)
        if not self._goes(decision, caller):
            return await self._refusal(request, decision)
        headers: dict[str, str] = {}
        if not _checking(decision):
            verdict = f"{self._door.settings.public_url}/v/{self._ids.of(decision)}"
            headers[hdrs.LINK] = f'<{verdict}>; rel="describedby"'
        request[FACTS]["bytes"] = len(data)
        return tagged(request, data, PROVENANCE_TYPE, cache_control="no-cache", headers=headers)

    async def _metadata(
        self, request: web.Request, ref: ArtifactRef, caller: Caller
    ) -> web.StreamResponse:
        decision = self._decide(ref, caller)
        self._note(request, decision)
        if not self._lets(decision, caller) or _checking(decision):
            if not _checking(decision):
                return await self._refusal(request, decision)
            self._intake.start(ref, priority=Priority.METADATA, client=caller.client)
            if ref.kind is not ArtifactKind.WHEEL:
                raise ValueInvalid("There is no metadata of an sdist that was not approved.")
        entry = await self._listing.entry(ref)
        data = await self._metadata_source.get(ref, entry)
        if not _checking(decision):
            decision = self._decide(ref, caller)  # it may have turned while we fetched
            if not self._lets(decision, caller):
                return await self._refusal(request, decision)
        if decision.served:
            self._ahead.described(ref, data, entry)
        request[FACTS]["bytes"] = len(data)
        return self._metadata_source.response(request, data)

    def _decide(self, ref: ArtifactRef, caller: Caller) -> Decision:
        door = self._door
        return door.gate.decide(ref, requester=caller.requester, as_of=door.clock())

    def _lets(self, decision: Decision, caller: Caller) -> bool:
        return self._door.gate.lets_through(decision, caller.groups)

    def _lets_go(self, decision: Decision, caller: Caller) -> bool:
        return self._door.gate.lets_go(decision, caller.groups)

    def _goes(self, decision: Decision, caller: Caller) -> bool:
        """Whether bytes go out now: an undecided file only where it was recorded that it does."""
        if _checking(decision):
            let_go = self._door.gate.was_let_go(decision.ref)
            return let_go and self._lets_go(decision, caller)
        return self._lets(decision, caller)

    def _fetch(
        self, request: web.Request, decision: Decision, caller: Caller, status: int
    ) -> Fetch:
        return Fetch(
            at=self._door.clock(),
            ref=decision.ref,
            requester=caller.requester,
            address=caller.address,
            user_agent=_printable(request.headers.get(hdrs.USER_AGENT, "")[:USER_AGENT_CHARS_MAX]),
            status=status,
            decision_id=self._ids.of(decision),
            groups=caller.groups,
        )

    async def _refusal(self, request: web.Request, decision: Decision) -> web.Response:
        with suppress(
            StoreError
        ):  # without the store its page is missing; it is refused all the same
            await self._door.gate.settle(decision)
        self._note(request, decision)
        # Of a file that is refused for its sibling, the sibling's decision says why.
        blamed = decision.reasons[0].word("decision") if decision.reasons else ""
        return refusal(
            self._door,
            decision,
            blamed or self._ids.of(decision),
            untried=await self._untried(decision.ref),
        )

    async def _untried(self, ref: ArtifactRef) -> str:
        """The newest other release on the page that nobody has judged yet; or empty.

        At first contact with a project no release is approved, and this is the pin to try.
        """
        door = self._door
        try:
            page = await door.index.project(ref.project)
        except PratiqueError:
            return ""
        return newest_untried(page, ref, seen=lambda other: door.gate.stored(other) is not None)

    def _note(self, request: web.Request, decision: Decision) -> None:
        request[FACTS].update(self._ids.facts_of(decision))


def refusal(door: Door, decision: Decision, decision_id: str, *, untried: str = "") -> web.Response:
    """403 with the reason in the phrase, the body, and behind a short URL."""
    path = f"/v/{decision_id}"
    url = f"{door.settings.public_url}{path}"
    version = door.gate.alternative(decision.ref, as_of=door.clock())
    pin = f"{decision.ref.project}=={version}" if version else ""
    trial = f"{decision.ref.project}=={untried}" if untried and not pin else ""
    line = reason_line(decision, url=url, alternative=pin, untried=trial)
    title = verdict_words(decision).removesuffix(":")
    return problem(
        403,
        title,
        line.removeprefix(f"{title}: "),
        reason=line,
        kind=f"urn:pratique:{decision.hold.value if decision.hold else 'blocked'}",
        instance=path,
        headers={hdrs.LINK: f'<{url}>; rel="describedby"'},
        pratique={
            "decision": decision_id,
            "action": decision.action.value,
            "tier": decision.tier.value if decision.tier else None,
            "score": decision.score.value if decision.score else None,
            "use": pin or None,
        },
    )


def _caller(token: Token | None, address: str) -> Caller:
    """Who asks, as bounds and fetch records know them."""
    address = address or "local"
    if token is None:
        return Caller(requester=ANONYMOUS, address=address)
    return Caller(requester=token.name, address=address, groups=token.groups)


def _checking(decision: Decision) -> bool:
    return decision.action is Action.HOLD and decision.hold is HoldKind.ANALYSIS


def _priority(request: web.Request) -> Priority:
    """A file that somebody wants outranks a look at its end for metadata (uv, fast-deps)."""
    partial = request.method == hdrs.METH_HEAD or hdrs.RANGE in request.headers
    return Priority.METADATA if partial else Priority.FILE


@lru_cache(maxsize=ASKED_MAX)
def _asked_for(index: str, project: str, sha256: str, filename: str) -> _Asked:
    """What is meant. One spelling each: any other is a 404. Raises ValueInvalid."""
    beside = (METADATA_SUFFIX, PROVENANCE_SUFFIX)
    suffix = next((one for one in beside if filename.endswith(one)), "")
    ref = parse_ref(index, project, sha256, filename.removesuffix(suffix))
    if ref.project != project:
        raise ValueInvalid("There is no such file.")
    return _Asked(ref, ref.version, suffix)


@lru_cache(maxsize=AGENTS_MAX)
def _printable(text: str) -> str:
    return "".join(c if " " <= c <= "~" else "?" for c in text)
