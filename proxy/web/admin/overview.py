"""`/`: what flows and what is held, in numbers that lead on; and whether all that it takes is there."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp import web

from models.decision import HoldKind
from models.errors import NotAuthorised, StoreError
from models.trust.shelf import SHIPPED
from proxy.admin.access import Principal, Role
from proxy.store.exceptions_port import RequestState
from proxy.store.pages_port import HeldCount, Hour, QueueState
from proxy.web.admin.frame import Frame, reads_html
from proxy.web.bands import band_of
from proxy.web.health import Health
from proxy.web.home import CHECK_WORDS, Home

HOURS = 24
"""Hours of the small pictures."""
REQUESTS_COUNTED_MAX = 50
"""Open requests that are counted; where there are more, it says so."""
DECISIONS_SHOWN = 12
"""Rows of the list of recent decisions."""
BAR = 10
"""Units of the picture that one hour is wide, of which one is a gap."""
HEIGHT = 32
"""Units that the highest bar is high."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One hour of a picture."""

    x: int
    y: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Spark:
    """What happened in the last hours of one kind: the sum, and a picture of it with its words."""

    total: int
    bars: tuple[Bar, ...]
    words: str


class Overview:
    """Handler of `/`: the overview for whoever may look, how to install for everybody else."""

    def __init__(self, frame: Frame, home: Home, health: Health) -> None:
        self._frame = frame
        self._home = home
        self._health = health

    async def page(self, request: web.Request) -> web.StreamResponse:
        """GET, HEAD /."""
        who = await self._viewer(request)
        if who is None:
            return await self._home.page(request)
        door = self._frame.door
        now = door.clock()
        try:
            hours, held, queue, feeds = await asyncio.gather(
                door.store.flow(since=_first_hour(now)),
                door.store.held_counts(),
                door.store.queue_state(),
                door.store.feeds(),
            )
            workers, decisions, asked = await asyncio.gather(
                door.store.workers_seen(),
                door.store.decisions(limit=DECISIONS_SHOWN),
                door.store.requests(state=RequestState.OPEN, limit=REQUESTS_COUNTED_MAX),
            )
            answers = True
        except StoreError:
            hours, held, queue, feeds, workers, decisions = (), (), QueueState(), (), (), ()
            asked = ()
            answers = False
        checks = await self._health.checks()
        policy = self._frame.policy
        return self._frame.show(
            request,
            who,
            "admin/overview.html",
            here="overview",
            answers=answers,
            served=spark(hours, now, "served", "files sent"),
            held=spark(hours, now, "held", "decisions to hold"),
            denied=spark(hours, now, "denied", "decisions to deny"),
            review=held_for(held, HoldKind.REVIEW),
            aged=held_for(held, HoldKind.AGE),
            asked=len(asked),
            asked_max=REQUESTS_COUNTED_MAX,
            asked_oldest=asked[-1][1].created_at if asked else None,
            queue=queue,
            feeds=feeds,
            workers=workers,
            policy=policy,
            model=SHIPPED.digest(policy.scorer),
            model_name=SHIPPED.meant(policy.scorer),
            model_made=SHIPPED.created(policy.scorer),
            checks=[(CHECK_WORDS.get(name, name), ok) for name, ok in checks.items()],
            ready=all(checks.values()),
            rows=[(decision, decision.verdict(), band_of(decision)) for decision in decisions],
            index_url=f"{door.settings.public_url}/simple/",
            token=door.settings.token_required,
        )

    async def _viewer(self, request: web.Request) -> Principal | None:
        """Whoever may look; None for those who may install. Sends a browser to sign in."""
        known = await self._frame.visitors.principal_of(request)
        if known is not None:
            return known if known.role.covers(Role.VIEWER) else None
        if self._frame.door.settings.verdicts_public:
            return None
        if self._frame.door.settings.token_required and not reads_html(request):
            raise NotAuthorised("There is no token.")
        return await self._frame.visitors.require(request)


def held_for(counts: tuple[HeldCount, ...], hold: HoldKind) -> HeldCount | None:
    """What is held for one cause; None: nothing."""
    return next((one for one in counts if one.hold is hold), None)


def spark(hours: tuple[Hour, ...], now: datetime, what: str, words: str) -> Spark:
    """The last HOURS hours as bars; the hour that runs is the last."""
    first = _first_hour(now)
    counts = {hour.began: int(getattr(hour, what)) for hour in hours}
    series = [counts.get(first + timedelta(hours=number), 0) for number in range(HOURS)]
    most = max(series)
    bars = []
    for number, count in enumerate(series):
        height = max(2, round(HEIGHT * count / most)) if count else 0
        bars.append(Bar(x=number * BAR, y=HEIGHT - height, height=height))
    at = first + timedelta(hours=series.index(most))
    peak = f", most of them ({most}) in the hour from {at:%H:%M} UTC" if most else ""
    return Spark(
        total=sum(series),
        bars=tuple(bars),
        words=f"{sum(series)} {words} in {HOURS} hours{peak}",
    )


def _first_hour(now: datetime) -> datetime:
    running = now.replace(minute=0, second=0, microsecond=0)
    return running - timedelta(hours=HOURS - 1)
