"""Every way in which a run can fall short, and that an honest one does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from analyzer.completeness import Seen, account_of, raced_events, shortfalls_of
from analyzer.lineage import RUNNER
from analyzer.observations import ModuleLine, RunnerWord
from analyzer.sandbox.protocol import PhaseResult, RunResult, SourceBuild
from models.evidence import Shortfall
from models.phase import Phase
from models.trace import Event, EventKind

GOOD = {"emitted": 9, "received": 9, "dropped": 0, "stored": 9, "map_overflows": 0}


def phase(
    name: str, exit_code: int | None = 0, ended: str = "exit", **counters: int
) -> PhaseResult:
    return PhaseResult(
        phase=name, exit_code=exit_code, ended=ended, wall_ms=1, started_ns=1, counters=counters
    )


def modules(*lines: tuple[str, bool, str]) -> RunnerWord:
    return RunnerWord(
        modules=tuple(ModuleLine(name=name, ok=ok, error=error) for name, ok, error in lines)
    )


ALL = (phase("P1"), phase("P2"), phase("P3"))
SEEN = Seen(
    result=RunResult(run_id="r", phases=ALL, blobs=(), account=GOOD),
    runner=modules(("demo", True, "")),
    asked=("P1", "P2", "P3"),
    lost_lines=0,
    raced=0,
)


def seen(*, account: dict[str, int] | None = None, phases: Any = ALL, **more: Any) -> Seen:
    truncated = more.pop("truncated", ())
    result = replace(
        SEEN.result, account=GOOD | (account or {}), phases=tuple(phases), truncated=truncated
    )
    return replace(SEEN, result=result, **more)


S = Shortfall


@pytest.mark.parametrize(
    ("what", "shortfalls"),
    [
        (SEEN, ()),
        (seen(unconfirmed=1), (S.CRASHED,)),
        # What is used with arguments that make no sense may well crash or hang.
        (seen(phases=(*ALL, phase("P4", None, "timeout"), phase("P5", 1))), ()),
        (replace(SEEN, asked=("P1", "P2", "P3", "P4", "P5")), ()),
        (seen(account={"dropped": 1}), (S.EVENTS_DROPPED,)),
        (seen(account={"map_overflows": 1}), (S.EVENTS_DROPPED,)),
        (seen(account={"emitted": 10}), (S.EVENTS_DROPPED,)),
        (seen(account={"recursion_misses": 5}), ()),
        (seen(account={"stored": 8}), (S.EVENTS_FLOODED,)),
        (seen(truncated=("trace",)), (S.EVENTS_FLOODED,)),
        (seen(truncated=("report",)), (S.REPORT_TRUNCATED,)),
        (seen(truncated=("sinkhole",)), (S.REPORT_TRUNCATED,)),
        (seen(lost_lines=1), (S.REPORT_TRUNCATED,)),
        (seen(raced=1), (S.EVENTS_RACED,)),
        (seen(phases=[phase("P1", None, "timeout")]), (S.TIMED_OUT,)),
        (seen(phases=[phase("P1"), phase("P2", None, "oom"), phase("P3")]), (S.CRASHED,)),
        (seen(phases=[phase("P1"), phase("P2"), phase("P3", None, "killed")]), (S.CRASHED,)),
        (seen(phases=[phase("P1"), phase("P2"), phase("P3", None, "output-flood")]), (S.REPORT_TRUNCATED,)),
        (seen(phases=[phase("P1"), phase("P2"), phase("P3", None, "novel")]), (S.CRASHED,)),
        (seen(phases=[phase("P1", 1)]), (S.INSTALL_FAILED,)),
        (seen(phases=[phase("P1"), phase("P2", 139), phase("P3")]), (S.CRASHED,)),
        (seen(phases=[phase("P1"), phase("P2"), phase("P3", 3)]), (S.TIMED_OUT,)),
        (seen(phases=[phase("P1"), phase("P2", oom_kills=1), phase("P3")]), (S.CRASHED,)),
        (seen(phases=[phase("P1"), phase("P2")]), (S.CRASHED,)),
        (seen(phases=[phase("deps", 1)]), (S.REQUIREMENT_UNRESOLVED,)),
        (seen(runner=modules(("demo", False, "ImportError"))), (S.NOTHING_IMPORTABLE,)),
        (seen(runner=modules(("demo", False, "ImportError"), ("two", True, ""))), ()),
        (seen(runner=modules(("demo", True, ""), ("two", False, "timeout"))), (S.TIMED_OUT,)),
        (seen(runner=modules(("demo", True, ""), ("two", False, "failed"))), (S.CRASHED,)),
        (seen(runner=modules(("demo", True, ""), ("demo.sub", False, "timeout"))), ()),
        (seen(runner=modules(("lib", False, "ImportError"), ("lib", False, "library"))), ()),
        (seen(runner=replace(modules(("a", True, "")), modules_found=2, modules_left=1)), (S.TIMED_OUT,)),
        (seen(runner=RunnerWord(modules_found=2)), (S.NOTHING_IMPORTABLE,)),
        (seen(runner=replace(modules(("a", True, "")), modules_found=2)), (S.CRASHED,)),
        (seen(runner=replace(modules(("a", True, ""), ("b", False, "ValueError")), modules_found=2)), ()),
        (seen(runner=replace(modules(("a", True, "")), lost=1)), (S.REPORT_TRUNCATED,)),
        (seen(runner=RunnerWord()), ()),
    ],
)  # fmt: skip
def test_shortfalls_of__each_has_its_cause(what: Seen, shortfalls: tuple[Shortfall, ...]) -> None:
    assert shortfalls_of(what) == shortfalls


@pytest.mark.parametrize(
    ("exit_code", "ended", "shortfalls"),
    [
        (0, "exit", ()),
        (1, "exit", (S.REQUIREMENT_UNRESOLVED,)),
        (None, "timeout", (S.REQUIREMENT_UNRESOLVED,)),
    ],
)
def test_shortfalls_of__a_requirement_that_was_not_built(
    exit_code: int | None, ended: str, shortfalls: tuple[Shortfall, ...]
) -> None:
    build = SourceBuild(filename="a-1.tar.gz", exit_code=exit_code, ended=ended, wall_ms=1)

    assert shortfalls_of(replace(SEEN, result=replace(SEEN.result, builds=(build,)))) == shortfalls


def test_raced_events__only_those_of_the_artifact_count() -> None:
    event = Event(kind=EventKind.OPEN, phase=Phase.IMPORT, at_us=0, pid=1, raced=True)

    assert raced_events([event, replace(event, owner=RUNNER), replace(event, raced=False)]) == 1


def test_account_of__adds_what_only_events_tell() -> None:
    events = [
        Event(kind=EventKind.OPEN, phase=Phase.IMPORT, at_us=0, raced=True),
        Event(kind=EventKind.DENIED, phase=Phase.IMPORT, at_us=0),
    ]

    account = account_of(SEEN.result, events)

    assert (account.emitted, account.stored, account.raced, account.denied) == (9, 9, 1, 1)
