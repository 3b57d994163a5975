"""Control groups on made-up trees (pure v2 cannot be had on a hybrid machine), and one real one."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from analyzer.sandbox import cgroups
from analyzer.sandbox.cgroups import Cgroup, Limits, Trees
from tests.analyzer.sandbox.lab import until

LIMITS = Limits(memory_bytes=1 << 28, pids=64, cpu_percent=150)


def test_find_trees__pure_v2(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n")
    (tmp_path / "cgroup.subtree_control").write_text("cpu memory pids")
    own = tmp_path / "system.slice/pratique.service"
    own.mkdir(parents=True)
    (own / "cgroup.subtree_control").write_text("memory pids")
    trees = cgroups.find_trees(tmp_path, own="/system.slice/pratique.service")

    assert trees.v2 == own
    assert (own / "daemon/cgroup.procs").read_text() == "0"


def test_find_trees__hybrid(tmp_path: Path) -> None:
    for name in ("unified", "memory", "pids", "cpu"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cgroup.procs").touch()
    trees = cgroups.find_trees(tmp_path)

    assert trees.mode == "hybrid"
    assert trees.limits_memory
    assert trees.limits_pids


def test_find_trees__none(tmp_path: Path) -> None:
    trees = cgroups.find_trees(tmp_path)

    assert trees.mode == "none"
    assert not trees.limits_memory


def test_v2__limits_are_written_and_counters_read(tmp_path: Path) -> None:
    group = Cgroup(Trees(v2=tmp_path, v1={}, v2_limits=True), "box", None)
    box = tmp_path / "box"
    for name in ("memory.swap.max", "memory.oom.group", "cpu.max"):
        (box / name).touch()
    group._limit(LIMITS)
    (box / "pids.events").write_text("max 3\n")
    (box / "memory.events").write_text("low 0\noom 1\noom_kill 2\n")
    (box / "memory.peak").write_text("4096\n")
    (box / "cpu.stat").write_text("usage_usec 77\nuser_usec 1\n")

    assert (box / "memory.max").read_text() == str(1 << 28)
    assert (box / "memory.oom.group").read_text() == "1"
    assert (box / "cpu.max").read_text() == "150000 100000"
    usage = group.usage()
    assert (usage.pids_max_hits, usage.oom_kills) == (3, 2)
    assert (usage.memory_peak_bytes, usage.cpu_us) == (4096, 77)
    assert group.id == box.stat().st_ino


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
