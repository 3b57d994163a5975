"""From what a traced run gave to what it means: events, owners, findings, shortfalls. Pure."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from analyzer.boxpaths import in_dependencies, in_site
from analyzer.clean import printable
from analyzer.completeness import TRACED_PHASES, Seen, account_of, raced_events, shortfalls_of
from analyzer.detectors.catalog import run_detectors
from analyzer.detectors.view import Planted, RunView
from analyzer.document import phase_report, signal
from analyzer.lineage import ARTIFACT, trace_lineage
from analyzer.observations import RunnerWord, read_decoys, read_runner, read_sinkhole
from analyzer.patterns import pattern_signals
from analyzer.sandbox.protocol import PhaseResult, RunResult
from analyzer.trace.decode import decode_trace
from models.errors import SandboxFailed
from models.evidence import EventAccount, Finding, PhaseReport, Severity, Shortfall, Signal
from models.phase import Phase
from models.trace import Event, EventKind

_COUNTED = (
    ("opens", EventKind.OPEN),
    ("execs", EventKind.EXEC),
    ("forks", EventKind.FORK),
    ("connects", EventKind.CONNECT),
    ("dns_queries", EventKind.DNS),
    ("conversations", EventKind.NET),
    ("unlinks", EventKind.UNLINK),
    ("renames", EventKind.RENAME),
    ("permission_changes", EventKind.CHMOD),
    ("denied_calls", EventKind.DENIED),
    ("decoy_touches", EventKind.DECOY),
    ("memfds", EventKind.MEMFD),
    ("executable_mappings", EventKind.MMAP_EXEC),
)
_COUNTERS = ("pids_max_hits", "oom_kills", "memory_peak_bytes", "cpu_us", "output_bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """One run, understood."""

    result: RunResult
    events: tuple[Event, ...]
    findings: tuple[Finding, ...]
    phases: tuple[PhaseReport, ...]
    account: EventAccount
    runner: RunnerWord
    shortfalls: tuple[Shortfall, ...]
    signals: tuple[Signal, ...]
    before: tuple[Event, ...] = ()
    """Events of a run that was repeated: what either saw, happened."""
    alone: tuple[Event, ...] = ()
    """What the dependencies did in a run without the artifact; empty where none was needed."""

    @property
    def planted(self) -> tuple[Planted, ...]:
        """What was planted, and where."""
        return _planted(self.result, self.runner)

    @property
    def notable(self) -> bool:
        """Whether start or import did anything that a dependency might have done instead."""
        return any(
            found.phase in (Phase.START, Phase.IMPORT, Phase.WAIT)
            and found.severity is not Severity.INFO
            for found in self.findings
        )


def understand(
    result: RunResult, blobs: dict[str, bytes], *, asked: Sequence[str], sdist: bool
) -> Watched:
    """Decode, charge, detect. Raises SandboxFailed where the daemon gave no trace."""
    phases = _known_phases(result.phases)
    if phases and "trace" not in blobs:
        raise SandboxFailed(
            "The sandbox ran an artifact and gave no trace.", next_step="Run `pratique doctor`."
        )
    account = result.account
    if phases and not account.get("emitted", 0) and not account.get("dropped", 0):
        raise SandboxFailed(
            "The box did not start: nothing in it was seen to run.",
            next_step="Run `pratique doctor`; the daemon's own output says more.",
        )
    sinkhole = read_sinkhole(blobs.get("sinkhole", b""), phases)
    decoys = read_decoys(blobs.get("decoys", b""), phases)
    runner = read_runner(blobs.get("report", b""))
    try:
        traced = decode_trace(blobs.get("trace", b""), phases)
    except ValueError as error:
        raise SandboxFailed(f"The sandbox gave a trace that is none: {error}.") from error
    events = sorted(
        (*traced, *sinkhole.events, *decoys.events), key=lambda event: (event.phase, event.at_us)
    )
    lineage = trace_lineage(events, sdist=sdist)
    planted = _planted(result, runner)
    view = RunView(lineage, planted=planted, sdist=sdist, patched=runner.patched)
    findings, beyond = run_detectors(view)
    seen = Seen(
        result=result,
        runner=runner,
        asked=tuple(asked),
        lost_lines=sinkhole.lost + decoys.lost,
        raced=raced_events(lineage.events),
        unconfirmed=len(unconfirmed_modules(runner, lineage.events)),
    )
    return Watched(
        result=result,
        events=lineage.events,
        findings=findings,
        phases=tuple(phase_report(phase, lineage.events) for phase in phases),
        account=account_of(result, lineage.events),
        runner=runner,
        shortfalls=shortfalls_of(seen),
        signals=(
            *_signals(result, phases, lineage.events, runner, beyond),
            *pattern_signals(view),
        ),
    )


def _planted(result: RunResult, runner: RunnerWord) -> tuple[Planted, ...]:
    """What was planted; a value that was given to a callable has the parameter's name as its place."""
    parameters = {line.index: printable(line.of) for line in runner.arguments}
    arguments = [item.id for item in result.canaries if item.kind == "argument"]
    given = {identity: parameters.get(index, "") for index, identity in enumerate(arguments)}
    return tuple(
        Planted(
            id=item.id,
            kind=item.kind,
            path=given.get(item.id, item.path),
            variable=item.variable,
        )
        for item in result.canaries
    )


def unconfirmed_modules(runner: RunnerWord, events: Iterable[Event]) -> frozenset[str]:
    """Top-level modules that count as imported though no file of theirs was opened in P3.

    Names of the standard library are left out: they may have been loaded before.
    """
    opened = {
        part
        for event in events
        if event.kind is EventKind.OPEN and event.phase is Phase.IMPORT and event.result >= 0
        for part in event.path.removeprefix("/env/").split("/")
    }
    stems = opened | {part.split(".")[0] for part in opened}
    return runner.imported - stems - sys.stdlib_module_names


def dependency_modules(events: Iterable[Event], *, limit: int) -> tuple[str, ...]:
    """Top-level modules of dependencies that a run loaded, by the files that were opened."""
    found: dict[str, None] = {}
    for event in events:
        if event.kind is EventKind.OPEN and event.result >= 0 and in_dependencies(event.path):
            _, folder, rest = event.path.partition("/site-packages/")
            parts = rest.removeprefix("__pycache__/").split("/")
            name = parts[0].split(".")[0]
            loaded = parts[-1].endswith((".py", ".pyc", ".so"))
            if folder and loaded and name.isidentifier() and name.isascii():
                found[name] = None
    return tuple(found)[:limit]


def same_act(one: Finding, other: Finding) -> bool:
    """Whether two findings of two runs are the same act: same place, same object, same phase."""
    return (one.id, one.phase, one.what, _place(one)) == (
        other.id,
        other.phase,
        other.what,
        _place(other),
    )


def _place(found: Finding) -> tuple[str, str, str, int]:
    place = found.place
    # The sinkhole gives each name an address of its own making, so a name says more.
    return place.path, place.host, "" if place.host else place.address, place.port


def _known_phases(phases: Iterable[PhaseResult]) -> tuple[PhaseResult, ...]:
    return tuple(phase for phase in phases if phase.phase in TRACED_PHASES)


def _signals(
    result: RunResult,
    phases: Sequence[PhaseResult],
    events: Sequence[Event],
    runner: RunnerWord,
    beyond: int,
) -> Iterable[Signal]:
    for phase in phases:
        yield from _phase_signals(phase, events)
    yield signal("findings_beyond_bound", beyond)
    yield signal("recursion_misses", max(0, result.account.get("recursion_misses", 0)))
    yield signal("processes_lingering", runner.lingering)
    yield signal("requirements_built", sum(build.built for build in result.builds))
    yield signal("requirements_not_built", sum(not build.built for build in result.builds))
    yield signal("report_lines_lost", runner.lost)
    if any(phase.phase == Phase.IMPORT.value for phase in phases):
        nothing = not (runner.imported or runner.failed or runner.modules_found)
        yield signal("nothing_to_import", nothing, Phase.IMPORT)
        yield signal("modules_imported", len(runner.imported), Phase.IMPORT)
        yield signal("modules_failed", len(runner.failed), Phase.IMPORT)
        yield signal("libraries_loaded", len(runner.libraries), Phase.IMPORT)
        errors = printable(", ".join(runner.import_errors))
        yield signal("import_errors", errors or None, Phase.IMPORT)
    submodules = [line for line in runner.modules if "." in line.name]
    yield signal("submodules_found", runner.submodules_found)
    yield signal("submodules_tried", len(submodules))
    yield signal("submodules_failed", sum(not line.ok for line in submodules))
    yield signal("callables_found", sum(line.found for line in runner.used), Phase.USE)
    yield signal("callables_called", sum(line.called for line in runner.used), Phase.USE)
    yield signal("callables_raised", sum(line.raised for line in runner.used), Phase.USE)
    yield signal("callables_timed_out", sum(line.timeouts for line in runner.used), Phase.USE)
    yield signal("callables_left", sum(line.left for line in runner.used), Phase.USE)
    yield signal("scripts_started", len(runner.scripts), Phase.USE)
    failed = {line.name for line in runner.again if not line.ok and "." not in line.name}
    yield signal("modules_failed", len(failed), Phase.WAIT)
    yield signal("attributes_replaced", len(runner.patched), Phase.IMPORT)
    for phase in phases:
        if phase.phase in (Phase.USE.value, Phase.WAIT.value):
            yield signal("ended", printable(phase.ended, 40), Phase(phase.phase))
    for name, error in (("timed_out", "timeout"), ("ended_process", "ended-process")):
        yield signal(f"submodules_{name}", sum(line.error == error for line in submodules))


def _phase_signals(result: PhaseResult, events: Sequence[Event]) -> Iterable[Signal]:
    phase = Phase(result.phase)
    own = [event for event in events if event.phase is phase and event.owner == ARTIFACT]
    for name, kind in _COUNTED:
        yield signal(name, sum(event.kind is kind for event in own), phase)
    yield signal("own_files_opened", len(_opened(own, own_tree=True)), phase)
    yield signal("other_files_opened", len(_opened(own, own_tree=False)), phase)
    yield signal("hosts", len({event.host for event in own if event.host}), phase)
    for name in _COUNTERS:
        yield signal(name, max(0, result.counters.get(name, 0)), phase)


def _opened(events: Sequence[Event], *, own_tree: bool) -> set[str]:
    return {
        event.path
        for event in events
        if event.kind is EventKind.OPEN and event.result >= 0 and in_site(event.path) is own_tree
    }
