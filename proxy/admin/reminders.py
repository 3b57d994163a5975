"""Reminders of overrides that end soon: each told once for each threshold."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from models.clock import Clock
from models.errors import PratiqueError
from policies.policy import Policy
from proxy.admin.events import Event, EventKind
from proxy.admin.exceptions import Expiring, expiring
from proxy.store.port import Store

LOG = structlog.get_logger()

THRESHOLDS_H = (24, 7 * 24)
"""Hours before the end at which it is told."""
LOOK_S = 900.0
"""Seconds between two looks."""
HOUR = timedelta(hours=1)


class Reminders:
    """Looks for what ends soon, and tells. What was told stands in the store.

    What is told and the note that it was are one transaction: each is told once, and never not at all.
    """

    def __init__(
        self,
        store: Store,
        *,
        policy: Callable[[], Policy],
        clock: Clock,
        origin: str = "",
        thresholds_h: tuple[int, ...] = THRESHOLDS_H,
        look_s: float = LOOK_S,
    ) -> None:
        self._store = store
        self._policy = policy
        self._clock = clock
        self._origin = origin
        self._thresholds_h = tuple(sorted(thresholds_h))
        self._look_s = look_s

    async def run(self, stop: asyncio.Event) -> None:
        """Look now and then until `stop`."""
        while not stop.is_set():
            try:
                await self.remind()
            except PratiqueError as error:
                LOG.warning("reminders_failed", error=error.message)
            try:
                async with asyncio.timeout(self._look_s):
                    await stop.wait()
            except TimeoutError:
                continue

    async def remind(self) -> int:
        """Tell what has to be told now; how many were. Raises StoreError."""
        now = self._clock()
        within = max(self._thresholds_h, default=0) * HOUR
        told = 0
        for one in await expiring(self._store, self._policy(), now=now, within=within):
            threshold = self._threshold(one, now)
            if threshold is None or await self._store.reminder_told(one.override.id, threshold):
                continue
            telling = (self._event(one, now),)
            told += await self._store.tell_reminder(
                one.override.id, threshold, at=now, telling=telling
            )
        return told

    def _threshold(self, one: Expiring, now: datetime) -> int | None:
        """The nearest threshold that is passed; None for one as long as the override's whole life."""
        left, whole = one.ends_at - now, one.ends_at - one.override.created_at
        passed = (hours for hours in self._thresholds_h if left <= hours * HOUR < whole)
        return next(passed, None)

    def _event(self, one: Expiring, now: datetime) -> Event:
        override = one.override
        subject = f"{override.project}{override.specifier}" if override.project else "a file"
        facts = {
            "override": override.id,
            "action": override.action.value,
            "project": override.project or "",
            "specifier": override.specifier,
            "sha256": override.sha256 or "",
            "actor": override.actor,
            "ends": one.ends_at.isoformat(),
        }
        return Event(
            kind=EventKind.OVERRIDE_EXPIRING,
            at=now,
            subject=subject,
            sentence=(
                f"The {override.action.value} of {subject} by {override.actor} ends on "
                f"{one.ends_at:%Y-%m-%d %H:%M} UTC: {override.justification}"
            ),
            url=f"{self._origin}/overrides" if self._origin else "",
            facts=tuple((name, text) for name, text in facts.items() if text),
        )
