"""What look-alike names come to as signals and findings, in words of ours."""

from __future__ import annotations

from collections.abc import Sequence

from analyzer.confusion.classes import Confusion
from analyzer.confusion.lookalike import TargetKind
from analyzer.confusion.weighing import Weighed
from models.canonical import Digest
from models.evidence import Finding, Layer, Severity
from models.facts import FactSignal
from models.trust.findings import SEVERITY_RANK

SOURCE = "confusion"
"""The name of the source, and the first word of its signals."""
NAME_CONFUSION = "name-confusion"
"""Taken for a popular project, or one that is known from elsewhere."""
OWNED_CONFUSION = "owned-name-confusion"
"""Taken for a project of the operator's organisation."""
OWNED_SIGNAL = f"{SOURCE}.owned_digest"
"""Names the list of owned names that was compared with; empty: there was none."""
TECHNIQUE = "T1036.005"  # Masquerading: Match Legitimate Resource Name or Location

_HOW = {
    Confusion.SEPARATOR: "is written with other separators than",
    Confusion.WORD_ORDER: "has the words of another order than",
    Confusion.PLURAL: "differs by a plural from",
    Confusion.HOMOGLYPH: "looks like",
    Confusion.REPETITION: "repeats a letter of",
    Confusion.OMISSION: "leaves out a letter of",
    Confusion.ADDITION: "adds a letter to",
    Confusion.TRANSPOSITION: "swaps two letters of",
    Confusion.KEYBOARD: "is one key beside",
    Confusion.VOWEL: "changes a vowel of",
    Confusion.SUBSTITUTION: "changes a letter of",
    Confusion.TWO_SLIPS: "is two letters away from",
    Confusion.VERSION: "differs by a number from",
    Confusion.AFFIX: "adds an affix to",
    Confusion.AFFIX_DROPPED: "drops an affix of",
    Confusion.PHONETIC: "sounds like",
    Confusion.COMBINATION: "puts words around",
    Confusion.NAMESPACE: "stands among the names of",
    Confusion.OTHER_ECOSYSTEM: "is the name of something elsewhere:",
}


def findings_of(weighed: Sequence[Weighed]) -> tuple[Finding, ...]:
    """One finding for the gravest look-alike of each kind that weighs anything."""
    found: dict[str, Finding] = {}
    for one in sorted(weighed, key=_rank, reverse=True):
        if one.severity is None:
            continue
        owned = one.lookalike.kind is TargetKind.OWNED
        finding_id = OWNED_CONFUSION if owned else NAME_CONFUSION
        found.setdefault(
            finding_id,
            Finding(
                id=finding_id,
                title=title(one),
                severity=one.severity,
                layer=Layer.METADATA,
                technique=TECHNIQUE,
                what=one.lookalike.how.value,
            ),
        )
    return tuple(found.values())


def title(weighed: Weighed) -> str:
    """A sentence for a page; a target is a listed, known or owned name, never the artifact's word."""
    text = f"The name {_HOW[weighed.lookalike.how]} {weighed.lookalike.target}"
    if weighed.signs:
        text += f" ({', '.join(sign.value for sign in weighed.signs)})"
    return text[:300]


def signals_of(weighed: Sequence[Weighed], *, owned_digest: Digest | str) -> tuple[FactSignal, ...]:
    """The measured facts. Which signs there are is known of living projects alone."""
    worst = max(weighed, key=_rank, default=None)
    like = worst.lookalike if worst else None
    named: tuple[tuple[str, int | bool | str | None], ...] = (
        ("lookalikes", len(weighed)),
        ("class", like.how.value if like else None),
        ("near", like.near if like else None),
        ("target", like.target if like else None),
        ("target_rank", like.rank if like else None),
    )
    living: tuple[tuple[str, int | bool | str | None], ...] = (
        ("signs", ", ".join(worst.signs) if worst else None),
        ("excuse", worst.excuse.value if worst and worst.excuse else None),
    )
    return (
        FactSignal(name=OWNED_SIGNAL, layer=Layer.METADATA, value=owned_digest, source=SOURCE),
        *(_signal(name, value, live_only=False) for name, value in named),
        *(_signal(name, value, live_only=True) for name, value in living),
    )


def _signal(name: str, value: int | bool | str | None, *, live_only: bool) -> FactSignal:
    return FactSignal(
        name=f"{SOURCE}.{name}",
        layer=Layer.METADATA,
        value=value,
        source=SOURCE,
        live_only=live_only,
    )


def _rank(weighed: Weighed) -> tuple[int, bool, int]:
    severity = -1 if weighed.severity is None else SEVERITY_RANK[weighed.severity]
    return severity, weighed.lookalike.near, -weighed.lookalike.rank


def worst_severity(weighed: Sequence[Weighed]) -> Severity | None:
    """Of all look-alikes together; None where none weighs anything."""
    worst = max(weighed, key=_rank, default=None)
    return worst.severity if worst else None
