"""Re-enactments of attack techniques are not served, and their benign twins are."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from analyzer.sandbox.client import SandboxClient
from tests.corpus.building import build
from tests.corpus.lab import Seen, Verdict, daemon, try_out
from tests.corpus.library import halves
from tests.corpus.recipe import Recipe
from tests.proofs.proof import Outcome

TWIN = " (twin)"
BOXES = 2


class ReenactmentsProof:
    """See the module; each item is a recipe, or a recipe's twin."""

    name = "reenactments"
    claim = (
        "At least 95 of 100 come out right: inert re-enactments are not served for what they did (or, "
        "where honest packages do it too, are served under watch), their benign twins are served. No "
        "twin has a proof."
    )
    least_percent = 95
    sample = 5
    parallel = BOXES

    def items(self, seed: int) -> Sequence[str]:
        names = [recipe.project + end for recipe in _by_name().values() for end in ("", TWIN)]
        random.Random(seed).shuffle(names)  # noqa: S311 - an order, not a secret
        return names

    @contextmanager
    def set_up(self) -> Iterator[ReenactmentsExperiment]:
        with daemon(harness=True, boxes=BOXES) as sandbox:
            yield ReenactmentsExperiment(sandbox)


class ReenactmentsExperiment:
    """One daemon with the harness marker."""

    def __init__(self, sandbox: SandboxClient) -> None:
        self._sandbox = sandbox
        self._recipes = _by_name()

    def attempt(self, item: str) -> Outcome:
        recipe, twin = self._recipes[item.removesuffix(TWIN)], item.endswith(TWIN)
        verdict = try_out(build(recipe, twin=twin), self._sandbox)
        return Outcome(
            item=item,
            holds=verdict.served if twin else _is_caught(recipe, verdict),
            grave=twin and bool(verdict.evidence.proofs),
            detail=str(verdict)[:400],
            measures={"analysis_s": verdict.evidence.duration_ms / 1000},
            facts=_facts(recipe, verdict, twin=twin),
        )


WATCHED = frozenset({"T07"})
"""Techniques of which being served under watch is the right end: an honest SDK sends what it is given,
too (a SDK's token goes to its documented host, which needs MONITOR and no more)."""


def _is_caught(recipe: Recipe, verdict: Verdict) -> bool:
    return verdict.seen is Seen.CAUGHT or (_is_weak(recipe) and verdict.seen is Seen.NOTICED)


def _is_weak(recipe: Recipe) -> bool:
    """Whether being served under watch is enough."""
    return recipe.weak or recipe.technique in WATCHED


def _facts(recipe: Recipe, verdict: Verdict, *, twin: bool) -> dict[str, str]:
    return {
        "technique": recipe.technique,
        "half": next(half for half, some in halves().items() if recipe in some),
        "phase": recipe.phase.value,
        "kind": "twin" if twin else "re-enactment",
        "weak": "yes" if _is_weak(recipe) else "",
        "seen": verdict.seen.value,
        "proofs": str(len(verdict.evidence.proofs)),
    }


def _by_name() -> dict[str, Recipe]:
    return {recipe.project: recipe for some in halves().values() for recipe in some}
