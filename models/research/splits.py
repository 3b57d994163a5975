"""Ways to part a table into training and test: at random, by group, by time, by family of attack.

Only the first lets two rows of one group fall on both sides, and it is there to show what that does
to a figure: 89 % of the malicious archives of a random test part have a sibling in training.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from models.canonical import Digest, digest_of
from models.errors import ValueInvalid
from models.research.matrix import RE_ENACTED
from models.research.rows import Population, Row

FOLDS = 5
FAMILIES_MAX = 40
"""Folds of a split by family; where there are more families, several are held out together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """One training. Both sides hold numbers of rows, rising; a row may be on neither."""

    name: str
    train: tuple[int, ...]
    test: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A named way to part the rows; each row is in at most one test."""

    name: str
    seed: int
    folds: tuple[Fold, ...]


def split_digest(rows: Sequence[Row], split: Split) -> Digest:
    """The digest of who was trained on and who was tested, by the rows' ids."""
    told = [
        {
            "name": fold.name,
            "train": [rows[at].id for at in fold.train],
            "test": [rows[at].id for at in fold.test],
        }
        for fold in split.folds
    ]
    return digest_of({"name": split.name, "seed": split.seed, "folds": told})


def random_split(rows: Sequence[Row], *, seed: int, folds: int = FOLDS) -> Split:
    """K folds that keep each population's share and know nothing of groups."""
    places = _deal(rows, lambda at: f"{at:09d}", seed=seed, folds=folds)
    return Split(name="random", seed=seed, folds=_folds(rows, places, folds))


def grouped_split(rows: Sequence[Row], *, seed: int, folds: int = FOLDS) -> Split:
    """K folds that keep each population's share as far as groups, never parted, allow."""
    places = _deal(rows, lambda at: rows[at].group, seed=seed, folds=folds)
    return Split(name="grouped", seed=seed, folds=_folds(rows, places, folds))


def time_split(rows: Sequence[Row], *, bound: str, seed: int, folds: int = FOLDS) -> Split:
    """Test on malware of the day `bound` and later, train on what was there before.

    A group with any row before the bound stays in training, and its later rows are in neither side;
    so do later rows of a template that training knows, and malware without a date. Only malware is
    parted by its day. Re-enactments have none, and honest rows, which do have the day of their
    release, are dealt to the folds by group like the later malware, whatever that day is: each row
    is scored once, by a model that saw nothing of its group and no later malware. Honest releases
    from after the bound are in training: "out of time" is said of malware alone.
    Raises ValueInvalid where `bound` is no ISO day.
    """
    day = _iso_day(bound)
    malware = {at for at, row in enumerate(rows) if row.population is Population.MALWARE}
    early = {at for at in malware if rows[at].date and rows[at].date < day}
    groups = {rows[at].group for at in early}
    templates = {rows[at].template for at in early} - {""}
    later = {
        at
        for at in malware
        if rows[at].date >= day
        and rows[at].group not in groups
        and rows[at].template not in templates
    }
    tested = [at for at in range(len(rows)) if at in later or at not in malware]
    dealt = _deal(
        [rows[at] for at in tested], lambda place: rows[tested[place]].group, seed=seed, folds=folds
    )
    made = []
    for number in range(folds):
        test = tuple(at for at, place in zip(tested, dealt, strict=True) if place == number)
        out = {rows[at].group for at in test}
        known = sorted(early.union(tested) - later)
        train = tuple(at for at in known if rows[at].group not in out)
        made.append(Fold(name=f"fold {number + 1}", train=train, test=test))
    return Split(name="time", seed=seed, folds=tuple(made))


def family_split(
    rows: Sequence[Row], *, by: str, seed: int, families_max: int = FAMILIES_MAX
) -> Split:
    """Hold out one family of re-enactments at a time, `by` `technique` or `recipe`.

    A family's grafts and twins are tested together, beside a share of the honest rows that are held
    out with them (by group); malware is always in training. Where there are more families than
    `families_max`, several share a fold, which only makes the test harder. Rows of a held-out group
    are never trained on, even where a group spans families.
    """
    kin: Callable[[Row], str] = {"technique": _technique, "recipe": _recipe}[by]
    members: dict[str, list[int]] = defaultdict(list)
    for at, row in enumerate(rows):
        if row.population in RE_ENACTED:
            members[kin(row)].append(at)
    if len(members) < 2:
        raise ValueInvalid(
            f"The table has {len(members)} families of re-enactments by {by}; two are needed.",
            next_step="Trace more of them with `pratique research trace`.",
        )
    families = sorted(members)
    random.Random(f"{seed}-{by}").shuffle(families)  # noqa: S311 - a shuffle that repeats
    count = min(len(families), families_max)
    bundles = [sorted(families[at::count]) for at in range(count)]
    honest = [
        at for at, row in enumerate(rows) if row.population not in {*RE_ENACTED, Population.MALWARE}
    ]
    dealt = _deal(
        [rows[at] for at in honest],
        lambda place: rows[honest[place]].group,
        seed=seed,
        folds=count,
    )
    made = []
    for number, names in enumerate(bundles):
        own = {at for name in names for at in members[name]}
        own |= {at for at, place in zip(honest, dealt, strict=True) if place == number}
        out = {rows[at].group for at in own}
        train = tuple(at for at, row in enumerate(rows) if row.group not in out)
        made.append(Fold(name="+".join(names), train=train, test=tuple(sorted(own))))
    return Split(name=f"leave-one-{by}-out", seed=seed, folds=tuple(made))


def _technique(row: Row) -> str:
    return row.technique or row.group


def _recipe(row: Row) -> str:
    return row.template or row.group


def _iso_day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise ValueInvalid(f"{text!r} is no day such as 2024-09-01.") from error


def _deal(
    rows: Sequence[Row], key: Callable[[int], str], *, seed: int, folds: int
) -> tuple[int, ...]:
    """A fold for each row: large groups first, each to the fold that lacks its populations most."""
    if folds < 2:
        raise ValueInvalid(f"{folds} folds leave nothing to test on; at least 2 are needed.")
    members: dict[str, list[int]] = defaultdict(list)
    for at in range(len(rows)):
        members[key(at)].append(at)
    order = sorted(members)
    random.Random(seed).shuffle(order)  # noqa: S311 - a shuffle that repeats
    order.sort(key=lambda name: -len(members[name]))
    totals = Counter(row.population for row in rows)
    loads: list[Counter[Population]] = [Counter() for _ in range(folds)]
    places = [0] * len(rows)
    for name in order:
        own = Counter(rows[at].population for at in members[name])
        best = min(range(folds), key=lambda fold: (_fullness(loads[fold], own, totals), fold))
        loads[best] += own
        for at in members[name]:
            places[at] = best
    return tuple(places)


def _fullness(
    load: Counter[Population], own: Counter[Population], totals: Counter[Population]
) -> float:
    return sum(load[population] / totals[population] for population in own)


def _folds(rows: Sequence[Row], places: Iterable[int], folds: int) -> tuple[Fold, ...]:
    placed = tuple(places)
    every = range(len(rows))
    return tuple(
        Fold(
            name=f"fold {number + 1}",
            train=tuple(at for at in every if placed[at] != number),
            test=tuple(at for at in every if placed[at] == number),
        )
        for number in range(folds)
    )
