"""What is alike is counted exactly: twins, malware seen before, years."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.research.limits import ceiling_of, seen_before, years_of
from models.research.matrix import Matrix
from models.research.results import Year
from models.research.rows import Population, Row, Table
from models.research.splits import time_split
from tests.models.research import synthetic

BOUND = "2024-01-01"
TABLE = synthetic.table()
RUN = [name.startswith(("run.", "change.")) for name in TABLE.features]


def _with(rows: dict[int, Row]) -> Matrix:
    made = tuple(rows.get(at, row) for at, row in enumerate(TABLE.rows))
    return synthetic.matrix(Table(features=TABLE.features, rows=made))


def _behaving(row: Row, like: Row) -> Row:
    """The row with the behaviour of another."""
    pairs = zip(RUN, row.values, like.values, strict=True)
    return replace(row, values=tuple(b if run else a for run, a, b in pairs))


def _of(population: Population) -> list[int]:
    return [at for at, row in enumerate(TABLE.rows) if row.population is population]


def test_ceiling__counts_grafts_that_do_what_a_twin_of_theirs_does_and_no_others() -> None:
    grafts, twins = _of(Population.GRAFT), _of(Population.TWIN)
    assert ceiling_of(_with({})).alike == 0
    first, other = TABLE.rows[grafts[0]], TABLE.rows[grafts[1]]
    assert first.template != other.template
    twin = next(TABLE.rows[at] for at in twins if TABLE.rows[at].template == first.template)
    same = _with({grafts[0]: _behaving(first, twin), grafts[1]: _behaving(other, twin)})
    found = ceiling_of(same)
    # The second does what another recipe's twin does, which is no ceiling of its own.
    assert (found.grafts, found.alike) == (len(grafts), 1)


def test_seen_before__only_an_earlier_malicious_archive_counts() -> None:
    matrix = _with({})
    split = time_split(matrix.rows, bound=BOUND, seed=1)
    tested = {at for fold in split.folds for at in fold.test}
    later = [at for at in _of(Population.MALWARE) if at in tested]
    earlier = next(at for at in _of(Population.MALWARE) if TABLE.rows[at].date < BOUND)
    honest = _of(Population.POPULAR)[0]
    assert seen_before(matrix, split, bound=BOUND) == (len(later), 0)
    changed = _with(
        {
            later[0]: replace(TABLE.rows[later[0]], values=TABLE.rows[earlier].values),
            later[1]: replace(TABLE.rows[later[1]], values=TABLE.rows[honest].values),
            later[2]: replace(TABLE.rows[later[2]], values=TABLE.rows[later[3]].values),
        }
    )
    assert seen_before(changed, split, bound=BOUND) == (len(later), 1)


def test_years__honest_by_release_malware_by_sight_and_nobody_else() -> None:
    days = {
        Population.POPULAR: "2026-01-02",
        Population.HARD: "2024-05-05",
        Population.MALWARE: "2024-09-09",
        Population.GRAFT: "2025-01-01",
        Population.LONG_TAIL: "",
    }
    base = TABLE.rows[0]
    rows = [replace(base, population=one, date=day) for one, day in days.items()]
    assert years_of(rows) == (
        Year(year=2026, honest=1, malware=0),
        Year(year=2024, honest=1, malware=1),
    )


def test_varying__is_what_differs_where_it_is_learned_from() -> None:
    flat = synthetic.flattened(TABLE, "graph")
    names = {name for name in flat.features if name.startswith("graph.")}
    learned = set(synthetic.columns_of(flat.features).learned)
    assert synthetic.matrix(TABLE).varying == learned
    assert synthetic.matrix(flat).varying == learned - names
    # What our fixtures' archives say differs, and is never learned from; a gap is no number.
    at = flat.features.index("graph.1")
    fixtures = tuple(
        replace(row, values=(*row.values[:at], 7.0, *row.values[at + 1 :]))
        if row.population in (Population.GRAFT, Population.TWIN)
        else replace(row, values=(*row.values[:at], np.nan, *row.values[at + 1 :]))
        if row.population is Population.HARD
        else row
        for row in flat.rows
    )
    assert synthetic.matrix(replace(flat, rows=fixtures)).varying == learned - names
