"""One sandbox daemon for all tests that only ask it for runs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from tests.analyzer.sandbox.lab import UID_BASE, Lab, run_dir


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


@pytest.fixture(scope="session")
def setpriv_lab() -> Iterator[Lab]:
    """The same where ordinary users may not make user namespaces."""
    if os.geteuid() != 0:
        pytest.skip("needs root (and BPF); `sudo make test` runs it")
    folder = run_dir()
    made = Lab(folder, way="setpriv", uid_base=UID_BASE + 100)
    yield made
    code, said = made.stop()
    shutil.rmtree(folder)
    assert (code, said) == (0, "")


@pytest.fixture(params=["userns", "setpriv"])
def either_way(request: pytest.FixtureRequest) -> Lab:
    """A daemon for each of the two ways into a box."""
    name = "lab" if request.param == "userns" else "setpriv_lab"
    found: Lab = request.getfixturevalue(name)
    return found


@pytest.fixture
def fresh_dir() -> Iterator[str]:
    """A run directory for a daemon of one's own."""
    folder = run_dir()
    yield str(folder)
    shutil.rmtree(folder, ignore_errors=True)
