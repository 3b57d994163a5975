"""What an evaluation found, as plain numbers: one value that figures and the report are drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec

from models.errors import ValueInvalid
from models.research.ablation import Dropped
from models.research.calibration import Bin, Edges
from models.research.controls import Control
from models.research.decided import Decided
from models.research.metrics import Confusion, Interval, Measures, Points
from models.research.shortfalls import Short
from models.trust.card import Platt


class View(StrEnum):
    """By what half of an artifact it was judged."""

    STATIC = "static"
    """Real malware against honest artifacts, by the archive alone."""
    BEHAVIOUR = "behaviour"
    """Re-enactments against honest artifacts, by the run alone."""
    HYBRID = "hybrid"
    """Composites of both halves: constructed, none of them was ever seen as one artifact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Rows of one population."""

    population: str
    malicious: bool
    rows: int
    wheels: int
    groups: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A scorer under one split in one view."""

    scorer: str
    split: str
    view: View
    measures: Measures


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """Recall of the model minus that of another scorer, on the same items at the same rate."""

    scorer: str
    split: str
    view: View
    rate: float
    items: int
    ours: float
    theirs: float
    lead: Interval
    own_threshold: bool = False
    """The rate is the other's at the threshold that it ships with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarms:
    """Honest rows of one population and format above each edge, judged by all that was measured.

    The edges are cross-fitted: those that judge a row were made without it and its group.
    """

    population: str
    kind: str
    rows: int
    above_e80: Interval
    above_e60: Interval
    above_e30: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiers:
    """Where rows of one sort land, in shares that sum to 1, before findings cap anything.

    By cross-fitted edges, as `Alarms` are.
    """

    name: str
    view: View
    malicious: bool
    rows: int
    approve: float
    monitor: float
    quarantine: float
    block: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One technique that training had not seen, at the rate of FAMILY_RATE."""

    name: str
    grafts: int
    caught: int
    twins: int
    flagged: int
    """Twins flagged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One row of the thesis' table beside ours."""

    name: str
    ours: Confusion | None
    """None: no feature of that kind varies in the table."""
    published_f1: float
    published_fpr: float | None
    items: str
    """What ours was measured on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One scorer's curves."""

    name: str
    view: View
    roc: Points
    precision: Points


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """Margins of one sort of rows, in shares by bin."""

    name: str
    malicious: bool
    shares: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """Histograms over the same bins; the outermost hold what lies beyond."""

    bounds: tuple[float, ...]
    histograms: tuple[Histogram, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How raw scores become chances, on held-out composites, and the edges that ship."""

    platt: Platt
    prior_deployment: float
    bins: tuple[Bin, ...]
    """Cross-fitted: each composite's chance is by what the other folds say."""
    error: float
    edges: Edges
    """Of all anchors. Each says whether it is read off them or lies beyond."""
    anchors: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """How much of what is offered a model can use, and does."""

    offered: int
    """Learned features of the catalogue that the table has."""
    varying: int
    """Those that are not one number throughout the rows that they are learned from."""
    used: int
    """Those that any tree of the model over all rows splits on."""
    layers: tuple[tuple[str, int], ...]
    """Varying features by layer; only layers that have any."""
    absent: tuple[tuple[str, int], ...]
    """Offered features by layer, of layers of which nothing varies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """Re-enactments that were run, and those that did exactly what their benign twin did."""

    grafts: int
    alike: int
    """No model over these features can tell them from their twin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Year:
    """Rows by the year of their day: honest ones by release, malware by first sight."""

    year: int
    honest: int
    malware: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the table bounds by itself, whatever learns from it."""

    ceiling: Ceiling
    later: int
    """Malware that is tested out of time."""
    seen_before: int
    """Those of it whose static vector an earlier archive has too."""
    years: tuple[Year, ...]
    """The last first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """All of it. Only numbers and words; no arrays, no times of the clock."""

    data_digest: str
    split_digests: tuple[tuple[str, str], ...]
    seed: int
    features: Features
    bound: str
    """The day from which malware is tested on in the split by time."""
    resamples: int
    counts: tuple[Count, ...]
    scored: tuple[Scored, ...]
    leads: tuple[Lead, ...]
    alarms: tuple[Alarms, ...]
    tiers: tuple[Tiers, ...]
    decided: tuple[Decided, ...]
    """Empty where nobody said what the rules give."""
    short: tuple[Short, ...]
    families: tuple[Family, ...]
    compared: tuple[Compared, ...]
    calibration: Calibration
    controls: tuple[Control, ...]
    ablation: tuple[Dropped, ...]
    curves: tuple[Curve, ...]
    distribution: Distribution
    limits: Limits
    notes: tuple[str, ...]
    """What was left out, and why."""

    def find(self, scorer: str, split: str, view: View) -> Measures | None:
        """A scorer's figures, or None where it was not measured there."""
        for one in self.scored:
            if (one.scorer, one.split, one.view) == (scorer, split, view):
                return one.measures
        return None


def write_evaluation(evaluation: Evaluation, path: Path) -> None:
    """Write it as JSON, the same bytes for the same value."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(evaluation), indent=1) + b"\n")


def read_evaluation(path: Path) -> Evaluation:
    """Read what `write_evaluation` wrote. Raises ValueInvalid where it is none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Evaluation)
    except (OSError, msgspec.DecodeError) as error:
        raise ValueInvalid(
            f"{path} is no evaluation: {error}.",
            next_step="Make it again with `pratique research compare`.",
        ) from error
