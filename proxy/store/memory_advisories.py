"""The part of the store's twin in memory that keeps feeds, their records, and what changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from packaging.utils import NormalizedName

from analyzer.advisories.record import Advisory
from models.artifact import ArtifactRef, Sha256
from proxy.store.bounds import row_limit
from proxy.store.checks import clean_feed
from proxy.store.codec import micros
from proxy.store.port import AdvisoryChange, Feed, FeedImport, subjects_of

Refs = Callable[[], Iterable[ArtifactRef]]
"""Every ref with a current decision or an open job."""


class MemoryAdvisories:
    """Does what `proxy.store.sql.advisories` does; each method is one transaction."""

    def __init__(self, refs: Refs) -> None:
        self._refs = refs
        self._feeds: dict[str, Feed] = {}
        self._records: dict[str, dict[str, Advisory]] = {}
        self._changes: dict[tuple[str, str], AdvisoryChange] = {}
        self._numbers = 0

    def feeds(self) -> tuple[Feed, ...]:
        """All feeds, by name."""
        return tuple(self._feeds[name] for name in sorted(self._feeds))

    def put_feed(self, feed: Feed) -> None:
        """Keep the state of a feed."""
        _check_times(feed)
        self._feeds[feed.name] = clean_feed(feed)

    def remove_feed(self, name: str, *, now: datetime) -> bool:
        """Forget a feed and all its records."""
        if self._feeds.pop(name, None) is None:
            return False
        gone = self._records.pop(name, {})
        self._touch({one for old in gone.values() for one in subjects_of(old)}, now)
        return True

    def import_all(
        self, feed: Feed, advisories: Sequence[Advisory], *, keep: frozenset[str], now: datetime
    ) -> FeedImport:
        """Make the records of a feed those that were read, and note the subjects that changed."""
        for one in advisories:
            micros(one.modified)
        self.put_feed(feed)
        known = self._records.setdefault(feed.name, {})
        fresh = [
            one
            for one in advisories
            if one.id not in known or one.modified > known[one.id].modified
        ]
        read = {one.id for one in advisories} | keep
        gone = [id_ for id_ in known if id_ not in read]
        replaced = [one.id for one in fresh if one.id in known]
        touched = {one for id_ in [*gone, *replaced] for one in subjects_of(known[id_])}
        touched |= {one for advisory in fresh for one in subjects_of(advisory)}
        for id_ in gone:
            del known[id_]
        known |= {one.id: one for one in fresh}
        self._touch(touched, now)
        self._feeds[feed.name] = replace(
            self._feeds[feed.name],
            records=len(known),
            malicious=sum(one.malicious for one in known.values()),
            withdrawn=sum(one.withdrawn is not None for one in known.values()),
            newest_modified=max((one.modified for one in known.values()), default=None),
        )
        return FeedImport(
            added=len(fresh) - len(replaced),
            changed=len(replaced),
            removed=len(gone),
            unchanged=len(known) - len(fresh),
        )

    def times(self, feed: str) -> dict[str, datetime]:
        """When each record of a feed was modified, by id."""
        return {one.id: one.modified for one in self._records.get(feed, {}).values()}

    def about(self, project: NormalizedName, sha256: Sha256 | None) -> tuple[Advisory, ...]:
        """What all feeds say of a project or a file's bytes; of an id in several, the newest."""
        wanted = {(str(project), ""), ("", str(sha256 or "-"))}
        newest: dict[str, Advisory] = {}
        for feed in sorted(self._records):
            for one in self._records[feed].values():
                if subjects_of(one) & wanted:
                    known = newest.get(one.id)
                    if known is None or one.modified > known.modified:
                        newest[one.id] = one
        return tuple(newest[id_] for id_ in sorted(newest))

    def changes(self, *, after: int, limit: int) -> tuple[AdvisoryChange, ...]:
        """Changed subjects that a decision or an open job is about, oldest first."""
        ordered = sorted(self._changes.values(), key=lambda change: change.number)
        concerning = (c for c in ordered if c.number > after and self.refs(c))
        return tuple(concerning)[: row_limit(limit)]

    def refs(self, change: AdvisoryChange) -> tuple[ArtifactRef, ...]:
        """Every ref with a decision or an open job that a changed subject is about."""
        found = {
            ref
            for ref in self._refs()
            if change.project == ref.project or change.sha256 == ref.sha256
        }
        order = sorted(found, key=lambda ref: (ref.index, ref.project, ref.filename, ref.sha256))
        return tuple(order)

    def let_go(self, numbers: Sequence[int], forget_before: datetime) -> None:
        """Let go of changes that were followed, and of older ones that concern nothing."""
        self._changes = {
            subject: change
            for subject, change in self._changes.items()
            if change.number not in numbers and (change.at >= forget_before or self.refs(change))
        }

    def _touch(self, subjects: Iterable[tuple[str, str]], now: datetime) -> None:
        for project, sha256 in sorted(subjects):
            self._numbers += 1
            self._changes[project, sha256] = AdvisoryChange(
                number=self._numbers,
                at=now,
                project=NormalizedName(project),
                sha256=Sha256(sha256),
            )


def _check_times(feed: Feed) -> None:
    for moment in (feed.tried_at, feed.succeeded_at):
        if moment is not None:
            micros(moment)
