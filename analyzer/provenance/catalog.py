"""Every signal and finding of the provenance source, with the reasons for its weight."""

from __future__ import annotations

from analyzer.factkinds import Direction, FindingKind, SignalKind
from models.evidence import Layer, Severity

SOURCE = "provenance"
_BETTER, _NEITHER = Direction.MORE_IS_BETTER, Direction.NEITHER


def _signal(name: str, unit: str, direction: Direction, meaning: str) -> SignalKind:
    # Provenance is deleted with its project, so whatever is read from it is a fact of the living.
    return SignalKind(
        name=f"provenance.{name}",
        unit=unit,
        source=SOURCE,
        layer=Layer.PROVENANCE,
        live_only=True,
        direction=direction,
        meaning=meaning,
    )


VERIFIED = _signal(
    "verified", "yes/no", _BETTER, "An attestation holds for this name and these bytes."
)
FAILURE = _signal("failure", "word", _NEITHER, "Why an announced one does not, or cannot be told.")
PUBLISHER_KIND = _signal("publisher_kind", "word", _NEITHER, "GitHub, GitLab, Google or CircleCI.")
REPOSITORY = _signal("repository", "owner/name", _NEITHER, "Where it was published from, signed.")
REPOSITORY_ID = _signal(
    "repository_id", "number as text", _NEITHER, "The forge's own number of it."
)
OWNER_ID = _signal("owner_id", "number as text", _NEITHER, "The forge's own number of its owner.")
WORKFLOW = _signal("workflow", "file", _NEITHER, "The workflow that published it, signed.")
ENVIRONMENT = _signal(
    "environment", "word", _NEITHER, "The publishing environment, by the index's word alone."
)
REF = _signal("ref", "ref", _NEITHER, "The branch or tag that it was published from, signed.")
ATTESTED_STREAK = _signal(
    "attested_streak",
    "releases",
    _BETTER,
    "Releases before this one, back to back, with attestations.",
)
PUBLISHERS_REMEMBERED = _signal(
    "publishers_remembered",
    "publishers",
    _NEITHER,
    "Publishers of earlier files that are served here.",
)
REPOSITORY_CLAIMED = _signal(
    "repository_claimed",
    "owner/name",
    _NEITHER,
    "The repository that the project's links name, unsigned.",
)

SIGNALS = (
    VERIFIED,
    FAILURE,
    PUBLISHER_KIND,
    REPOSITORY,
    REPOSITORY_ID,
    OWNER_ID,
    WORKFLOW,
    ENVIRONMENT,
    REF,
    ATTESTED_STREAK,
    PUBLISHERS_REMEMBERED,
    REPOSITORY_CLAIMED,
)

INVALID = FindingKind(
    id="attestation-invalid",
    title="The announced attestation is not for this file",
    severity=Severity.HIGH,
    layer=Layer.PROVENANCE,
    source=SOURCE,
    technique="T1553",  # Subvert Trust Controls
    rationale=(
        "The index checks an attestation when it takes a file (PEP 740), so one that is there and does "
        "not hold for name, bytes or stated publisher was changed since, or is another file's. What "
        "only our trust root or library is too old for is missing instead, and no finding."
    ),
)
CHANGED = FindingKind(
    id="publisher-changed",
    title="It was published by another identity than earlier releases",
    severity=Severity.HIGH,
    layer=Layer.PROVENANCE,
    source=SOURCE,
    technique="T1195.002",  # Compromise Software Supply Chain
    rationale=(
        "Compared with every publisher of an earlier file that is served here. High: another owner id, "
        "or another kind of publisher; whoever holds an account on the index can add a publisher of "
        "their own. Medium: another repository of the same owner, or workflow and environment both "
        "new. Low: one of these two. Info: the repository was renamed, for its number is the same, and "
        "numbers are not given twice."
    ),
)
LOST = FindingKind(
    id="attestation-lost",
    title="Earlier releases are attested, and this file is not",
    severity=Severity.MEDIUM,
    layer=Layer.PROVENANCE,
    source=SOURCE,
    technique="T1195.002",
    rationale=(
        "The second pair of hostile ultralytics releases (December 2024) came by a stolen token and "
        "without the attestations that releases before had. But honest projects lose them as well: "
        "svglib 2.0.0 (2026) was uploaded by another tool after one attested release, and tools that "
        "upload attestations without making them are common. Medium where three or more releases "
        "in a row had one, or where other files of this very release have one; else low. Never high: "
        "a change of tools after years looks the same, and its rate is not known."
    ),
)
CLAIM_DIFFERS = FindingKind(
    id="repository-claim-differs",
    title="Its links name another repository than the attested one",
    severity=Severity.MEDIUM,
    layer=Layer.PROVENANCE,
    source=SOURCE,
    technique="T1036",  # Masquerading
    rationale=(
        "Links in metadata are free text, and borrowing a famous repository's stars is an old trick. "
        "Where an attestation is there, it says where the file came from. Low where no link leads to "
        "that owner; medium where one leads to a repository that is called like another, popular "
        "project. Compared for the newest release alone, whose links the index shows. Without "
        "an attestation a link is a claim, and neutral."
    ),
)

FINDINGS = (INVALID, CHANGED, LOST, CLAIM_DIFFERS)
