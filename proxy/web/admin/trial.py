"""`/policy/trial`: a draft tried on the last days, on one page that grows while it is tried.

The answer is a stream: the frame of the page first, then how far it is, then what came of it. So it
needs no script, no second request and no memory of trials: whoever leaves the page ends the trial.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

import structlog
from aiohttp import hdrs, web

from models.errors import Overloaded, PolicyInvalid, PratiqueError, ValueInvalid
from proxy.admin.access import Principal, Role
from proxy.admin.policy import read_policy
from proxy.admin.simulation import ToldSimulation, simulate_policy, told
from proxy.simulating import DAYS_MAX
from proxy.store.policy_port import COMMENT_CHARS_MAX
from proxy.web.admin.frame import Frame, field, number_of
from proxy.web.admin.policy import DAYS, DRAFT_BYTES_MAX, PolicyPages, draft_of
from proxy.web.served import FACTS

LOG = structlog.get_logger()

TOLD_S = 0.5
"""Seconds between two words on how far it is."""
LISTED = 100
"""Changed decisions on the page; all are counted."""
HERE = "<!-- trial -->"
"""Where the page grows. No text of others looks so: templates escape it."""


@dataclass(slots=True)
class Progress:
    """How far a trial is."""

    done: int = 0
    total: int = 0


class Trials:
    """One trial at a time in this process: each reads what thousands of decisions rest on."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._by = ""

    async def run(
        self, who: Principal, text: str, days: int, progress: Progress | None = None
    ) -> ToldSimulation:
        """What `text` would have changed. Raises as `check`, PolicyInvalid, StoreError."""
        self.check(who, days)
        door, at = self._frame.door, progress or Progress()

        def note(done: int, total: int) -> None:
            at.done, at.total = done, total

        self._by = who.name
        try:
            return told(
                await simulate_policy(
                    door.store,
                    who,
                    text,
                    source="your draft",
                    days=days,
                    as_of=door.clock(),
                    listed_max=LISTED,
                    progress=note,
                )
            )
        finally:
            self._by = ""

    def check(self, who: Principal, days: int) -> None:
        """Raise now what `run` would raise at once: a page that has begun has no other status."""
        who.require(Role.ADMIN)
        if not 1 <= days <= DAYS_MAX:
            raise ValueInvalid(f"1 to {DAYS_MAX} days can be replayed, not {days}.")
        if self._by:
            raise Overloaded(
                f"{self._by} tries a policy already.", next_step="Try again once that has ended."
            )


class TrialPage:
    """Handler of `/policy/trial`."""

    def __init__(self, frame: Frame, trials: Trials, policy: PolicyPages) -> None:
        self._frame = frame
        self._policy = policy
        self._trials = trials

    async def page(self, request: web.Request) -> web.StreamResponse:
        """POST /policy/trial: `document`, `days`."""
        who, form = await self._frame.post(request, Role.ADMIN, bytes_max=DRAFT_BYTES_MAX)
        text, begun = draft_of(form), number_of(field(form, "expected") or "0")
        try:
            days = number_of(field(form, "days") or str(DAYS))
            await read_policy(text, source="your draft")
            self._trials.check(who, days)
        except (PolicyInvalid, ValueInvalid, Overloaded) as error:
            return await self._policy.shown(
                request, who, draft=text, form=form, begun=begun, error=error
            )
        whole = self._frame.show(
            request,
            who,
            "admin/trial.html",
            here="policy",
            days=days,
            draft=text,
            expected=begun,
            comment=field(form, "comment", chars_max=COMMENT_CHARS_MAX),
            comment_max=COMMENT_CHARS_MAX,
            here_mark=HERE,
        )
        head, _, tail = whole.text.partition(HERE) if whole.text else ("", "", "")
        response = web.StreamResponse(headers=whole.headers)
        response.headers.popall(hdrs.CONTENT_LENGTH, None)
        await response.prepare(request)
        with suppress(ConnectionError):
            await response.write(head.encode(errors="replace"))
            await self._grow(request, response, who, text, days)
            await response.write(tail.encode(errors="replace"))
            await response.write_eof()
        return response

    async def _grow(
        self, request: web.Request, out: web.StreamResponse, who: Principal, text: str, days: int
    ) -> None:
        progress = Progress()
        trial = asyncio.create_task(
            self._trials.run(who, text, days, progress), name="policy-trial"
        )
        try:
            while not (await asyncio.wait({trial}, timeout=TOLD_S))[0]:
                await out.write(self._part("admin/_trial_progress.html", progress=progress))
            outcome = trial.result()
        except PratiqueError as error:
            request[FACTS]["error"] = type(error).__name__
            await out.write(self._part("admin/_trial_failed.html", error=error))
        except Exception:  # the page has begun, and its end must say so
            LOG.exception("trial_failed")
            failed = PratiqueError("The trial failed.", next_step="The log of the proxy says why.")
            await out.write(self._part("admin/_trial_failed.html", error=failed))
        else:
            await out.write(self._part("admin/_trial_outcome.html", one=outcome))
        finally:
            trial.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await trial

    def _part(self, template: str, **values: object) -> bytes:
        return self._frame.part(template, **values)
