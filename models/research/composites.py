"""Rows to train on: real code and real behaviour, put together so that no gap tells the label.

No sample has both real malicious code and real malicious behaviour: malware is read and never run,
and the archive around a re-enactment is ours. So training rows are made of two halves, what reading
an archive measures and what running it measures, each half from a real row, or not measured at all.
Within each pattern of what is measured, malicious rows hold the same share of the weight, so that
what is missing says nothing by itself. Since no malicious row has both halves from one artifact,
benign rows are mixed as well.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from models.errors import ValueInvalid
from models.research.matrix import Bools, Columns, Floats, Ints, Matrix, Texts
from models.research.rows import Population

MALICIOUS_SHARE = 0.5
"""Of the weight, in each pattern; the prior that a trained model starts from."""
NOBODY = -1
"""Where a half is not measured, the number of its row."""


class Pattern(StrEnum):
    """Which halves are measured."""

    FULL = "full"
    STATIC = "static"
    BEHAVIOUR = "behaviour"


PATTERN_SHARES = {Pattern.FULL: 0.5, Pattern.STATIC: 0.25, Pattern.BEHAVIOUR: 0.25}
"""Of the weight. A firewall judges what it has run, mostly; a layer that is down is the exception."""


class Half(StrEnum):
    """Where a half comes from."""

    NONE = "none"
    HONEST = "honest"
    MALWARE = "malware"
    GRAFT = "graft"
    TWIN = "twin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One kind of composite. `share` is its part of the weight of its label in its pattern."""

    name: str
    static: Half
    behaviour: Half
    share: int
    same: bool = False
    """Both halves are of one row, as they were measured."""

    @property
    def malicious(self) -> bool:
        """Either half is."""
        return self.static is Half.MALWARE or self.behaviour is Half.GRAFT

    @property
    def pattern(self) -> Pattern:
        """Which halves there are."""
        if self.behaviour is Half.NONE:
            return Pattern.STATIC
        return Pattern.BEHAVIOUR if self.static is Half.NONE else Pattern.FULL


RECIPES = (
    Recipe(name="honest", static=Half.HONEST, behaviour=Half.HONEST, share=2, same=True),
    Recipe(name="honest, mixed", static=Half.HONEST, behaviour=Half.HONEST, share=1),
    Recipe(name="honest, twin's behaviour", static=Half.HONEST, behaviour=Half.TWIN, share=1),
    Recipe(name="honest, not run", static=Half.HONEST, behaviour=Half.NONE, share=1),
    Recipe(name="honest, not read", static=Half.NONE, behaviour=Half.HONEST, share=1),
    Recipe(name="twin, not read", static=Half.NONE, behaviour=Half.TWIN, share=1),
    Recipe(name="malware, not run", static=Half.MALWARE, behaviour=Half.NONE, share=1),
    Recipe(name="quiet malware", static=Half.MALWARE, behaviour=Half.HONEST, share=1),
    Recipe(name="graft, not read", static=Half.NONE, behaviour=Half.GRAFT, share=1),
    Recipe(name="hidden payload", static=Half.HONEST, behaviour=Half.GRAFT, share=1),
    Recipe(name="malware that acts", static=Half.MALWARE, behaviour=Half.GRAFT, share=1),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Composites:
    """Arrays of one length. Weights sum to it."""

    columns: Columns
    learned: Floats
    malicious: Bools
    weights: Floats
    recipe: Texts
    pattern: Texts
    static_of: Ints
    """The row that gave the static half, or NOBODY."""
    behaviour_of: Ints

    def only(self, keep: Bools) -> Composites:
        """Some of them, with the weights that they have."""
        return Composites(
            columns=self.columns,
            learned=self.learned[keep],
            malicious=self.malicious[keep],
            weights=self.weights[keep],
            recipe=self.recipe[keep],
            pattern=self.pattern[keep],
            static_of=self.static_of[keep],
            behaviour_of=self.behaviour_of[keep],
        )


def compose(matrix: Matrix, rows: Ints, *, seed: int) -> Composites:
    """All composites that these rows allow, in the order of RECIPES.

    A row gives its static half once to each recipe; behaviours are dealt to them by a shuffle that
    uses each about as often as any other. A pattern in which only one label can be made is left out
    whole, for there its gap would tell the label. Raises ValueInvalid where nothing is left.
    """
    donors = _donors(matrix, rows)
    shuffle = np.random.default_rng(seed)
    made: list[tuple[Recipe, Ints, Ints]] = []
    for recipe in RECIPES:
        static, behaviour = _halves(recipe, donors, shuffle)
        if len(static):
            made.append((recipe, static, behaviour))
    labels = {
        pattern: {recipe.malicious for recipe, _, _ in made if recipe.pattern is pattern}
        for pattern in Pattern
    }
    made = [one for one in made if len(labels[one[0].pattern]) == 2]
    if not made:
        raise ValueInvalid(
            "These rows hold no half that is there for both labels, so nothing can be learned.",
            next_step="A corpus needs honest rows, and malware or re-enactments.",
        )
    return _joined(matrix, made)


def _donors(matrix: Matrix, rows: Ints) -> dict[tuple[Half, str], Ints]:
    """Rows by what they are and by the half that they can give (`static`, `behaviour`, `both`)."""
    chosen = np.zeros(len(matrix.rows), dtype=np.bool_)
    chosen[rows] = True
    half_of = {
        Half.MALWARE: matrix.among(Population.MALWARE),
        Half.GRAFT: matrix.among(Population.GRAFT),
        Half.TWIN: matrix.among(Population.TWIN),
    }
    half_of[Half.HONEST] = ~np.logical_or.reduce(list(half_of.values()))
    static, behaviour = matrix.has_static, matrix.has_behaviour
    sides = {"static": static, "behaviour": behaviour, "both": static & behaviour}
    return {
        (half, side): np.flatnonzero(chosen & of & has)
        for half, of in half_of.items()
        for side, has in sides.items()
    }


def _halves(
    recipe: Recipe, donors: dict[tuple[Half, str], Ints], shuffle: np.random.Generator
) -> tuple[Ints, Ints]:
    if recipe.same:
        both = donors[recipe.static, "both"]
        return both, both
    if recipe.static is Half.NONE:
        behaviour = donors[recipe.behaviour, "behaviour"]
        return np.full(len(behaviour), NOBODY), behaviour
    static = donors[recipe.static, "static"]
    if recipe.behaviour is Half.NONE:
        return static, np.full(len(static), NOBODY)
    pool = donors[recipe.behaviour, "behaviour"]
    if not len(pool):
        return pool, pool
    rounds = -(-len(static) // len(pool))
    dealt = np.concatenate([shuffle.permutation(pool) for _ in range(max(rounds, 1))])
    return static, dealt[: len(static)]


def _joined(matrix: Matrix, made: list[tuple[Recipe, Ints, Ints]]) -> Composites:
    static = np.concatenate([one for _, one, _ in made])
    behaviour = np.concatenate([one for _, _, one in made])
    names = np.concatenate([np.full(len(one), recipe.name) for recipe, one, _ in made])
    by_name = {recipe.name: recipe for recipe in RECIPES}
    learned = np.full((len(static), len(matrix.columns.learned)), np.nan)
    for places, of in ((matrix.static_places, static), (matrix.behaviour_places, behaviour)):
        there = np.flatnonzero(of != NOBODY)
        learned[np.ix_(there, places)] = matrix.learned[np.ix_(of[there], places)]
    return Composites(
        columns=matrix.columns,
        learned=learned,
        malicious=np.array([by_name[name].malicious for name in names]),
        weights=_weights(matrix, made),
        recipe=names,
        pattern=np.array([by_name[name].pattern.value for name in names]),
        static_of=static,
        behaviour_of=behaviour,
    )


def _weights(matrix: Matrix, made: list[tuple[Recipe, Ints, Ints]]) -> Floats:
    """Shares of patterns, then labels, then recipes; inside one, a large group counts by its root.

    The root lies between counting each row, which lets one campaign of hundreds speak for all, and
    counting each group, which lets a single odd sample speak as loudly as a campaign.
    """
    patterns = {recipe.pattern for recipe, _, _ in made}
    whole = sum(PATTERN_SHARES[pattern] for pattern in patterns)
    shares = Counter[tuple[Pattern, bool]]()
    for recipe, _, _ in made:
        shares[recipe.pattern, recipe.malicious] += recipe.share
    rows = sum(len(static) for _, static, _ in made)
    parts = []
    for recipe, static, behaviour in made:
        donor = behaviour if recipe.behaviour in {Half.GRAFT, Half.TWIN} else static
        donor = np.where(donor == NOBODY, behaviour, donor)
        sizes = Counter(matrix.group[donor].tolist())
        each = np.array([1 / np.sqrt(sizes[name]) for name in matrix.group[donor].tolist()])
        label = MALICIOUS_SHARE if recipe.malicious else 1 - MALICIOUS_SHARE
        part = PATTERN_SHARES[recipe.pattern] / whole * label
        part *= recipe.share / shares[recipe.pattern, recipe.malicious]
        parts.append(each / each.sum() * part * rows)
    return np.concatenate(parts)
