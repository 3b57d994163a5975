"""Control groups on made-up trees of all four modes, and on the real ones of this machine."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from analyzer.sandbox import cgroups
from analyzer.sandbox.cgroups import Cgroup, Limits, Trees
from tests.analyzer.sandbox.lab import until

LIMITS = Limits(memory_bytes=1 << 28, pids=64, cpu_percent=150)
UNIFIED = Path("/sys/fs/cgroup/unified")


def pure_v2(root: Path, controllers: str) -> None:
    """A v2 tree's files."""
    (root / "cgroup.controllers").write_text(controllers)
    (root / "cgroup.subtree_control").write_text(controllers)


def v1(root: Path, *names: str) -> None:
    """A v1 tree for each name."""
    for name in names:
        (root / name).mkdir()
        (root / name / "cgroup.procs").touch()


def test_find_trees__pure_v2_below_the_service_that_systemd_delegated(tmp_path: Path) -> None:
    pure_v2(tmp_path, "cpu memory pids")
    own = tmp_path / "system.slice/pratique.service"
    own.mkdir(parents=True)
    (own / "cgroup.subtree_control").write_text("memory pids")
    os.setxattr(own, "user.delegate", b"1")

    for path in ("/system.slice/pratique.service", "/system.slice/pratique.service/daemon"):
        trees = cgroups.find_trees(tmp_path, own=path)
        assert (trees.v2, trees.mode) == (own, "v2")


def test_find_trees__pure_v2_of_a_login_session_uses_the_root(tmp_path: Path) -> None:
    pure_v2(tmp_path, "cpu memory pids")
    session = tmp_path / "user.slice/session-1.scope"
    session.mkdir(parents=True)
    (session / "cgroup.procs").write_text("1 2 3")

    trees = cgroups.find_trees(tmp_path, own="/user.slice/session-1.scope")

    assert trees.v2 == tmp_path
    assert [path.name for path in session.iterdir()] == ["cgroup.procs"]  # nobody was moved


def test_find_trees__pure_v2_without_controllers_limits_nothing(tmp_path: Path) -> None:
    pure_v2(tmp_path, "")
    (tmp_path / "cgroup.subtree_control").unlink()
    trees = cgroups.find_trees(tmp_path, own="/")

    assert (trees.mode, trees.limits_memory, trees.limits_pids) == ("v2", False, False)


@pytest.mark.parametrize(
    ("names", "mode", "memory", "pids"),
    [
        (("unified", "memory", "pids", "cpu"), "hybrid", True, True),
        (("unified", "pids", "cpu"), "hybrid", False, True),  # a Raspberry Pi as it comes
        (("memory", "pids", "cpuacct"), "v1", True, True),
        (("memory",), "v1", True, False),
        (("unified",), "v2", False, False),
        ((), "none", False, False),
    ],
)
def test_find_trees__says_what_can_be_limited(
    tmp_path: Path, names: tuple[str, ...], mode: str, memory: bool, pids: bool
) -> None:
    v1(tmp_path, *names)
    trees = cgroups.find_trees(tmp_path)

    assert (trees.mode, trees.limits_memory, trees.limits_pids) == (mode, memory, pids)


def test_v2__limits_are_written_and_counters_read(tmp_path: Path) -> None:
    group = Cgroup(Trees(v2=tmp_path, v1={}, v2_limits=True), "box", None)
    box = tmp_path / "box"
    for name in ("memory.swap.max", "memory.oom.group", "cpu.max", "cpu.weight"):
        (box / name).touch()
    group._limit(LIMITS)
    (box / "pids.events").write_text("max 3\n")
    (box / "memory.events").write_text("low 0\noom 1\noom_kill 2\n")
    (box / "memory.peak").write_text("4096\n")
    (box / "cpu.stat").write_text("usage_usec 77\nuser_usec 1\n")

    assert (box / "memory.max").read_text() == str(1 << 28)
    assert (box / "memory.swap.max").read_text() == "0"
    assert (box / "memory.oom.group").read_text() == "1"
    assert (box / "pids.max").read_text() == "64"
    assert (box / "cpu.max").read_text() == "150000 100000"
    assert (box / "cpu.weight").read_text() == "20"
    usage = group.usage()
    assert (usage.pids_max_hits, usage.oom_kills) == (3, 2)
    assert (usage.memory_peak_bytes, usage.cpu_us) == (4096, 77)
    assert group.id == box.stat().st_ino


def test_v1__limits_are_written_and_counters_read(tmp_path: Path) -> None:
    v1(tmp_path, "memory", "pids", "cpu", "cpuacct")
    trees = cgroups.find_trees(tmp_path)
    group = Cgroup(trees, "box", None)
    for name in (
        "memory/box/memory.memsw.limit_in_bytes",
        "cpu/box/cpu.cfs_quota_us",
        "cpu/box/cpu.shares",
    ):
        (tmp_path / name).touch()
    group._limit(LIMITS)
    (tmp_path / "pids/box/pids.events").write_text("max 3\n")
    (tmp_path / "memory/box/memory.oom_control").write_text("under_oom 0\noom_kill 2\n")
    (tmp_path / "memory/box/memory.max_usage_in_bytes").write_text("4096\n")
    (tmp_path / "cpuacct/box/cpuacct.usage").write_text("77000\n")

    assert (tmp_path / "memory/box/memory.limit_in_bytes").read_text() == str(1 << 28)
    assert (tmp_path / "memory/box/memory.memsw.limit_in_bytes").read_text() == str(1 << 28)
    assert (tmp_path / "pids/box/pids.max").read_text() == "64"
    assert (tmp_path / "cpu/box/cpu.cfs_quota_us").read_text() == "150000"
    assert (tmp_path / "cpu/box/cpu.shares").read_text() == "204"
    usage = group.usage()
    assert (usage.pids_max_hits, usage.oom_kills) == (3, 2)
    assert (usage.memory_peak_bytes, usage.cpu_us) == (4096, 77)
    assert group.id == 0  # no v2 tree, nothing for the tracer to tell it by


def test_none__a_group_without_trees_is_empty_and_goes_at_once() -> None:
    group = Cgroup(Trees(v2=None, v1={}, v2_limits=False), "box", LIMITS)

    assert (group.id, group.join_files) == (0, ())
    assert group.usage() == cgroups.Usage()
    assert group.close()


def test_kill__without_cgroup_kill_goes_on_until_nobody_is_left(tmp_path: Path) -> None:
    group = Cgroup(Trees(v2=tmp_path, v1={}, v2_limits=True), "box", None)
    sleeper = subprocess.Popen(["/bin/sleep", "600"])
    procs = tmp_path / "box/cgroup.procs"
    os.mkfifo(procs)  # each look takes what the next writer says: one process, then nobody
    writer = subprocess.Popen(
        ["/bin/sh", "-c", f"echo {sleeper.pid} > {procs}; sleep 0.1; : > {procs}"]
    )
    group.kill()

    assert sleeper.wait(20) == -signal.SIGKILL
    assert writer.wait(20) == 0


@pytest.fixture
def delegated() -> Iterator[Path]:
    """A real v2 group that may hand a controller down, as one of a service; it has a process."""
    if "hugetlb" not in (UNIFIED / "cgroup.controllers").read_text():
        pytest.skip("no controller is free for a v2 group of ours on this machine")
    (UNIFIED / "cgroup.subtree_control").write_text("+hugetlb")
    base = UNIFIED / f"pratique-test-{os.getpid()}-service"
    base.mkdir()
    process = subprocess.Popen(["/bin/sleep", "600"])
    (base / "cgroup.procs").write_text(str(process.pid))
    yield base
    process.kill()
    process.wait()
    assert cgroups.remove([base / cgroups.LEAF, base])
    (UNIFIED / "cgroup.subtree_control").write_text("-hugetlb")


@pytest.mark.privileged
def test_hand_down__all_processes_of_the_service_step_into_a_leaf(delegated: Path) -> None:
    before = (delegated / "cgroup.procs").read_text()

    assert cgroups.hand_down(delegated, ("hugetlb",))
    assert not cgroups.hand_down(delegated, ("memory",))  # which is a v1 tree's here
    assert (delegated / "cgroup.procs").read_text() == ""
    assert (delegated / cgroups.LEAF / "cgroup.procs").read_text() == before
    box = Cgroup(Trees(v2=delegated, v1={}, v2_limits=False), "box", None)
    assert list((delegated / "box").glob("hugetlb.*"))
    assert box.close()


@pytest.mark.privileged
def test_real__a_process_joins_is_counted_and_is_killed() -> None:
    trees = cgroups.find_trees()
    name = f"pratique-test-{os.getpid()}"
    group = Cgroup(trees, name, LIMITS)
    try:
        process = subprocess.Popen(["/bin/sleep", "600"])
        for path in group.join_files:
            Path(path).write_text(str(process.pid))
        group.kill()
        assert process.wait(20) == -signal.SIGKILL
    finally:
        assert group.close()
    assert not Path(group.join_files[0]).exists()


@pytest.mark.privileged
def test_sweep__kills_and_removes_what_has_the_prefix() -> None:
    trees = cgroups.find_trees()
    prefix = f"pratique-test-{os.getpid()}-"
    group = Cgroup(trees, f"{prefix}s0", LIMITS)
    process = subprocess.Popen(["/bin/sleep", "600"])
    Path(group.join_files[0]).write_text(str(process.pid))

    assert cgroups.sweep(trees, prefix) == 1
    until(lambda: process.poll() is not None)
    assert not Path(group.join_files[0]).exists()


def test_look__changes_nothing(tmp_path: Path) -> None:
    pure_v2(tmp_path, "cpu memory pids")
    (tmp_path / "cgroup.subtree_control").unlink()

    assert cgroups.look(tmp_path, own="/").v2_limits
    assert not (tmp_path / "cgroup.subtree_control").exists()
