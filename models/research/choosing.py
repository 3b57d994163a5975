"""Which honest projects a corpus asks for: popular, long tail, names like malware's, hard cases."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from packaging.utils import canonicalize_name

from models.artifact import ArtifactKind
from models.errors import ValueInvalid
from models.popularity import ranks
from models.research.rows import Population

LONG_TAIL_RANKS = (1001, 15_000)
"""Ranks of which the long tail is drawn: as far as the bundled list goes."""
SIMILAR_COLUMN = "Benign Package Name"
"""Of QUT-DV25's package list: honest packages paired with malicious ones by likeness of name."""
HARD_LIST = "hard-cases.txt"
"""In `models/data`: honest projects that install, build, watch, attack or fetch by trade."""
WHEELS_TO_AN_SDIST = 2
"""Wheels are taken first where time is short: they are what installers take, and run sooner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How many projects of each population; each gives its newest wheel and its newest sdist."""

    popular: int = 500
    long_tail: int = 150
    similar: int = 100
    hard: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One file that a corpus asks for."""

    project: str
    kind: ArtifactKind
    population: Population


def choose(sizes: Sizes, *, seed: int, similar: Path | None = None) -> tuple[Wanted, ...]:
    """The files asked for, shuffled, two wheels for an sdist. A project stands in one population.

    Raises ValueInvalid where the list of similar names cannot be read.
    """
    source = random.Random(seed)  # noqa: S311 - a draw that can be repeated, not a secret
    taken: dict[str, Population] = {}
    listed = list(ranks())
    for name in hard_cases()[: sizes.hard]:
        taken.setdefault(name, Population.HARD)
    for name in listed[: sizes.popular]:
        taken.setdefault(name, Population.POPULAR)
    low, high = LONG_TAIL_RANKS
    _draw(taken, Population.LONG_TAIL, listed[low - 1 : high], sizes.long_tail, source)
    if similar is not None:
        _draw(taken, Population.SIMILAR, similar_names(similar), sizes.similar, source)
    names = list(taken)
    wheels, sdists = source.sample(names, len(names)), source.sample(names, len(names))
    return tuple(
        Wanted(project=name, kind=kind, population=taken[name])
        for name, kind in _interleaved(wheels, sdists)
    )


def hard_cases() -> tuple[str, ...]:
    """The bundled list of hard cases, normalised, in its order."""
    text = files("models.data").joinpath(HARD_LIST).read_text(encoding="ascii")
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return tuple(dict.fromkeys(canonicalize_name(line) for line in lines if line))


def similar_names(path: Path) -> list[str]:
    """Names of honest packages in a list with QUT-DV25's columns. Raises ValueInvalid."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise ValueInvalid(f"{path} cannot be read: {error}.") from error
    if not rows or SIMILAR_COLUMN not in rows[0]:
        raise ValueInvalid(f"{path} has no column {SIMILAR_COLUMN!r}.")
    names = (row[SIMILAR_COLUMN] or "" for row in rows)
    return sorted({str(canonicalize_name(name)) for name in names if name.strip()})


def _draw(
    taken: dict[str, Population],
    population: Population,
    names: Sequence[str],
    count: int,
    source: random.Random,
) -> None:
    free = [name for name in names if name not in taken]
    for name in source.sample(free, min(count, len(free))):
        taken[name] = population


def _interleaved(
    wheels: Sequence[str], sdists: Sequence[str]
) -> Iterator[tuple[str, ArtifactKind]]:
    rest = list(sdists)
    for number, name in enumerate(wheels, start=1):
        yield name, ArtifactKind.WHEEL
        if number % WHEELS_TO_AN_SDIST == 0:
            yield rest.pop(0), ArtifactKind.SDIST
    for name in rest:
        yield name, ArtifactKind.SDIST
