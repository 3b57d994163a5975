"""Static reading as a whole: the sources of one artifact in, one bounded report out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator

from analyzer.clean import printable
from analyzer.static.catalog import DETECTORS, STATIC
from analyzer.static.detector import View
from analyzer.static.entropy import entropy_milli
from analyzer.static.expressions import Enough
from analyzer.static.fallback import line_events
from analyzer.static.frames import ORDER, Event, Module
from analyzer.static.hooks import import_lines
from analyzer.static.kind import Level
from analyzer.static.machine import STEPS_CALL_MAX, Machine
from analyzer.static.reach import Plan, plan, worth
from analyzer.static.result import (
    EXCERPT_CHARS_MAX,
    ITEMS_MAX,
    MATCHES_MAX,
    Match,
    Reach,
    Sink,
    StaticReport,
)
from analyzer.static.sources import Layout, Sources
from analyzer.static.values import Mark

PARSE_BYTES_MAX = 500_000
"""Bytes of source of one artifact that are parsed: some 0.2 s."""
PARSE_FILE_BYTES_MAX = 400_000
"""Bytes of one source that is parsed, long literals left out of the count."""
RECURSION_MAX = 5000
"""Frames of ours: a chain of 500 calls takes some 2000. They are Python's own, and take no C stack."""
EVENTS_MAX = 20_000
"""Events of one artifact that detectors look at."""
_LEVELS: tuple[Level, ...] = ("critical", "high", "medium", "low", "info")
_SINKS = frozenset(sink.value for sink in Sink)


def read_static(sources: Sources, layout: Layout) -> StaticReport:
    """Read the kept sources as code. Never raises on what they hold."""
    made = plan(sources, layout)
    modules = (*made.modules.values(), *made.scripts)
    chosen, left = _choose(made, modules)
    machine = Machine({module.name: module for module in chosen if module.name})
    cut = [] if _run(machine, chosen, layout) else ["steps"]
    broken = [event for module in machine.unparsed for event in line_events(module)]
    events = machine.events[:EVENTS_MAX] + broken[:EVENTS_MAX]
    view = View(
        layout=layout,
        events=tuple(sorted(events, key=lambda event: ORDER[event.reach])),
        modules=modules,
        unparsed=tuple(machine.unparsed),
        nested=tuple(dict.fromkeys(machine.nested)),
        commands=machine.commands,
        looks=made.looks,
    )
    left += len(sources.left) + made.unseen
    return _report(view, sources, files_left=left, cut=cut)


def _choose(made: Plan, modules: Iterable[Module]) -> tuple[list[Module], int]:
    """The sources that are parsed, most eager first, within the budget; how many were left out."""
    wanted = [module for module in modules if worth(made, module)]
    wanted.sort(
        key=lambda module: (ORDER[module.reach], -made.look_of(module).weight, len(module.data))
    )
    chosen, spent, left = [], 0, 0
    for module in wanted:
        cost = len(module.data) if len(module.data) < 50_000 else _cost(module.data)
        if cost > PARSE_FILE_BYTES_MAX or spent + cost > PARSE_BYTES_MAX:
            left += 1
            continue
        spent += cost
        chosen.append(module)
    return chosen, left


def _cost(data: bytes) -> int:
    """Bytes without those of long lines' tails: a literal of a megabyte parses in a moment."""
    return sum(min(len(line), 500) for line in data.splitlines())


def _run(machine: Machine, chosen: list[Module], layout: Layout) -> bool:
    """Run what is reached, the most eager first; False where the budget of steps ended it."""
    hooks = [
        Module(name="", path=path, reach=Reach.START, data=code)
        for path, code in import_lines(layout)
    ]
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(RECURSION_MAX)
    try:
        for module in (*hooks, *chosen):
            _safely(machine, machine.run_module, module, module.reach)
        machine.steps_left = min(machine.steps_left, STEPS_CALL_MAX)
        for module in chosen:
            reach = max(module.reach, Reach.CALL, key=ORDER.__getitem__)
            _safely(machine, machine.run_left, module, reach)
    except Enough:
        return False
    finally:
        sys.setrecursionlimit(limit)
    return True


def _safely(
    machine: Machine, function: Callable[[Module, Reach], None], module: Module, reach: Reach
) -> None:
    """One module that breaks the reading, by nesting or by our fault, does not end that of the others."""
    try:
        function(module, reach)
    except Enough:
        raise
    except (RecursionError, MemoryError):
        machine.nested.append(module)
        machine.unparsed.append(module)
    except Exception:  # noqa: BLE001 - hostile source: what it does to us must not lose the rest
        machine.unparsed.append(module)


def _report(view: View, sources: Sources, *, files_left: int, cut: list[str]) -> StaticReport:
    found = _sorted(_matches(view))
    sinks = sorted(
        {f"{event.reach} {event.kind}" for event in view.events if event.kind in _SINKS}
        | _places(view.events)
    )
    hosts = sorted({event.name for event in view.of("host") if event.reach is not Reach.NOTHING})
    cut += ["hosts"] if len(hosts) > ITEMS_MAX else []
    return StaticReport(
        matches=tuple(_shown(match, view) for match in found[:MATCHES_MAX]),
        more=max(0, len(found) - MATCHES_MAX),
        sinks=tuple(sinks),
        hosts=tuple(printable(host, 255) for host in hosts[:ITEMS_MAX]),
        entropy_milli=entropy_milli(view.modules),
        code_bytes=sources.code_bytes,
        files=len(sources.files) + len(sources.left),
        files_left=files_left,
        unparsed=len(view.unparsed),
        cut=tuple(cut),
    )


def _places(events: Iterable[Event]) -> set[str]:
    """Sinks that are no calls: places of secrets opened, start-up places and packages written to."""
    found = set()
    for event in events:
        if event.kind == "read":
            found.add(f"{event.reach} {Sink.CREDENTIALS}")
        elif event.kind == "write" and Mark.START in event.target:
            found.add(f"{event.reach} {Sink.PERSISTENCE}")
        elif event.kind == "write" and Mark.SITE in event.target:
            found.add(f"{event.reach} {Sink.SITE}")
    return found


def _matches(view: View) -> Iterator[Match]:
    seen = set()
    for detector in DETECTORS:
        for found in detector.detect(view):
            key = (found.id, found.path, found.line, found.what, found.host)
            if key not in seen:
                seen.add(key)
                yield found


def _sorted(matches: Iterable[Match]) -> list[Match]:
    """The worst first."""

    def rank(match: Match) -> tuple[int, int]:
        level = STATIC[match.id].levels.get(Reach(match.reach), "info")
        return _LEVELS.index(level), ORDER[Reach(match.reach)]

    return sorted(matches, key=rank)


def _shown(match: Match, view: View) -> Match:
    """A match with its texts made printable and cut."""
    excerpt = match.excerpt or view.excerpt(match.path, match.line)
    return Match(
        id=match.id,
        reach=match.reach,
        path=printable(match.path),
        line=match.line,
        excerpt=printable(excerpt.strip(), EXCERPT_CHARS_MAX),
        what=match.what[:40],
        host=printable(match.host, 255),
    )
