"""All recipes, found in the files of `recipes` and `recipes/blind`."""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path

from tests.corpus.recipe import Recipe

FOLDER = Path(__file__).parent / "recipes"
HALVES = {"own": FOLDER, "blind": FOLDER / "blind"}
"""Who wrote them: those who know the detectors' names, and somebody who does not."""


@cache
def halves() -> dict[str, tuple[Recipe, ...]]:
    """Half → its recipes, in the order of techniques and files."""
    return {
        half: tuple(
            recipe for file in sorted(folder.glob("t[0-9]*.py")) for recipe in _recipes_of(file)
        )
        for half, folder in HALVES.items()
    }


@cache
def recipes() -> tuple[Recipe, ...]:
    """Every recipe there is."""
    return tuple(recipe for half in halves().values() for recipe in half)


def _recipes_of(file: Path) -> tuple[Recipe, ...]:
    below = file.relative_to(FOLDER).with_suffix("").parts
    module = importlib.import_module(".".join(("tests", "corpus", "recipes", *below)))
    found: tuple[Recipe, ...] = module.RECIPES
    return found
