"""Scoring and evaluating one request."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from models.decision import Action
from models.errors import JudgeRefused
from models.evidence import Layer
from models.judgement import JudgeReply, JudgeRequest
from models.trust.rules import RulesScorer
from models.trust.shelf import Shelf
from proxy.judge.core import ERROR_CHARS_MAX, LocalJudge, decision_in, judge_case
from tests.models.examples import NOW, OTHER_SHA, evidence, facts, proof, ref
from tests.models.trust.shelved import COLUMNS, put

SCORER = RulesScorer()


def request(**changes: object) -> JudgeRequest:
    base: dict[str, object] = {
        "id": 7,
        "ref": ref(),
        "as_of": NOW,
        "policy_toml": 'mode = "enforce"\nscorer = "rules"',
        "facts": facts(),
        "evidence": evidence(),
    }
    return JudgeRequest(**(base | changes))  # type: ignore[arg-type]  # a table of changes


def test_judge_case__scores_and_decides() -> None:
    reply = judge_case(request(), SCORER)
    assert reply.id == 7
    assert reply.model_digest == SCORER.digest
    decision = decision_in(reply)
    assert decision.action is Action.SERVE
    assert decision.score is not None
    assert decision.score.value == 93


def test_judge_case__the_same_request_gives_the_same_decision_after_the_wire() -> None:
    asked = request(evidence=evidence(findings=(proof(),)))
    again = msgspec.json.decode(msgspec.json.encode(asked), type=JudgeRequest)
    assert again == asked
    one, other = judge_case(asked, SCORER), judge_case(again, SCORER)
    assert decision_in(one).digest == decision_in(other).digest
    assert msgspec.json.decode(msgspec.json.encode(one), type=JudgeReply) == one


@pytest.mark.parametrize(
    "changes",
    [
        {"policy_toml": ""},
        {"policy_toml": 'mode = "watch"'},
        {"evidence": evidence(ref(sha256=OTHER_SHA))},
        {"facts": facts(ref("other-1.0-py3-none-any.whl"))},
    ],
)
def test_judge_case__what_cannot_be_judged_gets_no_decision(changes: dict[str, object]) -> None:
    reply = judge_case(request(**changes), SCORER)
    assert reply.decision is None
    assert 0 < len(reply.error) <= ERROR_CHARS_MAX
    with pytest.raises(JudgeRefused):
        decision_in(reply)


@pytest.mark.parametrize("name", ["rules", "tiny", "default"])
def test_judge_case__the_policy_chooses_who_scores(tmp_path: Path, name: str) -> None:
    shelf = Shelf(put(tmp_path), columns=COLUMNS, default="rules")
    reply = judge_case(request(policy_toml=f'mode = "enforce"\nscorer = "{name}"'), shelf=shelf)
    decision = decision_in(reply)
    assert decision.score is not None
    assert reply.model_digest == decision.score.model_digest == shelf.digest(name)
    assert decision.score.learned == (name == "tiny")


def test_judge_case__an_unknown_scorer_is_refused() -> None:
    reply = judge_case(request(policy_toml='mode = "enforce"\nscorer = "oracle"'))
    assert reply.decision is None
    assert "scorer" in reply.error


async def test_local_judge__answers_as_the_process_does() -> None:
    asked = request(layers_off=(Layer.BEHAVIOUR,))
    assert await LocalJudge(SCORER).judge(asked) == judge_case(asked, SCORER).decision
