"""Look-alikes become one finding of each kind, in words of ours."""

from __future__ import annotations

from analyzer.confusion.classes import Confusion
from analyzer.confusion.findings import (
    _HOW,
    NAME_CONFUSION,
    OWNED_CONFUSION,
    OWNED_SIGNAL,
    findings_of,
    signals_of,
    title,
)
from analyzer.confusion.lookalike import Lookalike, TargetKind
from analyzer.confusion.weighing import Sign, Weighed
from models.evidence import Severity

POPULAR = Lookalike(target="requests", kind=TargetKind.POPULAR, rank=7, how=Confusion.TRANSPOSITION)
OWNED = Lookalike(target="acme", kind=TargetKind.OWNED, rank=0, how=Confusion.NAMESPACE)


def weighed(lookalike: Lookalike, severity: Severity | None) -> Weighed:
    return Weighed(severity=severity, lookalike=lookalike, signs=(Sign.YOUNG,))


def test_findings_of__the_gravest_of_each_kind() -> None:
    found = findings_of(
        [
            weighed(POPULAR, Severity.LOW),
            weighed(OWNED, Severity.HIGH),
            weighed(POPULAR, Severity.MEDIUM),
        ]
    )
    assert [(one.id, one.severity, one.what) for one in found] == [
        (OWNED_CONFUSION, Severity.HIGH, "namespace"),
        (NAME_CONFUSION, Severity.MEDIUM, "transposition"),
    ]


def test_findings_of__what_weighs_nothing_is_only_a_signal() -> None:
    excused = [weighed(POPULAR, None)]
    assert findings_of(excused) == ()
    told = {one.name: one for one in signals_of(excused, owned_digest="")}
    assert told["confusion.target"].value == "requests"
    assert told["confusion.lookalikes"].value == 1


def test_signals_of__what_only_the_living_have_is_marked() -> None:
    told = {one.name: one for one in signals_of((), owned_digest="sha256:x")}
    assert told[OWNED_SIGNAL].value == "sha256:x"
    assert told["confusion.class"].value is None
    assert {name for name, one in told.items() if one.live_only} == {
        "confusion.signs",
        "confusion.excuse",
    }


def test_title__has_words_for_every_class() -> None:
    assert set(_HOW) == set(Confusion)
    assert title(weighed(POPULAR, None)) == "The name swaps two letters of requests (young)"
