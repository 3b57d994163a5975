"""The bundled list is whole, normalised and ranked."""

from __future__ import annotations

from packaging.utils import canonicalize_name

from models.popularity import rank_of, ranks


def test_ranks__are_1_to_15000_in_order() -> None:
    assert list(ranks().values()) == list(range(1, 15_001))


def test_ranks__names_are_normalised() -> None:
    assert all(name == canonicalize_name(name) for name in ranks())


def test_rank_of__names_a_popular_project_and_not_an_unknown_one() -> None:
    assert rank_of(canonicalize_name("requests")) in range(1, 100)
    assert rank_of(canonicalize_name("reenact-nobody-has-this")) is None
