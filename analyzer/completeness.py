"""How complete a run was: every way in which it may have seen less than there was to see."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from analyzer.lineage import ARTIFACT
from analyzer.observations import RunnerWord
from analyzer.sandbox.protocol import PhaseResult, RunResult
from models.evidence import EventAccount, Shortfall
from models.trace import Event, EventKind

TRACED_PHASES = ("P1", "P2", "P3", "P4", "P5")
JUDGED_PHASES = ("P1", "P2", "P3")
"""Phases whose end says how complete a run was. In P4 functions are called with arguments that make
no sense, and P5 runs under a clock that jumps: honest packages crash and hang there. How far those
two came are signals; what was lost of their trace counts like any other loss."""
_IMPORT_TIMED_OUT = 3
"""Exit code of the importer where a module's process had to be killed (`sandbox.runner.imports`)."""
RETRIED = frozenset(
    {
        Shortfall.EVENTS_DROPPED,
        Shortfall.EVENTS_RACED,
        Shortfall.EVENTS_FLOODED,
        Shortfall.REPORT_TRUNCATED,
        Shortfall.TIMED_OUT,
        Shortfall.CRASHED,
    }
)
"""What may be gone on a second try; the others come out the same again."""
_ENDED = {
    "timeout": Shortfall.TIMED_OUT,
    "oom": Shortfall.CRASHED,
    "killed": Shortfall.CRASHED,
    "output-flood": Shortfall.REPORT_TRUNCATED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a run gave, as far as completeness is concerned."""

    result: RunResult
    runner: RunnerWord
    asked: tuple[str, ...]
    """The phases that were asked for."""
    lost_lines: int
    """Lines of sinkhole and decoys that could not be read."""
    raced: int
    unconfirmed: int = 0
    """Modules that the runner says it imported, of which no file was seen to be opened."""


def account_of(result: RunResult, events: Iterable[Event]) -> EventAccount:
    """The tracer's bookkeeping, with what only the decoded events tell."""
    raced = denied = 0
    for event in events:
        raced += event.raced
        denied += event.kind is EventKind.DENIED
    number = _numbers(result.account)
    return EventAccount(
        emitted=number("emitted"),
        received=number("received"),
        dropped=number("dropped"),
        stored=number("stored"),
        map_overflows=number("map_overflows"),
        raced=raced,
        denied=denied,
    )


def raced_events(events: Iterable[Event]) -> int:
    """Events of the artifact whose text another thread changed during the call."""
    return sum(event.raced and event.owner == ARTIFACT for event in events)


def shortfalls_of(seen: Seen) -> tuple[Shortfall, ...]:
    """Everything that fell short in one run, without repetition."""
    found = [
        *_of_account(seen.result.account),
        *_of_blobs(seen.result.truncated, seen.lost_lines + seen.runner.lost),
        *((Shortfall.EVENTS_RACED,) if seen.raced else ()),
        *((Shortfall.REQUIREMENT_UNRESOLVED,) if _unbuilt(seen.result) else ()),
        *_of_phases(seen),
        *_of_imports(seen.runner),
        # A start hook can write the runner's lines and end the process; it cannot forge the trace.
        *((Shortfall.CRASHED,) if seen.unconfirmed else ()),
    ]
    return tuple(dict.fromkeys(found))


def _of_account(account: Mapping[str, int]) -> Iterable[Shortfall]:
    number = _numbers(account)
    lost = number("emitted") != number("received")
    # `recursion_misses` are those of the whole machine, so they are a signal and no shortfall.
    if lost or number("dropped") or number("map_overflows"):
        yield Shortfall.EVENTS_DROPPED
    if number("stored") < number("received"):
        yield Shortfall.EVENTS_FLOODED


def _of_blobs(truncated: Iterable[str], lost_lines: int) -> Iterable[Shortfall]:
    names = set(truncated)
    if "trace" in names:
        yield Shortfall.EVENTS_FLOODED
    if names - {"trace"} or lost_lines:
        yield Shortfall.REPORT_TRUNCATED


def _unbuilt(result: RunResult) -> bool:
    """Whether an sdist among the requirements did not become a wheel."""
    return any(not build.built for build in result.builds)


def _of_phases(seen: Seen) -> Iterable[Shortfall]:
    phases = {phase.phase: phase for phase in seen.result.phases}
    for phase in seen.result.phases:
        if phase.phase not in TRACED_PHASES:  # unpacking requirements, which is nobody's behaviour
            if phase.ended != "exit" or phase.exit_code != 0:
                yield Shortfall.REQUIREMENT_UNRESOLVED
                return
        elif phase.phase not in JUDGED_PHASES:
            continue
        elif phase.ended != "exit":
            yield _ENDED.get(phase.ended, Shortfall.CRASHED)
        else:
            yield from _of_exit(phase)
    install = phases.get("P1")
    failed = install is not None and (install.ended != "exit" or install.exit_code != 0)
    if not failed and any(name not in phases for name in seen.asked if name in JUDGED_PHASES):
        yield Shortfall.CRASHED


def _of_exit(phase: PhaseResult) -> Iterable[Shortfall]:
    if phase.counters.get("oom_kills"):
        yield Shortfall.CRASHED
    if phase.exit_code == 0:
        return
    if phase.phase == "P1":
        yield Shortfall.INSTALL_FAILED
    elif phase.phase == "P3" and phase.exit_code == _IMPORT_TIMED_OUT:
        yield Shortfall.TIMED_OUT
    else:
        yield Shortfall.CRASHED


def _of_imports(runner: RunnerWord) -> Iterable[Shortfall]:
    top_level = runner.top_level
    timed_out = any(not line.ok and line.error == "timeout" for line in top_level)
    if timed_out or runner.modules_left:
        yield Shortfall.TIMED_OUT
    if any(not line.ok and line.error in ("failed", "ended-process") for line in top_level):
        yield Shortfall.CRASHED
    # `os._exit(0)` in a module ends its process well, and says nothing of it.
    silent = runner.modules_found - runner.modules_left - len(runner.imported | runner.failed)
    if silent > 0 and runner.imported:
        yield Shortfall.CRASHED
    # A module that raised has run its top level, and where others did not raise, that is coverage.
    # Where every one raised, a package may have known the box; where there is none, all was seen.
    if (runner.failed or runner.modules_found) and not runner.imported:
        yield Shortfall.NOTHING_IMPORTABLE


def _numbers(account: Mapping[str, int]) -> Callable[[str], int]:
    return lambda name: max(0, account.get(name, 0))
