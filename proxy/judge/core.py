"""Score and evaluate: all that the judge process does with a request, pure and without I/O."""

from __future__ import annotations

from functools import lru_cache

from models.canonical import Digest
from models.decision import Decision
from models.errors import JudgeRefused, PratiqueError
from models.judgement import JudgeReply, JudgeRequest
from models.trust.scorer import Scorer
from models.trust.shelf import SHIPPED, Shelf
from policies.case import Case
from policies.document import parse_policy
from policies.evaluate import evaluate
from policies.policy import Policy

ERROR_CHARS_MAX = 1000
"""Characters of an error in a reply."""
POLICIES_KEPT = 8
"""Parsed policies kept: the one in force, the one before it, and a few for replays."""


def judge_case(
    request: JudgeRequest, scorer: Scorer | None = None, *, shelf: Shelf = SHIPPED
) -> JudgeReply:
    """The decision about a request, or in `error` why there is none.

    The scorer is the one of `shelf` that the policy names, unless `scorer` stands in for it.
    """
    try:
        policy = _policy(request.policy_toml, shelf)
        chosen = scorer or shelf.scorer(policy.scorer)
        decision = evaluate(case_of(request, chosen), policy)
    except PratiqueError as error:
        return refusal(request.id, error.message)
    return JudgeReply(id=request.id, decision=decision, model_digest=chosen.digest)


def refusal(request_id: int, error: str) -> JudgeReply:
    """A reply without a decision; the artifact stays held."""
    return JudgeReply(id=request_id, error=error[:ERROR_CHARS_MAX] or "no reason")


def model_digest(policy: Policy) -> Digest:
    """The digest of the model that decisions under `policy` rest on. Raises ArtefactInvalid."""
    return SHIPPED.digest(policy.scorer)


def case_of(request: JudgeRequest, scorer: Scorer) -> Case:
    """The scored case of a request."""
    score = None
    if request.evidence is not None:
        score = scorer.score(request.evidence, request.facts, layers_off=request.layers_off)
    return Case(
        ref=request.ref,
        as_of=request.as_of,
        facts=request.facts,
        evidence=request.evidence,
        score=score,
        overrides=request.overrides,
        layers_off=request.layers_off,
        analysis_failed=request.analysis_failed,
        analysis_failures=request.analysis_failures,
    )


class LocalJudge:
    """A judge in this process, for `pratique scan` and for tests."""

    def __init__(self, scorer: Scorer | None = None) -> None:
        """`scorer` None: the one that each request's policy names."""
        self._scorer = scorer

    async def judge(self, request: JudgeRequest) -> Decision:
        """The decision. Raises JudgeRefused."""
        return decision_in(judge_case(request, self._scorer))


def decision_in(reply: JudgeReply) -> Decision:
    """The decision in a reply. Raises JudgeRefused where there is none."""
    if reply.decision is None:
        raise JudgeRefused(
            f"The judge cannot judge this case: {reply.error}",
            next_step="The artifact stays held; the judge's log line says more.",
        )
    return reply.decision


@lru_cache(maxsize=POLICIES_KEPT)
def _policy(text: str, shelf: Shelf) -> Policy:
    return parse_policy(text, source="request", shelf=shelf)
