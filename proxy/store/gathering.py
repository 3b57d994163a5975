"""Bursts of events: beyond a number of one kind in a minute, one summary stands for all that follow.

A change of policy, model or feed may turn thousands of decisions. A person reads twenty messages, and
one that says how many there are and which are the worst; what happened to each stands in the audit and
decision logs, whatever is told. Both stores apply these and only keep the outcome.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType

from proxy.admin.events import Event, EventKind
from proxy.store.telling_port import FACT_CHARS_MAX, SENTENCE_CHARS_MAX

WINDOW = timedelta(minutes=1)
"""How long events are counted, and how long a summary gathers before it goes out."""
TOLD_MAX = 20
"""Events of one kind that one webhook is told of one by one within a window: what a person reads."""
INSTALLED_MAX = 60
"""The same of files that somebody has installed: each names people and the secrets to replace."""
WORST_MAX = 10
"""Events that a summary names."""
CAUSES_MAX = 6
"""Causes that a summary counts apart, the most frequent first; all others are `other`."""
NAMED_IN_SENTENCE = 3
"""Subjects in a summary's sentence; all that it names stand in its facts."""
CAUSE_CHARS_MAX = 80
LINE_CHARS_MAX = 200
"""Characters of what is said of one event; a reason line has no more."""
OTHER = "other"
ID_CHARS = 32

WHAT: Mapping[EventKind, str] = MappingProxyType(
    {
        EventKind.OVERRIDE_REQUESTED: "exceptions were asked for",
        EventKind.OVERRIDE_APPROVED: "exceptions were approved",
        EventKind.OVERRIDE_REFUSED: "exceptions were refused",
        EventKind.OVERRIDE_WITHDRAWN: "requests for exceptions were withdrawn",
        EventKind.OVERRIDE_EXPIRING: "exceptions end soon",
        EventKind.DECISION_WORSENED: "decisions changed for the worse",
        EventKind.HELD_FOR_REVIEW: "files wait for review",
        EventKind.WATCH_CHANGED: "watched files changed",
        EventKind.POLICY_CHANGED: "policies were put in force",
        EventKind.FEED_FAILED: "feeds could not be read",
        EventKind.WORKER_LOST: "workers fell silent",
        EventKind.FILES_DEPARTED: "times an index ceased to list approved files",
        EventKind.BYTES_CHANGED: "approved files have other bytes at the index",
        EventKind.NAME_MOVED: "names moved to another upstream",
        EventKind.TEST: "tests",
    }
)
"""What happened, after a number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One event of many: how bad it is, larger is worse, and what is said of it."""

    rank: int
    subject: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What a summary is made from."""

    kind: EventKind
    installed: bool
    since: datetime
    count: int = 0
    fetches: int = 0
    worst: tuple[Line, ...] = ()
    """The worst first, then the earliest."""
    causes: tuple[tuple[str, int], ...] = ()
    """(what changed, how many), the most frequent first."""
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathering:
    """What one webhook was told of one kind since `began_at`."""

    began_at: datetime
    told: int = 0
    """Events told one by one."""
    delivery: int | None = None
    """The number of the summary that gathers the others; None: none does yet."""
    gathered: Gathered

    @property
    def ends_at(self) -> datetime:
        """When it is over, and the summary goes out."""
        return self.began_at + WINDOW

    @property
    def full(self) -> bool:
        """Whether no further event is told by itself."""
        return self.told >= (INSTALLED_MAX if self.gathered.installed else TOLD_MAX)


def is_installed(event: Event) -> bool:
    """Whether it is about a file that turned for the worse, and that somebody has."""
    facts = dict(event.facts)
    has_it = "installed" in facts or "exposed_clients" in facts
    return event.kind is EventKind.DECISION_WORSENED and has_it


def gathers(kind: EventKind) -> bool:
    """Whether there are summaries of that kind: a person who tries a webhook wants to see the try."""
    return kind is not EventKind.TEST


def present(known: Gathering | None, event: Event, now: datetime) -> Gathering:
    """The gathering that counts at `now`: the known one, or a new one where that is over."""
    if known is not None and known.began_at <= now < known.ends_at:
        return known
    begun = Gathered(kind=event.kind, installed=is_installed(event), since=now)
    return Gathering(began_at=now, gathered=begun)


def added(gathered: Gathered, event: Event) -> Gathered:
    """The same with one more event, whose texts are storable (`proxy.store.outbox.clean_event`)."""
    facts = dict(event.facts)
    causes = Counter(dict(gathered.causes))
    if cause := facts.get("changed", "")[:CAUSE_CHARS_MAX]:
        known = cause in causes or len(causes) < CAUSES_MAX
        causes[cause if known else OTHER] += 1
    line = Line(
        rank=_rank(facts),
        subject=event.subject[:LINE_CHARS_MAX],
        sentence=event.sentence[:LINE_CHARS_MAX],
    )
    worst = sorted((*gathered.worst, line), key=lambda one: -one.rank)
    return replace(
        gathered,
        count=gathered.count + 1,
        fetches=gathered.fetches + _number(facts.get("fetches", "")),
        worst=tuple(worst[:WORST_MAX]),
        causes=tuple(sorted(causes.items(), key=lambda entry: (-entry[1], entry[0]))),
        url=event.many_url or gathered.url,
    )


def summary_of(gathered: Gathered, *, at: datetime) -> Event:
    """The one event that stands for all that were gathered."""
    what = WHAT[gathered.kind]
    more = " more" if gathered.count else ""
    of = " of files that were installed" if gathered.installed else ""
    most = gathered.causes[:1]
    cause = f", {most[0][1]} of them by {most[0][0]}" if most else ""
    names = list(dict.fromkeys(one.subject for one in gathered.worst))[:NAMED_IN_SENTENCE]
    left = " and others" if gathered.count > len(names) else ""
    facts = {f"worst_{place}": _shown(one) for place, one in enumerate(gathered.worst, 1)}
    facts |= {"count": str(gathered.count), "since": gathered.since.isoformat()}
    if gathered.fetches:
        facts["fetches"] = str(gathered.fetches)
    facts |= {f"by {name}": str(count) for name, count in gathered.causes}
    return Event(
        kind=gathered.kind,
        at=at,
        subject=f"{gathered.count} at once",
        sentence=(
            f"{gathered.count}{more} {what}{of} within a minute{cause}: "
            f"{', '.join(names)}{left}. Each of them stands in the logs."
        )[:SENTENCE_CHARS_MAX],
        url=gathered.url,
        facts=tuple((name, text[:FACT_CHARS_MAX]) for name, text in facts.items()),
    )


def summary_id(webhook: str, gathered: Gathered) -> str:
    """The id of a summary, which stays while it gathers."""
    key = f"{webhook} {gathered.kind.value} {gathered.installed} {gathered.since.isoformat()}"
    return f"evt_{hashlib.sha256(key.encode()).hexdigest()[:ID_CHARS]}"


def _rank(facts: Mapping[str, str]) -> int:
    """How bad: a refusal before a hold, then what more people have, then a lower score."""
    refused = {"DENY": 2, "HOLD": 1}.get(facts.get("action", ""), 0)
    fetches = min(_number(facts.get("fetches", "")), 999_999)
    return (refused * 1_000_000 + fetches) * 101 + 100 - min(_number(facts.get("score", "")), 100)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _shown(line: Line) -> str:
    return (
        f"{line.subject}: {line.sentence}" if line.subject not in line.sentence else line.sentence
    )
