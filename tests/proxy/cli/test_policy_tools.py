"""`pratique policy simulate|grandfather`, on a store of files."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from models.clock import utc_now
from proxy.cli.main import main
from proxy.store.bounds import DATABASE
from proxy.store.sqlite import SqliteStore
from tests.firewall import scratch_folder
from tests.models.examples import evidence, ref
from tests.proxy.archive import decide
from tests.proxy.store.values import make_fetch

Run = Callable[..., Result]
SAME = 'mode = "enforce"\nscorer = "rules"\n'
"""As those who filled the store."""
DENY = SAME + '[[rule]]\nname = "no-demo"\noutcome = "deny"\nprojects = ["demo"]\n'


@pytest.fixture(name="data_dir")
def _data_dir() -> Path:
    folder = scratch_folder() / "data"
    folder.mkdir()
    return folder


@pytest.fixture(name="run")
def _run(data_dir: Path) -> Run:
    assert data_dir.stat().st_uid == os.geteuid()
    environment = {
        **{name: None for name in os.environ if name.startswith("PRATIQUE_")},
        "COLUMNS": "200",
        "PRATIQUE_DATA_DIR": str(data_dir),
    }
    return lambda *arguments: CliRunner().invoke(
        main, ["policy", *map(str, arguments)], env=environment, prog_name="pratique"
    )


def filled(data_dir: Path) -> None:
    async def fill() -> None:
        store = SqliteStore.open(data_dir / DATABASE, clock=utc_now)
        try:
            at = utc_now() - timedelta(hours=1)
            await decide(store, ref(), seen=evidence(observed_at=at), as_of=at)
            await store.record_fetches([make_fetch(ref(), at=at)] * 3)
        finally:
            await store.close()

    asyncio.run(fill())


def test_simulate__tells_what_would_have_been_refused_and_to_whom(
    run: Run, data_dir: Path, tmp_path: Path
) -> None:
    filled(data_dir)
    (tmp_path / "deny.toml").write_text(DENY)
    done = run("simulate", tmp_path / "deny.toml", "--days", 7)
    assert done.exit_code == 3, done.output
    assert "1 would have been stricter" in done.output
    assert "3 (laptop)" in done.output
    told = json.loads(run("simulate", tmp_path / "deny.toml", "--json").output)
    assert told["clients"] == [{"requester": "laptop", "fetches": 3, "files": 1}]
    assert [(one["now"], one["then"]) for one in told["changes"]] == [("SERVE", "DENY")]
    assert told["changes"][0]["reason"].startswith("It falls under the policy rule no-demo")


def test_simulate__nothing_changes_under_the_same_policy(
    run: Run, data_dir: Path, tmp_path: Path
) -> None:
    filled(data_dir)
    (tmp_path / "same.toml").write_text(SAME)
    done = run("simulate", tmp_path / "same.toml")
    assert done.exit_code == 0, done.output
    assert "Nothing would have changed" in done.output
    (tmp_path / "broken.toml").write_text("mode = 3\nx = 1\n")
    broken = run("simulate", tmp_path / "broken.toml")
    assert broken.exit_code == 1
    assert "has 2 problem(s)" in broken.output
    assert run("simulate", tmp_path / "absent.toml").exit_code == 1


def test_grandfather__a_lock_file(run: Run, tmp_path: Path) -> None:
    locked = tmp_path / "requirements.txt"
    locked.write_text(f"demo==1.0 --hash=sha256:{'a' * 64}\nloose==2\n")
    arguments = ("grandfather", locked, "--until", "30d", "--actor", "ada")
    dry = run(*arguments, "--dry-run")
    assert "Would allow 1 file(s) of 1 release(s)" in dry.output
    done = run(*arguments)
    assert done.exit_code == 0, done.output
    assert "Allowed 1 file(s) of 1 release(s)" in done.output
    assert "no sha256 of it: loose" in done.output
    assert "1 release(s) were allowed already" in run(*arguments).output
    assert run("grandfather", tmp_path / "no.lock", *arguments[2:]).exit_code == 1


def test_grandfather__the_policy_that_was_set_says_how_long(run: Run, tmp_path: Path) -> None:
    (tmp_path / "short.toml").write_text('mode = "enforce"\n[overrides]\ndays_max = 7\n')
    assert run("set", tmp_path / "short.toml", "--actor", "ada").exit_code == 0
    locked = tmp_path / "requirements.txt"
    locked.write_text(f"demo==1.0 --hash=sha256:{'a' * 64}\n")
    done = run("grandfather", locked, "--until", "30d", "--actor", "ada")
    assert done.exit_code == 1
    assert "more than 7 days" in done.output
