"""Tables of made-up rows: enough of a signal to learn from, and nothing real."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from models.evidence import Layer
from models.research.evaluation import Scope, evaluate
from models.research.lightgbm_training import TREES
from models.research.matrix import Columns, Matrix
from models.research.results import Evaluation
from models.research.rows import Population, Row, Table
from models.research.scorers import Other

HONEST = {
    Population.POPULAR: 60,
    Population.LONG_TAIL: 40,
    Population.SIMILAR: 20,
    Population.HARD: 15,
}


QUICK = Scope(numbers=replace(TREES, trees=25), resamples=60, families_max=3, bound="2024-01-01")
"""An evaluation of seconds."""


def features_of(each: int) -> tuple[str, ...]:
    """`each` learned names for three layers, and three of context."""
    named = [
        f"{family}.{number}"
        for family in ("static", "names", "run", "change", "graph")
        for number in range(each)
    ]
    return (*named, "size.bytes", "size.files", "kind.wheel")


def columns_of(features: tuple[str, ...]) -> Columns:
    """Layers by family; context is free, one in five falls."""
    layers = {
        "static": Layer.METADATA,
        "names": Layer.METADATA,
        "run": Layer.BEHAVIOUR,
        "change": Layer.BEHAVIOUR,
        "graph": Layer.PROVENANCE,
        "size": Layer.METADATA,
        "kind": Layer.METADATA,
        "shape": Layer.METADATA,
    }
    directions = {}
    for name in features:
        family, _, number = name.partition(".")
        free = family in {"size", "kind"}
        directions[name] = 0 if free else (-1 if number.endswith("4") else 1)
    return Columns.of(
        features,
        layers={name: layers[name.partition(".")[0]] for name in features},
        directions=directions,
    )


def table(
    *, seed: int = 1, scale: int = 1, each: int = 4, strength: float = 1.5, families: int = 6
) -> Table:
    """Some 330 rows (times `scale`): honest ones, malware of campaigns, grafts and their twins."""
    random = np.random.default_rng(seed)
    features = features_of(each)
    rows: list[Row] = []
    for population, count in HONEST.items():
        rows += [
            _row(random, features, population, f"{population}-{number}", strength)
            for number in range(count * scale)
        ]
    for number in range(100 * scale):
        campaign = int(number**0.75)
        year = 2021 + 5 * campaign // max(int((100 * scale) ** 0.75), 1)
        rows.append(
            replace(
                _row(random, features, Population.MALWARE, f"campaign-{campaign}", strength),
                date=f"{min(year, 2025)}-0{1 + number % 9}-11",
                template=f"t{campaign % 40}" if number % 3 else f"own-{campaign}",
            )
        )
    for number in range(48 * scale):
        family = number % (families * 2)
        technique = f"T{family // 2:02d}"
        for population in (Population.GRAFT, Population.TWIN):
            row = _row(random, features, population, f"recipe-{family}", strength)
            rows += [replace(row, technique=technique, template=f"recipe-{family}", phase="P3")]
    named = [replace(row, id=f"{at:016x}") for at, row in enumerate(rows)]
    return Table(features=features, rows=tuple(named))


def matrix(made: Table) -> Matrix:
    """A table as arrays under its own columns."""
    return Matrix.of(made, columns_of(made.features))


def flattened(made: Table, family: str, value: float = 1.0) -> Table:
    """The table with every feature of a family the same in all rows."""
    own = [name.startswith(f"{family}.") for name in made.features]
    rows = tuple(
        replace(
            row,
            values=tuple(value if flat else x for flat, x in zip(own, row.values, strict=True)),
        )
        for row in made.rows
    )
    return replace(made, rows=rows)


@cache
def evaluation() -> Evaluation:
    """A whole evaluation, quick and small, with another scorer beside the model."""
    made = table(scale=2, strength=1.0)
    columns = columns_of(made.features)
    random = np.random.default_rng(5)
    return evaluate(
        made,
        layers=columns.layers,
        directions=columns.directions,
        seed=3,
        dysec=made,
        others=(
            Other(
                name="other",
                scores={row.id: 2 * row.malicious + random.normal() for row in made.rows[::2]},
                threshold=2.0,
            ),
        ),
        scope=QUICK,
    )


def _row(
    random: np.random.Generator,
    features: tuple[str, ...],
    population: Population,
    group: str,
    strength: float,
) -> Row:
    run = population is not Population.MALWARE
    wheel = random.random() < 0.5
    values = []
    for name in features:
        family, _, number = name.partition(".")
        bad = {
            "static": population is Population.MALWARE,
            "names": population is Population.MALWARE,
            "run": population is Population.GRAFT,
            "change": population is Population.GRAFT,
            "graph": population is Population.MALWARE,
        }.get(family, False)
        acts = bad and random.random() < 0.7
        direction = -1 if number.endswith("4") else 1
        mean = 1 + (strength * direction if acts else 0)
        value = float(max(0, round(random.normal(mean, 1) * 4)))
        if family == "size":
            value = float(round(random.lognormal(5 if population is Population.MALWARE else 9)))
        if family == "kind":
            value = float(wheel)
        if family in {"run", "change"} and not run:
            value = float("nan")
        values.append(value)
    return Row(
        id="",
        malicious=population in {Population.MALWARE, Population.GRAFT},
        population=population,
        group=group,
        kind="wheel" if wheel else "sdist",
        measured=("metadata", "behaviour") if run else ("metadata",),
        values=tuple(values),
    )
