"""How a score came about, as a picture: each step a bar from where the one before it ended.

All bars share one axis, behind which the tiers stand as bands; so one sees what brought an artifact
over an edge. Positions are in thousandths of the axis; the template draws them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from models.decision import TrustTier
from models.trust.explain import Explanation, Part, Step, Unit
from models.trust.learned import REST

AXIS = 1000
"""Units of the axis."""
MARGIN = 40
"""Units left free at both ends."""
STEPS_SHOWN_MAX = 7
"""Steps of one layer that have a bar of their own; the smaller ones share one."""
BAR_MIN = 3
"""Units of the narrowest bar, so that a small step is still seen."""
BANDS = {
    TrustTier.APPROVE: "good",
    TrustTier.MONITOR: "watch",
    TrustTier.QUARANTINE: "held",
    TrustTier.BLOCK: "bad",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """One tier's stretch of the axis."""

    tier: TrustTier
    look: str
    x: int
    width: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One row: a sentence, what it moved, and the bar from `x`."""

    sentence: str
    amount: str
    x: int
    width: int
    look: str
    """`worse`, `better`, `sum` (a layer's), or `mark` (base and total: a line)."""
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waterfall:
    """The whole picture."""

    unit: str
    bands: tuple[Band, ...]
    bars: tuple[Bar, ...]
    caps: tuple[str, ...]


def waterfall(told: Explanation) -> Waterfall:
    """The picture of an explanation."""
    axis = _Axis.of(told)
    bars = [_mark(told, axis, "Where every artifact begins", told.base_milli)]
    at = told.base_milli
    for part in told.parts:
        if not part.steps and not part.milli:
            continue
        bars.append(_sum_of(told, axis, part, at))
        for step in _shown(part):
            bars.append(_bar(told, axis, step, at))
            at += step.milli
    bars.append(_mark(told, axis, _whole(told), told.total_milli))
    return Waterfall(unit=told.unit.value, bands=axis.bands(told), bars=tuple(bars), caps=told.caps)


@dataclass(frozen=True, slots=True)
class _Axis:
    low: int
    high: int

    @classmethod
    def of(cls, told: Explanation) -> _Axis:
        """Wide enough for every sum on the way, and for all edges."""
        sums = [told.base_milli, *told.edges_milli]
        at = told.base_milli
        for part in told.parts:
            for step in _shown(part):
                at += step.milli
                sums.append(at)
        low, high = min(sums), max(sums)
        return cls(low, max(high, low + 1))

    def x(self, milli: int) -> int:
        """Where a sum stands on the axis."""
        room = AXIS - 2 * MARGIN
        return MARGIN + (milli - self.low) * room // (self.high - self.low)

    def bands(self, told: Explanation) -> tuple[Band, ...]:
        """Every tier between its edges; the outer ones reach to the ends."""
        ends = [0, *(self.x(edge) for edge in told.edges_milli), AXIS]
        return tuple(
            Band(tier=tier, look=BANDS[tier], x=start, width=end - start)
            for tier, start, end in zip(told.tiers, ends, ends[1:], strict=False)
        )


def _shown(part: Part) -> tuple[Step, ...]:
    """The steps with a bar of their own, and the rest as one. What reads alike is one step."""
    named = [step for step in _alike(part.steps) if step.code != REST and step.milli]
    ordered = sorted(named, key=lambda step: -abs(step.milli))
    summed = [step for step in part.steps if step.code == REST]
    # One small step takes the same room as the words that there is one.
    most = STEPS_SHOWN_MAX + (len(ordered) == STEPS_SHOWN_MAX + 1 and not summed)
    shown, rest = ordered[:most], [*ordered[most:], *summed]
    milli = sum(step.milli for step in rest)
    if not milli:
        return tuple(shown)
    return (*shown, Step(code=REST, sentence="Smaller steps together.", milli=milli))


def _whole(told: Explanation) -> str:
    """The last row: what the steps come to, and what a cap makes of it."""
    capped = f", capped at {told.score}" if told.capped else ""
    return f"Together: {told.uncapped} of 100{capped}"


def _alike(steps: Iterable[Step]) -> Iterator[Step]:
    """Steps with the same sentence as one: several features may speak of one act."""
    by_sentence: dict[str, list[Step]] = {}
    for step in steps:
        by_sentence.setdefault(step.sentence, []).append(step)
    for sentence, same in by_sentence.items():
        value = same[0].value if len(same) == 1 else f"{len(same)} features"
        whole = sum(step.milli for step in same)
        yield Step(code=same[0].code, sentence=sentence, milli=whole, value=value)


def _bar(told: Explanation, axis: _Axis, step: Step, at: int) -> Bar:
    worse = (step.milli > 0) is (told.unit is Unit.RISK)
    start, end = sorted((axis.x(at), axis.x(at + step.milli)))
    return Bar(
        sentence=step.sentence,
        amount=_amount(told, step.milli),
        x=start,
        width=max(end - start, BAR_MIN),
        look="worse" if worse else "better",
        value=step.value,
    )


def _sum_of(told: Explanation, axis: _Axis, part: Part, at: int) -> Bar:
    start, end = sorted((axis.x(at), axis.x(at + part.milli)))
    alone = "" if part.score is None else f", {part.score} of 100 by itself"
    return Bar(
        sentence=f"{part.layer.value.capitalize()} ({part.status.value}{alone})",
        amount=_amount(told, part.milli),
        x=start,
        width=max(end - start, BAR_MIN),
        look="sum",
    )


def _mark(told: Explanation, axis: _Axis, sentence: str, milli: int) -> Bar:
    return Bar(
        sentence=sentence,
        amount=_amount(told, milli),
        x=axis.x(milli) - BAR_MIN // 2,
        width=BAR_MIN,
        look="mark",
    )


def _amount(told: Explanation, milli: int) -> str:
    return f"{milli / 1000:+.2f}" if told.unit is Unit.RISK else f"{milli / 1000:+.1f}"
