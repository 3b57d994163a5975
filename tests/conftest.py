"""What all tests share: who may skip, and what a privileged test is given."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

REQUIRE_PRIVILEGED = os.environ.get("REQUIRE_PRIVILEGED") == "1"

ALLOWED_SKIPS: dict[str, str] = {}
"""Test id → why it may be skipped even where REQUIRE_PRIVILEGED=1. Empty is best."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where privileges are promised, a skip is a failure: a test that did not run proved nothing."""
    report = yield
    unexpected = report.skipped and not hasattr(report, "wasxfail")
    if REQUIRE_PRIVILEGED and unexpected and item.nodeid not in ALLOWED_SKIPS:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped: {report.longrepr}"
    return report


@pytest.fixture(autouse=True)
def _privileged(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("privileged") and os.geteuid() != 0:
        pytest.skip("needs root (and BPF); `sudo make test` runs it")
