"""Patterns of behaviour: what several events mean together, counted for the behaviour layer.

QUT-DV25's `Pattern_1` to `Pattern_10` are called semantic in its README and are frequent trigrams of
calls in its table (`models.research.qut` computes those). These here are what the names promise: acts
of one process and its descendants, in their order. Each is an integer without opinion; whether it is
bad is for detectors and models to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from analyzer.boxpaths import absolute, in_site, within
from analyzer.detectors.commands import DOWNLOADERS, is_shell
from analyzer.detectors.reverse_shell import call_arguments
from analyzer.detectors.view import RunView, is_remote
from analyzer.document import signal
from analyzer.lineage import is_python
from models.evidence import Signal
from models.phase import Phase
from models.trace import Event, EventKind

ANCESTORS_MAX = 64
"""Parents that are walked up; a box holds at most 64 processes."""
ENDPOINTS_MIN = 10
"""Different addresses and ports that make a fan-out; an honest import asks for a handful."""
NAMES_MIN = 10
"""Different host names that make a fan-out (T17 uses 20)."""
RENAMES_MIN = 10
"""Renames in one folder that make them many (T30 uses 30); pip renames one per file it installs."""
PROBES_MIN = 2
"""Different places that tell a sandbox; one is read by everybody who counts CPUs."""
_ALL = tuple(Phase)
_MEMORY_FILE = ("/proc/self/fd/", "/dev/fd/", "/memfd:", "memfd:")
_PROBES = (
    *("/sys/class/dmi", "/sys/devices/virtual/dmi", "/proc/1/cgroup", "/proc/1/environ"),
    *("/proc/1/sched", "/proc/scsi", "/.dockerenv", "/sys/hypervisor", "/proc/self/mountinfo"),
    *("/proc/modules", "/sys/class/net", "/proc/bus/pci"),
)
"""Places that tell a container, a virtual machine or a tracer (T24)."""
Tree = tuple[Phase, int]
"""A process that has no parent of its own kind, and with it all of its descendants."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """One pattern. `count` is how often it is there."""

    name: str
    meaning: str
    needs: frozenset[EventKind]
    count: Callable[[RunView], int]


def pattern_signals(run: RunView) -> tuple[Signal, ...]:
    """One signal of the behaviour layer for each pattern: `behaviour.pattern_<name>`."""
    return tuple(signal(f"pattern_{pattern.name}", pattern.count(run)) for pattern in PATTERNS)


def tree_of(run: RunView, event: Event) -> Tree:
    """The topmost ancestor of an event's process that is charged like it."""
    pid = event.pid
    process = run.process_of(event)
    for _ in range(ANCESTORS_MAX):
        above = run.processes.get((event.phase, process.parent)) if process else None
        if process is None or above is None or above.owner != process.owner:
            break
        pid, process = above.pid, above
    return event.phase, pid


# ---- programs that come from elsewhere -----------------------------------------------------------


def _connect_write_chmod_exec(run: RunView) -> int:
    """Files that a tree wrote after it had connected, made executable, and executed."""
    connected: set[Tree] = set()
    steps: dict[tuple[Tree, str], int] = {}
    found = 0
    writings = {id(event): path for event, path in run.written(phases=_ALL)}
    kinds = (EventKind.CONNECT, EventKind.OPEN, EventKind.RENAME, EventKind.LINK, EventKind.CHMOD)
    for event in run.events(*kinds, EventKind.EXEC, phases=_ALL):
        tree = tree_of(run, event)
        key = (tree, run.real(event.path))
        if event.kind is EventKind.CONNECT:
            connected |= {tree} if is_remote(event) else set()
        elif id(event) in writings and tree in connected and event.result >= 0:
            moved = steps.get(key, 1) if event.kind is EventKind.RENAME else 1
            steps[tree, writings[id(event)]] = moved
        elif event.kind is EventKind.CHMOD and key in steps and event.result >= 0:
            steps[key] = 2
        elif event.kind is EventKind.EXEC and event.result >= 0 and steps.get(key) == 2:
            found += 1
    return found


def _download_then_exec(run: RunView) -> int:
    """Programs executed that were written after a downloader had run, and not by the installer."""
    began = False
    written: set[str] = set()
    found = 0
    writings = {id(event): path for event, path in run.written(phases=_ALL)}
    kinds = (EventKind.OPEN, EventKind.RENAME, EventKind.LINK, EventKind.EXEC)
    for event in run.events(*kinds, phases=_ALL):
        if event.kind is EventKind.EXEC and event.result >= 0:
            found += bool(_programs(run, event) & (written - run.installed))
            began = began or event.path.rpartition("/")[2] in DOWNLOADERS
        elif id(event) in writings and began and event.result >= 0:
            written.add(writings[id(event)])
    return found


def _programs(run: RunView, event: Event) -> set[str]:
    """What an exec runs: the file itself, and where that is an interpreter, what it is told to run."""
    told = event.argv[1:] if is_shell(event.path, event.argv) or is_python(event.path) else ()
    return {run.real(event.path), *(run.real(word) for word in told if "/" in word)}


def _memfd_then_exec(run: RunView) -> int:
    """Programs executed from memory by a tree that had made a file there."""
    made = set()
    found = 0
    for event in run.events(EventKind.MEMFD, EventKind.EXEC, phases=_ALL):
        tree = tree_of(run, event)
        if event.kind is EventKind.MEMFD:
            made |= {tree} if event.result >= 0 else set()
        elif event.result >= 0 and tree in made:
            nameless = not event.path and event.syscall == "execveat"
            found += nameless or event.path.startswith(_MEMORY_FILE)
    return found


def _exec_then_unlink(run: RunView) -> int:
    """Programs that were executed and then removed, other than by who built them."""
    executed = set()
    found = 0
    for event in run.events(EventKind.EXEC, EventKind.UNLINK, phases=_ALL):
        path = run.real(event.path)
        if event.kind is EventKind.EXEC and event.result >= 0:
            executed.add(path)
        elif event.kind is EventKind.UNLINK and event.result == 0 and path in executed:
            executed.discard(path)
            found += 1
    return found


# ---- who gives the orders ------------------------------------------------------------------------


@dataclass(slots=True)
class _Streams:
    """What one process's descriptors stand for, as far as sockets go."""

    sockets: set[int] = field(default_factory=set)
    streams: dict[int, int] = field(default_factory=dict)

    def call(self, event: Event) -> None:
        arguments = call_arguments(event)
        if event.syscall in ("socket", "accept", "accept4"):
            self.sockets.add(event.result)
        elif event.syscall in ("dup2", "dup3") and len(arguments) >= 2:
            old, new = arguments[:2]
            if old in self.sockets and new in (0, 1, 2):
                self.streams[new] = old
            else:
                self.streams.pop(new, None)
                self.sockets.discard(new)


def _socket_onto_stdio_then_exec(run: RunView) -> int:
    """Programs executed whose input and output were one socket."""
    known: dict[tuple[Phase, int], _Streams] = {}
    found = 0
    for event in run.events(
        EventKind.CALL, EventKind.OPEN, EventKind.FORK, EventKind.EXEC, phases=_ALL
    ):
        mine = known.setdefault((event.phase, event.pid), _Streams())
        if event.result < 0:
            continue
        if event.kind is EventKind.CALL:
            mine.call(event)
        elif event.kind is EventKind.OPEN:
            mine.sockets.discard(event.result)
        elif event.kind is EventKind.FORK:
            known[event.phase, event.result] = _Streams(set(mine.sockets), dict(mine.streams))
        else:
            source = mine.streams.get(0)
            found += source is not None and source in (mine.streams.get(1), mine.streams.get(2))
    return found


def _detach_then_connect(run: RunView) -> int:
    """Connections beyond the box by processes that had left the session they were started in."""
    detached: set[tuple[Phase, int]] = set()
    found = 0
    for event in run.events(EventKind.CALL, EventKind.FORK, EventKind.CONNECT, phases=_ALL):
        key = (event.phase, event.pid)
        if event.kind is EventKind.CONNECT:
            found += key in detached and is_remote(event)
        elif event.kind is EventKind.FORK:
            detached |= {(event.phase, event.result)} if key in detached else set()
        elif event.syscall == "setsid" and event.result >= 0:
            detached.add(key)
    return found


# ---- secrets, files, hosts -----------------------------------------------------------------------


def _decoy_open_then_send(run: RunView) -> int:
    """Kinds of planted secrets that were opened before bytes were sent, in one phase."""
    opened: dict[Phase, set[str]] = {}
    sent: set[tuple[Phase, str]] = set()
    for event in run.events(EventKind.DECOY, EventKind.SEND, EventKind.NET, phases=_ALL):
        if event.kind is EventKind.DECOY:
            if event.detail in ("open", "access"):
                opened.setdefault(event.phase, set()).update(map(run.planted, event.canaries))
        elif event.size_bytes > 0 and (event.kind is EventKind.NET or is_remote(event)):
            sent |= {(event.phase, kind) for kind in opened.get(event.phase, ())}
    return len({kind for _, kind in sent})


def _many_renames(run: RunView) -> int:
    """Renames in the folders in which there were many; in P1 the installer's own are not the artifact's."""
    folders: dict[tuple[Phase, str], int] = {}
    for event in run.events(EventKind.RENAME, phases=_ALL):
        path = absolute(event.path)
        if event.result == 0 and not in_site(path):
            key = (event.phase, path.rpartition("/")[0])
            folders[key] = folders.get(key, 0) + 1
    return sum(count for count in folders.values() if count >= RENAMES_MIN)


def _connect_fan_out(run: RunView) -> int:
    """Different addresses and ports that one tree tried, where there were many."""
    tried: dict[Tree, set[tuple[str, int]]] = {}
    for event in run.events(EventKind.CONNECT, phases=_ALL):
        if event.address and event.port:
            tried.setdefault(tree_of(run, event), set()).add((event.address, event.port))
    return max(_many(tried.values(), ENDPOINTS_MIN), default=0)


def _lookup_fan_out(run: RunView) -> int:
    """Different names that were looked up in one phase, where there were many."""
    asked: dict[Phase, set[str]] = {}
    for event in run.events(EventKind.DNS, phases=_ALL):
        asked.setdefault(event.phase, set()).add(event.host)
    return max(_many(asked.values(), NAMES_MIN), default=0)


def _many(sets: Iterable[set[tuple[str, int]]] | Iterable[set[str]], least: int) -> Iterator[int]:
    return (len(one) for one in sets if len(one) >= least)


def _probes_then_exit(run: RunView) -> int:
    """Processes that looked at places which tell a sandbox, and ended without any contact."""
    looked: dict[tuple[Phase, int], set[str]] = {}
    contacted: set[tuple[Phase, int]] = set()
    found = 0
    kinds = (EventKind.OPEN, EventKind.PATH, EventKind.CONNECT, EventKind.EXIT)
    for event in run.events(*kinds, phases=_ALL):
        key = (event.phase, event.pid)
        if event.kind is EventKind.CONNECT:
            contacted |= {key} if is_remote(event) else set()
        elif event.kind is EventKind.EXIT:
            found += len(looked.get(key, ())) >= PROBES_MIN and key not in contacted
        else:
            path = absolute(event.path)
            looked.setdefault(key, set()).update(p for p in _PROBES if within(path, p))
    return found


def _needs(*kinds: EventKind) -> frozenset[EventKind]:
    return frozenset(kinds)


PATTERNS: tuple[Pattern, ...] = (
    Pattern(
        name="connect_write_chmod_exec",
        meaning="files written after a connect, made executable and executed, all by one process tree",
        needs=_needs(EventKind.CONNECT, EventKind.OPEN, EventKind.CHMOD, EventKind.EXEC),
        count=_connect_write_chmod_exec,
    ),
    Pattern(
        name="download_then_exec",
        meaning="programs executed that were written after a downloader (curl, wget …) had started",
        needs=_needs(EventKind.OPEN, EventKind.EXEC),
        count=_download_then_exec,
    ),
    Pattern(
        name="memfd_then_exec",
        meaning="programs executed from memory by a process tree that had made a file there",
        needs=_needs(EventKind.MEMFD, EventKind.EXEC),
        count=_memfd_then_exec,
    ),
    Pattern(
        name="exec_then_unlink",
        meaning="programs that were executed and then removed",
        needs=_needs(EventKind.EXEC, EventKind.UNLINK),
        count=_exec_then_unlink,
    ),
    Pattern(
        name="socket_onto_stdio_then_exec",
        meaning="programs executed whose input and output were one socket",
        needs=_needs(EventKind.CALL, EventKind.EXEC),
        count=_socket_onto_stdio_then_exec,
    ),
    Pattern(
        name="detach_then_connect",
        meaning="connections beyond the box by processes that had left their session",
        needs=_needs(EventKind.CALL, EventKind.CONNECT),
        count=_detach_then_connect,
    ),
    Pattern(
        name="decoy_open_then_send",
        meaning="kinds of planted secrets that were opened before bytes were sent",
        needs=_needs(EventKind.DECOY, EventKind.SEND, EventKind.NET),
        count=_decoy_open_then_send,
    ),
    Pattern(
        name="many_renames",
        meaning=f"renames in folders outside of the package with {RENAMES_MIN} or more of them",
        needs=_needs(EventKind.RENAME),
        count=_many_renames,
    ),
    Pattern(
        name="connect_fan_out",
        meaning=f"different addresses and ports that one process tree tried, from {ENDPOINTS_MIN} on",
        needs=_needs(EventKind.CONNECT),
        count=_connect_fan_out,
    ),
    Pattern(
        name="lookup_fan_out",
        meaning=f"different host names that were looked up in one phase, from {NAMES_MIN} on",
        needs=_needs(EventKind.DNS),
        count=_lookup_fan_out,
    ),
    Pattern(
        name="probes_then_exit",
        meaning=(
            f"processes that looked at {PROBES_MIN} or more places which tell a sandbox, "
            "and ended without contact"
        ),
        needs=_needs(EventKind.OPEN, EventKind.EXIT),
        count=_probes_then_exit,
    ),
)
"""All of them; docs/traces.md is made from this table."""
