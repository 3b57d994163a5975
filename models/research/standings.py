"""Where held-out rows stand on the scale: false alarms by population, tiers, distributions."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from models.research.calibration import Calibrated
from models.research.composites import RECIPES, Pattern
from models.research.harness import HeldOut
from models.research.judging import UNJUDGED, Judged
from models.research.matrix import HONEST, Bools, Floats, Ints
from models.research.metrics import share_at_or_above
from models.research.results import Alarms, Distribution, Histogram, Tiers, View
from models.research.rows import Population

BINS = 48
MARGIN_SPAN = (-14.0, 8.0)
"""Log-odds between which distributions are drawn: 1 in a million to nearly sure."""
ALL = "all"


def alarms_of(judged: Judged, *, seed: int, resamples: int) -> Iterable[Alarms]:
    """Shares above each edge, for each honest population, whole and by format."""
    matrix, levels = judged.held.matrix, judged.real
    kinds = np.array([row.kind for row in matrix.rows])
    for population in HONEST:
        own = matrix.among(population) & (levels != UNJUDGED)
        for kind in (ALL, *sorted(set(kinds[own].tolist()))):
            rows = own if kind == ALL else own & (kinds == kind)
            if not rows.any() or (kind != ALL and rows.sum() == own.sum()):
                continue
            above = [
                share_at_or_above(
                    levels[rows].astype(np.float64),
                    matrix.group[rows],
                    level,
                    seed=seed,
                    resamples=resamples,
                )
                for level in (1, 2, 3)
            ]
            yield Alarms(
                population=population.value,
                kind=kind,
                rows=int(rows.sum()),
                above_e80=above[0],
                above_e60=above[1],
                above_e30=above[2],
            )


def tiers_of(judged: Judged) -> Iterable[Tiers]:
    """Tiers of honest rows as they are, of malware by code, of re-enactments by run, of composites."""
    matrix = judged.held.matrix
    for population in HONEST:
        own = judged.real[matrix.among(population)]
        yield from _tiers(population.value, View.HYBRID, False, own)
    twins, grafts = matrix.among(Population.TWIN), matrix.among(Population.GRAFT)
    malware = matrix.among(Population.MALWARE)
    yield from _tiers("twin, by its run", View.BEHAVIOUR, False, judged.behaviour[twins])
    yield from _tiers("graft, by its run", View.BEHAVIOUR, True, judged.behaviour[grafts])
    yield from _tiers("malware, by its code", View.STATIC, True, judged.static[malware])
    made = judged.held.composites.recipe
    for recipe in RECIPES:
        if recipe.pattern is Pattern.FULL and recipe.malicious:
            own = judged.composites[made == recipe.name]
            yield from _tiers(recipe.name, View.HYBRID, True, own)


def _tiers(name: str, view: View, malicious: bool, levels: Ints) -> Iterable[Tiers]:
    known = levels[levels != UNJUDGED]
    if not len(known):
        return
    approve, monitor, quarantine, block = (float((known == level).mean()) for level in range(4))
    yield Tiers(
        name=name,
        view=view,
        malicious=malicious,
        rows=len(known),
        approve=approve,
        monitor=monitor,
        quarantine=quarantine,
        block=block,
    )


def distribution_of(held: HeldOut, calibrated: Calibrated) -> Distribution:
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
        margins = calibrated.margin(scores[rows])
        margins = margins[~np.isnan(margins)]
        if len(margins):
            counts, _ = np.histogram(np.clip(margins, *MARGIN_SPAN), bounds)
            shares = tuple(float(share) for share in np.round(counts / len(margins), 6))
            made.append(Histogram(name=name, malicious=malicious, shares=shares))
    return Distribution(
        bounds=tuple(float(bound) for bound in np.round(bounds, 6)), histograms=tuple(made)
    )
