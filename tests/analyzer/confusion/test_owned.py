"""Look-alikes of names of our own, by whole names and by the beginning of a pattern."""

from __future__ import annotations

import pytest

from analyzer.confusion.classes import Confusion
from analyzer.confusion.lookalike import TargetKind
from analyzer.confusion.owned import owned_lookalikes


@pytest.mark.parametrize(
    ("name", "owned", "how"),
    [
        ("acmee-billing", "acme-*", Confusion.REPETITION),
        ("amce-billing", "acme-*", Confusion.TRANSPOSITION),
        ("acmebilling", "acme-*", Confusion.NAMESPACE),
        ("billing-acme", "acme-billing", Confusion.WORD_ORDER),
        ("acme-biling", "acme-billing", Confusion.OMISSION),
        ("acme-billing", "acme-*", None),
        ("acme-billing", "acme-billing", None),
        ("other-billing", "acme-*", None),
        ("acme-billing-x", "*", None),
        ("axme-billing", "a*e-*", None),
    ],
)
def test_owned_lookalikes__by_name_and_by_the_beginning_of_a_pattern(
    name: str, owned: str, how: Confusion | None
) -> None:
    found = owned_lookalikes(name, [owned])
    assert [one.how for one in found] == ([how] if how else [])
    assert all(one.kind is TargetKind.OWNED and one.rank == 0 for one in found)
