"""`/v/{id}/processes`: who started whom in each phase of a run, and what each of them touched."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from analyzer.tracefile import read_trace
from models.errors import ValueInvalid
from models.phase import Phase
from models.trace import BOX_OWNERS, Event, EventKind

EVENTS_READ_MAX = 50_000
"""Events of a trace that are read for the page, of those that are rare: some 0.3 s."""
OPENS_READ_MAX = 50_000
"""Opened files that are read beside them, the first ones: they make most of a large trace, and must
not push a connection off the page."""
PROCESSES_MAX = 250
"""Processes of one phase that are shown."""
TOUCHED_MAX = 12
"""Files, hosts and planted things of one process that are told."""
SEEN_MAX = 40
"""Names, conversations and planted files of one phase that are told as seen from outside."""
DEPTH_MAX = 12
"""Steps that the tree is drawn inwards; deeper ones stand below one another."""
UNTOLD: Final = (EventKind.PATH, EventKind.FILE_IO, EventKind.SEQUENCE, EventKind.MMAP_EXEC)
"""Kinds that the page does not tell, and that make two thirds of a trace."""
ENVIRONMENT = "/env/"
"""Where a box installs to (analyzer/sandbox)."""
_WRITES = frozenset({EventKind.UNLINK, EventKind.RENAME, EventKind.LINK, EventKind.CHMOD})
_NETWORK = frozenset({EventKind.CONNECT, EventKind.SEND, EventKind.DNS, EventKind.NET})
_WRITE_FLAGS = 0o3 | 0o100 | 0o1000
"""O_WRONLY, O_RDWR, O_CREAT, O_TRUNC (fcntl.h, x86-64 and arm64 alike)."""


@dataclass(slots=True, kw_only=True)
class Process:
    """One process of a phase. All texts in it are untrusted, to be escaped.

    What it touched is kept by its words, each with the distribution that it is charged to; empty is the
    artifact itself.
    """

    pid: int
    parent: int
    command: str = ""
    owner: str = ""
    depth: int = 0
    hosts: dict[str, str] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    denied: dict[str, str] = field(default_factory=dict)
    files: int = 0
    """Files that it opened to read."""
    usual: int = 0
    """Files that it wrote and whoever installs or imports anything writes: what pip unpacks, bytecode."""

    @property
    def ours(self) -> bool:
        """Whether it is our own runner, or pip, and nothing else acted in it."""
        touched = (*self.hosts.values(), *self.written.values(), *self.denied.values())
        return (
            self.owner.startswith(BOX_OWNERS) and not self.secrets and all(map(_is_ours, touched))
        )

    @property
    def idle(self) -> bool:
        """Whether there is nothing to tell of it but that it was."""
        told = (self.command, self.hosts, self.written, self.secrets, self.denied, self.usual)
        return not any(told)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was seen from outside the box, where nothing in it can forge it. Untrusted texts."""

    kind: EventKind
    """DNS, NET or DECOY."""
    at_us: int
    where: str
    detail: str = ""
    secrets: int = 0
    """Planted values in what was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseTree:
    """The processes of one phase, each behind the one that started it."""

    phase: Phase
    processes: tuple[Process, ...]
    left_out: int
    seen: tuple[Seen, ...] = ()
    seen_left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trees:
    """All phases; `cut`: the trace holds more than was read."""

    phases: tuple[PhaseTree, ...]
    cut: bool


async def trees_of(data: bytes) -> Trees | None:
    """The trees of a stored trace; None where it cannot be read."""
    try:
        return await asyncio.to_thread(_read, data)
    except ValueInvalid:
        return None


def _read(data: bytes) -> Trees:
    events: list[Event] = []
    opens = others = 0
    for event in read_trace(data, without=UNTOLD):
        if event.kind is EventKind.OPEN:
            opens += 1
            if opens > OPENS_READ_MAX:
                continue
        else:
            others += 1
            if others > EVENTS_READ_MAX:
                break
        events.append(event)
    return trees(events, cut=opens > OPENS_READ_MAX or others > EVENTS_READ_MAX)


def trees(events: Iterable[Event], *, cut: bool = False) -> Trees:
    """The processes of each phase in which there was any, and what was seen from outside."""
    phases: dict[Phase, _Phase] = {}
    for event in events:
        phases.setdefault(event.phase, _Phase()).note(event)
    return Trees(phases=tuple(phases[phase].tree(phase) for phase in sorted(phases)), cut=cut)


class _Phase:
    """What is gathered of one phase."""

    def __init__(self) -> None:
        self.processes: dict[int, Process] = {}
        self.seen: dict[tuple[EventKind, str, str], Seen] = {}
        self.names: dict[str, str] = {}
        self.peers: list[tuple[Process, Event]] = []

    def note(self, event: Event) -> None:
        """Take in one event."""
        if event.pid:
            _note(self.processes, event, self.peers)
        elif event.kind in (EventKind.DNS, EventKind.NET, EventKind.DECOY):
            self._from_outside(event)

    def _from_outside(self, event: Event) -> None:
        if event.kind is EventKind.NET and event.host and len(self.names) < EVENTS_READ_MAX:
            self.names[event.address] = event.host
        where = event.path if event.kind is EventKind.DECOY else _peer(event)
        # A file that is opened and read, and a name that is asked for twice, are one line.
        detail = event.detail if event.kind is EventKind.NET else ""
        sent = len(event.canaries) if event.kind is EventKind.NET else 0
        key = (event.kind, where, detail)
        if key not in self.seen or sent > self.seen[key].secrets:
            self.seen[key] = Seen(
                kind=event.kind, at_us=event.at_us, where=where, detail=detail, secrets=sent
            )

    def tree(self, phase: Phase) -> PhaseTree:
        """The phase as the page shows it."""
        for process, event in self.peers:
            named = self.names.get(event.address, "")
            where = _peer(event) + (f" ({named})" if named and not event.host else "")
            _add(process.hosts, where, event.owner)
        seen = sorted(self.seen.values(), key=lambda one: (not one.secrets, one.at_us))
        ordered = _ordered(self.processes)
        return PhaseTree(
            phase=phase,
            processes=tuple(ordered[:PROCESSES_MAX]),
            left_out=max(0, len(ordered) - PROCESSES_MAX),
            seen=tuple(seen[:SEEN_MAX]),
            seen_left_out=max(0, len(seen) - SEEN_MAX),
        )


def _note(processes: dict[int, Process], event: Event, peers: list[tuple[Process, Event]]) -> None:
    process = processes.get(event.pid)
    if process is None:
        process = processes[event.pid] = Process(
            pid=event.pid, parent=event.parent, owner=event.owner
        )
    process.parent = process.parent or event.parent
    match event.kind:
        case EventKind.EXEC if event.result >= 0:
            process.command = _command(event)
            process.owner = event.owner
        case EventKind.FORK if event.result > 0 and event.result not in processes:
            processes[event.result] = Process(
                pid=event.result, parent=event.pid, command=process.command, owner=event.owner
            )
        case EventKind.OPEN if event.flags & _WRITE_FLAGS and event.result >= 0:
            _wrote(process, event)
        case EventKind.OPEN:
            process.files += 1
        case EventKind.DECOY:
            _add(process.secrets, event.detail or event.path, event.owner)
        case EventKind.DENIED if not _is_ours(event.owner):  # our runner asks for what it may not
            _add(process.denied, event.syscall, event.owner)
        case kind if kind in _WRITES:
            _wrote(process, event)
        case kind if kind in _NETWORK:
            if len(peers) < EVENTS_READ_MAX:
                peers.append((process, event))
        case _:
            pass
    for canary in event.canaries:
        _add(process.secrets, f"{canary} sent", event.owner)


def _command(event: Event) -> str:
    """What was started; of a program that our runner hands over whole, its first and last line."""
    command = " ".join(event.argv) or event.path
    lines = command.splitlines()
    return f"{lines[0]} … {lines[-1]}" if _is_ours(event.owner) and len(lines) > 1 else command


def _wrote(process: Process, event: Event) -> None:
    unpacked = event.phase is Phase.INSTALL and _is_ours(event.owner)
    if event.path.startswith(ENVIRONMENT) and (unpacked or "/__pycache__/" in event.path):
        process.usual += 1
    else:
        _add(process.written, event.path, event.owner)


def _is_ours(owner: str) -> bool:
    return owner.startswith(BOX_OWNERS)


def _add(kept: dict[str, str], text: str, owner: str) -> None:
    if text and len(kept) < TOUCHED_MAX:
        kept.setdefault(text, owner)


def _peer(event: Event) -> str:
    where = event.host or event.address
    shown = where and event.port and event.kind is not EventKind.DNS
    return f"{where}:{event.port}" if shown else where


def _ordered(processes: dict[int, Process]) -> list[Process]:
    """Each behind the one that started it; those of ours that did nothing and started nobody go."""
    children: dict[int, list[Process]] = {}
    roots = []
    for process in processes.values():
        if process.parent in processes and process.parent != process.pid:
            children.setdefault(process.parent, []).append(process)
        else:
            roots.append(process)
    ordered: list[Process] = []
    seen: set[int] = set()
    waiting = [(root, 0) for root in reversed(roots)]
    # What is a circle (numbers are reused) has no root, and follows behind the others.
    waiting[:0] = [(one, 0) for one in reversed(processes.values()) if one not in roots]
    while waiting:
        process, depth = waiting.pop()
        if process.pid in seen:
            continue
        seen.add(process.pid)
        process.depth = min(depth, DEPTH_MAX)
        ordered.append(process)
        waiting += [(child, depth + 1) for child in reversed(children.get(process.pid, []))]
    return [one for one in ordered if not (one.ours and one.idle and one.pid not in children)]
