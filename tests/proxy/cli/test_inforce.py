"""Commands that judge without a server follow the policy that one would have in force."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from policies.document import DEFAULT_POLICY_TOML, parse_policy
from proxy.admin.access import at_the_machine
from proxy.admin.policy import set_policy
from proxy.demo.packages import build_wheel
from proxy.store.bounds import DATABASE
from proxy.store.sqlite import SqliteStore
from tests.firewall import scratch_folder
from tests.proxy.cli.test_commands import ROOT
from tests.proxy.store.values import FakeClock

OF_STORE, OF_FILE = 'mode = "observe"\n', 'mode = "warn"\n'
SURVEY = ("scan", "--layers", "metadata", "--unconfined")


def digest_of(text: str) -> str:
    return parse_policy(text, source="test").digest


@pytest.fixture(name="folder")
def _folder() -> Iterator[Path]:
    made = scratch_folder()
    (made / "file.toml").write_text(OF_FILE)
    yield made
    shutil.rmtree(made)


@pytest.fixture(name="filled")
def _filled(folder: Path) -> Path:
    async def fill() -> None:
        store = SqliteStore.open(folder / DATABASE, clock=FakeClock())
        await set_policy(store, at_the_machine("a"), OF_STORE, comment="", expected=0)
        await store.close()

    asyncio.run(fill())
    return folder


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own: a scan gives up its user."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PRATIQUE_")}
    ours = {
        "PYTHONPATH": str(ROOT),
        "PRATIQUE_DATA_DIR": str(folder),
        "PRATIQUE_UPSTREAM": "http://127.0.0.1:9/simple/",
    }
    return subprocess.run(
        [sys.executable, "-P", "-m", "proxy", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd="/",
        env=kept | ours,
    )


def survey(folder: Path, *more: str) -> tuple[str, str]:
    """What was said of the policy, and the digest of the one that judged."""
    wheel = build_wheel("reenact-tiny", "1.0", {"reenact_tiny.py": "VALUE = 1\n"})
    (folder / wheel.filename).write_bytes(wheel.data)
    done = run(folder, *SURVEY, *more, "--json", str(folder / wheel.filename))
    assert done.stdout, done.stderr
    return done.stderr, json.loads(done.stdout)["decision"]["policy_digest"]


def test_scan__follows_the_policy_of_the_store(filled: Path) -> None:
    said, digest = survey(filled)
    assert "Judged by policy 1 of the store" in said
    assert digest == digest_of(OF_STORE)


def test_scan__a_file_still_wins(filled: Path) -> None:
    file = filled / "file.toml"
    said, digest = survey(filled, "--policy", str(file))
    assert f"Judged by the policy file {file}" in said
    assert digest == digest_of(OF_FILE)


def test_scan__without_a_store_the_default_judges_and_none_is_made(folder: Path) -> None:
    said, digest = survey(folder)
    assert "Judged by the default policy" in said
    assert digest == digest_of(DEFAULT_POLICY_TOML)
    assert not (folder / DATABASE).exists()


def test_scan__a_store_that_cannot_be_read_is_said(folder: Path) -> None:
    (folder / DATABASE).write_bytes(b"no database" * 100)
    said, digest = survey(folder)
    assert "the default policy, for" in said
    assert "cannot be read" in said
    assert digest == digest_of(DEFAULT_POLICY_TOML)


def test_drift__says_which_policy_names_the_model(filled: Path) -> None:
    assert "Judged by policy 1 of the store" in run(filled, "drift").stderr
    file = filled / "file.toml"
    assert "the policy file" in run(filled, "drift", "--policy", str(file)).stderr
