"""The judgement, step by step: both sides of every comparison, and every path to a decision."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.artifact import Sha256
from models.canonical import digest_of, digest_of_bytes
from models.decision import (
    Action,
    HoldKind,
    Override,
    OverrideAction,
    ReasonCode,
    TrustTier,
)
from models.errors import ValueInvalid
from models.evidence import Evidence, Finding, Layer, Place, ProofKind, Severity, Shortfall
from models.facts import Facts, sibling_text
from models.phase import Phase
from models.reason import reason_line
from models.work import ANALYSIS_RETRIES_MAX, ANALYSIS_RETRY_S, FACTS_RETRY_S
from policies.document import DEFAULT_POLICY_TOML, parse_policy
from policies.evaluate import evaluate
from tests.models.examples import (
    EVERY_LAYER,
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
    ref,
)
from tests.policies.examples import case, judged, policy

SERVE = (Action.SERVE, None)
REVIEW = (Action.HOLD, HoldKind.REVIEW)
ANALYSIS = (Action.HOLD, HoldKind.ANALYSIS)
AGE = (Action.HOLD, HoldKind.AGE)
DENY = (Action.DENY, None)
ALLOW = override()
ALLOW_ABOVE = override(id="ab0ve000", above_proof=True)
DENIAL = override(OverrideAction.DENY, id="den1a1")
RULE = '[[rule]]\nname = "mine"\n'


def outcome(text: str = "", **changes: Any) -> tuple[Action, HoldKind | None]:
    decision = judged(text, **changes)
    return (decision.action, decision.hold)


def first(text: str = "", **changes: Any) -> ReasonCode:
    return judged(text, **changes).reasons[0].code


# -- tiers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("findings", "known", "tier", "expected"),
    [
        ((), facts(), TrustTier.APPROVE, SERVE),
        ((), facts(project_days=1, release_days=1), TrustTier.MONITOR, SERVE),
        ((finding(severity=Severity.MEDIUM),), facts(), TrustTier.MONITOR, SERVE),
        ((finding(severity=Severity.HIGH),), facts(), TrustTier.QUARANTINE, REVIEW),
        ((finding(severity=Severity.CRITICAL),), facts(), TrustTier.QUARANTINE, REVIEW),
        ((proof(),), facts(), TrustTier.BLOCK, DENY),
    ],
)
def test_evaluate__a_tier_leads_to_its_action(
    findings: tuple[Finding, ...],
    known: Facts,
    tier: TrustTier,
    expected: tuple[Action, HoldKind | None],
) -> None:
    decision = judged(seen=evidence(findings=findings), facts=known)
    assert decision.tier is tier
    assert (decision.action, decision.hold) == expected


@pytest.mark.parametrize(
    ("score", "tier"),
    [
        (100, TrustTier.APPROVE),
        (81, TrustTier.APPROVE),
        (80, TrustTier.MONITOR),
        (61, TrustTier.MONITOR),
        (60, TrustTier.QUARANTINE),
        (31, TrustTier.QUARANTINE),
        (30, TrustTier.QUARANTINE),
        (0, TrustTier.QUARANTINE),
    ],
)
def test_evaluate__a_score_alone_is_never_worse_than_quarantine(
    score: int, tier: TrustTier
) -> None:
    base = case()
    assert base.score is not None
    scored = replace(base, score=replace(base.score, value=score))
    assert evaluate(scored, policy()).tier is tier


@pytest.mark.parametrize(("score", "tier"), [(31, TrustTier.QUARANTINE), (30, TrustTier.BLOCK)])
def test_evaluate__policy_may_let_a_score_block(score: int, tier: TrustTier) -> None:
    base = case()
    assert base.score is not None
    scored = replace(base, score=replace(base.score, value=score))
    decision = evaluate(scored, policy("tiers.block_on_score = true"))
    assert decision.tier is tier
    assert (decision.action is Action.DENY) is (tier is TrustTier.BLOCK)


def test_evaluate__tiers_map_as_the_policy_says() -> None:
    new = facts(project_days=1, release_days=1)
    assert outcome('tiers.monitor = "hold"', facts=new) == REVIEW
    assert outcome('tiers.monitor = "deny"\ntiers.quarantine = "deny"', facts=new) == DENY
    bad = evidence(findings=(finding(),))
    assert outcome('tiers.quarantine = "deny"', seen=bad) == DENY


def test_evaluate__evidence_without_a_score_is_held() -> None:
    assert outcome(score=None) == REVIEW


# -- proofs --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ProofKind)
def test_evaluate__every_proof_blocks_even_the_most_reputed(kind: ProofKind) -> None:
    found = replace(proof(kind), severity=Severity.INFO)
    decision = judged(seen=evidence(findings=(found,)), facts=facts(popularity_rank=1))
    assert (decision.action, decision.tier) == (Action.DENY, TrustTier.BLOCK)
    assert decision.reasons[0].code.value == f"proof-{kind.value}"


@pytest.mark.parametrize("owner", ["pip", "requests"])
def test_evaluate__a_proof_against_a_dependency_is_not_charged(owner: str) -> None:
    assert outcome(seen=evidence(findings=(proof(owner=owner),))) == SERVE


def test_evaluate__the_reason_of_a_proof_is_the_designs_line() -> None:
    decision = judged(seen=evidence(findings=(proof(),)))
    assert reason_line(decision).startswith(
        "Blocked by pratique: demo 2.0 sent a planted AWS key to 203.0.113.7 on import."
    )


def test_evaluate__hostile_places_never_get_into_a_decision() -> None:
    found = proof(what="aws-key")
    found = replace(
        found, place=Place(host="evil\r\nX: 1", address="nowhere", path="/x"), what="a b"
    )
    words = dict(judged(seen=evidence(findings=(found,))).reasons[0].words)
    assert set(words) == {"finding", "layer", "phase"}


@pytest.mark.parametrize(
    ("overrides", "text", "expected"),
    [
        ((), "", DENY),
        ((ALLOW,), "", DENY),
        ((ALLOW_ABOVE,), "", SERVE),
        ((ALLOW, ALLOW_ABOVE), "", SERVE),
        ((ALLOW_ABOVE, DENIAL), "", DENY),
        ((ALLOW_ABOVE,), "overrides.above_proof = false", DENY),
        ((replace(ALLOW_ABOVE, expires_at=NOW),), "", DENY),
        ((replace(ALLOW_ABOVE, bound=(OTHER_SHA,)),), "", DENY),
    ],
)
def test_evaluate__only_an_allow_that_says_so_beats_a_proof(
    overrides: tuple[Override, ...], text: str, expected: tuple[Action, HoldKind | None]
) -> None:
    seen = evidence(findings=(proof(),))
    assert outcome(text, seen=seen, overrides=overrides) == expected


def test_evaluate__an_allow_above_a_proof_is_shown_for_what_it_is() -> None:
    decision = judged(seen=evidence(findings=(proof(),)), overrides=(ALLOW_ABOVE,))
    assert decision.tier is TrustTier.BLOCK
    assert [item.code for item in decision.reasons] == [
        ReasonCode.OVERRIDE_ALLOW_ABOVE_PROOF,
        ReasonCode.PROOF_CANARY_LEFT,
    ]
    assert (decision.override_id, decision.expires_at) == (ALLOW_ABOVE.id, ALLOW_ABOVE.expires_at)


# -- overrides -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ((ALLOW,), SERVE),
        ((DENIAL,), DENY),
        ((ALLOW, DENIAL), DENY),
        ((replace(ALLOW, bound=(OTHER_SHA,)),), REVIEW),
        ((replace(ALLOW, bound=(OTHER_SHA,), future=True),), SERVE),
        ((replace(ALLOW, created_at=NOW),), SERVE),
        ((replace(ALLOW, created_at=NOW + timedelta(seconds=1)),), REVIEW),
        ((replace(ALLOW, expires_at=NOW + timedelta(seconds=1)),), SERVE),
        ((replace(ALLOW, expires_at=NOW),), REVIEW),
        ((replace(ALLOW, revoked_at=NOW),), REVIEW),
        ((replace(ALLOW, project=None, sha256=SHA, bound=()),), SERVE),
        ((replace(ALLOW, project=None, sha256=OTHER_SHA, bound=()),), REVIEW),
    ],
)
def test_evaluate__an_override_answers_before_the_tier(
    overrides: tuple[Override, ...], expected: tuple[Action, HoldKind | None]
) -> None:
    assert outcome(seen=evidence(findings=(finding(),)), overrides=overrides) == expected


def test_evaluate__an_override_answers_for_the_unseen_and_unsupported() -> None:
    egg = ref("demo-2.0.egg")
    assert outcome(seen=None, overrides=(ALLOW,)) == SERVE
    assert outcome(seen=None, overrides=(DENIAL,)) == DENY
    assert outcome(of=egg, seen=None, overrides=(ALLOW,)) == SERVE


def test_evaluate__an_allow_keeps_the_tier_and_the_causes_it_overrules() -> None:
    decision = judged(seen=evidence(findings=(finding(),)), overrides=(ALLOW,))
    assert decision.tier is TrustTier.QUARANTINE
    assert [item.code for item in decision.reasons][:2] == [
        ReasonCode.OVERRIDE_ALLOW,
        ReasonCode.FINDING,
    ]


def test_evaluate__a_decision_by_override_ends_with_it() -> None:
    assert judged(overrides=(ALLOW,)).expires_at == ALLOW.expires_at
    assert judged(overrides=(DENIAL,)).expires_at == DENIAL.expires_at
    later = replace(ALLOW, id="later", expires_at=NOW + timedelta(days=20))
    assert judged(overrides=(ALLOW, later)).expires_at == later.expires_at


def test_evaluate__an_allow_lasts_no_longer_than_policy_lets_it() -> None:
    ends = ALLOW.created_at + timedelta(days=3)
    text = "overrides.days_max = 3"
    seen = evidence(findings=(finding(),))
    before, after = ends - timedelta(seconds=1), ends
    assert judged(text, overrides=(ALLOW,)).expires_at == ends
    assert outcome(text, seen=seen, overrides=(ALLOW,), as_of=before) == SERVE
    assert outcome(text, seen=seen, overrides=(ALLOW,), as_of=after) == REVIEW
    assert outcome(text, overrides=(DENIAL,), as_of=after) == DENY


def test_evaluate__is_derived_again_when_an_override_begins() -> None:
    begins = NOW + timedelta(hours=1)
    assert judged(overrides=(replace(DENIAL, created_at=begins),)).expires_at == begins


# -- rules ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "changes", "expected"),
    [
        ('outcome = "deny"\nprojects = ["Demo"]', {}, DENY),
        ('outcome = "hold"\nprojects = ["de*"]', {}, REVIEW),
        ('outcome = "deny"\nprojects = ["dem"]', {}, SERVE),
        ('outcome = "deny"\nprojects = ["demo"]\nversions = "<2"', {}, SERVE),
        ('outcome = "deny"\nprojects = ["demo"]\nversions = "<=2"', {}, DENY),
        (f'outcome = "deny"\nsha256 = ["{SHA}"]', {}, DENY),
        (f'outcome = "deny"\nsha256 = ["{OTHER_SHA}"]', {}, SERVE),
        (
            'outcome = "serve"\nprojects = ["demo"]',
            {"seen": evidence(findings=(finding(),))},
            SERVE,
        ),
        ('outcome = "serve"\nprojects = ["demo"]', {"seen": evidence(findings=(proof(),))}, DENY),
        ('outcome = "serve"\nprojects = ["demo"]', {"seen": None}, ANALYSIS),
        ('outcome = "deny"\nprojects = ["demo"]', {"seen": None}, DENY),
        ('outcome = "deny"\nfindings = ["decoy-read"]', {"seen": None}, ANALYSIS),
        (
            'outcome = "deny"\nfindings = ["decoy-read"]',
            {"seen": evidence(findings=(finding(),))},
            DENY,
        ),
        ('outcome = "deny"\nprojects = ["demo"]', {"overrides": (ALLOW,)}, SERVE),
        ('outcome = "serve"\nprojects = ["demo"]', {"overrides": (DENIAL,)}, DENY),
        ('outcome = "deny"\nrelease_younger_than_hours = 72', {"facts": None}, REVIEW),
        (
            'outcome = "serve"\nprojects = ["demo"]\nrelease_younger_than_hours = 72',
            {"facts": None, "seen": evidence(findings=(finding(),))},
            REVIEW,
        ),
    ],
)
def test_evaluate__rules(
    text: str, changes: dict[str, Any], expected: tuple[Action, HoldKind | None]
) -> None:
    assert outcome(RULE + text, **changes) == expected


def test_evaluate__the_first_rule_that_matches_decides() -> None:
    serve = RULE + 'outcome = "serve"\nprojects = ["demo"]\n'
    deny = RULE.replace("mine", "other") + 'outcome = "deny"\nprojects = ["*"]\n'
    assert outcome(serve + deny) == SERVE
    assert outcome(deny + serve) == DENY
    # The rule that would serve waits for evidence: a later one must not answer for it.
    assert outcome(serve + deny, seen=None) == ANALYSIS


def test_evaluate__a_rule_by_age_is_derived_again_when_the_age_is_reached() -> None:
    text = RULE + 'outcome = "hold"\nrelease_younger_than_hours = 72'
    young = facts(release_days=1)
    decision = judged(text, facts=young)
    assert young.upload_time is not None
    assert decision.expires_at == young.upload_time + timedelta(hours=72)
    assert decision.reasons[0].word("rule") == "mine"
    assert outcome(text, facts=facts(release_days=3)) == SERVE


# -- age -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hours", "release_hours", "expected"),
    [
        (0, 0, SERVE),
        (48, 48, SERVE),
        (48, 47.99, AGE),
        (48, 0, AGE),
        (48, -5, AGE),
    ],
)
def test_evaluate__a_minimum_age_holds_the_young(
    hours: int, release_hours: float, expected: tuple[Action, HoldKind | None]
) -> None:
    known = facts(release_days=release_hours / 24)
    decision = judged(f"minimum_age_hours = {hours}", facts=known)
    assert (decision.action, decision.hold) == expected
    if expected == AGE:
        assert known.upload_time is not None
        assert decision.expires_at == known.upload_time + timedelta(hours=hours)
        assert decision.reasons[0].code is ReasonCode.AGE


@pytest.mark.parametrize(
    ("known", "again"),
    [
        (facts(release_days=None), None),
        (facts(release_days=None, missing=("attested",)), None),
        (facts(release_days=None, missing=("upload_time",)), FACTS_RETRY_S),
        (facts(release_days=None, missing=("page",)), FACTS_RETRY_S),
        (None, FACTS_RETRY_S),
    ],
)
def test_evaluate__an_unknown_upload_time_is_held(known: Facts | None, again: int | None) -> None:
    decision = judged("minimum_age_hours = 1", facts=known)
    assert (decision.action, decision.hold) == AGE
    assert decision.reasons[0].code is ReasonCode.AGE_UNKNOWN
    assert decision.expires_at == (again and NOW + timedelta(seconds=again))
    assert outcome(facts=known) == SERVE


def test_evaluate__what_is_refused_anyway_is_not_held_for_age() -> None:
    seen = evidence(findings=(finding(),))
    assert outcome("minimum_age_hours = 48", seen=seen, facts=facts(release_days=0)) == REVIEW


# -- unseen, failed, unsupported -----------------------------------------------------------------


def test_evaluate__the_unseen_wait_for_analysis() -> None:
    decision = judged(seen=None)
    assert (decision.action, decision.hold, decision.tier) == (*ANALYSIS, None)
    assert decision.reasons[0].code is ReasonCode.UNSEEN
    assert decision.evidence_digest is None


@pytest.mark.parametrize("filename", ["demo-2.0.egg", "demo-2.0.exe", "demo-2.0.tar.bz2"])
def test_evaluate__what_no_box_can_check_is_held(filename: str) -> None:
    assert outcome(of=ref(filename), seen=None) == REVIEW
    assert first(of=ref(filename), seen=None) is ReasonCode.UNSUPPORTED_FILE
    assert outcome('files.unsupported = "deny"', of=ref(filename), seen=None) == DENY


@pytest.mark.parametrize(
    ("failures", "again"),
    [(1, True), (ANALYSIS_RETRIES_MAX, True), (ANALYSIS_RETRIES_MAX + 1, False)],
)
def test_evaluate__a_failed_analysis_is_quarantine_and_tried_again_within_bounds(
    failures: int, again: bool
) -> None:
    decision = judged(seen=None, analysis_failed=True, analysis_failures=failures)
    assert (decision.action, decision.hold, decision.tier) == (*REVIEW, TrustTier.QUARANTINE)
    assert decision.reasons[0].word("tries") == str(failures)
    assert decision.expires_at == (NOW + timedelta(seconds=ANALYSIS_RETRY_S) if again else None)


def test_evaluate__what_is_analysed_again_waits_and_its_failures_are_counted_on() -> None:
    decision = judged(seen=None, analysis_failures=2)
    assert (decision.action, decision.hold) == ANALYSIS
    assert decision.reasons[0].code is ReasonCode.STILL_CHECKING
    assert decision.reasons[0].word("tries") == "2"


# -- incomplete, missing, off --------------------------------------------------------------------


@pytest.mark.parametrize("shortfall", Shortfall)
def test_evaluate__no_incomplete_run_is_served_by_default(shortfall: Shortfall) -> None:
    decision = judged(seen=evidence(shortfalls=(shortfall,)))
    assert (decision.action, decision.hold) == REVIEW
    assert decision.reasons[0].code in {ReasonCode.INCOMPLETE, ReasonCode.WRONG_PLATFORM}


def test_evaluate__policy_may_serve_or_block_some_shortfalls() -> None:
    nothing = evidence(shortfalls=(Shortfall.NOTHING_IMPORTABLE,))
    both = evidence(shortfalls=(Shortfall.NOTHING_IMPORTABLE, Shortfall.CRASHED))
    text = 'incomplete.nothing_importable = "monitor"'
    assert outcome(text, seen=nothing) == SERVE
    assert outcome(text, seen=both) == REVIEW
    assert outcome('incomplete.crashed = "block"', seen=both) == DENY


@pytest.mark.parametrize(
    ("layers", "known", "tier"),
    [
        ((Layer.METADATA, Layer.BEHAVIOUR), facts(), TrustTier.APPROVE),
        ((Layer.METADATA,), facts(), TrustTier.QUARANTINE),
        ((Layer.BEHAVIOUR,), facts(), TrustTier.QUARANTINE),
        ((Layer.METADATA, Layer.BEHAVIOUR), None, TrustTier.MONITOR),
        (
            (Layer.METADATA, Layer.BEHAVIOUR),
            facts(attested=None, missing=("attested",)),
            TrustTier.APPROVE,
        ),
    ],
)
def test_evaluate__a_missing_layer_caps_the_tier(
    layers: tuple[Layer, ...], known: Facts | None, tier: TrustTier
) -> None:
    assert judged(seen=evidence(layers=layers), facts=known).tier is tier


@pytest.mark.parametrize(
    ("text", "tier"),
    [
        ("", TrustTier.MONITOR),
        ('layers.switched_off = "quarantine"', TrustTier.QUARANTINE),
        ('layers.switched_off = "approve"', TrustTier.APPROVE),
    ],
)
def test_evaluate__a_layer_switched_off_caps_as_policy_says(text: str, tier: TrustTier) -> None:
    seen = evidence(layers=(Layer.METADATA,))
    decision = judged(text, seen=seen, layers_off=(Layer.BEHAVIOUR,))
    assert decision.tier is tier
    assert decision.layers_off == (Layer.BEHAVIOUR,)


def test_evaluate__a_direct_url_dependency_holds_by_default() -> None:
    found = finding("direct-url-dependency", Severity.LOW, layer=Layer.METADATA, what="")
    seen = evidence(findings=(found,))
    assert outcome(seen=seen) == REVIEW
    assert outcome('files.direct_url = "monitor"', seen=seen) == SERVE
    assert outcome('files.direct_url = "block"', seen=seen) == DENY


# -- reasons -------------------------------------------------------------------------------------


def test_evaluate__what_it_did_is_said_before_what_was_not_seen() -> None:
    bad = evidence(findings=(finding(),), shortfalls=(Shortfall.CRASHED,))
    assert first(seen=bad) is ReasonCode.FINDING
    mild = evidence(findings=(finding(severity=Severity.LOW),), shortfalls=(Shortfall.CRASHED,))
    assert first(seen=mild) is ReasonCode.INCOMPLETE


def test_evaluate__an_approval_states_its_score() -> None:
    decision = judged()
    assert [(item.code, item.word("score")) for item in decision.reasons] == [
        (ReasonCode.SCORE, "93")
    ]


# -- laws ----------------------------------------------------------------------------------------


def test_evaluate__refuses_evidence_and_facts_about_another_file() -> None:
    with pytest.raises(ValueInvalid):
        judged(seen=evidence(ref(sha256=Sha256("c" * 64))))
    with pytest.raises(ValueInvalid):
        judged(seen=evidence(filename="demo-2.0.tar.gz"))
    with pytest.raises(ValueInvalid):
        judged(facts=facts(ref("other-1.0-py3-none-any.whl")))


def test_evaluate__names_the_digests_it_rests_on() -> None:
    base = case()
    decision = evaluate(base, policy())
    assert decision.evidence_digest == digest_of(base.evidence)
    assert decision.facts_digest == digest_of(base.facts)
    assert decision.policy_digest == policy().digest
    assert decision.as_of == NOW
    assert decision.score == base.score


@given(
    st.lists(finding_strategy(), max_size=4).map(tuple),
    facts_strategy(),
    st.lists(st.sampled_from(Shortfall), max_size=2, unique=True).map(tuple),
    st.lists(st.sampled_from(EVERY_LAYER), unique=True).map(tuple),
    st.lists(st.sampled_from(EVERY_LAYER), max_size=2, unique=True).map(tuple),
    st.booleans(),
)
def test_evaluate__is_pure_total_and_serves_only_the_clean(
    findings: tuple[Finding, ...],
    known: Facts | None,
    shortfalls: tuple[Shortfall, ...],
    layers: tuple[Layer, ...],
    off: tuple[Layer, ...],
    failed: bool,
) -> None:
    seen = evidence(findings=findings, shortfalls=shortfalls, layers=layers)
    default = parse_policy(DEFAULT_POLICY_TOML, source="default")
    base = case(seen=seen, facts=known, layers_off=off, analysis_failed=failed)
    decision = evaluate(base, default)
    assert decision == evaluate(base, default)
    assert decision.reasons
    assert (decision.hold is not None) is (decision.action is Action.HOLD)
    if decision.served:
        assert decision.tier in {TrustTier.APPROVE, TrustTier.MONITOR}
        assert not shortfalls
        assert {Layer.METADATA, Layer.BEHAVIOUR} <= {*layers, *off}
        assert not [
            f
            for f in findings
            if f.owner in {"", "demo", "Demo"}
            and f.layer not in off
            and f.severity in {Severity.HIGH, Severity.CRITICAL}
        ]


@given(st.booleans(), st.booleans(), st.booleans(), st.booleans())
def test_evaluate__no_allow_without_above_proof_serves_a_proof(
    future: bool, by_sha: bool, rule: bool, failed: bool
) -> None:
    allow = override(future=future, sha256=SHA if by_sha else None)
    text = RULE + 'outcome = "serve"\nprojects = ["demo"]' if rule else ""
    decision = judged(
        text,
        seen=evidence(findings=(proof(phase=Phase.INSTALL),)),
        overrides=(allow,),
        analysis_failed=failed,
    )
    assert decision.action is Action.DENY


# -- wheels that no worker can run -----------------------------------------------------------------

CODE = digest_of_bytes(b"code")
ACCEPT = '[files]\nnative_of_sibling = "accept"\n'
FOREIGN = evidence(
    shortfalls=(Shortfall.WRONG_PLATFORM,), layers=(Layer.METADATA,), code_digest=CODE
)
RESTING = facts(approved_sibling=sibling_text(CODE, "demo-2.0-cp311-cp311-linux_x86_64.whl"))


def test_evaluate__native_parts_beside_an_approved_sibling_are_served_where_policy_accepts() -> (
    None
):
    decision = judged(ACCEPT, seen=FOREIGN, facts=RESTING)
    assert (decision.action, decision.tier) == (Action.SERVE, TrustTier.MONITOR)
    assert decision.reasons[0].code is ReasonCode.PLATFORM_SIBLING
    assert ReasonCode.WRONG_PLATFORM not in {stated.code for stated in decision.reasons}
    assert ReasonCode.LAYER_MISSING not in {stated.code for stated in decision.reasons}


@pytest.mark.parametrize(
    ("text", "seen", "known"),
    [
        ("", FOREIGN, RESTING),
        ('[files]\nnative_of_sibling = "hold"\n', FOREIGN, RESTING),
        (ACCEPT, FOREIGN, facts()),
        (ACCEPT, FOREIGN, None),
        (ACCEPT, FOREIGN, facts(approved_sibling=f"{digest_of_bytes(b'other')} demo.whl")),
        (ACCEPT, replace(FOREIGN, code_digest=None), RESTING),
        (ACCEPT, replace(FOREIGN, code_digest=None), facts()),
        (ACCEPT, replace(FOREIGN, shortfalls=(Shortfall.INTERPRETER_MISSING,)), RESTING),
        (
            ACCEPT,
            replace(FOREIGN, shortfalls=(*FOREIGN.shortfalls, Shortfall.REPORT_TRUNCATED)),
            RESTING,
        ),
        (ACCEPT, replace(FOREIGN, findings=(finding(layer=Layer.METADATA),)), RESTING),
    ],
)
def test_evaluate__what_rests_on_no_sibling_or_has_more_against_it_is_held(
    text: str, seen: Evidence, known: Facts | None
) -> None:
    assert outcome(text, seen=seen, facts=known) == REVIEW


def test_evaluate__a_proof_outranks_a_sibling() -> None:
    seen = replace(FOREIGN, findings=(proof(),))
    assert outcome(ACCEPT, seen=seen, facts=RESTING) == DENY


def test_evaluate__a_proof_among_the_facts_denies_what_nobody_analysed() -> None:
    known = Finding(
        id="known-malicious",
        title="t",
        severity=Severity.CRITICAL,
        layer=Layer.REPUTATION,
        what="MAL-2025-1",
        proof=ProofKind.KNOWN_MALICIOUS,
    )
    decision = judged(seen=None, facts=replace(facts(), findings=(known,)))

    assert (decision.action, decision.tier) == (Action.DENY, TrustTier.BLOCK)
    assert decision.reasons[0].code is ReasonCode.PROOF_KNOWN_MALICIOUS
    assert decision.evidence_digest is None


def test_evaluate__a_severe_finding_among_the_facts_caps_as_one_of_evidence_does() -> None:
    found = replace(finding(severity=Severity.HIGH), layer=Layer.REPUTATION)
    assert outcome(facts=replace(facts(), findings=(found,))) == REVIEW
