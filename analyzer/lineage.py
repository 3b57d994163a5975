"""Whose act an event is: process trees of a run, and the owner that each event is charged to.

What can be told from a trace, and what not:

- The tracer is armed at the exec of the command that a phase is about; bubblewrap and our runner
  were there before. So a process that was not seen to be forked is one of theirs where its pid is
  below that of the command (pids rise), and the artifact's otherwise.
- In P1 of a wheel nothing of the artifact runs: all of it is the runner's.
- In P1 of an sdist the command is pip. What pip executes is told by its command line, and only
  *before* artifact code first ran: from then on nothing new is taken for pip, for a package may
  have left something in its way.
- A build back end, `setup.py`, and whatever descends from them are the artifact, also where the code
  is that of a build requirement such as setuptools: they share a process, and a kernel trace
  cannot see Python frames. Detectors are mild with what builds do.
- In P2 to P5 the artifact and its dependencies share a process too. `pipeline` runs the
  dependencies alone where it matters, and charges them with what then happens as well.
- In P4 and P5 our scripts start one process after the other: `/env/bin/python …` and console
  scripts, which are the artifact. A script of ours is told by the machine's own interpreter, started
  isolated (`-I -S`) and by a process that was ours. Where the tracer was armed by such a script, it
  is ours too: no phase runs a package with the machine's interpreter itself.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from analyzer.sandbox import layout
from models.phase import Phase
from models.trace import Event, EventKind

ARTIFACT = ""
RUNNER = "box:runner"
PIP = "box:pip"
DEPENDENCIES = "box:dependencies"
"""Owners that no distribution can be called: project names hold no colon."""

CLONE_THREAD = 0x00010000
"""clone(2): a thread, not a process."""
_SYSTEM = ("/usr/bin/", "/bin/", "/usr/sbin/", "/sbin/", "/usr/lib/")
"""Where programs lie that no package can have left there: boxes mount them read-only."""
_PIP_SCRIPTS = ("/pip", "/pip3", "/__pip-runner__.py", "/pip/__main__.py", "/opt/pip")
_BY_SCRIPTS = (Phase.USE, Phase.WAIT)
_OPTIONS_SEARCHED = 12
"""Arguments of a command line in which the program's nature shows."""


@dataclass(slots=True, kw_only=True)
class Process:
    """One process in one phase. Times are microseconds after the phase began."""

    phase: Phase
    pid: int
    parent: int = 0
    owner: str = ARTIFACT
    program: str = ""
    argv: tuple[str, ...] = ()
    """What it ran at its end; `at` says what it ran before."""
    images: list[tuple[int, str, tuple[str, ...]]] = field(default_factory=list)
    """(since, program, arguments) of each program that it was, in order of time."""
    started_us: int = 0
    exited_us: int | None = None
    detached: bool = False
    """It, or an ancestor below the runner, began a session of its own."""
    before: bool = False
    """It was there before the tracer was armed: bubblewrap, or our runner."""

    @property
    def command(self) -> str:
        """The last command line as one text."""
        return " ".join(self.argv) or self.program

    def at(self, at_us: int) -> tuple[str, tuple[str, ...]]:
        """(program, arguments) at a time: whoever wrote a file may have become another program since."""
        after = bisect_right(self.images, at_us, key=lambda image: image[0])
        return self.images[max(after - 1, 0)][1:] if self.images else (self.program, self.argv)

    def becomes(self, at_us: int, program: str, argv: tuple[str, ...]) -> None:
        """It executes a program."""
        self.program, self.argv = program, argv
        self.images.append((at_us, program, argv))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Events with their owners, and the processes they belong to."""

    events: tuple[Event, ...]
    processes: Mapping[tuple[Phase, int], Process]


@dataclass(slots=True)
class _Phase:
    """What is known of one phase while its events go by."""

    command_owner: str
    """Whose the command is that the phase is about."""
    processes: dict[int, Process] = field(default_factory=dict)
    command_pid: int = 0
    artifact_ran: bool = False


def trace_lineage(events: Sequence[Event], *, sdist: bool = False) -> Lineage:
    """Charge every event of a run. `events` are sorted by time within each phase."""
    installer = PIP if sdist else RUNNER
    phases: dict[Phase, _Phase] = {}
    charged = []
    for event in events:
        known = phases.get(event.phase)
        if known is None:
            owner = installer if event.phase is Phase.INSTALL else ARTIFACT
            known = phases[event.phase] = _Phase(command_owner=owner)
        owner = _charge(event, known)
        charged.append(event if owner == event.owner else replace(event, owner=owner))
    return Lineage(
        events=tuple(charged),
        processes={
            (phase, pid): process
            for phase, known in phases.items()
            for pid, process in known.processes.items()
        },
    )


def _charge(event: Event, known: _Phase) -> str:
    if not event.pid:  # seen from outside the processes, or counted in the kernel for all of them
        counted = event.kind is EventKind.SEQUENCE and known.command_owner == RUNNER
        return RUNNER if counted else event.owner
    if known.command_owner == RUNNER:
        known.processes.setdefault(
            event.pid, Process(phase=event.phase, pid=event.pid, owner=RUNNER, before=True)
        )
        return RUNNER
    process = known.processes.get(event.pid)
    before = RUNNER if process is None and not known.command_pid else None
    if process is None:
        process = _first_seen(event, known)
    before = before or process.owner
    match event.kind:
        case EventKind.FORK if event.result > 0 and not event.flags & CLONE_THREAD:
            _fork(process, event, known)
        case EventKind.EXEC if event.result >= 0:
            _exec(process, event, known)
        case EventKind.EXIT:
            process.exited_us = event.at_us
        case EventKind.CALL if event.syscall == "setsid" and event.result >= 0:
            process.detached = True
    return before  # an exec is the act of who was there before it


def _first_seen(event: Event, known: _Phase) -> Process:
    """A process that nobody was seen to fork: the command, or one that was there before it."""
    command = event.kind is EventKind.EXEC and not known.command_pid
    if command:
        known.command_pid = event.pid
    earlier = not command and event.pid < known.command_pid
    process = Process(
        phase=event.phase,
        pid=event.pid,
        owner=known.command_owner if command else (RUNNER if earlier else ARTIFACT),
        started_us=event.at_us,
        before=earlier,
    )
    if command and event.phase in _BY_SCRIPTS and event.path.startswith(layout.PYTHON):
        process.owner = RUNNER
    known.processes[event.pid] = process
    known.artifact_ran = known.artifact_ran or process.owner == ARTIFACT
    return process


def _fork(parent: Process, event: Event, known: _Phase) -> None:
    known.processes[event.result] = Process(
        phase=event.phase,
        pid=event.result,
        parent=parent.pid,
        owner=parent.owner,
        program=parent.program,
        argv=parent.argv,
        images=[(event.at_us, parent.program, parent.argv)],
        started_us=event.at_us,
        detached=parent.detached,
    )


def _exec(process: Process, event: Event, known: _Phase) -> None:
    armed = event.pid == known.command_pid and not process.program
    process.becomes(event.at_us, event.path, event.argv)
    if armed:
        return  # the exec that armed the tracer: its arguments passed before that
    process.owner = _owner_after(process.owner, event, known)
    known.artifact_ran = known.artifact_ran or process.owner == ARTIFACT


def _owner_after(before: str, event: Event, known: _Phase) -> str:
    """Who a process is after an exec, by who it was and what it executed."""
    if before == RUNNER and is_runner(event):
        return RUNNER
    if before == PIP and not known.artifact_ran and is_pip(event.argv):
        return PIP
    if before != ARTIFACT and event.path.startswith(_SYSTEM) and not is_python(event.path):
        return before  # pip asking git and the like; our shell waiting with `sleep`
    return ARTIFACT  # also what the runner starts: a module's process


def is_runner(event: Event) -> bool:
    """Whether an exec starts one of our own scripts, in an interpreter that runs nothing else."""
    options = event.argv[1:3]
    script = event.argv[3] if len(event.argv) > 3 else ""
    return (
        event.path.startswith(layout.PYTHON)
        and options == ("-I", "-S")
        and script.startswith(f"{layout.RUNNER}/")
    )


def is_pip(argv: Sequence[str]) -> bool:
    """Whether a command line is pip itself (and not pip running somebody's build)."""
    for index, argument in enumerate(argv[:_OPTIONS_SEARCHED]):
        if argument == "-c":
            return False
        if argument == "-m":
            return argv[index + 1 : index + 2] == ("pip",)
        if index and not argument.startswith("-"):
            return argument.endswith(_PIP_SCRIPTS)
    return False


def is_python(path: str) -> bool:
    """Whether a program is a Python interpreter, by its name."""
    return path.rpartition("/")[2].startswith("python")
