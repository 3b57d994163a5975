"""Runs that fell short, counted by reason."""

from __future__ import annotations

from models.research.rows import Population, Row, Table
from models.research.shortfalls import Short, shortfalls_of

FEATURES = ("size.bytes", "short.install_failed", "short.timed_out", "short.findings_left_out")


def row(*values: float, population: Population = Population.POPULAR, ran: bool = True) -> Row:
    return Row(
        id=str(values),
        malicious=False,
        population=population,
        group="g",
        kind="sdist",
        measured=("metadata", "behaviour") if ran else ("metadata",),
        values=values,
    )


def test_shortfalls_of__counts_a_row_once_and_each_of_its_reasons() -> None:
    table = Table(
        features=FEATURES,
        rows=(
            row(1.0, 1.0, 1.0, 0.0),
            row(2.0, 1.0, 0.0, 0.0),
            row(3.0, 0.0, 0.0, 1.0),
            row(4.0, 1.0, 0.0, 0.0, ran=False),
            row(5.0, 1.0, 0.0, 0.0, population=Population.TWIN),
        ),
    )
    assert shortfalls_of(table) == (
        Short(
            population="popular",
            kind="sdist",
            rows=3,
            incomplete=2,
            reasons=(("install failed", 2), ("timed out", 1)),
        ),
    )
