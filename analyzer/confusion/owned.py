"""What of the organisation's own names a name is taken for; there are few, so each is looked at."""

from __future__ import annotations

from collections.abc import Iterable

from analyzer.confusion.classes import Confusion, classify
from analyzer.confusion.forms import forms_of
from analyzer.confusion.lookalike import Lookalike, TargetKind, gravest_of


def owned_lookalikes(project: str, owned: Iterable[str]) -> tuple[Lookalike, ...]:
    """What of the organisation's own names (or patterns with one `*` at the end) `project` is taken for.

    A project that matches a pattern is not taken for it: whether it may come in is policy's word.
    """
    found = []
    for pattern in owned:
        stem = pattern.rstrip("*")
        how = (
            _how_owned_prefix(project, stem)
            if stem != pattern
            else classify(forms_of(project), forms_of(pattern))
        )
        if how is not None:
            found.append(Lookalike(target=stem.strip("-"), kind=TargetKind.OWNED, rank=0, how=how))
    return gravest_of(found)


def _how_owned_prefix(project: str, stem: str) -> Confusion | None:
    """How the beginning of `project` is taken for the namespace `stem` (`acme-`), if it is."""
    name, owned = forms_of(project), forms_of(stem)
    if not owned.joined or name.name.startswith(stem):
        return None
    beginning = "-".join(name.tokens[: len(owned.tokens)])
    if beginning == owned.name:
        return None
    how = classify(forms_of(beginning), owned)
    if how is not None and (how.near or how is Confusion.PHONETIC):
        return how
    return Confusion.NAMESPACE if name.joined.startswith(owned.joined) else None
