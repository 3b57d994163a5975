"""What a box may use, by control groups: pure v2, v1 beside an empty v2 tree (hybrid), v1, none.

One `Cgroup` stands for a box in every tree that this machine has, with whatever limits are to be
had there: no mode is a case of its own. The v2 directory's inode number
is the id that the tracer filters by, and its `cgroup.kill` ends everything in the box at once.
"""

from __future__ import annotations

import errno
import os
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
CONTROLLERS = ("memory", "pids", "cpu", "cpuacct")
NEEDED = ("memory", "pids")
"""Without these a v2 tree limits nothing that matters."""
LEAF = "daemon"
"""Where the processes of our own group go: a group that hands controllers down may hold none."""
PERIOD_US = 100_000
"""Microseconds of a CPU bandwidth period: the kernel's default."""
WEIGHT_PERCENT = 20
"""Processor time that a box gets where there is not enough, of that of a process of ours: who waits for
an approved file goes before what is analysed."""
V2_WEIGHT, V1_SHARES = 100, 1_024
"""What the kernel gives a group that says nothing (cgroup-v2.rst; sched-design-CFS.rst)."""
REMOVE_TRIES = 400
REMOVE_PAUSE_S = 0.005
"""A directory is removable once the kernel has buried the last process; 2 s in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one box."""

    memory_bytes: int
    pids: int
    cpu_percent: int
    """100 is one processor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a box has used and run into, from the kernel's counters."""

    pids_max_hits: int = 0
    oom_kills: int = 0
    memory_peak_bytes: int = 0
    cpu_us: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trees:
    """The cgroup trees of this machine: `v2` (may be None), and a v1 tree for each controller."""

    v2: Path | None
    v1: dict[str, Path]
    v2_limits: bool
    """Whether the v2 tree has the controllers (pure v2)."""

    @property
    def mode(self) -> str:
        """`v2`, `hybrid`, `v1` or `none`."""
        if self.v2 is not None:
            return "hybrid" if self.v1 else "v2"
        return "v1" if self.v1 else "none"

    @property
    def limits_memory(self) -> bool:
        """Whether memory can be limited here (off by default on Raspberry Pi OS)."""
        return "memory" in self.v1 or self.v2_limits

    @property
    def limits_pids(self) -> bool:
        """Whether the number of processes can be limited here."""
        return "pids" in self.v1 or self.v2_limits

    @property
    def limits_cpu(self) -> bool:
        """Whether processor time can be limited here."""
        if "cpu" in self.v1:
            return True
        return self.v2 is not None and "cpu" in _words(self.v2 / "cgroup.controllers")


def find_trees(root: Path = ROOT, *, own: str | None = None) -> Trees:
    """The trees under `root`, as this process may use them; `own` is our v2 path, for tests.

    On pure v2 this hands the controllers down to boxes; where our own group then may hold no
    processes, all that are in it (our own service) step into a leaf.
    """
    trees = look(root, own=own)
    if trees.v1 or trees.v2 is None or not (root / "cgroup.controllers").exists():
        return trees
    return replace(trees, v2_limits=hand_down(trees.v2))


def look(root: Path = ROOT, *, own: str | None = None) -> Trees:
    """The same without changing anything: `v2_limits` then says what handing down would give."""
    if (root / "cgroup.controllers").exists():
        base = _base(root, own if own is not None else _own_v2_path())
        offered = set(NEEDED) <= _words(base / "cgroup.controllers")
        return Trees(v2=base, v1={}, v2_limits=offered)
    unified = root / "unified"
    v2 = unified if (unified / "cgroup.procs").exists() else None
    v1 = {name: root / name for name in CONTROLLERS if (root / name / "cgroup.procs").exists()}
    return Trees(v2=v2, v1=v1, v2_limits=False)


def _own_v2_path() -> str:
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    return next((line[3:] for line in lines if line.startswith("0::")), "/")


def _base(root: Path, own: str) -> Path:
    """Where boxes go in a pure v2 tree: below the service that systemd delegated to us, or the root.

    A group that is not delegated (a login session, with `sudo pratique serve`) holds others'
    processes, which are not ours to move; the root may hold processes and groups side by side.
    """
    base = root / own.lstrip("/")
    if base.name == LEAF:  # stepped down already
        base = base.parent
    return base if base != root and _is_delegated(base) else root


def _is_delegated(path: Path) -> bool:
    """Whether systemd marked the group so (systemd.resource-control(5), Delegate=)."""
    for name in ("trusted.delegate", "user.delegate"):
        try:
            if os.getxattr(path, name) == b"1":
                return True
        except OSError:
            continue
    return False


def hand_down(base: Path, needed: tuple[str, ...] = NEEDED) -> bool:
    """Give the controllers to the groups below `base`; False where a needed one cannot be had."""
    for name in (*needed, "cpu"):
        try:
            _enable(base, name)
        except OSError:
            continue
    return set(needed) <= _words(base / "cgroup.subtree_control")


def _enable(base: Path, controller: str) -> None:
    try:
        (base / "cgroup.subtree_control").write_text(f"+{controller}")
    except OSError as error:
        if error.errno != errno.EBUSY:  # "no internal processes", cgroup-v2.rst
            raise
        _step_down(base)
        (base / "cgroup.subtree_control").write_text(f"+{controller}")


def _step_down(base: Path) -> None:
    """Move every process of `base` into its leaf; some may fork meanwhile, so look again."""
    leaf = base / LEAF
    leaf.mkdir(exist_ok=True)
    for _ in range(REMOVE_TRIES):
        numbers = _processes(base)
        if not numbers:
            return
        for number in numbers:
            _write_if_there(leaf / "cgroup.procs", str(number))


class Cgroup:
    """One box's directory in each tree. `close` kills what is in it and removes it."""

    def __init__(self, trees: Trees, name: str, limits: Limits | None) -> None:
        self._v1 = {controller: base / name for controller, base in trees.v1.items()}
        self._v2 = trees.v2 / name if trees.v2 is not None else None
        self._v2_limits = trees.v2_limits
        for path in self._paths():
            path.mkdir(exist_ok=True)
        if limits is not None:
            self._limit(limits)

    def _paths(self) -> list[Path]:
        v2 = [self._v2] if self._v2 is not None else []
        return v2 + list(self._v1.values())

    def _limit(self, limits: Limits) -> None:
        quota = limits.cpu_percent * PERIOD_US // 100
        if self._v2 is not None and self._v2_limits:
            _write(self._v2 / "memory.max", str(limits.memory_bytes))
            _write_if_there(self._v2 / "memory.swap.max", "0")
            _write_if_there(self._v2 / "memory.oom.group", "1")
            _write(self._v2 / "pids.max", str(limits.pids))
            _write_if_there(self._v2 / "cpu.max", f"{quota} {PERIOD_US}")
            _write_if_there(self._v2 / "cpu.weight", str(V2_WEIGHT * WEIGHT_PERCENT // 100))
        if "memory" in self._v1:
            _write(self._v1["memory"] / "memory.limit_in_bytes", str(limits.memory_bytes))
            _write_if_there(
                self._v1["memory"] / "memory.memsw.limit_in_bytes", str(limits.memory_bytes)
            )
        if "pids" in self._v1:
            _write(self._v1["pids"] / "pids.max", str(limits.pids))
        if "cpu" in self._v1:
            _write_if_there(self._v1["cpu"] / "cpu.cfs_period_us", str(PERIOD_US))
            _write_if_there(self._v1["cpu"] / "cpu.cfs_quota_us", str(quota))
            _write_if_there(self._v1["cpu"] / "cpu.shares", str(V1_SHARES * WEIGHT_PERCENT // 100))

    @property
    def id(self) -> int:
        """The v2 id that `bpf_get_current_cgroup_id` gives; 0 where there is no v2 tree."""
        return self._v2.stat().st_ino if self._v2 is not None else 0

    @property
    def join_files(self) -> tuple[str, ...]:
        """Files into which a process writes `0` to step in."""
        return tuple(str(path / "cgroup.procs") for path in self._paths())

    def usage(self) -> Usage:
        """The counters since the box was made."""
        v2 = self._v2 if self._v2_limits else None
        memory = self._v1.get("memory", v2)
        pids = self._v1.get("pids", v2)
        peak = 0
        oom = 0
        if memory is not None:
            peak = _number(memory / "memory.peak") or _number(memory / "memory.max_usage_in_bytes")
            oom = _keyed(memory / "memory.events", "oom_kill") or _keyed(
                memory / "memory.oom_control", "oom_kill"
            )
        return Usage(
            pids_max_hits=_keyed(pids / "pids.events", "max") if pids is not None else 0,
            oom_kills=oom,
            memory_peak_bytes=peak,
            cpu_us=self._cpu_us(),
        )

    def _cpu_us(self) -> int:
        if "cpuacct" in self._v1:
            return _number(self._v1["cpuacct"] / "cpuacct.usage") // 1000
        return _keyed(self._v2 / "cpu.stat", "usage_usec") if self._v2 is not None else 0

    def kill(self) -> None:
        """SIGKILL to all in the box; forks in flight are caught too (cgroup.kill), or by repeating."""
        if self._v2 is not None and (self._v2 / "cgroup.kill").exists():
            _write_if_there(self._v2 / "cgroup.kill", "1")
            return
        for _ in range(REMOVE_TRIES):
            numbers = {n for path in self._paths() for n in _processes(path)}
            if not numbers:
                return
            for number in numbers:
                try:
                    os.kill(number, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            time.sleep(REMOVE_PAUSE_S)

    def close(self) -> bool:
        """Kill and remove; False where a directory would not go (a process that cannot die)."""
        return remove(self._paths(), self.kill)


def remove(paths: list[Path], kill: object = None) -> bool:
    """Remove cgroup directories, after `kill`, as soon as the kernel allows."""
    if callable(kill):
        kill()
    left = [path for path in paths if path.exists()]
    for _ in range(REMOVE_TRIES):
        left = [path for path in left if not _rmdir(path)]
        if not left:
            return True
        time.sleep(REMOVE_PAUSE_S)
    return False


def sweep(trees: Trees, prefix: str) -> int:
    """Kill and remove what a dead predecessor left: directories whose name begins with `prefix`."""
    bases = ([trees.v2] if trees.v2 is not None else []) + list(trees.v1.values())
    names = {path.name for base in bases for path in base.glob(f"{prefix}*") if path.is_dir()}
    for name in names:
        Cgroup(trees, name, None).close()
    return len(names)


def _rmdir(path: Path) -> bool:
    try:
        path.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _write(path: Path, text: str) -> None:
    path.write_text(text)


def _write_if_there(path: Path, text: str) -> None:
    try:
        path.write_text(text)
    except OSError:
        return


def _processes(path: Path) -> list[int]:
    try:
        return [int(line) for line in (path / "cgroup.procs").read_text().split()]
    except OSError:
        return []


def _words(path: Path) -> set[str]:
    try:
        return set(path.read_text().split())
    except OSError:
        return set()


def _number(path: Path) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return 0


def _keyed(path: Path, key: str) -> int:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return 0
    for line in lines:
        name, _, value = line.partition(" ")
        if name == key and value.isdigit():
            return int(value)
    return 0
