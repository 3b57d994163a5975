"""The unit files: whole, ours to start, and with just what the boxes were tried with."""

from __future__ import annotations

import asyncio
import configparser
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from proxy.cli.main import main
from tests.analyzer.sandbox.lab import Lab, output, run_dir

ROOT = Path(__file__).parents[2]
UNITS = sorted((ROOT / "deploy/systemd").glob("*.service"))
WITH_BOXES = [unit for unit in UNITS if unit.stem != "pratique-proxy"]
PREFIX = "/opt/pratique/env/bin/"
FILTERS = (
    *("SystemCallFilter", "MemoryDenyWriteExecute", "LockPersonality", "RestrictRealtime"),
    *("RestrictSUIDSGID", "RestrictAddressFamilies", "RestrictNamespaces", "ProtectClock"),
    *("ProtectHostname", "ProtectKernelTunables", "ProtectKernelLogs", "ProtectProc"),
    *("ProcSubset", "ProtectControlGroups", "PrivateUsers", "PrivateNetwork", "PrivateDevices"),
)


def service(unit: Path) -> configparser.SectionProxy:
    """Its [Service] section; a key that stands twice is an error."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's keys have capitals
    parser.read_string(unit.read_text())
    return parser["Service"]


def named(unit: Path) -> str:
    """For pytest."""
    return unit.stem


@pytest.mark.parametrize("unit", UNITS, ids=named)
def test_exec_start__is_a_command_of_ours_with_options_it_has(unit: Path) -> None:
    program, command, *options = shlex.split(service(unit)["ExecStart"])
    found = main.get_command(click.Context(main), command)
    assert found is not None
    known = {flag for one in found.params if isinstance(one, click.Option) for flag in one.opts}

    assert program == f"{PREFIX}pratique"
    assert {word for word in options if word.startswith("--")} <= known


@pytest.mark.parametrize("unit", UNITS, ids=named)
def test_unit__is_bounded_and_gains_no_privileges(unit: Path) -> None:
    section = service(unit)

    assert section["NoNewPrivileges"] == "yes"
    assert section["ProtectSystem"] == "strict"
    assert section["MemoryMax"]
    assert section["TasksMax"]
    assert "/run/pratique" not in section["ExecStart"] or section["RuntimeDirectory"] == "pratique"
    assert "/var/lib/pratique" not in section["ExecStart"] or section["StateDirectory"]


@pytest.mark.parametrize("unit", WITH_BOXES, ids=named)
def test_unit_with_boxes__delegates_and_covers_nothing_that_boxes_need(unit: Path) -> None:
    section = service(unit)

    assert section["Delegate"] == "yes"
    assert section["OOMPolicy"] == "continue"  # an OOM kill in a box is not the service's end
    assert "User" not in section
    assert [key for key in FILTERS if key in section] == []


def test_proxy_unit__has_a_user_and_no_capability() -> None:
    section = service(ROOT / "deploy/systemd/pratique-proxy.service")

    assert (section["DynamicUser"], section["User"]) == ("yes", "pratique")
    assert (section["CapabilityBoundingSet"], section["AmbientCapabilities"]) == ("", "")


def capabilities() -> set[str]:
    """Of the units that run boxes: one set."""
    sets = {service(unit)["CapabilityBoundingSet"] for unit in WITH_BOXES}
    assert len(sets) == 1
    return {word.removeprefix("CAP_").lower() for word in sets.pop().split()}


def test_capabilities__are_those_of_the_container() -> None:
    text = (ROOT / "docs/containers.md").read_text()

    assert {word.lower() for word in re.findall(r"--cap-add (\w+)", text)} == capabilities()


@pytest.mark.parametrize("unit", UNITS, ids=named)
def test_unit__is_verified_where_systemd_is_there(unit: Path, tmp_path: Path) -> None:
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace(PREFIX, f"{sys.prefix}/bin/"))
    assert Path(sys.prefix, "bin/pratique").exists()
    analyze = shutil.which("systemd-analyze")
    if analyze is None:  # then the tests above are all that is said of it
        return
    done = subprocess.run(
        [analyze, "verify", "--man=no", str(copy)], capture_output=True, text=True, check=False
    )

    about_it = [line for line in done.stderr.splitlines() if unit.name in line]
    assert (about_it, done.returncode) == ([], 0), done.stderr


@pytest.fixture(params=["userns", "setpriv"])
def bounded(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A daemon with just the units' capabilities, that may gain no others."""
    folder = run_dir()
    held = ",".join(f"+{name}" for name in sorted(capabilities()))
    before = ("/usr/bin/setpriv", f"--bounding-set=-all,{held}", "--no-new-privs", "--")
    made = Lab(folder, before=before, way=request.param, uid_base=62_700)
    yield made
    assert made.stop() == (0, "")
    shutil.rmtree(folder)


@pytest.mark.privileged
def test_daemon__runs_traced_boxes_with_the_units_capabilities(bounded: Lab) -> None:
    code = "import socket\nif HARNESS:\n    print(len(socket.gethostbyname('a.invalid')) > 6)\n"
    hello = asyncio.run(bounded.client.hello())
    outcome = asyncio.run(bounded.run_code(code))

    assert (hello.traced, hello.why_not) == (True, "")
    assert output(outcome) == "True\n"
    assert outcome.blobs["trace"]
    assert outcome.blobs["sinkhole"]
    ended = asyncio.run(bounded.run_code("while HARNESS:\n    pass\n", budget_ms=1000))
    assert ended.result.phases[-1].ended == "timeout"  # and it may end what has another uid
