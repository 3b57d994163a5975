"""What this release's files hold that those of the release before did not. Pure.

Honest releases add things all the time, so what weighs is the first of its kind: a package that
never reached for the network while it was built or imported, and now does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from analyzer.static.result import Reach, Sink
from models.contents import Contents, ContentsBaseline, ContentsChanges
from models.evidence import Finding, Layer, Place, Severity, Signal
from models.phase import Phase

FINDING_ID = "contents-changed"
ENTROPY_JUMP_MILLI = 1_000
"""Thousandths of a bit a character: from prose or code (4.5) to base64 of random bytes (6)."""
ENTROPY_HIGH_MILLI = 5_600
"""Below this the highest literal is still a table or a long text."""
EAGER = frozenset({Reach.BUILD, Reach.START, Reach.IMPORT})
UNASKED_SINKS = {
    Reach.BUILD: frozenset({Sink.NETWORK, Sink.DYNAMIC, Sink.CREDENTIALS, Sink.PERSISTENCE}),
    Reach.START: frozenset(Sink),
    Reach.IMPORT: frozenset({Sink.NETWORK, Sink.CREDENTIALS, Sink.PERSISTENCE, Sink.SITE}),
}
"""By reach: the sinks that an attack needs there, and that honest code seldom begins with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseComparison:
    """What came of comparing, as evidence takes it."""

    changes: ContentsChanges | None = None
    signals: tuple[Signal, ...] = ()
    findings: tuple[Finding, ...] = ()


def compare_contents(
    baseline: ContentsBaseline | None, contents: Contents | None
) -> ReleaseComparison:
    """Compare with the baseline. Without contents there is nothing to say, not even that."""
    if contents is None:
        return ReleaseComparison()
    known = _signal("known", baseline is not None)
    if baseline is None:
        return ReleaseComparison(signals=(known,))
    changes = changes_since(baseline, contents)
    first = _first_sinks(baseline.contents, changes)
    return ReleaseComparison(
        changes=changes,
        signals=(known, *_signals(changes, first)),
        findings=_findings(baseline.contents, contents, changes, first),
    )


def changes_since(baseline: ContentsBaseline, contents: Contents) -> ContentsChanges:
    """Everything that is new; of a list that was cut nothing is told, for it would not be new."""
    before = baseline.contents
    rise = contents.entropy_milli - before.entropy_milli

    def added(now: tuple[str, ...], then: tuple[str, ...]) -> tuple[str, ...]:
        return () if before.cut and len(then) >= len(now) else tuple(sorted({*now} - {*then}))

    return ContentsChanges(
        since=baseline.filename,
        evidence_digest=baseline.evidence_digest,
        sinks=added(contents.sinks, before.sinks),
        hosts=added(contents.hosts, before.hosts),
        binaries=added(contents.binaries, before.binaries),
        hooks=added(contents.hooks, before.hooks),
        requires=added(contents.requires, before.requires),
        entropy_milli=max(0, rise),
        code_percent=_percent(contents.code_bytes, before.code_bytes),
    )


def _percent(now: int, then: int) -> int:
    return min(100_000, now * 100 // then) if then else 100


def _first_sinks(before: Contents, changes: ContentsChanges) -> tuple[str, ...]:
    """New `reach sink` pairs of the kind that the release before reached nowhere eagerly."""
    had = {sink for reach, sink in map(_pair, before.sinks) if reach in EAGER and sink is not None}
    return tuple(
        pair
        for pair in changes.sinks
        if (parts := _pair(pair))[0] in UNASKED_SINKS
        and parts[1] in UNASKED_SINKS[parts[0]]
        and parts[1] not in had
    )


def _pair(text: str) -> tuple[Reach, Sink | None]:
    reach, _, sink = text.partition(" ")
    try:
        return Reach(reach), Sink(sink)
    except ValueError:
        return Reach.NOTHING, None


def _findings(
    before: Contents, now: Contents, changes: ContentsChanges, first: tuple[str, ...]
) -> tuple[Finding, ...]:
    start = tuple(hook for hook in changes.hooks if hook.startswith("start "))
    programs = changes.binaries if not before.binaries else ()
    jump = _jumped(now, changes)
    signs = {
        "new-sink": first,
        "new-start-hook": start,
        "new-host": changes.hosts if first else (),
        "new-binary": programs,
        "new-entropy": ("high",) if jump else (),
    }
    present = [name for name, items in signs.items() if items]
    notable = present or changes.hooks or changes.hosts or changes.binaries
    if not notable:
        return ()
    sudden = bool(first) and len(present) > 1
    grave = bool(first or start or (programs and jump))
    what = present[0] if present else _lesser(changes)
    return (
        Finding(
            id=FINDING_ID,
            title="Its files hold what those of the release before did not",
            severity=Severity.HIGH if sudden else Severity.MEDIUM if grave else Severity.LOW,
            layer=Layer.METADATA,
            phase=Phase.INVENTORY,
            what=what,
            place=_place(first, start, changes),
        ),
    )


def _lesser(changes: ContentsChanges) -> str:
    return next(
        (
            word
            for word, items in (
                ("new-host", changes.hosts),
                ("new-binary", changes.binaries),
                ("new-hook", changes.hooks),
            )
            if items
        ),
        "",
    )


def _jumped(now: Contents, changes: ContentsChanges) -> bool:
    return changes.entropy_milli >= ENTROPY_JUMP_MILLI and now.entropy_milli >= ENTROPY_HIGH_MILLI


def _place(first: Iterable[str], start: Iterable[str], changes: ContentsChanges) -> Place:
    hook = next(iter(start), "")
    host = changes.hosts[0] if changes.hosts else ""
    binary = changes.binaries[0] if changes.binaries else ""
    path = hook.partition(" ")[2] or binary
    return Place(path=path, host=host, excerpt=", ".join(first)[:300])


def _signals(changes: ContentsChanges, first: tuple[str, ...]) -> tuple[Signal, ...]:
    counted = tuple(
        _signal(f"new_{name}", len(getattr(changes, name)))
        for name in ("sinks", "hosts", "binaries", "hooks", "requires")
    )
    return (
        *counted,
        _signal("first_sinks", len(first)),
        _signal("entropy_rise_milli", changes.entropy_milli),
        _signal("code_percent", changes.code_percent),
    )


def _signal(name: str, value: int | bool) -> Signal:
    return Signal(
        name=f"metadata.diff_{name}", layer=Layer.METADATA, value=value, phase=Phase.INVENTORY
    )
