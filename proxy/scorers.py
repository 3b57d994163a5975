"""Which scorers are here, by name and by digest: the one place where they are listed."""

from __future__ import annotations

from models.canonical import Digest
from models.errors import ValueInvalid
from models.trust.rules import RulesScorer
from models.trust.scorer import Scorer
from policies.policy import Policy


def known_scorers() -> tuple[Scorer, ...]:
    """Every scorer of this installation; the first is what a policy gets that names none."""
    return (RulesScorer(),)


def scorer_of(policy: Policy) -> Scorer:  # noqa: ARG001 - the one scorer there is serves every policy
    """The scorer that decides under `policy`."""
    return known_scorers()[0]


def scorer_named(name: str) -> Scorer:
    """The scorer called `name`, with or without its revision (`rules` is `rules-2`).

    Raises ValueInvalid, which names those there are.
    """
    known = known_scorers()
    for scorer in known:
        if name in (scorer.name, scorer.name.rpartition("-")[0]):
            return scorer
    listing = ", ".join(scorer.name for scorer in known)
    raise ValueInvalid(f"There is no scorer {name!r} here.", next_step=f"There is: {listing}.")


def scorer_by_digest(digest: Digest) -> Scorer | None:
    """The scorer with exactly that digest; None where it is no longer here."""
    return next((scorer for scorer in known_scorers() if scorer.digest == digest), None)
