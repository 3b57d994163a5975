"""Every number of the rules scorer in one value, so that one digest covers them all.

A score is a sum a person can follow: each layer starts at its base and loses or wins points, the
layers are weighed in percent, and the worst finding caps the whole. Integers only.
"""

from __future__ import annotations

from dataclasses import dataclass

from models.evidence import Layer, Severity

SCORE_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Points for a measure that lies below a bound; the first step that fits counts."""

    below: int
    points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesNumbers:
    """The numbers of the `rules` scorer. `revision` rises when the arithmetic around them changes."""

    revision: int = 2
    """2: a verified attestation counts for more than an announced one."""

    weights: tuple[tuple[Layer, int], ...] = (
        (Layer.METADATA, 20),
        (Layer.BEHAVIOUR, 45),
        (Layer.PROVENANCE, 15),
        (Layer.REPUTATION, 20),
    )
    """Percent. Behaviour weighs most: it is the layer that the thesis measured best (F1 .91) and
    the hardest to feign."""

    severity_points: tuple[tuple[Severity, int], ...] = (
        (Severity.CRITICAL, -80),
        (Severity.HIGH, -50),
        (Severity.MEDIUM, -20),
        (Severity.LOW, -7),
        (Severity.INFO, 0),
    )
    """Points that a finding takes from its layer; the same id and object count once."""

    objects_counted: int = 3
    """Findings of one id that count, each about another object. A hundred refused calls are one
    habit; without the bound, many small things would add up to what only a severe one may do."""

    severity_caps: tuple[tuple[Severity, int], ...] = (
        (Severity.CRITICAL, 45),
        (Severity.HIGH, 58),
        (Severity.MEDIUM, 80),
        (Severity.LOW, 100),
        (Severity.INFO, 100),
    )
    """The highest whole score beside a finding of that severity. HIGH and CRITICAL lie inside
    QUARANTINE (31 to 60): severe behaviour is never averaged away by a good reputation. MEDIUM lies
    at the top of MONITOR: what a person should see is watched."""

    provenance_absent: int = 70
    """No attestation is the rule on PyPI, so it is nearly neutral."""
    provenance_announced: int = 10
    """Won for an announced attestation that nobody here was asked to verify, hence little."""
    provenance_verified: int = 20
    """Won for a verified one. It says where the file came from, not that it is good: a hijacked build
    signs as well (ultralytics, 2024), so that the layer stays below the whole."""

    project_age_days: tuple[Step, ...] = (
        Step(below=30, points=-80),
        Step(below=90, points=-65),
        Step(below=365, points=-30),
    )
    """A clean project younger than 90 days lands in MONITOR, one older than a year in APPROVE."""
    project_age_unknown: int = -50

    release_age_days: tuple[Step, ...] = (Step(below=7, points=-80),)
    """Hijacked releases of old projects are found within days; until then a release is watched."""
    release_age_unknown: int = -40

    release_count: tuple[Step, ...] = (Step(below=2, points=-15), Step(below=5, points=-5))
    release_count_unknown: int = -5

    popularity_rank: tuple[Step, ...] = (Step(below=1001, points=0), Step(below=15001, points=-3))
    popularity_unlisted: int = -10

    yanked: int = -20

    nothing_measured: int = 31
    """The score where no layer has one: the bottom of QUARANTINE, for ignorance proves nothing."""

    def weight(self, layer: Layer) -> int:
        """The layer's weight in percent."""
        return dict(self.weights)[layer]

    def points(self, severity: Severity) -> int:
        """What one finding takes (zero or negative)."""
        return dict(self.severity_points)[severity]

    def cap(self, severity: Severity) -> int:
        """The highest whole score beside a finding of `severity`."""
        return dict(self.severity_caps)[severity]


RULES = RulesNumbers()


def step_points(steps: tuple[Step, ...], measure: int, *, otherwise: int) -> int:
    """The points of the first step whose bound lies above `measure`."""
    return next((step.points for step in steps if measure < step.below), otherwise)
