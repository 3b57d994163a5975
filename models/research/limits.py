"""What a table bounds by itself, whatever learns from it: twins alike, malware seen before, years."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

import numpy as np

from models.research.matrix import HONEST, Floats, Matrix
from models.research.results import Ceiling, Year
from models.research.rows import Population, Row
from models.research.splits import Split


def ceiling_of(matrix: Matrix) -> Ceiling:
    """How many re-enactments that were run have exactly a twin's learned vector of behaviour."""
    seen = matrix.learned[:, matrix.behaviour_places]
    run = matrix.has_behaviour
    twins: defaultdict[str, set[bytes]] = defaultdict(set)
    for at in np.flatnonzero(matrix.among(Population.TWIN) & run):
        twins[_recipe(matrix.rows[at])].add(_exact(seen[at]))
    grafts = np.flatnonzero(matrix.among(Population.GRAFT) & run)
    alike = sum(_exact(seen[at]) in twins[_recipe(matrix.rows[at])] for at in grafts)
    return Ceiling(grafts=len(grafts), alike=alike)


def _recipe(row: Row) -> str:
    """A graft and its twin are of one recipe."""
    return row.template or row.group


def seen_before(matrix: Matrix, split: Split, *, bound: str) -> tuple[int, int]:
    """(malware that a split by time tests, those whose static vector an earlier archive has too)."""
    tested = {at for fold in split.folds for at in fold.test}
    known = matrix.learned[:, matrix.static_places]
    malware = np.flatnonzero(matrix.among(Population.MALWARE) & matrix.has_static).tolist()
    days = {at: matrix.rows[at].date for at in malware}
    earlier = {_exact(known[at]) for at in malware if days[at] and days[at] < bound}
    later = [at for at in malware if at in tested and days[at] >= bound]
    return len(later), sum(_exact(known[at]) in earlier for at in later)


def years_of(rows: Iterable[Row]) -> tuple[Year, ...]:
    """Honest artifacts and malware by the year of their day, the last year first."""
    honest: Counter[str] = Counter()
    malware: Counter[str] = Counter()
    for row in rows:
        if row.date and row.population in HONEST:
            honest[row.date[:4]] += 1
        if row.date and row.population is Population.MALWARE:
            malware[row.date[:4]] += 1
    years = sorted({*honest, *malware}, reverse=True)
    return tuple(Year(year=int(y), honest=honest[y], malware=malware[y]) for y in years)


def _exact(values: Floats) -> bytes:
    """The vector as bytes: equal ones have equal bytes (0 and -0 are one, and gaps are one)."""
    plain = np.where(np.isnan(values), np.nan, values + 0.0)
    return plain.tobytes()
