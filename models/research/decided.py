"""What each scorer would decide of every held-out row: the question an operator has, at no fixed rate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from models.decision import TrustTier
from models.research.rows import Population, Row

RULES, MODEL_ALONE, BOTH = "the rules", "the model alone", "the model under the rules"
"""The last one is what a policy that names a model gets: the lower of both scores."""
LATER = "malware, later"
"""Malware of the final test, beside all of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """Shares of one population's rows in each tier, by one scorer; facts of the living play no part."""

    scorer: str
    population: str
    kind: str
    """`wheel` or `sdist`."""
    malicious: bool
    rows: int
    approve: float
    monitor: float
    quarantine: float
    block: float

    @property
    def stopped(self) -> float:
        """The share that is held or refused."""
        return self.quarantine + self.block


def decided(
    rows: Sequence[Row],
    tiers: Sequence[TrustTier | None],
    rules: Mapping[str, float],
    *,
    bound: str,
) -> tuple[Decided, ...]:
    """Tiers by population, kind and scorer.

    `tiers`: where the model that had not seen a row puts it, in the view in which the row is real;
    None where it has no view of it. `rules`: their scores (0 to 100), by id. Rows without either are
    left out, so that all scorers are asked about the same ones. `bound`: malware from this day on is
    also shown by itself.
    """
    known = [
        (row, tier, TrustTier.of(int(rules[row.id])))
        for row, tier in zip(rows, tiers, strict=True)
        if tier is not None and row.id in rules
    ]
    found: list[Decided] = []
    for name, malicious, part in _parts(known, bound):
        for kind in sorted({row.kind for row, _, _ in part}):
            own = [(tier, theirs) for row, tier, theirs in part if row.kind == kind]
            for scorer, given in (
                (RULES, [theirs for _, theirs in own]),
                (MODEL_ALONE, [tier for tier, _ in own]),
                (BOTH, [tier.capped(theirs) for tier, theirs in own]),
            ):
                found.append(_decided(scorer, name, kind, malicious, given))
    return tuple(found)


_Known = tuple[Row, TrustTier, TrustTier]


def _parts(known: Sequence[_Known], bound: str) -> Iterable[tuple[str, bool, list[_Known]]]:
    for population in Population:
        part = [one for one in known if one[0].population is population]
        if part:
            yield population.value, part[0][0].malicious, part
    later = [
        one for one in known if one[0].population is Population.MALWARE and one[0].date >= bound
    ]
    if later:
        yield LATER, True, later


def _decided(
    scorer: str, population: str, kind: str, malicious: bool, tiers: Sequence[TrustTier]
) -> Decided:
    shares = {tier: tiers.count(tier) / len(tiers) for tier in TrustTier}
    return Decided(
        scorer=scorer,
        population=population,
        kind=kind,
        malicious=malicious,
        rows=len(tiers),
        approve=shares[TrustTier.APPROVE],
        monitor=shares[TrustTier.MONITOR],
        quarantine=shares[TrustTier.QUARANTINE],
        block=shares[TrustTier.BLOCK],
    )
