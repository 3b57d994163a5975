"""Which scorers are here, by name and by digest: those on the shelf of this installation."""

from __future__ import annotations

from models.canonical import Digest
from models.errors import ValueInvalid
from models.trust.scorer import Scorer
from models.trust.shelf import DEFAULT_NAME, SHIPPED
from policies.policy import Policy


def known_names() -> tuple[str, ...]:
    """What `scorer_named` takes; `default` is a policy's word for one of the others."""
    return tuple(name for name in SHIPPED.names() if name != DEFAULT_NAME)


def scorer_of(policy: Policy) -> Scorer:
    """The scorer that decides under `policy`. Raises ArtefactInvalid where its model is broken."""
    return SHIPPED.scorer(policy.scorer)


def scorer_named(name: str) -> Scorer:
    """The scorer called `name`, with or without its revision (`rules` is `rules-2`).

    Raises ValueInvalid, which names those there are.
    """
    known = known_names()
    for one in known:
        if name == one or (one == "rules" and name == SHIPPED.scorer(one).name):
            return SHIPPED.scorer(one)
    raise ValueInvalid(
        f"There is no scorer {name!r} here.", next_step=f"There is: {', '.join(known)}."
    )


def scorer_by_digest(digest: Digest) -> Scorer | None:
    """The scorer with exactly that digest; None where it is no longer here."""
    for name in known_names():
        if SHIPPED.digest(name) == digest:
            return SHIPPED.scorer(name)
    return None
