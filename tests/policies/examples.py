"""Policies and cases to judge."""

from __future__ import annotations

from typing import Any

from models.artifact import ArtifactRef
from models.decision import Decision
from models.evidence import Evidence
from models.trust.rules import RulesScorer
from policies.case import Case
from policies.document import parse_policy
from policies.evaluate import evaluate
from policies.policy import Policy
from tests.models.examples import NOW, evidence, facts, ref

SCORER = RulesScorer()


def policy(text: str = "") -> Policy:
    """The default policy with `text` behind it."""
    return parse_policy('mode = "enforce"\n' + text, source="test")


def case(
    *, of: ArtifactRef | None = None, seen: Evidence | str | None = "clean", **changes: Any
) -> Case:
    """A scored case; `seen` None: unseen. Facts are those of an established project."""
    about = of or ref()
    found = evidence(about) if isinstance(seen, str) else seen
    known = changes.pop("facts", facts(about))
    off = changes.get("layers_off", ())
    score = None if found is None else SCORER.score(found, known, layers_off=off)
    return Case(
        ref=about,
        as_of=changes.pop("as_of", NOW),
        facts=known,
        evidence=found,
        score=changes.pop("score", score),
        **changes,
    )


def judged(text: str = "", **changes: Any) -> Decision:
    """The decision about `case(**changes)` under the default policy with `text` behind it."""
    return evaluate(case(**changes), policy(text))
