"""From a source to the store: fetch, have it read, and make its records ours, all or nothing."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import structlog

from analyzer.advisories.record import Refused
from models.clock import Clock
from models.errors import FeedError, FeedInvalid, PratiqueError
from proxy.admin.events import Event, EventKind
from proxy.feeds.fetching import Validators, discard, download
from proxy.feeds.lines import Known
from proxy.feeds.reader import Read, read_feed
from proxy.feeds.source import FeedSource, SourceKind
from proxy.store.port import Feed, FeedImport, Store

LOG = structlog.get_logger()

REFUSALS_KEPT_MAX = 20
"""Refused records that are told one by one; all are counted."""
SHRINK_PERCENT_MAX = 50
"""How much of a feed may vanish at once. An archive that was cut short at its source, or another
one under the same URL, would take away what protects, and look like a success."""
SHRINK_FROM = 100
"""Records from which on that is asked; small feeds are somebody's own."""
NAME = "advisories"
"""The folder below the data folder where downloads lie while they are read."""

Progress = Callable[[str, str], None]
"""Told (feed, what is happening) now and then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Updated:
    """How an update went. `imported` None: the source has not changed since."""

    feed: Feed
    imported: FeedImport | None
    refused: tuple[Refused, ...] = ()
    """The first few of those that could not be read."""
    foreign: int = 0


class FeedUpdater:
    """Updates feeds one by one; another process that updates the same one at once is refused."""

    def __init__(
        self,
        store: Store,
        folder: Path,
        *,
        clock: Clock,
        progress: Progress = lambda _feed, _state: None,
    ) -> None:
        self._store = store
        self._folder = folder / NAME
        self._clock = clock
        self._progress = progress

    async def update(
        self, source: FeedSource, *, accept_shrink: bool = False, remember: bool = True
    ) -> Updated:
        """Bring one feed up to date. Raises FeedError and StoreError; the records stay as they were.

        How it failed is kept in the feed's state. `remember` false: not of a feed that nobody knows
        yet, so that a slip of the pen does not count as a feed that is missing.
        """
        known = next((one for one in await self._store.feeds() if one.name == source.name), None)
        before = known or Feed(name=source.name, source=source.shown)
        if before.source != source.shown:
            # Another place under an old name: what it was called there says nothing here.
            before = replace(before, source=source.shown, etag="", last_modified="")
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o750)
            with self._alone(source):
                return await self._update(source, before, accept_shrink=accept_shrink)
        except (PratiqueError, OSError) as error:
            told = error.message if isinstance(error, PratiqueError) else str(error)
            LOG.warning("feed_failed", feed=source.name, error=told)
            if remember or known is not None:
                failed = replace(before, tried_at=self._clock(), error=told)
                # Told once, not at every try.
                telling = () if before.error else (_failure(failed, self._clock()),)
                await self._store.put_feed(failed, telling=telling)
            if isinstance(error, PratiqueError):
                raise
            raise FeedError(f"The feed {source.name} cannot be read: {error}.") from error

    async def _update(self, source: FeedSource, before: Feed, *, accept_shrink: bool) -> Updated:
        validators = Validators(etag=before.etag, last_modified=before.last_modified)
        if source.kind is SourceKind.URL:
            self._progress(source.name, "fetching")
            downloaded = await download(source, self._folder, validators)
            path, validators = downloaded.path, downloaded.validators
        else:
            path, validators = _local(Path(source.location), validators)
        if path is None:
            unchanged = replace(
                before, tried_at=self._clock(), succeeded_at=self._clock(), error=""
            )
            await self._store.put_feed(unchanged)
            LOG.info("feed_unchanged", feed=source.name)
            return Updated(feed=unchanged, imported=None)
        try:
            return await self._import(
                source, replace(before, etag=validators.etag, last_modified=validators.last_modified),
                path, accept_shrink=accept_shrink,
            )  # fmt: skip
        finally:
            if source.kind is SourceKind.URL:
                # Broken or not: what is fetched again is better than what failed.
                discard(source, self._folder)

    async def _import(
        self, source: FeedSource, before: Feed, path: Path, *, accept_shrink: bool
    ) -> Updated:
        self._progress(source.name, "reading")
        known = await self._store.advisory_times(source.name)
        read = await read_feed(path, Known(modified=dict(known)))
        _check(source.name, read, had=len(known), accept_shrink=accept_shrink)
        self._progress(source.name, f"storing {len(read.advisories)} records")
        now = self._clock()
        keep = read.same | {refused.id for refused in read.refused if refused.id}
        imported = await self._store.import_advisories(
            replace(before, tried_at=now, succeeded_at=now, refused=len(read.refused), error=""),
            read.advisories,
            keep=frozenset(keep),
            now=now,
        )
        feed = next(one for one in await self._store.feeds() if one.name == source.name)
        for refused in read.refused[:REFUSALS_KEPT_MAX]:
            LOG.warning("advisory_refused", feed=source.name, id=refused.id, why=refused.why)
        LOG.info(
            "feed_updated",
            feed=source.name,
            records=feed.records,
            added=imported.added,
            changed=imported.changed,
            removed=imported.removed,
            refused=len(read.refused),
            foreign=read.end.foreign,
        )
        return Updated(
            feed=feed,
            imported=imported,
            refused=tuple(read.refused[:REFUSALS_KEPT_MAX]),
            foreign=read.end.foreign,
        )

    @contextmanager
    def _alone(self, source: FeedSource) -> Iterator[None]:
        with (self._folder / f"{source.name}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise FeedError(
                    f"The feed {source.name} is being updated by another process.",
                    next_step="Wait until it is done: `pratique feeds status` says when.",
                ) from error
            yield


def _failure(feed: Feed, at: datetime) -> Event:
    """That a feed could not be read."""
    read = f"{feed.succeeded_at:%Y-%m-%d %H:%M} UTC" if feed.succeeded_at else "never"
    return Event(
        kind=EventKind.FEED_FAILED,
        at=at,
        subject=feed.name,
        sentence=f"The feed {feed.name} cannot be read; what was read before stays in force.",
        facts=(("feed", feed.name), ("error", feed.error), ("last read", read)),
    )


def _local(path: Path, known: Validators) -> tuple[Path | None, Validators]:
    """The path, and what stands for its version: a file's time and size; a folder has none."""
    if not path.exists():
        raise FeedError(
            f"There is no {path}.", next_step="Name a folder, a file, or an https:// URL."
        )
    if path.is_dir():
        return path, Validators()
    found = path.stat()
    validators = Validators(etag=f"{found.st_mtime_ns:d}-{found.st_size:d}")
    return (None if validators == known else path), validators


def _check(name: str, read: Read, *, had: int, accept_shrink: bool) -> None:
    """Raises FeedInvalid for a feed that must not replace the one before."""
    if read.end.broken:
        raise FeedInvalid(f"The feed {name} could not be read whole. {read.end.broken}")
    has = len(read.advisories) + len(read.same) + len(read.refused)
    if len(read.advisories) + len(read.same) == 0:
        raise FeedInvalid(
            f"The feed {name} holds no record about PyPI that can be read "
            f"({read.end.records} looked at, {len(read.refused)} refused).",
            next_step="Name the folder or archive that has OSV records (JSON or YAML) in it.",
        )
    if had >= SHRINK_FROM and has * 100 < had * (100 - SHRINK_PERCENT_MAX) and not accept_shrink:
        raise FeedInvalid(
            f"The feed {name} has {has} records and had {had}; the old ones stay in force.",
            next_step="If that is right, run `pratique feeds update --accept-shrink`.",
        )
