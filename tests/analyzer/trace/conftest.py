"""Fixtures of the tracer's tests: one tracer for all, a fresh box for each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from analyzer.trace.kernel import Tracer
from tests.analyzer.trace.boxes import Box, cgroup_root


@pytest.fixture(scope="session")
def tracer() -> Iterator[Tracer]:
    """Loading takes half a second, so all tests share one; they differ in slots."""
    if os.geteuid() != 0:
        pytest.skip("needs root (and BPF); `sudo make test` runs it")
    tracer = Tracer.load()
    yield tracer
    tracer.close()


@pytest.fixture
def make_box(tracer: Tracer) -> Iterator[Callable[[int], Box]]:
    """Boxes by slot number."""
    boxes: list[Box] = []

    def make(slot: int) -> Box:
        cgroup = cgroup_root() / f"pratique-test-{os.getpid()}-{slot}"
        cgroup.mkdir()
        box = Box(tracer, slot, cgroup)
        boxes.append(box)
        tracer.open_box(cgroup_id=box.cgroup_id, slot=slot)
        return box

    yield make
    for box in boxes:
        box.close()


@pytest.fixture
def box(make_box: Callable[[int], Box]) -> Box:
    """A box in phase 1 whose next exec is traced."""
    box = make_box(1)
    box.begin()
    return box


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose path fits into one captured path."""
    assert len(str(tmp_path)) < 200
    return tmp_path
