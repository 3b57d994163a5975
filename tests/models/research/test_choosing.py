"""Which honest projects are asked for can be repeated, and no project stands in two populations."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from models.artifact import ArtifactKind
from models.errors import ValueInvalid
from models.popularity import ranks
from models.research.choosing import LONG_TAIL_RANKS, Sizes, choose, hard_cases
from models.research.rows import Population

SMALL = Sizes(popular=20, long_tail=10, similar=3, hard=5)


@pytest.fixture
def similar(tmp_path: Path) -> Path:
    path = tmp_path / "list.csv"
    path.write_text("Malicious Package Name,Benign Package Name\n" + "x,one\ny,Two\nz,three\nq,\n")
    return path


def test_choose__asks_for_both_kinds_of_every_project(similar: Path) -> None:
    wanted = choose(SMALL, seed=1, similar=similar)
    kinds = Counter((want.project, want.kind) for want in wanted)
    assert set(kinds.values()) == {1}
    assert Counter(want.kind for want in wanted) == {
        ArtifactKind.WHEEL: 38 - shared(),
        ArtifactKind.SDIST: 38 - shared(),
    }


def shared() -> int:
    """Hard cases that are among the popular ones, which are then hard cases only."""
    popular = set(list(ranks())[: SMALL.popular])
    return sum(name in popular for name in hard_cases()[: SMALL.hard])


def test_choose__is_the_same_for_a_seed_and_another_for_another(similar: Path) -> None:
    assert choose(SMALL, seed=1, similar=similar) == choose(SMALL, seed=1, similar=similar)
    assert choose(SMALL, seed=1, similar=similar) != choose(SMALL, seed=2, similar=similar)


def test_choose__takes_two_wheels_for_an_sdist_while_there_are_both() -> None:
    first = choose(SMALL, seed=3)[:30]
    assert Counter(want.kind for want in first) == {ArtifactKind.WHEEL: 20, ArtifactKind.SDIST: 10}


def test_choose__the_long_tail_lies_behind_the_popular() -> None:
    low, high = LONG_TAIL_RANKS
    drawn = [w.project for w in choose(SMALL, seed=1) if w.population is Population.LONG_TAIL]
    assert drawn
    known = {str(name): rank for name, rank in ranks().items()}
    assert all(low <= known[name] <= high for name in drawn)


def test_choose__says_when_the_list_of_names_is_another(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ValueInvalid, match="Benign Package Name"):
        choose(SMALL, seed=1, similar=path)


def test_hard_cases__are_names_as_the_index_spells_them() -> None:
    names = hard_cases()
    assert len(names) > 100
    assert all(name == name.lower() and "_" not in name for name in names)
