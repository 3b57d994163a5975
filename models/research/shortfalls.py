"""Which honest runs did not see all there was to see, and why: a policy holds those for review."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from models.research.manifest import HONEST
from models.research.rows import Population, Table

FAMILY = "short."
"""Features that say that an analysis fell short, a flag for each reason."""
TRIMMED = ("short.findings_left_out", "short.profile_left_out", "short.contents_left_out")
"""Evidence that had no room for all that was seen; the run itself saw it."""
RAN = "behaviour"


@dataclass(frozen=True, slots=True, kw_only=True)
class Short:
    """One honest population's runs of one format."""

    population: str
    kind: str
    rows: int
    incomplete: int
    """Rows with at least one reason."""
    reasons: tuple[tuple[str, int], ...]
    """Reason, such as `install failed`, and rows that have it, the most frequent first."""


def shortfalls_of(table: Table) -> tuple[Short, ...]:
    """Shortfalls of all honest rows that were run, by population and format."""
    columns = [
        (at, name.removeprefix(FAMILY).replace("_", " "))
        for at, name in enumerate(table.features)
        if name.startswith(FAMILY) and name not in TRIMMED
    ]
    return tuple(_found(table, columns))


def _found(table: Table, columns: list[tuple[int, str]]) -> Iterable[Short]:
    for population in Population:
        if population not in HONEST:
            continue
        own = [row for row in table.rows if row.population is population and RAN in row.measured]
        for kind in sorted({row.kind for row in own}):
            rows = [row for row in own if row.kind == kind]
            told = [{name for at, name in columns if row.values[at] > 0} for row in rows]
            counts = {name: sum(name in one for one in told) for _, name in columns}
            yield Short(
                population=population.value,
                kind=kind,
                rows=len(rows),
                incomplete=sum(map(bool, told)),
                reasons=tuple(
                    sorted(
                        ((name, count) for name, count in counts.items() if count),
                        key=lambda one: (-one[1], one[0]),
                    )
                ),
            )
