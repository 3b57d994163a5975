"""Licences: what an expression names, and what satisfies it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.decision import Action
from models.errors import PolicyInvalid
from models.evidence import Evidence, Layer, Signal
from policies.licences import names_any, satisfied, spdx_of
from policies.rules.condition import Match
from policies.rules.licences import LICENCE_SIGNAL, ByLicence
from tests.models.examples import evidence
from tests.policies.examples import case, judged, policy

YES, NO, UNKNOWN = Match.YES, Match.NO, Match.UNKNOWN
ALLOWED = ("MIT", "BSD-*", "Apache-2.0")


def seen(licence: str | None) -> Evidence:
    signal = Signal(name=LICENCE_SIGNAL, layer=Layer.METADATA, value=licence)
    return evidence(signals=(signal,))


@pytest.mark.parametrize(
    ("text", "within", "named"),
    [
        ("MIT", True, True),
        ("mit", True, True),
        ("MIT-0", False, False),
        ("BSD-3-Clause", True, True),
        ("GPL-3.0-only", False, False),
        ("MIT OR GPL-3.0-only", True, True),
        ("MIT AND GPL-3.0-only", False, True),
        ("GPL-3.0-only OR AGPL-3.0-only", False, False),
        ("MIT AND (GPL-3.0-only OR BSD-2-Clause)", True, True),
        ("(MIT AND GPL-3.0-only) OR ISC", False, True),
        ("GPL-2.0-only OR MIT AND ISC", False, True),
        ("GPL-2.0-only OR MIT AND BSD-2-Clause", True, True),
        ("Apache-2.0 WITH LLVM-exception", True, True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", False, False),
        ("Some licence of ours", None, None),
        ("GPL", None, None),
    ],
)
def test_licences__as_spdx_reads_them(
    text: str, *, within: bool | None, named: bool | None
) -> None:
    assert satisfied(text, ALLOWED) is within
    assert names_any(text, ALLOWED) is named


def test_satisfied__an_exception_may_be_named_with_its_licence() -> None:
    text = "GPL-2.0-only WITH Classpath-exception-2.0"
    assert satisfied(text, (text,)) is True
    assert satisfied(f"{text} AND MIT", (text, "MIT")) is True


def test_satisfied__words_that_are_no_expression_may_be_named_as_they_are() -> None:
    assert satisfied("Apache Software License", ("apache software license",)) is True
    assert names_any("GNU GPL", ("GNU*",)) is True


@settings(deadline=None)
@given(
    st.recursive(
        st.sampled_from([("MIT", True), ("GPL-3.0-only", False)]),
        lambda inner: st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(
            lambda three: (
                f"({three[0][0]} {three[1]} {three[2][0]})",
                (three[0][1] and three[2][1])
                if three[1] == "AND"
                else (three[0][1] or three[2][1]),
            )
        ),
        max_leaves=12,
    )
)
def test_satisfied__is_the_logic_of_the_expression(stated: tuple[str, bool]) -> None:
    text, expected = stated
    assert spdx_of(text)
    assert satisfied(text, ("MIT",)) is expected


@pytest.mark.parametrize(
    ("condition", "licence", "match"),
    [
        (ByLicence(any_of=("AGPL-*",)), "MIT OR AGPL-3.0-only", YES),
        (ByLicence(any_of=("AGPL-*",)), "MIT", NO),
        (ByLicence(any_of=("AGPL-*",)), "GNU AGPL", UNKNOWN),
        (ByLicence(outside=ALLOWED), "GPL-3.0-only", YES),
        (ByLicence(outside=ALLOWED), "MIT", NO),
        (ByLicence(outside=ALLOWED), "BSD", UNKNOWN),
        (ByLicence(outside=ALLOWED), None, UNKNOWN),
        (ByLicence(any_of=("GPL-*",), outside=ALLOWED), "MIT OR GPL-3.0-only", NO),
        (ByLicence(any_of=("GPL-*",), outside=ALLOWED), "ISC OR GPL-3.0-only", YES),
        (ByLicence(any_of=("GPL-*",), outside=ALLOWED), "Some words", UNKNOWN),
    ],
)
def test_by_licence(condition: ByLicence, licence: str | None, match: Match) -> None:
    assert condition.matches(case(seen=seen(licence))) is match


@pytest.mark.parametrize("unseen", [None, "clean"])
def test_by_licence__is_unknown_without_evidence_and_of_evidence_before_it(
    unseen: str | None,
) -> None:
    assert ByLicence(outside=ALLOWED).matches(case(seen=unseen)) is UNKNOWN


def test_document__what_is_not_allowed_or_not_known_is_held() -> None:
    rule = '[[rule]]\nname = "l"\noutcome = "hold"\nlicences_outside = ["MIT"]\n'
    assert judged(rule, seen=seen("MIT")).action is Action.SERVE
    for stated in ("GPL-3.0-only", "words", None):
        assert judged(rule, seen=seen(stated)).action is Action.HOLD


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('licences = ["*"]', "is not a licence or pattern"),
        ("licences_outside = []", "must hold 1 to"),
        ('licenses = ["MIT"]', 'did you mean "licences"?'),
    ],
)
def test_document__names_mistakes(line: str, said: str) -> None:
    with pytest.raises(PolicyInvalid) as caught:
        policy(f'[[rule]]\nname = "l"\noutcome = "deny"\nprojects = ["a"]\n{line}\n')
    assert said in str(caught.value)
