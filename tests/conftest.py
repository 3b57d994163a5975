"""What all tests share: who may skip, and what a privileged test is given."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import uvloop
from xdist.scheduler import LoadScopeScheduling

from analyzer.trace.probes import TRACEFS_PLACES
from tests.proofs.proof import stale_records

WEB = Path(__file__).parent / "proxy" / "web"
REQUIRE_PRIVILEGED = os.environ.get("REQUIRE_PRIVILEGED") == "1"

MACHINE = "machine"
"""The scope of modules with tests that need root or BPF."""
CLIENTS = "clients"
"""The scope of those whose firewalls have uids of their own, and no boxes."""

ALLOWED_SKIPS: dict[str, str] = {}
"""Test id → why it may be skipped even where REQUIRE_PRIVILEGED=1. Empty is best."""


def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """What listens is tried on the loop that the proxy runs on."""
    if WEB in item.path.parents:
        return {"uvloop": uvloop.new_event_loop}
    return {"asyncio": asyncio.new_event_loop}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of one id, which schemathesis makes, get numbers: xdist would run the first of them alone."""
    seen: Counter[str] = Counter()
    for item in items:
        seen[item.nodeid] += 1
        if (number := seen[item.nodeid]) > 1:
            item._id = replace(item._id, params=f"{item._id.params or ''}#{number}")
    assert len({item.nodeid for item in items}) == len(items)


class ByMachine(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
    """What shares this machine's uids, cgroups and namespaces runs in one worker; the rest by modules.

    xdist's own groups do nothing under pytest 9.2 (pytest-xdist 1386).
    """

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        return shared_by(self.config.rootpath / module) or module


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByMachine:
    """Whatever --dist says."""
    return ByMachine(config, log)


@cache
def shared_by(module: Path) -> str:
    """What a test module shares with others, so that they cannot run at once; empty: nothing."""
    text = module.read_text()
    if "mark.privileged" not in text:
        return ""
    return CLIENTS if "tests.clients" in text else MACHINE


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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Proofs made of other code than this are named at the end, where somebody reads it."""
    for name in stale_records():
        terminalreporter.write_line(
            f"stale: docs/proofs/{name}.json; renew it with `make prove NAME={name}`"
        )


@pytest.fixture(scope="session", autouse=True)
def _tracefs() -> None:
    """Mounted as systemd does it, where nothing did: the daemon mounts its own, a tracer in a test none."""
    if os.geteuid() == 0 and not any((place / "events").is_dir() for place in TRACEFS_PLACES):
        argv = ["/bin/mount", "-t", "tracefs", "tracefs", str(TRACEFS_PLACES[0])]
        subprocess.run(argv, check=REQUIRE_PRIVILEGED)


@pytest.fixture(autouse=True)
def _privileged(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("privileged") and os.geteuid() != 0:
        pytest.skip("needs root (and BPF); `sudo make test` runs it")
