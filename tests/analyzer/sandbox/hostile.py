"""One hostile behaviour as a row: what it does, and what must stop it."""

from __future__ import annotations

from dataclasses import dataclass

from analyzer.sandbox.client import RunOutcome
from analyzer.sandbox.protocol import PhaseResult
from tests.analyzer.sandbox.lab import Lab, lines, until


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One behaviour, as the code of a module that P3 imports.

    ended: how P3 must end. counter: the control that must have bitten (above zero). says: what the
    code prints when it met its limit. denied: calls that must show as refused. reports: a kind of
    line that our own runner must have written. truncated: a blob that must say that it was cut.
    """

    name: str
    code: str
    ended: str = "exit"
    counter: str = ""
    says: str = ""
    denied: tuple[str, ...] = ()
    budget_ms: int = 30_000
    reports: str = ""
    truncated: str = ""


async def outcome_of(lab: Lab, row: Row) -> tuple[RunOutcome, PhaseResult]:
    """Run it and check everything that the row says; the box is gone afterwards."""
    outcome = await lab.run_code(row.code, budget_ms=row.budget_ms)
    phase = outcome.result.phases[-1]
    assert phase.phase == "P3"
    assert "ALLOWED" not in phase.output_tail, phase.output_tail
    assert row.says in phase.output_tail, phase.output_tail
    assert phase.ended == row.ended, phase
    assert not row.counter or phase.counters[row.counter] > 0, phase.counters
    assert set(row.denied) <= set(phase.denied), phase.denied
    assert not row.reports or any(line["kind"] == row.reports for line in lines(outcome, "report"))
    assert not row.truncated or row.truncated in outcome.result.truncated
    until(lambda: not lab.processes())
    return outcome, phase


def ids(row: Row) -> str:
    """For pytest."""
    return row.name
