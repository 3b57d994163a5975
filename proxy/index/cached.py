"""Upstream's pages, kept: fresh for a while, stale while upstream fails, never longer than a bound."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import floor
from typing import Protocol

import structlog
from cachetools import LRUCache
from packaging.utils import NormalizedName

from models.artifact import IndexName
from models.clock import Clock
from models.errors import (
    StoreError,
    UpstreamError,
    UpstreamInvalid,
    UpstreamNotFound,
    UpstreamUnavailable,
)
from proxy.index.client import CONNECTIONS_MAX
from proxy.index.flight import SingleFlight
from proxy.index.freshness import Freshness, Trouble
from proxy.index.port import Ahead, FetchedPage, PageSource
from proxy.index.upstream import light_or_threaded, read_page
from proxy.simple.negotiate import Format
from proxy.simple.page import LAST_SERIAL_KEY, ProjectPage, last_serial_of
from proxy.simple.render import render_project
from proxy.store.port import StoredPage

LOG = structlog.get_logger()

FRESH_S = 600
"""Seconds a page is fresh where upstream names no max-age; what PyPI itself names."""
FRESH_S_MAX = 3_600
"""Seconds a page stays fresh whatever upstream names: a new release must show within the hour."""
NEGATIVE_S = 60
"""Seconds that "no such project" is believed: a name may be registered at any moment."""
STALE_S = 7 * 86_400
"""Seconds after its last check that a page is still shown while upstream fails (DESIGN.md 3)."""
PATIENCE_S = 4.0
"""Seconds a requester waits for a slow upstream while a stale page is at hand; pip waits 15."""
PAUSE_S = 10
"""Seconds after a failure before the upstream is asked again, where a stale page is at hand."""
PERSIST_AGAIN_S = 6 * 3_600
"""Seconds after which an unchanged page is written again, so that a restart knows it was checked."""
MEMORY_BYTES_MAX = 48 * 1024 * 1024
"""Bytes of page bodies whose parsed form is kept; the form takes about four times as much."""
ENTRY_BYTES = 2_048
"""Bytes counted for a page beside its body; keeps the number of tiny and missing pages bounded."""
REFRESHES_MAX = 512
"""Pages that are fetched at once."""
REFRESHES_AHEAD_MAX = CONNECTIONS_MAX // 2
"""Fetches under way from which none is begun that nobody waits for."""
DIGEST_INLINE_BYTES_MAX = 256 * 1024
"""Bytes of a page whose digest is taken on the event loop (0.2 ms; 2 ms without instructions for it)."""
SERIAL_CHARS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheBounds:
    """How long what is believed."""

    fresh_s: int = FRESH_S
    fresh_s_max: int = FRESH_S_MAX
    negative_s: int = NEGATIVE_S
    stale_s: int = STALE_S
    patience_s: float = PATIENCE_S
    pause_s: int = PAUSE_S
    memory_bytes_max: int = MEMORY_BYTES_MAX


Changed = Callable[[IndexName, ProjectPage, "ProjectPage | None"], Awaitable[None]]
"""Called with a page as it was and as it is now (None: gone) before the new one counts."""


async def _unheard(index: IndexName, before: ProjectPage, after: ProjectPage | None) -> None:
    """Nobody wants to know."""


class PageShelf(Protocol):
    """The part of the Store that a cache needs."""

    async def put_page(self, page: StoredPage) -> None:
        """Keep an upstream page, replacing the one before."""

    async def page(self, index: IndexName, project: NormalizedName) -> StoredPage | None:
        """The stored upstream page."""

    async def touch_project(self, index: IndexName, project: NormalizedName) -> int:
        """Tell every process that the project's page changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A page as it is known; `page` None: upstream says that there is no such project."""

    page: ProjectPage | None
    serial: str
    body_digest: str
    etag: str
    size_bytes: int
    checked_at: datetime
    fresh_until: datetime
    persisted_at: datetime | None = None
    trouble: Trouble | None = None
    """Why it was not renewed when it was last tried."""
    retry_at: datetime | None = None
    """Before this moment upstream is left alone, though the page is not fresh."""

    def good(self, now: datetime) -> bool:
        """Whether it may be shown without asking upstream."""
        return now < self.fresh_until or (self.retry_at is not None and now < self.retry_at)


class CachedIndex:
    """An Index over a PageSource. One fetch per project at a time, which no requester can kill."""

    def __init__(
        self,
        source: PageSource,
        shelf: PageShelf,
        *,
        clock: Clock,
        bounds: CacheBounds | None = None,
        looked_up: Callable[[bool], None] = lambda _: None,
        changed: Changed = _unheard,
    ) -> None:
        """`shelf` is the store; `source` is started and closed by whoever made it.

        `looked_up` is told, for each page that is asked for, whether it was at hand and fresh;
        `changed` of each page that is another than before. Where `changed` raises StoreError the
        page stays as it was, and is compared again.
        """
        self._changed = changed
        self._looked_up = looked_up
        self._source = source
        self._shelf = shelf
        self._clock = clock
        self._bounds = bounds or CacheBounds()
        self._memory: LRUCache[NormalizedName, _Entry] = LRUCache(
            maxsize=self._bounds.memory_bytes_max,
            getsizeof=lambda entry: min(
                entry.size_bytes + ENTRY_BYTES, self._bounds.memory_bytes_max
            ),
        )
        self._loads: SingleFlight[NormalizedName, _Entry | None] = SingleFlight(
            flights_max=REFRESHES_MAX, what="page reads"
        )
        self._refreshes: SingleFlight[NormalizedName, _Entry] = SingleFlight(
            flights_max=REFRESHES_MAX, what="page fetches"
        )
        self._lists: SingleFlight[str, tuple[str, ...]] = SingleFlight(
            flights_max=1, what="list fetches"
        )
        self._list: tuple[datetime, tuple[str, ...]] | None = None

    @property
    def name(self) -> IndexName:
        """The name of the index beneath."""
        return self._source.name

    async def project(self, project: NormalizedName) -> ProjectPage:
        """A project's page, fresh or, while upstream fails, at most `stale_s` old.

        Raises UpstreamNotFound, another UpstreamError, or Overloaded.
        """
        entry = await self._at_hand(project)
        fresh = entry is not None and entry.good(self._clock())
        self._looked_up(fresh)
        if entry is not None and fresh:
            return self._page_now(project, entry)
        if entry is None or not self._usable(entry):
            return await self.refresh(project)
        flight = self._refreshes.task(project, lambda: self._renew(project))
        done, _ = await asyncio.wait({flight}, timeout=self._bounds.patience_s)
        if done:
            return self._page_now(project, flight.result())
        self._memory[project] = entry = replace(entry, trouble=entry.trouble or Trouble.SLOW)
        return self._page_now(project, entry)

    async def refresh(self, project: NormalizedName) -> ProjectPage:
        """The page as upstream has it now; for a file that the page in the cache does not list.

        Falls back on the stale page as `project` does, and raises the same.
        """
        entry = await self._refreshes.run(project, lambda: self._renew(project))
        return self._page_now(project, entry)

    async def ahead(self, project: NormalizedName) -> Ahead:
        """Have a fresh page at hand before anybody asks for it, unless upstream is busy.

        Whoever asks meanwhile joins. Raises another UpstreamError than UpstreamNotFound.
        """
        entry = await self._at_hand(project)
        if entry is not None and entry.good(self._clock()):
            return Ahead.AT_HAND
        if len(self._refreshes) >= REFRESHES_AHEAD_MAX:
            return Ahead.BUSY
        entry = await self._refreshes.run(project, lambda: self._renew(project))
        return Ahead.ABSENT if entry.page is None else Ahead.FETCHED

    def serial(self, project: NormalizedName) -> Hashable:
        """Changes when the page does; asked right after `project`, it is that page's.

        Equal to nothing where the page has left memory meanwhile, so that no cache can take one
        page for another.
        """
        entry = self._memory.get(project)
        return entry.serial if entry is not None else object()

    def freshness(self, project: NormalizedName) -> Freshness | None:
        """How old the page is; asked right after `project`, as `serial` is. None: it left memory."""
        entry = self._memory.get(project)
        if entry is None or entry.page is None:
            return None
        now = self._clock()
        left_s = (entry.fresh_until - now).total_seconds()
        return Freshness(
            age_s=max(int((now - entry.checked_at).total_seconds()), 0),
            ttl_s=floor(left_s),
            trouble=entry.trouble if left_s <= 0 else None,
        )

    async def projects(self) -> tuple[str, ...]:
        """The names of all projects; kept in memory only. Raises UpstreamError."""
        now = self._clock()
        kept = self._list
        if kept is not None and now - kept[0] < timedelta(seconds=self._bounds.fresh_s):
            return kept[1]
        try:
            names = await self._lists.run("", self._source.projects)
        except UpstreamError as error:
            if kept is None or now - kept[0] > timedelta(seconds=self._bounds.stale_s):
                raise
            LOG.warning("project_list_served_stale", error=str(error))
            return kept[1]
        self._list = (now, names)
        return names

    async def close(self) -> None:
        """Cancel what is under way."""
        await self._loads.close()
        await self._refreshes.close()
        await self._lists.close()

    async def _at_hand(self, project: NormalizedName) -> _Entry | None:
        """What memory has, else the store."""
        entry = self._memory.get(project)
        if entry is None:
            entry = await self._loads.run(project, lambda: self._load(project))
        return entry

    def _page_now(self, project: NormalizedName, entry: _Entry) -> ProjectPage:
        """The page that memory holds at this very moment (`serial` speaks of it), else `entry`'s."""
        page = self._memory.get(project, entry).page
        if page is None:
            raise UpstreamNotFound(f"The upstream has no project called {project}.")
        return page

    async def _load(self, project: NormalizedName) -> _Entry | None:
        """The page as the store has it: after a restart, or since another process fetched it."""
        try:
            stored = await self._shelf.page(self.name, project)
        except StoreError as error:
            LOG.warning("page_not_loaded", project=project, error=str(error))
            return None
        if stored is None:
            return None
        try:
            entry = await self._entry_of(stored)
        except UpstreamInvalid as error:
            LOG.warning("stored_page_ignored", project=project, error=str(error))
            return None
        self._memory[project] = entry
        return entry

    async def _entry_of(self, stored: StoredPage) -> _Entry:
        page = None
        if stored.status == 200:
            page = await read_page(
                stored.content_type,
                stored.body,
                "https://stored.invalid/",
                project=stored.project,
                index=self.name,
            )
        return _Entry(
            page=page,
            serial=_serial(stored.body),
            body_digest="",
            etag=stored.etag,
            size_bytes=len(stored.body),
            checked_at=stored.fetched_at,
            fresh_until=stored.fetched_at + self._fresh_for(stored.max_age_s),
            persisted_at=stored.fetched_at,
        )

    async def _renew(self, project: NormalizedName) -> _Entry:
        """Ask upstream; what is known stays known where upstream fails."""
        before = self._memory.get(project)
        try:
            try:
                after = await self._fetch(project, before)
            except UpstreamNotFound:
                after = await self._gone(project, before)
        except (UpstreamError, StoreError) as error:
            if before is None or not self._usable(before):
                raise
            LOG.warning("page_served_stale", project=project, error=str(error))
            pause = self._clock() + timedelta(seconds=self._bounds.pause_s)
            after = replace(before, trouble=Trouble.FAILED, retry_at=pause)
        self._memory[project] = after
        return after

    async def _fetch(self, project: NormalizedName, before: _Entry | None) -> _Entry:
        etag = before.etag if before is not None and before.page is not None else ""
        fetched = await self._source.fetch(project, etag=etag)
        now = self._clock()
        fresh_until = now + self._fresh_for(fetched.max_age_s)
        if len(fetched.body) <= DIGEST_INLINE_BYTES_MAX:
            digest = _digest(fetched.body)
        else:
            digest = await asyncio.to_thread(_digest, fetched.body)
        if before is not None and (fetched.unchanged or digest == before.body_digest):
            after = replace(
                before, checked_at=now, fresh_until=fresh_until, trouble=None, retry_at=None
            )
            return await self._persist_again(project, after, fetched, now)
        if fetched.unchanged:
            raise UpstreamUnavailable("The upstream says that a page we never had is unchanged.")
        page = await read_page(
            fetched.content_type, fetched.body, fetched.url, project=project, index=self.name
        )
        if fetched.last_serial not in (None, last_serial_of(page)):
            meta = {**page.extra_meta, LAST_SERIAL_KEY: fetched.last_serial}
            page = replace(page, extra_meta=meta, portable=False)
        if page.skipped:
            LOG.warning("page_entries_skipped", project=project, skipped=page.skipped)
        if before is not None and before.page is not None and _same(before.page, page):
            after = replace(
                before,
                body_digest=digest,
                etag=fetched.etag,
                checked_at=now,
                fresh_until=fresh_until,
                trouble=None,
                retry_at=None,
            )
            return await self._persist_again(project, after, fetched, now)
        if page.portable:
            body, serial = fetched.body, digest[:SERIAL_CHARS]
        else:
            body, serial = await light_or_threaded(len(fetched.body), _stored_form, page)
        after = _Entry(
            page=page,
            serial=serial,
            body_digest=digest,
            etag=fetched.etag,
            size_bytes=len(body),
            checked_at=now,
            fresh_until=fresh_until,
            persisted_at=before.persisted_at if before is not None else None,
        )
        await self._tell_changed(project, before, page)
        return await self._persist(project, after, body, fetched.max_age_s, first=before is None)

    async def _tell_changed(
        self, project: NormalizedName, before: _Entry | None, page: ProjectPage | None
    ) -> None:
        """Have the difference noticed before the old page is forgotten. Raises StoreError."""
        if before is not None:
            await self._changed(self.name, before.page or ProjectPage(name=project), page)

    async def _persist_again(
        self, project: NormalizedName, entry: _Entry, fetched: FetchedPage, now: datetime
    ) -> _Entry:
        """Write an unchanged page once in a while, so that its age after a restart is honest."""
        written = entry.persisted_at
        if entry.page is None or (
            written is not None and now - written < timedelta(seconds=PERSIST_AGAIN_S)
        ):
            return entry
        body, _ = await light_or_threaded(entry.size_bytes, _stored_form, entry.page)
        return await self._persist(project, entry, body, fetched.max_age_s, first=True)

    async def _gone(self, project: NormalizedName, before: _Entry | None) -> _Entry:
        """Upstream's word that there is no such project; kept on disk only where there was one."""
        now = self._clock()
        entry = _Entry(
            page=None,
            serial="absent",
            body_digest="",
            etag="",
            size_bytes=0,
            checked_at=now,
            fresh_until=now + timedelta(seconds=self._bounds.negative_s),
        )
        if before is None or before.page is None:
            return entry
        await self._tell_changed(project, before, None)
        return await self._persist(project, entry, b"", self._bounds.negative_s, first=False)

    async def _persist(
        self,
        project: NormalizedName,
        entry: _Entry,
        body: bytes,
        max_age: int | None,
        *,
        first: bool,
    ) -> _Entry:
        """Write the page (as JSON with absolute URLs, whatever it came as) and tell of a change.

        A store that fails costs the memory of a restart, not the page.
        """
        stored = StoredPage(
            index=self.name,
            project=project,
            content_type=Format.JSON_V1.value,
            etag=entry.etag,
            body=body,
            fetched_at=entry.checked_at,
            max_age_s=self._bounds.fresh_s if max_age is None else max_age,
            status=404 if entry.page is None else 200,
        )
        try:
            await self._shelf.put_page(stored)
            if not first:
                await self._shelf.touch_project(self.name, project)
        except StoreError as error:
            LOG.warning("page_not_stored", project=project, error=str(error))
            return entry
        return replace(entry, persisted_at=entry.checked_at)

    def _fresh_for(self, max_age: int | None) -> timedelta:
        seconds = self._bounds.fresh_s if max_age is None else max_age
        return timedelta(seconds=min(seconds, self._bounds.fresh_s_max))

    def _usable(self, entry: _Entry) -> bool:
        """Whether a page that is no longer fresh may still be shown."""
        age = self._clock() - entry.checked_at
        return entry.page is not None and age <= timedelta(seconds=self._bounds.stale_s)


def _same(one: ProjectPage, other: ProjectPage) -> bool:
    """Whether they say the same; Python takes true for 1."""
    return one == other and last_serial_of(one) == last_serial_of(other)


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _stored_form(page: ProjectPage) -> tuple[bytes, str]:
    """As it is written, and its serial."""
    body = render_project(page, format=Format.JSON_V1)
    return body, _serial(body)


def _serial(body: bytes) -> str:
    return _digest(body)[:SERIAL_CHARS] if body else "absent"
