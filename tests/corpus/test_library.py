"""Every recipe builds, obeys the rules, and comes out the same twice."""

from __future__ import annotations

from collections import Counter

import pytest

from models.phase import Phase
from tests.corpus.building import build
from tests.corpus.library import halves, recipes
from tests.corpus.not_seen import NOT_SEEN
from tests.corpus.recipe import Recipe
from tests.corpus.rules import TECHNIQUES, VARIANTS_MIN, violations

ODD = tuple(technique for technique in TECHNIQUES if int(technique[1:]) % 2)


@pytest.mark.parametrize("recipe", recipes(), ids=lambda recipe: recipe.project)
def test_recipe__obeys_the_rules_and_builds_the_same_twice(recipe: Recipe) -> None:
    assert violations(recipe) == []
    for twin in (False, True):
        assert build(recipe, twin=twin) == build(recipe, twin=twin)
    assert build(recipe, twin=False) != build(recipe, twin=True)


def test_library__each_technique_of_ours_has_five_variants_or_a_reason() -> None:
    counts = Counter(recipe.technique for recipe in halves()["own"])
    few = {technique for technique in ODD if counts[technique] < VARIANTS_MIN}
    assert few <= NOT_SEEN.keys()
    assert set(counts) <= set(ODD)


def test_library__each_technique_of_the_blind_half_that_is_there_has_five_variants() -> None:
    counts = Counter(recipe.technique for recipe in halves()["blind"])
    assert {technique: count for technique, count in counts.items() if count < VARIANTS_MIN} == {}
    assert set(counts) <= set(TECHNIQUES) - set(ODD)


def test_library__no_two_recipes_have_one_name() -> None:
    names = Counter(recipe.project for recipe in recipes())
    assert [name for name, count in names.items() if count > 1] == []


def test_library__a_techniques_variants_differ_in_more_than_their_name() -> None:
    alike: dict[str, set[tuple[str, str, str]]] = {}
    for recipe in recipes():
        if recipe.phase is Phase.INVENTORY:  # archives differ in what they are, not in what they do
            continue
        ways = alike.setdefault(recipe.technique, set())
        ways.add((recipe.phase.value, recipe.channel.value, recipe.encoding.value))
    assert {technique: ways for technique, ways in alike.items() if len(ways) < 3} == {}
