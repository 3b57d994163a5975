"""One sandbox daemon for all tests that only ask it for runs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from tests.analyzer.sandbox.lab import Lab, run_dir


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A daemon with tracer and harness marker, small limits, and two boxes."""
    if os.geteuid() != 0:
        pytest.skip("needs root (and BPF); `sudo make test` runs it")
    folder = run_dir()
    made = Lab(folder)
    yield made
    code, said = made.stop()
    shutil.rmtree(folder)
    assert (code, said) == (0, "")


@pytest.fixture
def fresh_dir() -> Iterator[str]:
    """A run directory for a daemon of one's own."""
    folder = run_dir()
    yield str(folder)
    shutil.rmtree(folder, ignore_errors=True)
