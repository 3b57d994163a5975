"""Where held-out rows stand on the scale: false alarms by population, tiers, distributions."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from models.decision import TrustTier
from models.research.calibration import Edges, Platt
from models.research.composites import RECIPES, Pattern
from models.research.harness import HeldOut
from models.research.matrix import HONEST, Bools, Floats
from models.research.metrics import share_at_or_above
from models.research.results import Alarms, Distribution, Histogram, Tiers, View
from models.research.rows import Population

BINS = 48
MARGIN_SPAN = (-14.0, 8.0)
"""Log-odds between which distributions are drawn: 1 in a million to nearly sure."""
ALL = "all"


def alarms_of(
    held: HeldOut, platt: Platt, edges: Edges, *, seed: int, resamples: int
) -> Iterable[Alarms]:
    """Shares above each edge, for each honest population, whole and by format."""
    matrix = held.matrix
    margins = platt.margin(held.real)
    kinds = np.array([row.kind for row in matrix.rows])
    for population in HONEST:
        own = matrix.among(population) & ~np.isnan(margins)
        for kind in (ALL, *sorted(set(kinds[own].tolist()))):
            rows = own if kind == ALL else own & (kinds == kind)
            if not rows.any() or (kind != ALL and rows.sum() == own.sum()):
                continue
            above = [
                share_at_or_above(
                    margins[rows],
                    matrix.group[rows],
                    float(np.nextafter(edge, np.inf)),
                    seed=seed,
                    resamples=resamples,
                )
                for edge in edges.margins
            ]
            yield Alarms(
                population=population.value,
                kind=kind,
                rows=int(rows.sum()),
                above_e80=above[0],
                above_e60=above[1],
                above_e30=above[2],
            )


def tiers_of(held: HeldOut, platt: Platt, edges: Edges) -> Iterable[Tiers]:
    """Tiers of honest rows as they are, of malware by code, of re-enactments by run, of composites."""
    matrix = held.matrix
    for population in HONEST:
        rows = matrix.among(population)
        yield from _tiers(
            population.value, View.HYBRID, False, platt.margin(held.real[rows]), edges
        )
    behaviour, static = platt.margin(held.behaviour), platt.margin(held.static)
    twins, grafts = matrix.among(Population.TWIN), matrix.among(Population.GRAFT)
    malware = matrix.among(Population.MALWARE)
    yield from _tiers("twin, by its run", View.BEHAVIOUR, False, behaviour[twins], edges)
    yield from _tiers("graft, by its run", View.BEHAVIOUR, True, behaviour[grafts], edges)
    yield from _tiers("malware, by its code", View.STATIC, True, static[malware], edges)
    pieces = held.composites
    for recipe in RECIPES:
        if recipe.pattern is Pattern.FULL and recipe.malicious:
            own = pieces.recipe == recipe.name
            yield from _tiers(
                recipe.name, View.HYBRID, True, platt.margin(pieces.scores[own]), edges
            )


def _tiers(
    name: str, view: View, malicious: bool, margins: Floats, edges: Edges
) -> Iterable[Tiers]:
    known = margins[~np.isnan(margins)]
    if not len(known):
        return
    tiers = [edges.tier(float(margin)) for margin in known]
    shares = {tier: tiers.count(tier) / len(tiers) for tier in TrustTier}
    yield Tiers(
        name=name,
        view=view,
        malicious=malicious,
        rows=len(known),
        approve=shares[TrustTier.APPROVE],
        monitor=shares[TrustTier.MONITOR],
        quarantine=shares[TrustTier.QUARANTINE],
        block=shares[TrustTier.BLOCK],
    )


def distribution_of(held: HeldOut, platt: Platt) -> Distribution:
    """Histograms of margins: the honest by population, malware, grafts and twins."""
    matrix = held.matrix
    bounds = np.linspace(*MARGIN_SPAN, BINS + 1)
    parts: list[tuple[str, bool, Floats, Bools]] = [
        (one.value, False, held.real, matrix.among(one)) for one in HONEST
    ]
    parts += [
        ("twin, by its run", False, held.behaviour, matrix.among(Population.TWIN)),
        ("graft, by its run", True, held.behaviour, matrix.among(Population.GRAFT)),
        ("malware, by its code", True, held.static, matrix.among(Population.MALWARE)),
    ]
    made = []
    for name, malicious, scores, rows in parts:
        margins = platt.margin(scores[rows])
        margins = margins[~np.isnan(margins)]
        if len(margins):
            counts, _ = np.histogram(np.clip(margins, *MARGIN_SPAN), bounds)
            shares = tuple(float(share) for share in np.round(counts / len(margins), 6))
            made.append(Histogram(name=name, malicious=malicious, shares=shares))
    return Distribution(
        bounds=tuple(float(bound) for bound in np.round(bounds, 6)), histograms=tuple(made)
    )
