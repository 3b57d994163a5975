"""What sources of facts said, layer by layer, as people read it: on the page and at a terminal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from analyzer.facttables import SIGNALS
from models.evidence import Finding, Layer
from models.facts import Facts, FactSignal, SourceState
from models.trust.findings import worst_first

STATE_WORDS = {
    SourceState.MEASURED: "answered",
    SourceState.ABSENT: "nothing there",
    SourceState.MISSING: "could not be asked",
    SourceState.OFF: "switched off",
}
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldSource:
    """One source: how asking went, why, and how old its word is."""

    name: str
    state: SourceState
    words: str
    reason: str
    age: str
    """Such as `3 hours before`; empty where it spoke when it was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldSignal:
    """One signal in words. `value` is untrusted text."""

    name: str
    meaning: str
    value: str
    """With its unit."""
    bare: str
    """Without, for names that end in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldLayer:
    """What was said about one layer; findings the worst first."""

    layer: Layer
    sources: tuple[ToldSource, ...]
    findings: tuple[Finding, ...]
    signals: tuple[ToldSignal, ...]


def told_by_layer(facts: Facts) -> tuple[ToldLayer, ...]:
    """Every layer that a source spoke for, in the order of the layers."""
    return tuple(
        ToldLayer(
            layer=layer,
            sources=_sources(facts, layer),
            findings=worst_first(tuple(f for f in facts.findings if f.layer is layer)),
            signals=tuple(
                _signal(one)
                for one in facts.signals
                if one.layer is layer and one.value is not None and one.value != ""
            ),
        )
        for layer in Layer
        if any(source.layer is layer for source in facts.sources)
    )


def _sources(facts: Facts, layer: Layer) -> tuple[ToldSource, ...]:
    return tuple(
        ToldSource(
            name=source.name,
            state=source.state,
            words=STATE_WORDS[source.state],
            reason=source.reason,
            age=_age(facts.as_of - source.told_at) if source.told_at else "",
        )
        for source in facts.sources
        if source.layer is layer
    )


def _age(age: timedelta) -> str:
    seconds = max(int(age.total_seconds()), 0)
    for unit_s, word in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute")):
        count = seconds // unit_s
        if count:
            return f"{count} {word}{'s' if count > 1 else ''} before"
    return ""


def _signal(signal: FactSignal) -> ToldSignal:
    kind = SIGNALS.get(signal.name)
    value = signal.value
    bare = ("yes" if value else "no") if isinstance(value, bool) else str(value)
    unit = kind.unit if kind and kind.unit != "rank" else ""
    unit = unit.removesuffix("s") if value == 1 else unit
    counted = isinstance(value, int) and not isinstance(value, bool)
    return ToldSignal(
        name=signal.name,
        meaning=kind.meaning if kind else "",
        value=f"{bare} {unit}".strip() if counted else bare,
        bare=bare,
    )
