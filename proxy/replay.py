"""A decision derived again from what it rested on, and where it differs, field by field."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import msgspec

from models.canonical import Digest, canonical_json
from models.decision import Decision, TrustScore
from models.errors import PolicyInvalid
from models.trust.scorer import Scorer
from policies.document import parse_policy
from policies.evaluate import evaluate
from policies.policy import Policy
from proxy.judge.stored import StoredCase, as_decided
from proxy.store.port import Store

DETAILS = re.compile(
    r"score\.(risk_milli|base_milli)\Z"
    r"|score\.layers\[\d+\]\.(score|risk_milli|contributions\[\d+\]\.(points|risk_milli))\Z"
)
"""Numbers that another platform's arithmetic may round otherwise: the parts of a learned score. The
score itself is rounded down to an integer, and must be the same everywhere (DESIGN.md, invariant 4);
the rules count in integers all along."""
ABSENT = "absent"

Scorers = Callable[[Digest], Scorer | None]
"""The scorer with a digest; None: it is not here."""


class Outcome(Enum):
    """How a replay ended."""

    SAME = "same"
    """Bit for bit: its digest is the same."""
    ROUNDED = "rounded"
    """The same decision and score; parts of the score differ."""
    DIFFERS = "differs"
    NOT_WHOLE = "not-whole"
    """Something it rested on is no longer here."""


class Part(Enum):
    """What a decision rests on."""

    EVIDENCE = "evidence"
    FACTS = "facts"
    POLICY = "policy"
    MODEL = "model"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """A part that is no longer here, by its digest."""

    part: Part
    digest: Digest
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One field, as it is stored and as it was derived now; `absent` where one has no such field."""

    field: str
    """A dotted path, such as `score.layers[1].score`."""
    stored: str
    derived: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What came of it. With something gone, `differences` are of the fields that can be told."""

    decision: Decision
    derived: Decision | None
    outcome: Outcome
    gone: tuple[Gone, ...] = ()
    differences: tuple[Difference, ...] = ()


async def replay(
    store: Store, decision: Decision, *, scorers: Scorers, policies: tuple[Policy, ...] = ()
) -> Replay:
    """Derive `decision` again from the store alone.

    `policies` are looked at where the store does not have the text: it keeps those of decisions made
    since schema 5. Where the model is gone, the stored score stands in for it, so that the rest is
    still checked. Raises StoreError.
    """
    stored = await as_decided(store, decision)
    gone = list(_gone_inputs(decision, stored))
    policy = await _policy(store, decision.policy_digest, policies, gone)
    score = _score(decision, stored, scorers, gone)
    if policy is None or any(one.part in (Part.EVIDENCE, Part.FACTS) for one in gone):
        return Replay(decision=decision, derived=None, outcome=Outcome.NOT_WHOLE, gone=tuple(gone))
    derived = evaluate(stored.case(score), policy)
    differences = tuple(differences_of(decision, derived))
    return Replay(
        decision=decision,
        derived=derived,
        outcome=Outcome.NOT_WHOLE if gone else _outcome(decision, differences),
        gone=tuple(gone),
        differences=differences,
    )


def differences_of(decision: Decision, derived: Decision) -> Iterator[Difference]:
    """Every field in which two decisions differ, by path.

    Fields that were added after `decision` was stored are left out.
    """
    again = replace(derived, schema_version=decision.schema_version)
    old, new = _flat(decision), _flat(again)
    for path in dict.fromkeys((*old, *new)):
        before, after = old.get(path, ABSENT), new.get(path, ABSENT)
        if before != after:
            yield Difference(field=path, stored=before, derived=after)


def _gone_inputs(decision: Decision, stored: StoredCase) -> Iterator[Gone]:
    for part, digest, found in (
        (Part.EVIDENCE, decision.evidence_digest, stored.evidence),
        (Part.FACTS, decision.facts_digest, stored.facts),
    ):
        if digest is not None and found is None:
            yield Gone(part=part, digest=digest, why="the store has nothing of that digest")


async def _policy(
    store: Store, digest: Digest, others: tuple[Policy, ...], gone: list[Gone]
) -> Policy | None:
    text = await store.policy(digest)
    if text is None:
        found = next((policy for policy in others if policy.digest == digest), None)
        if found is None:
            why = "neither the store nor the policy in force has it"
            gone.append(Gone(part=Part.POLICY, digest=digest, why=why))
        return found
    try:
        policy = parse_policy(text, source="the store")
    except PolicyInvalid as error:
        why = f"its text is here, but this Pratique cannot read it: {error.problems[0]}"
        gone.append(Gone(part=Part.POLICY, digest=digest, why=why))
        return None
    if policy.digest != digest:
        why = "its text is here, but this Pratique reads it otherwise than the one that decided"
        gone.append(Gone(part=Part.POLICY, digest=digest, why=why))
        return None
    return policy


def _score(
    decision: Decision, stored: StoredCase, scorers: Scorers, gone: list[Gone]
) -> TrustScore | None:
    if decision.score is None:
        return None
    scorer = scorers(decision.score.model_digest)
    if scorer is None:
        why = f"the model {decision.score.model} of that digest is not part of this Pratique"
        gone.append(Gone(part=Part.MODEL, digest=decision.score.model_digest, why=why))
        return decision.score
    return stored.score(scorer)


def _outcome(decision: Decision, differences: tuple[Difference, ...]) -> Outcome:
    if not differences:
        return Outcome.SAME
    learned = decision.score is not None and decision.score.learned
    return Outcome.ROUNDED if learned and all(map(_rounded, differences)) else Outcome.DIFFERS


def _rounded(one: Difference) -> bool:
    """Whether both sides have a number there: a step that is gone is no rounding."""
    return bool(DETAILS.match(one.field)) and ABSENT not in (one.stored, one.derived)


def _flat(decision: Decision) -> dict[str, str]:
    return dict(_leaves("", msgspec.json.decode(canonical_json(decision))))


def _leaves(path: str, value: Any) -> Iterator[tuple[str, str]]:
    match value:
        case dict() if value:
            for key, item in value.items():
                yield from _leaves(f"{path}.{key}" if path else key, item)
        case list() if value:
            for number, item in enumerate(value):
                yield from _leaves(f"{path}[{number}]", item)
        case _:
            yield path, msgspec.json.encode(value).decode()
