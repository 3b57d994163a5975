"""From raw scores to log-odds that mean something, and the edges of the tiers on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.decision import TrustTier
from models.errors import ValueInvalid
from models.research.matrix import Bools, Floats
from models.trust.card import Platt
from models.trust.scale import log_odds

PRIOR_DEPLOYMENT = 0.001
"""About 1 in 1,000 new uploads is malicious (FACTS section 3)."""
SLOPE_MIN = 1e-3
"""A slope of zero or less would turn the ranking over; a scorer at chance gets nearly none."""
STEPS_MAX = 100
RIDGE = 1e-6
BEYOND_MIN = 3
"""Benign rows that must lie above an edge for it to be read off them."""
TAIL_SHARE = 0.1
"""The part of the benign rows whose excess is fitted where an edge lies beyond them."""
TAIL_WIDEN = 1.25
"""How much longer than fitted the tail is taken to be: a block too few costs less than one too many."""
GAP_MIN = 0.05
"""Log-odds between two edges at the least, so that each tier has a width."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """Platt's two numbers, and the malicious share of the rows that gave them."""

    platt: Platt
    prior: float

    def margin(self, raw: Floats, *, prior: float = PRIOR_DEPLOYMENT) -> Floats:
        """Log-odds where `prior` of all artifacts are malicious."""
        shift = log_odds(prior) - log_odds(self.prior)
        return np.asarray(self.platt.slope * raw + self.platt.intercept + shift, dtype=np.float64)


def probability(margin: Floats) -> Floats:
    """The share that a margin stands for."""
    return np.asarray(1 / (1 + np.exp(-np.clip(margin, -60, 60))), dtype=np.float64)


def fit_platt(raw: Floats, malicious: Bools, weights: Floats) -> Calibrated:
    """Logistic regression of the label on one score, by Newton's method, on held-out rows.

    The targets are Platt's, a little inside of 0 and 1, so that scores that part the labels fully
    have an answer too.
    """
    good, bad = weights[~malicious].sum(), weights[malicious].sum()
    if not good or not bad:
        raise ValueInvalid("A calibration needs rows of both labels.")
    target = np.where(malicious, (bad + 1) / (bad + 2), 1 / (good + 2))
    scale = float(np.abs(raw).max()) or 1.0
    design = np.column_stack([raw / scale, np.ones_like(raw)])
    found = np.array([0.0, np.log(bad / good)])
    loss = _loss(found, design, target, weights)
    for _ in range(STEPS_MAX):
        chance = probability(design @ found)
        slope = design.T @ (weights * (chance - target)) + RIDGE * found
        curve = (design * (weights * chance * (1 - chance))[:, None]).T @ design
        step = np.linalg.solve(curve + RIDGE * np.eye(2), slope)
        size = 1.0
        while (new := _loss(found - size * step, design, target, weights)) > loss and size > 1e-6:
            size /= 2
        found = found - size * step
        if abs(loss - new) < 1e-12 * max(abs(loss), 1):
            break
        loss = new
    slope = max(float(found[0] / scale), SLOPE_MIN)
    return Calibrated(
        platt=Platt(slope=slope, intercept=float(found[1])), prior=float(bad / (good + bad))
    )


def _loss(found: Floats, design: Floats, target: Floats, weights: Floats) -> float:
    margin = design @ found
    fit = np.logaddexp(0, margin) - target * margin
    return float((weights * fit).sum() + RIDGE * (found @ found) / 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class TierRates:
    """Shares of held-out honest rows that may lie above each edge."""

    e30: float = 0.001
    """Above it: BLOCK by score, which policy turns into QUARANTINE."""
    e60: float = 0.01
    """Above it: QUARANTINE."""
    e80: float = 0.10
    """Above it: MONITOR."""


FACTS_RATES = TierRates()
"""FACTS section 3."""
GOAL_RATES = TierRates(e30=0.001, e60=0.004, e80=0.08)
"""A little inside of the goal: 90 % of popular wheels APPROVE, at most 0.5 % QUARANTINE."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """One edge: at or below `margin` lies the better tier."""

    margin: float
    rate: float
    rows: int
    """Honest rows that it was anchored on."""
    beyond: int
    """Those of them above it."""
    extrapolated: bool
    """Fewer than BEYOND_MIN rows stand for the rate: the edge lies beyond them all, by the tail
    that they have."""

    @property
    def expected(self) -> float:
        """How many of the rows the rate stands for; below 1 there are fewer rows than 1 / rate."""
        return self.rate * self.rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Edges:
    """The three edges on margins, e80 < e60 < e30."""

    e80: Edge
    e60: Edge
    e30: Edge

    @property
    def margins(self) -> tuple[float, float, float]:
        """(e80, e60, e30), as a scale takes them."""
        return (self.e80.margin, self.e60.margin, self.e30.margin)

    def tier(self, margin: float) -> TrustTier:
        """The tier of a margin, before findings cap it."""
        if margin <= self.e80.margin:
            return TrustTier.APPROVE
        if margin <= self.e60.margin:
            return TrustTier.MONITOR
        return TrustTier.QUARANTINE if margin <= self.e30.margin else TrustTier.BLOCK


def anchor_edges(honest: Floats, rates: TierRates = FACTS_RATES) -> Edges:
    """Edges from the margins of held-out honest rows.

    Raises ValueInvalid where the rates do not rise from e30 to e80 or there are no rows.
    """
    if not 0 < rates.e30 < rates.e60 < rates.e80 < 1:
        raise ValueInvalid("The rates of the tiers do not rise from e30 over e60 to e80.")
    if not len(honest):
        raise ValueInvalid(
            "There are no honest rows to anchor the tiers on.",
            next_step="Trace popular and long-tail projects with `pratique research trace`.",
        )
    e80 = _edge(honest, rates.e80, above=-np.inf)
    e60 = _edge(honest, rates.e60, above=e80.margin)
    e30 = _edge(honest, rates.e30, above=e60.margin)
    return Edges(e80=e80, e60=e60, e30=e30)


def _edge(honest: Floats, rate: float, *, above: float) -> Edge:
    allowed = int(np.floor(rate * len(honest)))
    extrapolated = allowed < BEYOND_MIN
    if extrapolated:
        margin = _beyond(honest, rate)
    else:
        falling = np.sort(honest)[::-1]
        margin = float(falling[allowed])
    margin = max(margin, above + GAP_MIN) if np.isfinite(above) else margin
    return Edge(
        margin=margin,
        rate=rate,
        rows=len(honest),
        beyond=int((honest > margin).sum()),
        extrapolated=extrapolated,
    )


def _beyond(honest: Floats, rate: float) -> float:
    """An exponential tail over the highest tenth, widened, and never below the highest row seen."""
    foot = float(np.quantile(honest, 1 - TAIL_SHARE))
    excess = honest[honest > foot] - foot
    mean = float(excess.mean()) if len(excess) else GAP_MIN
    reach = foot + TAIL_WIDEN * mean * float(np.log(TAIL_SHARE / rate))
    return max(reach, float(honest.max()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Held-out rows whose predicted share lay in one stretch."""

    predicted: float
    observed: float
    weight: float


BINS = 10


def reliability(predicted: Floats, malicious: Bools, weights: Floats) -> tuple[Bin, ...]:
    """Predicted against observed shares, in BINS even stretches; empty ones are left out."""
    at = np.minimum((predicted * BINS).astype(np.int64), BINS - 1)
    made = []
    for number in range(BINS):
        own = at == number
        weight = float(weights[own].sum())
        if weight:
            made.append(
                Bin(
                    predicted=float((weights * predicted)[own].sum() / weight),
                    observed=float(weights[own & malicious].sum() / weight),
                    weight=weight,
                )
            )
    return tuple(made)


def calibration_error(bins: tuple[Bin, ...]) -> float:
    """The mean distance between predicted and observed shares, by weight."""
    whole = sum(one.weight for one in bins)
    return sum(one.weight * abs(one.predicted - one.observed) for one in bins) / whole
