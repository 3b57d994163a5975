"""Statements: the specifications' fields, and the same verdict back."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.canonical import digest_of
from models.decision import Action, Decision, OverrideAction
from models.evidence import Severity
from proxy.verdicts.statement import (
    EXTENSION,
    PREDICATE_TYPE,
    STATEMENT_TYPE,
    StatementRefused,
    check_subject,
    read_statement,
    statement_of,
)
from tests.models.examples import (
    NOW,
    OTHER_SHA,
    SHA,
    evidence,
    facts,
    facts_strategy,
    finding,
    finding_strategy,
    override,
    proof,
)
from tests.policies.examples import judged

VERIFIER = "https://pratique.example.test"
HELD = evidence(findings=(finding(),))
BLOCKED = evidence(findings=(proof(),))


def statement(decision: Decision) -> bytes:
    return statement_of(decision, verifier=VERIFIER, version="1.2")


def built(decision: Decision) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(statement(decision))
    return value


def with_changes(**changes: Any) -> bytes:
    """A good statement with other fields; a dotted name reaches inside, None takes away."""
    value = built(judged())
    for name, change in changes.items():
        where = value
        *path, last = name.split("__")
        for step in path:
            where = where[step]
        if change is None:
            del where[last]
        else:
            where[last] = change
    return json.dumps(value).encode()


def test_statement_of__has_the_fields_that_the_specifications_ask_for() -> None:
    decision = judged()
    value = built(decision)
    assert value["_type"] == STATEMENT_TYPE
    assert value["predicateType"] == PREDICATE_TYPE
    assert value["subject"] == [{"name": decision.ref.filename, "digest": {"sha256": SHA}}]
    predicate = value["predicate"]
    assert predicate["verifier"]["id"] == VERIFIER
    assert predicate["timeVerified"] == "2026-04-01T12:00:00Z"
    assert predicate["resourceUri"].startswith("pkg:pypi/demo@2.0?")
    assert predicate["policy"]["digest"] == {"sha256": decision.policy_digest[7:]}
    assert [one["name"] for one in predicate["inputAttestations"]] == ["evidence", "facts"]
    assert [one["digest"]["sha256"] for one in predicate["inputAttestations"]] == [
        digest_of(evidence())[7:],
        digest_of(facts())[7:],
    ]
    assert predicate["verificationResult"] == "PASSED"
    assert predicate["verifiedLevels"] == ["PRATIQUE_APPROVE"]
    assert predicate[EXTENSION]["decisionDigest"] == decision.digest


def test_statement_of__names_resources_by_their_hash() -> None:
    """RFC 6920: the URI is the digest once more, and no address that nobody answers at."""
    for one in built(judged())["predicate"]["inputAttestations"]:
        raw = base64.urlsafe_b64decode(one["uri"].removeprefix("ni:///sha-256;") + "=")
        assert raw.hex() == one["digest"]["sha256"]


@pytest.mark.parametrize(
    ("changes", "levels"),
    [
        ({"seen": HELD}, ["FAILED"]),
        ({"seen": BLOCKED}, ["FAILED"]),
        ({"seen": None}, ["FAILED"]),
        ({"seen": BLOCKED, "overrides": (override(),)}, ["FAILED"]),
        ({"overrides": (override(OverrideAction.DENY),)}, ["FAILED"]),
    ],
)
def test_statement_of__what_is_not_served_has_failed(
    changes: dict[str, Any], levels: list[str]
) -> None:
    decision = judged(**changes)
    assert decision.action is not Action.SERVE
    predicate = built(decision)["predicate"]
    assert predicate["verificationResult"] == "FAILED"
    assert predicate["verifiedLevels"] == levels
    assert read_statement(statement(decision)).passed is False


def test_statement_of__an_override_says_so() -> None:
    decision = judged(seen=HELD, overrides=(override(),))
    verdict = read_statement(statement(decision))
    assert verdict.passed
    assert verdict.override
    assert verdict.levels == ("PRATIQUE_OVERRIDDEN",)
    assert verdict.expires == decision.expires_at
    above = judged(seen=BLOCKED, overrides=(override(above_proof=True),))
    assert read_statement(statement(above)).levels == ("PRATIQUE_OVERRIDDEN",)


def test_statement_of__without_evidence_names_none() -> None:
    value = built(judged(seen=None, facts=None))
    assert value["predicate"]["inputAttestations"] == []


@given(
    st.lists(finding_strategy(), max_size=3),
    facts_strategy(),
    st.integers(-10_000, 10_000),
    st.text(min_size=1, max_size=40),
)
def test_statement_of__comes_back_as_the_verdict_of_the_decision(
    found: list[Any], told: Any, seconds: int, verifier: str
) -> None:
    decision = judged(
        seen=evidence(findings=tuple(found)), facts=told, as_of=NOW + timedelta(seconds=seconds)
    )
    payload = statement_of(decision, verifier=verifier, version="1")
    assert payload == statement_of(decision, verifier=verifier, version="1")
    verdict = read_statement(payload)
    assert verdict.passed is decision.served
    assert verdict.sha256 == decision.ref.sha256
    assert verdict.filename == decision.ref.filename
    assert verdict.verifier == verifier
    assert verdict.time_verified == decision.as_of
    assert verdict.decision_id == decision.id
    assert verdict.tier == (decision.tier.value if decision.tier else "")
    assert verdict.score == (decision.score.value if decision.score else None)
    assert len(verdict.reasons) == len(decision.reasons)
    assert b"untrusted title" not in payload


def test_read_statement__leaves_out_what_it_does_not_know() -> None:
    verdict = read_statement(with_changes(predicate__future={"x": 1}, more="y"))
    assert verdict == read_statement(statement(judged()))


def test_read_statement__of_another_maker_lacks_only_our_own_fields() -> None:
    value = built(judged())
    del value["predicate"][EXTENSION]
    verdict = read_statement(json.dumps(value).encode())
    assert verdict.passed
    assert (verdict.score, verdict.tier, verdict.reasons) == (None, "", ())


@pytest.mark.parametrize(
    "changes",
    [
        {"_type": "https://in-toto.io/Statement/v0.1"},
        {"predicateType": "https://slsa.dev/provenance/v1"},
        {"subject": []},
        {"subject": [{"name": "a", "digest": {"sha256": SHA}}] * 2},
        {"subject": [{"name": "a", "digest": {"sha512": "00"}}]},
        {"subject": [{"name": "a", "digest": {"sha256": "short"}}]},
        {"predicate": None},
        {"predicate__verificationResult": "passed"},
        {"predicate__verificationResult": None},
        {"predicate__timeVerified": "yesterday"},
        {"predicate__timeVerified": "2026-01-01T00:00:00"},
        {"predicate__timeVerified": "0001-01-01T00:00:00+14:00"},
        {"predicate__verifier": {}},
    ],
)
def test_read_statement__of_another_form_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(StatementRefused):
        read_statement(with_changes(**changes))


@pytest.mark.parametrize("payload", [b"", b"[]", b"\xff\xff", b"[" * 100_000])
def test_read_statement__of_nonsense_is_refused(payload: bytes) -> None:
    with pytest.raises(StatementRefused):
        read_statement(payload)


def test_check_subject__other_bytes_are_refused() -> None:
    verdict = read_statement(statement(judged()))
    check_subject(verdict, SHA)
    with pytest.raises(StatementRefused) as caught:
        check_subject(verdict, OTHER_SHA)
    assert OTHER_SHA in caught.value.message
    assert caught.value.next_step


def test_statement_of__two_decisions_have_two_statements() -> None:
    one = judged()
    other = replace(one, as_of=NOW + timedelta(seconds=1))
    assert statement(one) != statement(other)
    held = judged(seen=evidence(findings=(finding(severity=Severity.HIGH),)))
    assert read_statement(statement(held)).reasons
