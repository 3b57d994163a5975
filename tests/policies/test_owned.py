"""Names of our own are refused from elsewhere, whatever rules say, and an override alone lets one in."""

from __future__ import annotations

from datetime import timedelta

import pytest

from models.artifact import ArtifactRef, parse_ref
from models.decision import Action, HoldKind, OverrideAction, ReasonCode, TrustTier
from models.reason import reason_line
from policies.owned import OwnedNames
from tests.models.examples import NOW, SHA, facts, override
from tests.policies.examples import judged, policy

OWNED = '[names]\nowned = ["Acme_*", "inhouse"]\n'
SERVING = '[[rule]]\nname = "ours"\noutcome = "serve"\nprojects = ["acme-*"]\n'


def ref_of(project: str, index: str = "pypi") -> ArtifactRef:
    return parse_ref(index, project, SHA, f"{project.replace('-', '_')}-1.0-py3-none-any.whl")


@pytest.mark.parametrize(
    ("project", "index", "refused"),
    [
        ("acme-billing", "pypi", True),
        ("inhouse", "pypi", True),
        ("acme-billing", "ours", False),
        ("acme", "pypi", False),
        ("acmebilling", "pypi", False),
        ("inhouse-client", "pypi", False),
    ],
)
def test_refuses__by_pattern_and_index(project: str, index: str, refused: bool) -> None:
    owned = policy(OWNED + 'indexes = ["ours"]\n').owned
    assert owned.refuses(ref_of(project, index)) is refused


@pytest.mark.parametrize("seen", ["clean", None])
@pytest.mark.parametrize("rules", ["", SERVING])
def test_evaluate__an_owned_name_from_elsewhere_is_denied(seen: str | None, rules: str) -> None:
    about = ref_of("acme-billing")
    decision = judged(OWNED + rules, of=about, seen=seen, facts=facts(about))
    assert (decision.action, decision.tier) == (Action.DENY, TrustTier.BLOCK)
    assert [stated.code for stated in decision.reasons] == [ReasonCode.NAME_OWNED]
    assert "belongs to your organisation" in reason_line(decision)


def test_evaluate__policy_may_hold_owned_names_for_review() -> None:
    about = ref_of("inhouse")
    decision = judged(OWNED + 'owned_outcome = "hold"\n', of=about, seen=None, facts=facts(about))
    assert (decision.action, decision.hold) == (Action.HOLD, HoldKind.REVIEW)


def test_evaluate__an_override_lets_an_owned_name_in_and_says_what_it_overrules() -> None:
    about = ref_of("acme-billing")
    allow = override(
        OverrideAction.ALLOW, project="acme-billing", expires_at=NOW + timedelta(days=1)
    )
    decision = judged(OWNED, of=about, facts=facts(about), overrides=(allow,))
    assert decision.action is Action.SERVE
    assert [stated.code for stated in decision.reasons][1:] == [ReasonCode.NAME_OWNED]


def test_digest__is_of_the_patterns_alone_and_empty_without() -> None:
    assert OwnedNames().digest == ""
    one, other = policy(OWNED).owned, policy(OWNED + 'owned_outcome = "hold"\n').owned
    assert one.digest == other.digest != ""
