"""Keeping a client waiting for an analysis with stock pip, uv and Poetry (FACTS 1.2).

A chain of redirects to ourselves, each hop shorter than the client's read timeout; when the client
would follow no further, held 429s with Retry-After; at the deadline a 403 that says so. The state
is the ref's, on our side: the query is only a hop counter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime, timedelta

from aiohttp import hdrs, web

from models.artifact import ArtifactRef
from models.decision import Action, Decision, HoldKind, ReasonCode, reason
from models.reason import reason_line, verdict_words
from proxy.web.connections import connection_of
from proxy.web.door import Door
from proxy.web.intake import Intake
from proxy.web.problems import problem
from proxy.web.served import CLIENT_LEFT, FACTS

HOP = "hop"
HOP_DIGITS_MAX = 3
PATIENT = ("pip/", "poetry/")
"""User-Agents that follow 30 redirects."""


class Waiting:
    """Waits for the decision on one ref, on behalf of one request."""

    def __init__(self, door: Door, intake: Intake) -> None:
        self._door = door
        self._intake = intake

    async def until_decided(
        self,
        request: web.Request,
        ref: ArtifactRef,
        decide: Callable[[], Decision],
        *,
        client: str,
        lets_go: bool,
    ) -> Decision | web.Response:
        """The decision, or what to answer meanwhile. Raises why the file cannot be had at all.

        `lets_go`: nobody is refused for want of an analysis; the wait is shorter then, and at its end
        the decision is still undecided.
        """
        door = self._door
        # A request without a hop is a new attempt, maybe of another machine with the same token.
        anew = hop_of(request) == 0
        begun = door.holds.begun(ref, client=client, now=door.clock(), anew=anew)
        hold_s = door.settings.hold_s
        if lets_go:
            hold_s = min(hold_s, door.settings.observe_hold_s)
        deadline = begun + timedelta(seconds=hold_s)
        connection = connection_of(request)
        try:
            async with asyncio.timeout(None) as present:
                with (
                    nullcontext()
                    if connection is None
                    else connection.when_gone(lambda: present.reschedule(0.0))
                ):
                    decision = await self._for_one_hop(
                        ref, decide, deadline_s=self._left(deadline), by=client
                    )
        except TimeoutError:
            if not present.expired():
                raise
            return web.Response(status=CLIENT_LEFT)
        if not _undecided(decision):
            door.holds.ended(ref, client=client)
            return decision
        if self._left(deadline) <= 0:
            door.holds.ended(ref, client=client)
            return decision if lets_go else _still_checking(403, decision)
        return self._meanwhile(request, decision)

    async def _for_one_hop(
        self, ref: ArtifactRef, decide: Callable[[], Decision], *, deadline_s: float, by: str
    ) -> Decision:
        loop = asyncio.get_running_loop()
        until = loop.time() + min(self._door.settings.hop_s, deadline_s)
        while True:
            decision = decide()
            trouble = self._intake.trouble(ref)
            if not _undecided(decision):
                return decision
            if trouble is not None:
                self._door.holds.ended(ref, client=by)
                raise trouble
            # No await between decide() and here: a decision cannot slip through unnoticed.
            if not await self._door.holds.wait(ref, until - loop.time(), client=by):
                return decide()

    def _left(self, deadline: datetime) -> float:
        return (deadline - self._door.clock()).total_seconds()

    def _meanwhile(self, request: web.Request, decision: Decision) -> web.Response:
        settings = self._door.settings
        hop = hop_of(request)
        agent = request.headers.get(hdrs.USER_AGENT, "").lower()
        patient = agent.startswith(PATIENT)
        request[FACTS]["hop"] = hop
        if hop < (settings.hops_patient_max if patient else settings.hops_max):
            # Query only: the path stays as the client spelled it, the origin is its own business.
            headers = {hdrs.LOCATION: f"?{HOP}={hop + 1}", hdrs.CACHE_CONTROL: "no-store"}
            return web.Response(status=302, headers=headers)
        retry = {str(hdrs.RETRY_AFTER): str(settings.retry_after_s)}
        return _still_checking(429, decision, retry)


def hop_of(request: web.Request) -> int:
    """The hop counter in the query; whatever else stands there counts as none."""
    text = request.query.get(HOP, "")
    whole = len(text) <= HOP_DIGITS_MAX and text.isascii() and text.isdigit()
    return int(text) if whole else 0


def _undecided(decision: Decision) -> bool:
    return decision.action is Action.HOLD and decision.hold is HoldKind.ANALYSIS


def _still_checking(
    status: int, decision: Decision, headers: Mapping[str, str] | None = None
) -> web.Response:
    told = replace(decision, reasons=(reason(ReasonCode.STILL_CHECKING),))
    line = reason_line(told)
    title = verdict_words(told).removesuffix(":")
    detail = line.removeprefix(f"{title}: ")
    return problem(
        status, title, detail, reason=line, kind="urn:pratique:analysis", headers=headers
    )
