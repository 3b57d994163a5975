"""The four layers: how each comes to its status, its points and its score."""

from __future__ import annotations

from models.decision import Contribution, LayerScore, LayerStatus
from models.evidence import Evidence, Finding, Layer, Shortfall
from models.facts import Facts, SourceState
from models.trust.numbers import SCORE_MAX, RulesNumbers, step_points
from models.vocabulary import finding_title

PAGE = "page"
"""In `Facts.missing`: the index gave no page at all, so nothing could be asked."""

PROVENANCE_SOURCE = "provenance"
"""The source that verifies attestations, and its signal that says whether one holds."""
VERIFIED_SIGNAL = "provenance.verified"

_METADATA_SHORTFALLS = frozenset({Shortfall.ARCHIVE_REFUSED, Shortfall.REPORT_TRUNCATED})
"""Shortfalls that cut reading short; all of them cut running short."""


def metadata_layer(
    evidence: Evidence, findings: tuple[Finding, ...], numbers: RulesNumbers
) -> LayerScore:
    """What reading the archive gave."""
    short = bool(_METADATA_SHORTFALLS & set(evidence.shortfalls))
    return _measured(Layer.METADATA, evidence, findings, numbers, short=short)


def behaviour_layer(
    evidence: Evidence, findings: tuple[Finding, ...], numbers: RulesNumbers
) -> LayerScore:
    """What the boxes saw."""
    return _measured(Layer.BEHAVIOUR, evidence, findings, numbers, short=bool(evidence.shortfalls))


def provenance_layer(
    facts: Facts | None, findings: tuple[Finding, ...], numbers: RulesNumbers
) -> LayerScore:
    """Whether an attestation holds. None announced is absent, which is neutral.

    Announced, and not to be verified for a reason that is ours or the network's: missing. Where the
    source was not asked, the index's announcement is all there is, and wins little.
    """
    if facts is None or {"attested", PAGE} & set(facts.missing):
        return without_score(Layer.PROVENANCE, LayerStatus.MISSING, numbers)
    asked = facts.source(PROVENANCE_SOURCE)
    if asked is not None and asked.state is SourceState.MISSING:
        return without_score(Layer.PROVENANCE, LayerStatus.MISSING, numbers)
    if asked is not None and asked.state is SourceState.OFF:
        return without_score(Layer.PROVENANCE, LayerStatus.OFF, numbers)
    measured = bool(facts.attested) if asked is None else asked.state is SourceState.MEASURED
    won: tuple[Contribution, ...] = ()
    if measured:
        won = _announced(numbers) if asked is None else _verified(facts, numbers)
    points = (
        Contribution(code="base", points=numbers.provenance_absent),
        *won,
        *_losses(Layer.PROVENANCE, findings, numbers),
    )
    status = LayerStatus.MEASURED if measured else LayerStatus.ABSENT
    return _scored(Layer.PROVENANCE, status, points, numbers)


def reputation_layer(
    facts: Facts | None, findings: tuple[Finding, ...], numbers: RulesNumbers
) -> LayerScore:
    """Age, history and popularity, as the index told them at `facts.as_of`."""
    missing = set() if facts is None else set(facts.missing)
    if facts is None or PAGE in missing or {"upload_time", "project_first_upload"} <= missing:
        return without_score(Layer.REPUTATION, LayerStatus.MISSING, numbers)
    points = (
        Contribution(code="base", points=SCORE_MAX),
        _project_age(facts, numbers),
        _release_age(facts, numbers),
        _release_count(facts, numbers),
        _popularity(facts, numbers),
        _yanked(facts, numbers),
        *_losses(Layer.REPUTATION, findings, numbers),
    )
    moved = tuple(point for point in points if point.points)
    return _scored(Layer.REPUTATION, LayerStatus.MEASURED, moved, numbers)


def without_score(layer: Layer, status: LayerStatus, numbers: RulesNumbers) -> LayerScore:
    """A layer that is missing or off: it has no score, and the others share its weight."""
    return LayerScore(layer=layer, status=status, score=None, weight_percent=numbers.weight(layer))


def _measured(
    layer: Layer,
    evidence: Evidence,
    findings: tuple[Finding, ...],
    numbers: RulesNumbers,
    *,
    short: bool,
) -> LayerScore:
    if layer not in evidence.layers:
        return without_score(layer, LayerStatus.MISSING, numbers)
    status = LayerStatus.INCOMPLETE if short else LayerStatus.MEASURED
    base = Contribution(code="base", points=SCORE_MAX)
    return _scored(layer, status, (base, *_losses(layer, findings, numbers)), numbers)


def _scored(
    layer: Layer,
    status: LayerStatus,
    contributions: tuple[Contribution, ...],
    numbers: RulesNumbers,
) -> LayerScore:
    total = sum(contribution.points for contribution in contributions)
    return LayerScore(
        layer=layer,
        status=status,
        score=min(max(total, 0), SCORE_MAX),
        weight_percent=numbers.weight(layer),
        contributions=contributions,
    )


def _losses(
    layer: Layer, findings: tuple[Finding, ...], numbers: RulesNumbers
) -> tuple[Contribution, ...]:
    return tuple(
        Contribution(
            code=finding.id,
            points=numbers.points(finding.severity),
            detail=f"{finding.severity.value}: "
            + finding_title(finding.id, finding.what, finding.layer.value),
        )
        for finding in findings
        if finding.layer is layer
    )


def _announced(numbers: RulesNumbers) -> tuple[Contribution, ...]:
    return (
        Contribution(
            code="attestation-announced",
            points=numbers.provenance_announced,
            detail="The index announces an attestation for this file.",
        ),
    )


def _verified(facts: Facts, numbers: RulesNumbers) -> tuple[Contribution, ...]:
    if facts.signal(VERIFIED_SIGNAL) is not True:
        return ()
    return (
        Contribution(
            code="attestation-verified",
            points=numbers.provenance_verified,
            detail="An attestation for this file was verified.",
        ),
    )


def _project_age(facts: Facts, numbers: RulesNumbers) -> Contribution:
    days = facts.project_age_days
    if days is None:
        return Contribution(
            code="project-age-unknown",
            points=numbers.project_age_unknown,
            detail="The index does not say how old the project is.",
        )
    return Contribution(
        code="project-age",
        points=step_points(numbers.project_age_days, days, otherwise=0),
        detail=f"The project is {days} days old.",
    )


def _release_age(facts: Facts, numbers: RulesNumbers) -> Contribution:
    days = facts.age_days
    if days is None:
        return Contribution(
            code="release-age-unknown",
            points=numbers.release_age_unknown,
            detail="The index does not say when the file was uploaded.",
        )
    return Contribution(
        code="release-age",
        points=step_points(numbers.release_age_days, days, otherwise=0),
        detail=f"The file was uploaded {days} days ago.",
    )


def _release_count(facts: Facts, numbers: RulesNumbers) -> Contribution:
    count = facts.project_release_count
    if count is None:
        return Contribution(
            code="release-count-unknown",
            points=numbers.release_count_unknown,
            detail="The number of releases is not known.",
        )
    return Contribution(
        code="release-count",
        points=step_points(numbers.release_count, count, otherwise=0),
        detail=f"The project has {count} release(s).",
    )


def _popularity(facts: Facts, numbers: RulesNumbers) -> Contribution:
    rank = facts.popularity_rank
    if rank is None:
        return Contribution(
            code="popularity",
            points=numbers.popularity_unlisted,
            detail="The project is not among the most downloaded.",
        )
    return Contribution(
        code="popularity",
        points=step_points(numbers.popularity_rank, rank, otherwise=numbers.popularity_unlisted),
        detail=f"The project has rank {rank} by downloads.",
    )


def _yanked(facts: Facts, numbers: RulesNumbers) -> Contribution:
    return Contribution(
        code="yanked",
        points=numbers.yanked if facts.yanked else 0,
        detail="The project has yanked this file.",
    )
