"""What detectors look at, and what a detector is: a kind, and a pure function that gives matches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from analyzer.static.frames import ORDER, Event, Module
from analyzer.static.kind import StaticKind
from analyzer.static.look import NOTHING_SEEN, Look
from analyzer.static.result import Match, Reach
from analyzer.static.sources import Layout

EAGER = frozenset({Reach.BUILD, Reach.START, Reach.IMPORT})


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One artifact as it was read."""

    layout: Layout
    events: tuple[Event, ...] = ()
    modules: tuple[Module, ...] = ()
    """All sources with what reaches them, parsed or not."""
    looks: Mapping[str, Look] = field(default_factory=dict)
    """By path, what the first look saw."""
    unparsed: tuple[Module, ...] = ()
    """Sources that were to be parsed and are no Python 3."""
    nested: tuple[Module, ...] = ()
    """Sources nested deeper than can be read."""
    commands: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """(path, class) of command classes that an installation runs → the command."""

    def of(self, *kinds: str) -> Iterator[Event]:
        """Events of some kinds."""
        return (event for event in self.events if event.kind in kinds)

    def acting(self) -> Iterator[Module]:
        """Sources that something reaches and in which the first look saw a word that acts."""
        for module in self.modules:
            seen = self.looks.get(module.path, NOTHING_SEEN)
            if seen.weight and module.reach is not Reach.NOTHING:
                yield module

    def excerpt(self, path: str, line: int) -> str:
        """A line of a source."""
        for module in self.modules:
            if module.path == path:
                lines = module.data[:2_000_000].splitlines()
                if 0 < line <= len(lines):
                    return lines[line - 1][:2000].strip()[:400].decode("utf-8", "replace")
        return ""


def match(
    kind_id: str, event: Event, *, what: str = "", host: str = "", reach: Reach | None = None
) -> Match:
    """A match at an event."""
    return Match(
        id=kind_id,
        reach=(reach or event.reach).value,
        path=event.path,
        line=event.line,
        what=what,
        host=host,
    )


def eagerest(events: list[Event]) -> Event:
    """The event that is reached most eagerly; the first of them."""
    return min(events, key=lambda event: (ORDER[event.reach], event.line))


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """A detector by its id."""

    id: str
    kind: StaticKind
    detect: Callable[[View], Iterator[Match]]
