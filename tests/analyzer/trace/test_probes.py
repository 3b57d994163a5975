"""Attaching and detaching."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from analyzer.trace.probes import Probes, tracepoint_id

pytestmark = pytest.mark.privileged


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_tracepoint_id__differs_by_tracepoint() -> None:
    assert tracepoint_id("raw_syscalls/sys_enter") != tracepoint_id("raw_syscalls/sys_exit")


def test_tracepoint_id__one_that_is_not_there_is_named() -> None:
    with pytest.raises(FileNotFoundError, match="none/such"):
        tracepoint_id("none/such")


def test_attach__what_fails_leaves_nothing_attached_or_open() -> None:
    no_program = os.open("/dev/null", os.O_RDONLY)
    probes = Probes({"raw_syscalls/sys_enter": no_program})
    before = open_descriptors()
    with pytest.raises(OSError, match="Invalid argument"):
        probes.attach()
    assert not probes.attached
    assert open_descriptors() == before
    probes.close()
    assert open_descriptors() == before - 1
