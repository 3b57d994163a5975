"""What a sandbox daemon holds on this machine: processes, mounts, namespaces, groups, files, memory."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from analyzer.sandbox.options import SINKHOLE_UID_OFFSET
from tests.analyzer.sandbox.lab import Lab

NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")
PLACES = ("/run", "/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue")  # noqa: S108 - looked at only
"""Where a box that got out could leave a file for good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What there is of one daemon between two runs; two of them are equal where nothing leaked."""

    processes: int
    """The daemon, its spawner, and everything under a uid of its boxes or sinkholes."""
    namespaces: tuple[str, ...]
    mounts: tuple[str, ...]
    """Mount points below the run directory, in the daemon's own mount namespace."""
    groups: tuple[str, ...]
    descriptors: tuple[str, ...]
    """What the daemon and its spawner have open."""
    threads: int
    """Of the daemon: the main one, the trace reader, one for each conversation."""
    files: tuple[str, ...]
    """In the run directory, and of our uids in `PLACES`."""

    def beyond(self, before: Holdings) -> str:
        """What differs from `before`, in words; empty where nothing does."""
        found = []
        for field in fields(self):
            old, new = getattr(before, field.name), getattr(self, field.name)
            if isinstance(new, tuple):
                more, less = list(_minus(new, old)), list(_minus(old, new))
                found += [f"{field.name} more: {more}"] if more else []
                found += [f"{field.name} less: {less}"] if less else []
            elif old != new:
                found.append(f"{field.name}: {old} → {new}")
        return "; ".join(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Bytes of two processes' own memory, anonymous and shared; see `memory` for why not PSS."""

    daemon: int
    spawner: int


def holdings(lab: Lab, uid_base: int) -> Holdings:
    """Look now."""
    daemon = lab.process.pid
    ours = _processes(daemon, uid_base)
    return Holdings(
        processes=len(ours),
        namespaces=tuple(sorted({name for pid in ours for name in _namespaces(pid)})),
        mounts=tuple(_mounts(daemon, lab.run_dir)),
        groups=tuple(sorted(str(path) for path in lab.groups)),
        descriptors=_descriptors(daemon) + _descriptors(spawner_of(daemon)),
        threads=len(list(Path(f"/proc/{daemon}/task").iterdir())),
        files=tuple(sorted(_files(lab.run_dir, uid_base))),
    )


def memory(lab: Lab) -> Memory:
    """Resident anonymous memory and shared memory.

    Not the PSS of all: files that others map too move it, and the spawner was forked from the
    daemon, so a page that one of them writes to for the first time adds half a page to both.
    """
    daemon = lab.process.pid
    return Memory(daemon=_own_bytes(daemon), spawner=_own_bytes(spawner_of(daemon)))


def spawner_of(daemon: int) -> int:
    """The daemon's one child that stays."""
    return _children(daemon)[0]


def slope(values: list[int]) -> float:
    """Bytes for each step, by least squares; 0 for fewer than two values."""
    count = len(values)
    if count < 2:
        return 0.0
    middle = (count - 1) / 2
    mean = sum(values) / count
    above = sum((at - middle) * (value - mean) for at, value in enumerate(values))
    return above / sum((at - middle) ** 2 for at in range(count))


def _minus(some: tuple[str, ...], others: tuple[str, ...]) -> Iterator[str]:
    return (Counter(some) - Counter(others)).elements()


def _is_ours(uid: int, uid_base: int) -> bool:
    """Whether it is the first slot's box or sinkhole: such a daemon has one slot."""
    return uid in (uid_base, uid_base + SINKHOLE_UID_OFFSET)


def _processes(daemon: int, uid_base: int) -> set[int]:
    found = {daemon}
    waiting = [daemon]
    while waiting:
        children = _children(waiting.pop())
        found |= set(children)
        waiting += children
    for path in Path("/proc").glob("[0-9]*"):
        if _is_ours(_owner(path), uid_base):
            found.add(int(path.name))
    return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(text) for text in task.read_text().split()]
        except OSError:
            continue
    return sorted(found)


def _namespaces(pid: int) -> Iterator[str]:
    for kind in NAMESPACES:
        try:
            yield str(Path(f"/proc/{pid}/ns/{kind}").readlink())
        except OSError:
            continue


def _mounts(daemon: int, run_dir: Path) -> Iterator[str]:
    for line in Path(f"/proc/{daemon}/mountinfo").read_text().splitlines():
        place = line.split()[4]
        if place.startswith(f"{run_dir}/"):
            yield place


def _descriptors(pid: int) -> tuple[str, ...]:
    """What is open, but for the probes: they are taken off when nobody has run for a while."""
    found = []
    for path in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(path.readlink())
        except OSError:
            continue  # closed while we looked
        if target != "anon_inode:[perf_event]":
            found.append(re.sub(r"\[\d+\]", "", target))
    return tuple(sorted(found))


def _files(run_dir: Path, uid_base: int) -> Iterator[str]:
    for folder, folders, files in os.walk(run_dir):  # which minds nothing that goes meanwhile
        yield from (f"{folder}/{name}" for name in (*folders, *files))
    for place in PLACES:
        for path in Path(place).glob("*"):
            if _is_ours(_owner(path), uid_base):
                yield str(path)


def _owner(path: Path) -> int:
    """The uid of what is at `path`; -1 where it went while we looked."""
    try:
        return path.lstat().st_uid
    except OSError:
        return -1


def _own_bytes(pid: int) -> int:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(
        int(kib) << 10
        for kib in re.findall(r"^(?:Anonymous|Pss_Shmem):\s+(\d+) kB$", text, re.MULTILINE)
    )
