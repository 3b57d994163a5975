"""A table of features as arrays, split into what a model learns from and what only controls may see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.errors import ValueInvalid
from models.evidence import Layer
from models.research.rows import Population, Row, Table

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Texts = NDArray[np.str_]

HONEST = (Population.POPULAR, Population.LONG_TAIL, Population.SIMILAR, Population.HARD)
"""Real benign artifacts. A twin is benign, but its archive is our fixture."""
RE_ENACTED = (Population.GRAFT, Population.TWIN)
"""Real behaviour in an archive of ours: only the behaviour may be learned, or judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Which columns a model learns from, of which layer, in which direction."""

    learned: tuple[str, ...]
    """In the table's order, which is the order of the model's vector."""
    layers: Mapping[str, Layer]
    directions: Mapping[str, int]
    """Name → 1: more never lowers the risk, -1: more never raises it, 0: not learned."""
    context: tuple[str, ...]
    """Size and kind: measured, never learned, and what the negative controls try their luck with."""
    route: tuple[str, ...] = ()
    """Columns of `context` that tell by which way an artifact came to be installed."""
    before: tuple[str, ...] = ()
    """Columns of `context` that are fixed before anything is run: size, kind and the tells of the
    test-bed. The others (files opened, memory, how far a run came) are what an artifact does."""

    @classmethod
    def of(
        cls,
        features: Sequence[str],
        *,
        layers: Mapping[str, Layer],
        directions: Mapping[str, int],
        route: Iterable[str] = (),
        before: Iterable[str] | None = None,
    ) -> Columns:
        """Part a table's features; `before` None: all context is.

        Raises ValueInvalid where a feature has no layer or no direction.
        """
        unknown = [name for name in features if name not in layers or name not in directions]
        if unknown:
            raise ValueInvalid(
                f"The table has features that the catalogue does not know: {', '.join(unknown[:5])}.",
                next_step="Make the table again with `pratique research graph`.",
            )
        learned = tuple(name for name in features if directions[name])
        if not learned:
            raise ValueInvalid("None of the table's features has a direction, so none is learned.")
        context = tuple(name for name in features if not directions[name])
        return cls(
            learned=learned,
            layers={name: layers[name] for name in features},
            directions={name: directions[name] for name in features},
            context=context,
            route=tuple(name for name in route if name in features),
            before=context if before is None else tuple(n for n in before if n in context),
        )

    def of_layers(self, *wanted: Layer) -> tuple[str, ...]:
        """The learned features of these layers."""
        return tuple(name for name in self.learned if self.layers[name] in wanted)

    @property
    def families(self) -> tuple[str, ...]:
        """The first parts of the learned names, sorted."""
        return tuple(sorted({family_of(name) for name in self.learned}))

    def places(self, names: Iterable[str]) -> Ints:
        """Where these names stand in a learned vector."""
        at = {name: place for place, name in enumerate(self.learned)}
        return np.array([at[name] for name in names], dtype=np.int64)


def family_of(name: str) -> str:
    """The first part of a feature's name."""
    return name.partition(".")[0]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Matrix:
    """The rows of a table as arrays of the same length."""

    columns: Columns
    rows: tuple[Row, ...]
    learned: Floats
    """(rows, learned features); NaN: not measured."""
    context: Floats
    """(rows, context features)."""
    malicious: Bools
    population: Texts
    group: Texts

    @classmethod
    def of(cls, table: Table, columns: Columns) -> Matrix:
        """The table as arrays. Raises ValueInvalid where it has no rows or an infinite number."""
        if not table.rows:
            raise ValueInvalid(
                "The table of features has no rows.",
                next_step="Fill it with `pratique research corpus`, `trace` and `graph`.",
            )
        values = np.array([row.values for row in table.rows], dtype=np.float64)
        if np.isinf(values).any():
            raise ValueInvalid("The table of features holds a number that is infinite.")
        at = {name: place for place, name in enumerate(table.features)}
        return cls(
            columns=columns,
            rows=table.rows,
            learned=values[:, [at[name] for name in columns.learned]],
            context=values[:, [at[name] for name in columns.context]],
            malicious=np.array([row.malicious for row in table.rows], dtype=np.bool_),
            population=np.array([row.population.value for row in table.rows]),
            group=np.array([row.group for row in table.rows]),
        )

    def among(self, *populations: Population) -> Bools:
        """Which rows are of these populations."""
        return np.isin(self.population, [one.value for one in populations])

    @property
    def behaviour_places(self) -> Ints:
        """Where the features of behaviour stand in a learned vector."""
        return self.columns.places(self.columns.of_layers(Layer.BEHAVIOUR))

    @property
    def static_places(self) -> Ints:
        """Where all others stand: what a reader of the archive measures without running it."""
        others = [layer for layer in Layer if layer is not Layer.BEHAVIOUR]
        return self.columns.places(self.columns.of_layers(*others))

    @property
    def has_static(self) -> Bools:
        """Whether a row's archive was read, and is its own."""
        read = ~np.isnan(self.learned[:, self.static_places]).all(axis=1)
        return np.asarray(read & ~self.among(*RE_ENACTED), dtype=np.bool_)

    @property
    def has_behaviour(self) -> Bools:
        """Whether a row was run, with anything to show for it."""
        return np.asarray(~np.isnan(self.learned[:, self.behaviour_places]).all(axis=1))

    @property
    def varying(self) -> frozenset[str]:
        """Learned names that are not the same number in all rows that they are learned from.

        What a row lacks is no number; what reading a fixture of ours says is not learned.
        """
        found = set()
        for places, rows in (
            (self.static_places, self.has_static),
            (self.behaviour_places, self.has_behaviour),
        ):
            own = self.learned[np.ix_(rows, places)]
            least = np.where(np.isnan(own), np.inf, own).min(axis=0, initial=np.inf)
            most = np.where(np.isnan(own), -np.inf, own).max(axis=0, initial=-np.inf)
            found |= {self.columns.learned[at] for at in places[least < most]}
        return frozenset(found)

    def static_view(self) -> Floats:
        """What is known of each row before anything is run."""
        seen = self.learned.copy()
        seen[:, self.behaviour_places] = np.nan
        return seen

    def behaviour_view(self) -> Floats:
        """What is known of each row by running it, and nothing else."""
        seen = self.learned.copy()
        seen[:, self.static_places] = np.nan
        return seen
