"""`/v/{id}/processes`: who started whom in each phase of a run, and what each of them touched."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

from analyzer.tracefile import read_trace
from models.errors import ValueInvalid
from models.phase import Phase
from models.trace import BOX_OWNERS, Event, EventKind

EVENTS_READ_MAX = 50_000
"""Events of a trace that are read for the page, the first ones: some 0.3 s."""
PROCESSES_MAX = 250
"""Processes of one phase that are shown."""
TOUCHED_MAX = 12
"""Files, hosts and planted things of one process that are told."""
DEPTH_MAX = 12
"""Steps that the tree is drawn inwards; deeper ones stand below one another."""
_WRITES = frozenset({EventKind.UNLINK, EventKind.RENAME, EventKind.LINK, EventKind.CHMOD})
_NETWORK = frozenset({EventKind.CONNECT, EventKind.SEND, EventKind.DNS, EventKind.NET})
_WRITE_FLAGS = 0o3 | 0o100 | 0o1000
"""O_WRONLY, O_RDWR, O_CREAT, O_TRUNC (fcntl.h, x86-64 and arm64 alike)."""


@dataclass(slots=True, kw_only=True)
class Process:
    """One process of a phase. All texts in it are untrusted, to be escaped."""

    pid: int
    parent: int
    command: str = ""
    owner: str = ""
    depth: int = 0
    hosts: dict[str, None] = field(default_factory=dict)
    written: dict[str, None] = field(default_factory=dict)
    secrets: dict[str, None] = field(default_factory=dict)
    denied: dict[str, None] = field(default_factory=dict)
    files: int = 0
    """Files that it opened to read."""

    @property
    def ours(self) -> bool:
        """Whether it is our own runner, or pip."""
        return self.owner.startswith(BOX_OWNERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseTree:
    """The processes of one phase, each behind the one that started it."""

    phase: Phase
    processes: tuple[Process, ...]
    left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trees:
    """All phases; `cut`: the trace goes on behind what was read."""

    phases: tuple[PhaseTree, ...]
    cut: bool


async def trees_of(data: bytes) -> Trees | None:
    """The trees of a stored trace; None where it cannot be read."""
    try:
        return await asyncio.to_thread(_read, data)
    except ValueInvalid:
        return None


def _read(data: bytes) -> Trees:
    events = list(islice(read_trace(data), EVENTS_READ_MAX + 1))
    return trees(events[:EVENTS_READ_MAX], cut=len(events) > EVENTS_READ_MAX)


def trees(events: Iterable[Event], *, cut: bool = False) -> Trees:
    """The processes of each phase in which there was any."""
    found: dict[Phase, dict[int, Process]] = {}
    for event in events:
        if event.pid:
            _note(found.setdefault(event.phase, {}), event)
    return Trees(phases=tuple(_ordered(phase, found[phase]) for phase in sorted(found)), cut=cut)


def _note(processes: dict[int, Process], event: Event) -> None:
    process = processes.get(event.pid)
    if process is None:
        process = processes[event.pid] = Process(
            pid=event.pid, parent=event.parent, owner=event.owner
        )
    process.parent = process.parent or event.parent
    match event.kind:
        case EventKind.EXEC if event.result >= 0:
            process.command = " ".join(event.argv) or event.path
            process.owner = event.owner
        case EventKind.FORK if event.result > 0 and event.result not in processes:
            processes[event.result] = Process(
                pid=event.result, parent=event.pid, command=process.command, owner=event.owner
            )
        case EventKind.OPEN if event.flags & _WRITE_FLAGS and event.result >= 0:
            _add(process.written, event.path)
        case EventKind.OPEN:
            process.files += 1
        case EventKind.DECOY:
            _add(process.secrets, event.detail or event.path)
        case EventKind.DENIED:
            _add(process.denied, event.syscall)
        case kind if kind in _WRITES:
            _add(process.written, event.path)
        case kind if kind in _NETWORK:
            _add(process.hosts, _peer(event))
        case _:
            pass
    for canary in event.canaries:
        _add(process.secrets, f"{canary} sent")


def _add(kept: dict[str, None], text: str) -> None:
    if text and len(kept) < TOUCHED_MAX:
        kept[text] = None


def _peer(event: Event) -> str:
    where = event.host or event.address
    return f"{where}:{event.port}" if where and event.port else where


def _ordered(phase: Phase, processes: dict[int, Process]) -> PhaseTree:
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
    return PhaseTree(
        phase=phase,
        processes=tuple(ordered[:PROCESSES_MAX]),
        left_out=max(0, len(ordered) - PROCESSES_MAX),
    )
