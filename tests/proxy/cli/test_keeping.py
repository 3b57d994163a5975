"""`pratique backup`, `restore` and `keep` as a person runs them, also as root beside a server's folder."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.cli.commands.backup import _move
from proxy.keeping.manifest import MANIFEST
from tests.firewall import scratch_folder
from tests.proxy.cli.test_commands import ROOT
from tests.proxy.keeping.dataset import make_data, tree
from tests.proxy.store.values import FakeClock

SERVER_UID = 64_800


@pytest.fixture
def folder() -> Iterator[Path]:
    made = scratch_folder()
    yield made
    shutil.rmtree(made)


@pytest.fixture
def data_dir(folder: Path) -> Path:
    """A server's data folder; as root it belongs to the server's user."""
    path = folder / "data"
    make_data(path, FakeClock())
    (folder / "policy.toml").write_text("# mine")
    (folder / "verdict.pem").write_text("secret")
    (folder / "verdict.pem").chmod(0o600)
    if os.geteuid() == 0:
        for part in (path, *path.rglob("*")):
            os.chown(part, SERVER_UID, SERVER_UID)
    return path


def start(data_dir: Path, *arguments: str) -> subprocess.Popen[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PRATIQUE_")}
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "proxy", *arguments],
        cwd="/",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=kept
        | {
            "PYTHONPATH": str(ROOT),
            "COLUMNS": "160",
            "PRATIQUE_DATA_DIR": str(data_dir),
            "PRATIQUE_UPSTREAM": "http://127.0.0.1:9/simple/",
        },
    )


def run(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    process = start(data_dir, *arguments)
    out, err = process.communicate(timeout=120)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("target", ["monday", "monday.tar.gz"])
def test_backup_and_restore__go_round(data_dir: Path, folder: Path, target: str) -> None:
    (folder / "private").mkdir(mode=0o700)  # root's own: the server's user cannot even look into it
    made = folder / "private" / target
    done = run(
        data_dir, "backup", str(made), "--with-files",
        "--policy", str(folder / "policy.toml"), "--key", str(folder / "verdict.pem"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "2 artifacts, 6 audit rows; checked." in done.stdout
    stated = done.stdout.split()[-1]
    sealed = made if made.is_file() else made / MANIFEST
    assert stated == hashlib.sha256(sealed.read_bytes()).hexdigest()
    assert names_in(folder / "private") == {target}
    before = tree(data_dir)
    refused = run(data_dir, "restore", str(made), "--actor", "ada")
    assert refused.returncode == 1
    assert "--replace" in refused.stderr
    assert tree(data_dir) == before
    done = run(data_dir, "restore", str(made), "--actor", "ada", "--replace")
    assert done.returncode == 0, done.stderr
    assert "6 audit rows, 2 artifacts" in done.stdout
    assert (data_dir / "restored" / "keys" / "verdict.pem").read_text() == "secret"
    if os.geteuid() == 0:
        assert {path.stat().st_uid for path in (data_dir, *data_dir.rglob("*"))} == {SERVER_UID}
    assert "deny demo" in run(data_dir, "override", "list", "--all").stdout


def test_move__onto_another_disk_copies_and_compares(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "made" / "keys").mkdir(parents=True)
    (folder / "made" / "keys" / "a.pem").write_text("secret")
    (folder / "made" / "keys" / "a.pem").chmod(0o600)
    rename = Path.rename

    def on_another_disk(self: Path, target: Path) -> Path:
        if self == folder / "made":
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", on_another_disk)
    _move(folder / "made", folder / "target", folder / ".beside")
    assert tree(folder / "target") == {"keys/a.pem": b"secret"}
    assert (folder / "target" / "keys" / "a.pem").stat().st_mode & 0o777 == 0o600


def test_backup__refuses_a_place_that_is_taken(data_dir: Path, folder: Path) -> None:
    (folder / "monday").mkdir()
    done = run(data_dir, "backup", str(folder / "monday"))
    assert done.returncode == 1
    assert "there already" in done.stderr
    assert "Traceback" not in done.stderr


def test_backup__of_nothing_says_so_and_leaves_nothing(folder: Path) -> None:
    (folder / "none").mkdir()
    done = run(folder / "none", "backup", str(folder / "monday"))
    assert done.returncode == 1
    assert "no store" in done.stderr
    assert names_in(folder) == {"none"}


def test_backup__killed_in_the_middle_is_no_backup(data_dir: Path, folder: Path) -> None:
    """Whenever the kill comes, what is at the target is a whole backup, or nothing."""
    for attempt, wait_for in enumerate(("content", MANIFEST)):
        target = folder / f"kill{attempt}"
        process = start(data_dir, "backup", str(target))
        while process.poll() is None and not list(folder.glob(f".kill{attempt}.*/**/{wait_for}")):
            time.sleep(0)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if target.exists():
            assert (
                run(folder / f"new{attempt}", "restore", str(target), "--actor", "a").returncode
                == 0
            )
        for rest in folder.glob(".kill*"):
            done = run(folder / "new", "restore", str(rest), "--actor", "ada")
            assert done.returncode == 1
            assert "no whole backup" in done.stderr
            shutil.rmtree(rest)
        assert not (folder / "new").exists()


def test_keep__says_what_would_go_and_then_lets_it_go(data_dir: Path, folder: Path) -> None:
    options = ("--keep-fetches-days", "90", "--keep-audit-days", "1")
    before = tree(data_dir)
    looked = run(data_dir, "keep", "--dry-run", *options)
    assert looked.returncode == 0, looked.stderr
    assert "would go" in looked.stdout
    assert "fetch records" in looked.stdout
    assert {k: v for k, v in tree(data_dir).items() if "sqlite3-" not in k} == before
    kept = run(data_dir, "keep", *options)
    assert kept.returncode == 0, kept.stderr
    assert "audit-archive-" in kept.stdout
    assert len(list(data_dir.glob("audit-archive-*"))) == 2
    again = run(data_dir, "keep", "--compact")
    assert again.returncode == 0, again.stderr
    assert run(data_dir, "backup", str(folder / "after")).returncode == 0
    if os.geteuid() == 0:
        assert {path.stat().st_uid for path in data_dir.iterdir()} == {SERVER_UID}


def test_keep__refuses_days_within_the_exposure_window(data_dir: Path) -> None:
    done = run(data_dir, "keep", "--keep-fetches-days", "30")
    assert done.returncode == 78
    assert "from 90" in done.stderr
