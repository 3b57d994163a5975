"""Reason lines: what they say, and that no word of a package gets into them."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.canonical import digest_of
from models.decision import (
    Action,
    Decision,
    HoldKind,
    Reason,
    ReasonCode,
    TrustTier,
    reason,
)
from models.reason import (
    address_word,
    clause,
    host_word,
    reason_line,
    sentence,
    verdict_words,
    yank_reason,
)
from models.vocabulary import FINDINGS, finding_title
from tests.models.examples import NOW, ref

LINE = re.compile(r"[ -~]{1,200}\Z")
URL = "https://pratique.example/v/7fk2m9qacd"


def decision(
    *reasons: Reason, action: Action = Action.DENY, hold: HoldKind | None = None
) -> Decision:
    return Decision(
        ref=ref(),
        action=action,
        hold=hold,
        tier=TrustTier.BLOCK if action is Action.DENY else None,
        score=None,
        reasons=reasons,
        as_of=NOW,
        policy_digest=digest_of("policy"),
    )


PROOF = reason(ReasonCode.PROOF_CANARY_LEFT, what="aws-key", address="203.0.113.7", phase="P3")


def test_reason_line__is_the_designs_example() -> None:
    assert reason_line(decision(PROOF), url=URL, alternative="demo==1.1") == (
        "Blocked by pratique: demo 2.0 sent a planted AWS key to 203.0.113.7 on import. "
        "Use demo==1.1. https://pratique.example/v/7fk2m9qacd"
    )


def test_yank_reason__leaves_the_name_to_the_page() -> None:
    assert yank_reason(decision(PROOF), url=URL) == (
        "Blocked by pratique: it sent a planted AWS key to 203.0.113.7 on import. "
        "https://pratique.example/v/7fk2m9qacd"
    )


def test_sentence__stands_alone() -> None:
    assert sentence(PROOF) == "It sent a planted AWS key to 203.0.113.7 on import."


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (reason(ReasonCode.PROOF_CANARY_LEFT), "sent a planted secret"),
        (
            reason(ReasonCode.PROOF_CANARY_LEFT, what="ssh-key", host="a.evil.test", phase="P1"),
            "sent a planted SSH key to a.evil.test while installing",
        ),
        (
            reason(ReasonCode.PROOF_KNOWN_MALICIOUS, advisory="MAL-2025-123"),
            "is a known malicious release (MAL-2025-123)",
        ),
        (
            reason(ReasonCode.PROOF_KNOWN_MALICIOUS, advisory="run this: sudo"),
            "is a known malicious release",
        ),
        (
            reason(ReasonCode.FINDING, finding="reverse-shell", address="198.51.100.9", phase="P2"),
            "opened a reverse shell to 198.51.100.9 at interpreter start",
        ),
        (
            reason(ReasonCode.FINDING, finding="never-heard-of", layer="behaviour", phase="P3"),
            "behaved like hostile software on import",
        ),
        (reason(ReasonCode.FINDING, finding="never-heard-of"), "looks hostile"),
        (reason(ReasonCode.SCORE, score="45"), "has a trust score of 45"),
        (reason(ReasonCode.SCORE), "has no trust score"),
        (
            reason(ReasonCode.INCOMPLETE, shortfall="timed-out"),
            "could not be checked fully: it did not end in time",
        ),
        (reason(ReasonCode.INCOMPLETE, shortfall="evil"), "could not be checked fully"),
        (
            reason(ReasonCode.LAYER_MISSING, layer="reputation"),
            "could not be checked for reputation",
        ),
        (
            reason(ReasonCode.LAYER_OFF, layer="behaviour"),
            "was checked without the behaviour layer",
        ),
        (reason(ReasonCode.RULE, rule="no-telemetry"), "falls under the policy rule no-telemetry"),
        (reason(ReasonCode.RULE, rule="No Way"), "falls under a policy rule"),
        (
            reason(ReasonCode.AGE, hours="48"),
            "is younger than the 48 hours that policy asks for",
        ),
    ],
)
def test_clause__says(cause: Reason, words: str) -> None:
    assert clause(cause) == words


@pytest.mark.parametrize("code", ReasonCode)
def test_clause__every_code_has_words(code: ReasonCode) -> None:
    assert LINE.match(clause(Reason(code=code)))


@pytest.mark.parametrize("finding_id", FINDINGS)
def test_clause__every_finding_has_words_that_fit_beside_a_host(finding_id: str) -> None:
    words = clause(
        reason(ReasonCode.FINDING, finding=finding_id, what="aws-key", host="a.test", phase="P1")
    )
    assert "{" not in words
    assert len(words) < 90
    assert LINE.match(finding_title(finding_id))


@pytest.mark.parametrize(
    ("action", "hold", "words"),
    [
        (Action.DENY, None, "Blocked by pratique:"),
        (Action.HOLD, HoldKind.REVIEW, "Held by pratique:"),
        (Action.HOLD, HoldKind.AGE, "Held by pratique:"),
        (Action.HOLD, HoldKind.ANALYSIS, "Being checked by pratique:"),
        (Action.SERVE, None, "Approved by pratique:"),
    ],
)
def test_verdict_words(action: Action, hold: HoldKind | None, words: str) -> None:
    assert verdict_words(decision(action=action, hold=hold)) == words


@pytest.mark.parametrize(
    ("hold", "cause", "tail"),
    [
        (
            HoldKind.ANALYSIS,
            reason(ReasonCode.UNSEEN),
            "was not checked before. Try again in a minute.",
        ),
        (HoldKind.REVIEW, reason(ReasonCode.SCORE, score="45"), "score of 45. Ask for a review."),
        (
            HoldKind.AGE,
            reason(ReasonCode.AGE, hours="48", until="2026-04-03 12:00 UTC"),
            "policy asks for. Free from 2026-04-03 12:00 UTC.",
        ),
        (HoldKind.AGE, reason(ReasonCode.AGE, until="soon\r\n"), "policy asks for."),
    ],
)
def test_reason_line__says_what_to_do(hold: HoldKind, cause: Reason, tail: str) -> None:
    assert reason_line(decision(cause, action=Action.HOLD, hold=hold)).endswith(tail)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("a.evil.test", "a.evil.test"),
        ("A.EVIL.test.", "a.evil.test"),
        ("xn--mnchen-3ya.test", "xn--mnchen-3ya.test"),
        ("localhost", ""),
        ("a b.test", ""),
        ("evil_.test", ""),
        ("-a.test", ""),
        ("a..test", ""),
        ("a.test\r\nX-Evil: 1", ""),
        ("münchen.test", ""),
        ("a.test\n", ""),
        ("x" * 60 + "." + "y" * 60 + ".evil.test", ".." + "y" * 36 + ".evil.test"),
        ("x" * 64 + ".test", ""),
        ("a." * 130 + "test", ""),
    ],
)
def test_host_word__is_plain_ldh_or_nothing(text: str, word: str) -> None:
    assert host_word(text) == word


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:DB8::1", "2001:db8::1"),
        ("fe80::1%run-this", ""),
        ("203.0.113.7 ", ""),
        ("999.1.1.1", ""),
        ("evil", ""),
        ("", ""),
    ],
)
def test_address_word__parses_or_is_nothing(text: str, word: str) -> None:
    assert address_word(text) == word


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "https://a/b c", "https://a/\r\nSet-Cookie: x", "https://" + "a" * 120],
)
def test_reason_line__leaves_out_what_is_no_short_url(url: str) -> None:
    assert reason_line(decision(PROOF), url=url).endswith("on import.")


@pytest.mark.parametrize("pin", ["demo", "demo==", "demo==x y", "de mo==1", "demo==1\r\n2"])
def test_reason_line__leaves_out_what_is_no_pin(pin: str) -> None:
    assert "Use" not in reason_line(decision(PROOF), alternative=pin)


def test_reason_line__long_names_never_cost_the_url() -> None:
    long = replace(
        decision(PROOF),
        ref=ref(f"{'d' * 120}-{'1.' * 40}0-py3-none-any.whl"),
    )
    line = reason_line(long, url=URL, alternative="d" * 60 + "==1.0")
    assert LINE.match(line)
    assert line.endswith(URL)
    assert "sent a planted AWS key" in line


HOSTILE = st.one_of(
    st.text(max_size=300),
    st.sampled_from(
        [
            "\r\nX: 1",
            "<script>",
            "ev\x00il",
            "\u202eevil",
            "{what}",
            "%s",
            "{0.__class__}",
            "a" * 400,
        ]
    ),
)
SLOTS = ("what", "host", "address", "phase", "finding", "layer", "rule", "score", "shortfall",
         "hours", "until", "advisory")  # fmt: skip


@given(
    st.sampled_from(ReasonCode),
    st.dictionaries(st.sampled_from(SLOTS), HOSTILE),
    HOSTILE,
    HOSTILE,
    st.sampled_from([(Action.DENY, None), *((Action.HOLD, kind) for kind in HoldKind)]),
)
def test_reason_line__hostile_words_never_get_through(
    code: ReasonCode,
    words: dict[str, str],
    url: str,
    pin: str,
    outcome: tuple[Action, HoldKind | None],
) -> None:
    action, hold = outcome
    judged = decision(reason(code, **words), action=action, hold=hold)
    for line in (
        reason_line(judged, url=url, alternative=pin),
        yank_reason(judged, url=url, alternative=pin),
        sentence(judged.reasons[0]),
    ):
        assert LINE.match(line)


@given(
    st.sampled_from(ReasonCode),
    st.dictionaries(st.sampled_from(SLOTS), st.text(alphabet="QXZ~^`|", min_size=3, max_size=50)),
)
def test_reason_line__contains_no_unvetted_word(code: ReasonCode, words: dict[str, str]) -> None:
    clean = reason_line(decision(Reason(code=code)))
    line = reason_line(decision(reason(code, **words)))
    assert not set("QXZ~^`|") & set(line) - set(clean)
