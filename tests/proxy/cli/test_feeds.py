"""`pratique feeds`, `pratique advisories`, and a scan that asks them, as a person runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from proxy.demo.packages import build_wheel
from tests.analyzer.advisories.records import record
from tests.firewall import scratch_folder
from tests.proxy.cli.test_commands import Run, data_dir, run
from tests.proxy.feeds.archives import members, to_jsonl

__all__ = ["data_dir", "run"]

ONE = record("MAL-2026-1", project="reenact-known", versions=("1.0",), summary="Bad [red]")


@pytest.fixture
def feed() -> Path:
    path = to_jsonl(scratch_folder() / "x.jsonl", members(ONE))
    path.chmod(0o644)
    return path


def test_feeds__without_one_status_says_how_to_add_one(run: Run) -> None:
    done = run("feeds", "status")
    assert (done.returncode, "pratique feeds update SOURCE" in done.stdout) == (0, True)
    nothing = run("feeds", "update")
    assert nothing.returncode == 1
    assert "Name a source" in nothing.stderr


def test_feeds__update_tells_what_came_and_status_how_old_it_is(run: Run, feed: Path) -> None:
    done = run("feeds", "update", f"ours={feed}")
    assert done.stdout == (
        "ours: 1 records (1 malicious, 0 withdrawn); 1 added, 0 changed, 0 gone.\n"
    )
    shown = run("feeds", "status")
    assert "min ago" in shown.stdout
    assert "Updated by hand alone: ours" in shown.stdout
    assert json.loads(run("feeds", "status", "--json").stdout)["records"] == 1
    assert run("feeds", "status", "--feeds", "other=/x").returncode == 1


def test_feeds__a_slip_of_the_pen_is_no_feed(run: Run, feed: Path) -> None:
    done = run("feeds", "update", f"ours={feed}x")
    assert done.returncode == 1
    assert "There is no" in done.stderr
    assert "There is no feed" in run("feeds", "status").stdout


def test_feeds__remove_forgets_it(run: Run, feed: Path) -> None:
    run("feeds", "update", f"ours={feed}")
    assert run("feeds", "remove", "ours", "--actor", "ada").returncode == 0
    assert run("feeds", "remove", "ours", "--actor", "ada").returncode == 1


def test_advisories__shows_what_is_said_and_by_its_exit_code_whether_it_is_bad(
    run: Run, feed: Path
) -> None:
    run("feeds", "update", f"ours={feed}")
    bad = run("advisories", "Reenact_Known==1.0.0")
    assert bad.returncode == 4
    assert "MAL-2026-1  malicious  Bad [red]" in bad.stdout
    assert "Nobody fetched" in bad.stdout
    assert run("advisories", "reenact-known==1.1").returncode == 0
    odd = run("advisories", "reenact-known>=1")
    assert odd.returncode == 1
    assert "exact version" in odd.stderr
    (kept,) = json.loads(run("advisories", "--json", "reenact-known").stdout)["advisories"]
    assert kept["id"] == "MAL-2026-1"


@pytest.mark.privileged
def test_scan__asks_the_advisories_of_the_firewall_on_this_machine(
    run: Run, feed: Path, tmp_path: Path
) -> None:
    wheel = build_wheel("reenact-known", "1.0", {"reenact_known.py": "VALUE = 1\n"})
    file = tmp_path / wheel.filename
    file.write_bytes(wheel.data)
    before = json.loads(run("scan", "--json", str(file)).stdout)
    (source,) = (s for s in before["facts"]["sources"] if s["name"] == "advisories")
    assert (source["state"], "pratique feeds update" in source["reason"]) == ("off", True)
    run("feeds", "update", f"ours={feed}")
    done = run("scan", str(file))
    assert done.returncode == 4
    assert "known malicious release (MAL-2026-1)" in done.stdout.replace("\n", " ")
