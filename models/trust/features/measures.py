"""The few ways in which features are measured. NaN: not measured; a fact that is absent counts as 0."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable

from models.behaviour import ActKind
from models.evidence import Layer, Severity
from models.phase import Phase
from models.trust.features.feature import Measure
from models.trust.features.subject import Subject, Value
from models.trust.findings import SEVERITY_RANK

NOT_MEASURED = math.nan
MEDIUM = SEVERITY_RANK[Severity.MEDIUM]
HIGH = SEVERITY_RANK[Severity.HIGH]
PHASE_WORDS = {
    Phase.INSTALL: "install",
    Phase.START: "start",
    Phase.IMPORT: "import",
    Phase.USE: "use",
    Phase.WAIT: "again",
}
"""The phases that run, by the words that features are called by."""
UNASKED = (Phase.INSTALL, Phase.START, Phase.IMPORT, Phase.WAIT)
"""Phases in which nobody asked the artifact for anything."""


def number(value: Value) -> float:
    """A signal's value as a number. Asked and absent is 0, and a text counts as there."""
    if value is None:
        return 0.0
    return 1.0 if isinstance(value, str) else float(value)


def slug(identity: str, prefix: str = "") -> str:
    """`static-decode-exec` → `decode_exec`."""
    return identity.removeprefix(prefix).replace("-", "_")


# ---- reading -------------------------------------------------------------------------------------


def read_signal(name: str) -> Measure:
    """A signal of reading; NaN where there is none of that name."""
    key = (f"metadata.{name}", Phase.INVENTORY)

    def measure(subject: Subject) -> float:
        if not subject.is_read or key not in subject.signals:
            return NOT_MEASURED
        return number(subject.signals[key])

    return measure


def read_rank(*ids: str, code: bool = False) -> Measure:
    """The worst severity of these findings of reading (0: none, or info). `code`: of reading as code."""
    keys = [(Layer.METADATA, identity) for identity in ids]

    def measure(subject: Subject) -> float:
        if not (subject.is_read_as_code if code else subject.is_read):
            return NOT_MEASURED
        worst = subject.worst
        return float(max([worst.get(key, 0) for key in keys]))

    return measure


def read_ids(ids: Iterable[str], least: int) -> Measure:
    """How many different findings of reading as code are as bad as `least`."""
    keys = [(Layer.METADATA, identity) for identity in ids]

    def measure(subject: Subject) -> float:
        if not subject.is_read_as_code:
            return NOT_MEASURED
        worst = subject.worst
        return float(sum([worst.get(key, 0) >= least for key in keys]))

    return measure


# ---- running -------------------------------------------------------------------------------------


def phase_signal(name: str, phase: Phase) -> Measure:
    """A signal of one phase; NaN where that phase did not run."""
    key = (f"behaviour.{name}", phase)

    def measure(subject: Subject) -> float:
        if phase not in subject.ran or key not in subject.signals:
            return NOT_MEASURED
        return number(subject.signals[key])

    return measure


def run_signal(name: str) -> Measure:
    """A signal of the whole run; NaN where nothing ran."""
    key = (f"behaviour.{name}", None)

    def measure(subject: Subject) -> float:
        if not subject.ran or key not in subject.signals:
            return NOT_MEASURED
        return number(subject.signals[key])

    return measure


def run_rank(*ids: str) -> Measure:
    """The worst severity of these findings of a run (0: none, or info)."""
    keys = [(Layer.BEHAVIOUR, identity) for identity in ids]

    def measure(subject: Subject) -> float:
        if not subject.ran:
            return NOT_MEASURED
        worst = subject.worst
        return float(max([worst.get(key, 0) for key in keys]))

    return measure


def run_ids(ids: Iterable[str], least: int) -> Measure:
    """How many different findings of a run are as bad as `least`."""
    keys = [(Layer.BEHAVIOUR, identity) for identity in ids]

    def measure(subject: Subject) -> float:
        if not subject.ran:
            return NOT_MEASURED
        worst = subject.worst
        return float(sum([worst.get(key, 0) >= least for key in keys]))

    return measure


def phase_rank(ids: Collection[str], *phases: Phase) -> Measure:
    """The worst severity in these phases; NaN where none of them ran."""

    def measure(subject: Subject) -> float:
        if subject.ran.isdisjoint(phases):
            return NOT_MEASURED
        here = [subject.worst_in.get(phase, {}) for phase in phases]
        return float(max([rank for one in here for key, rank in one.items() if key in ids] or [0]))

    return measure


def phase_ids(ids: Collection[str], phase: Phase, least: int) -> Measure:
    """How many different findings of one phase are as bad as `least`."""

    def measure(subject: Subject) -> float:
        if phase not in subject.ran:
            return NOT_MEASURED
        here = subject.worst_in.get(phase, {})
        return float(sum([key in ids and rank >= least for key, rank in here.items()]))

    return measure


def acts_in(subject: Subject, kind: ActKind, phases: Iterable[Phase]) -> frozenset[str]:
    """What acts of one kind touched in any of these phases."""
    none: frozenset[str] = frozenset()
    return none.union(*[subject.acts.get((kind, phase), none) for phase in phases])
