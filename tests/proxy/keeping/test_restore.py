"""Restoring: all of a backup, or nothing; never over a server, never over what is not kept aside."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from models.errors import StoreConflict, StoreError, StoreSchemaNewer
from proxy.keeping import restore as module
from proxy.keeping.folder import digest_of_file
from proxy.keeping.manifest import DATABASE_PART, FORMAT, MANIFEST, decode_manifest, encode_manifest
from proxy.keeping.packing import pack
from proxy.keeping.restore import Restored, restore
from proxy.store.sql.migrate import packaged
from proxy.store.sqlite import SqliteStore
from tests.proxy.keeping.dataset import back_up, make_data, tree
from tests.proxy.store.processes import ROOT
from tests.proxy.store.values import FakeClock, make_decision, make_ref


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def data_dir(tmp_path: Path, clock: FakeClock) -> Path:
    make_data(tmp_path / "data", clock)
    return tmp_path / "data"


@pytest.fixture
def backup(data_dir: Path, tmp_path: Path, clock: FakeClock) -> Path:
    extras: Any = {"policy__toml": b"# policy", "keys/verdict__pem": b"secret"}
    back_up(data_dir, tmp_path / "backup", clock, with_files=True, **extras)
    return tmp_path / "backup"


def bring_back(
    backup: Path, data_dir: Path, clock: FakeClock, *, replaces: bool = False
) -> Restored:
    return restore(backup, data_dir, replace=replaces, owner=os.geteuid(), actor="ada", clock=clock)


def left_over(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if "restoring" in path.name]


@pytest.mark.parametrize("packed", [False, True], ids=["a folder", "a file"])
def test_restore__brings_everything_back(
    data_dir: Path, backup: Path, tmp_path: Path, clock: FakeClock, packed: bool
) -> None:
    source = backup
    if packed:
        source = tmp_path / "backup.tar.gz"
        pack(backup, decode_manifest((backup / MANIFEST).read_bytes()), source)
    new = tmp_path / "deep" / "new"
    done = bring_back(source, new, clock)
    assert done.aside is None
    before, after = tree(data_dir), tree(new)
    for name in before:
        if name != DATABASE_PART:
            assert after[name] == before[name], name
    assert after["restored/policy.toml"] == b"# policy"
    assert after["restored/keys/verdict.pem"] == b"secret"
    assert new.stat().st_mode & 0o777 == 0o750

    async def check() -> None:
        store = SqliteStore.open(new / DATABASE_PART, clock=clock)
        assert await store.decision_of(make_ref(version="3.0"))
        assert len(await store.overrides()) == 1
        newest = (await store.audit())[0]
        assert (newest.action, newest.actor) == ("store_restored", "ada")
        assert await store.verify_audit() == done.manifest.audit_rows + 1
        await store.close()

    asyncio.run(check())
    assert left_over(new.parent) == []


def test_restore__refuses_a_folder_that_is_not_empty(
    data_dir: Path, backup: Path, tmp_path: Path, clock: FakeClock
) -> None:
    before = tree(data_dir)
    with pytest.raises(StoreConflict, match="not empty") as caught:
        bring_back(backup, data_dir, clock)
    assert "--replace" in caught.value.next_step
    assert tree(data_dir) == before
    assert left_over(tmp_path) == []


def test_restore__into_an_empty_folder_needs_no_leave(
    backup: Path, tmp_path: Path, clock: FakeClock
) -> None:
    (tmp_path / "new").mkdir()
    assert bring_back(backup, tmp_path / "new", clock).aside is None
    assert (tmp_path / "new" / DATABASE_PART).is_file()


def test_restore__keeps_what_it_replaces_aside(
    data_dir: Path, backup: Path, clock: FakeClock
) -> None:
    (data_dir / "note").write_text("mine")
    before = tree(data_dir)
    done = bring_back(backup, data_dir, clock, replaces=True)
    assert done.aside is not None
    assert tree(done.aside) == before
    assert "note" not in tree(data_dir)


HOLDS = """
import asyncio, sys
from pathlib import Path
from models.clock import utc_now
from proxy.store.sqlite import SqliteStore
async def main():
    store = SqliteStore.open(Path(sys.argv[1]), clock=utc_now)
    await store.decisions()
    print("open", flush=True)
    sys.stdin.read()
    await store.close()
asyncio.run(main())
"""


def test_restore__refuses_while_another_process_has_the_store_open(
    data_dir: Path, backup: Path, tmp_path: Path, clock: FakeClock
) -> None:
    before = (data_dir / DATABASE_PART).stat().st_ino
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(data_dir / DATABASE_PART)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "open\n"
        with pytest.raises(StoreConflict, match="in use"):
            bring_back(backup, data_dir, clock, replaces=True)
        server.communicate("")
    assert (data_dir / DATABASE_PART).stat().st_ino == before
    assert left_over(tmp_path) == []
    assert bring_back(backup, data_dir, clock, replaces=True).aside


def test_restore__takes_the_place_of_a_store_that_is_damaged(
    data_dir: Path, backup: Path, clock: FakeClock
) -> None:
    (data_dir / DATABASE_PART).write_bytes(b"not a database at all")
    assert bring_back(backup, data_dir, clock, replaces=True).aside


def change_manifest(backup: Path, **fields: Any) -> None:
    path = backup / MANIFEST
    manifest = decode_manifest(path.read_bytes())
    path.write_bytes(encode_manifest(replace(manifest, **fields)))


def another_database(backup: Path) -> None:
    """A sound database that is not the one that was backed up, with a manifest to match."""
    path = backup / DATABASE_PART

    async def write() -> None:
        store = SqliteStore.open(path, clock=FakeClock())
        await store.put_decision(make_decision(make_ref("added")))
        await store.close()

    asyncio.run(write())
    manifest = decode_manifest((backup / MANIFEST).read_bytes())
    digest, size = digest_of_file(path)
    parts = [
        replace(part, sha256=digest, size_bytes=size) if part.name == DATABASE_PART else part
        for part in manifest.parts
    ]
    change_manifest(backup, parts=tuple(parts))


def remove(backup: Path, pattern: str) -> None:
    next(backup.glob(pattern)).unlink()


def make_link(backup: Path, name: str) -> None:
    (backup / name).unlink()
    (backup / name).symlink_to("/etc/passwd")


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "no manifest": (lambda b: remove(b, MANIFEST), "manifest cannot be read"),
    "a part is gone": (lambda b: remove(b, "audit-archive-*"), "cannot be read"),
    "a part was changed": (
        lambda b: (b / "policy.toml").write_bytes(b"# polizy"),
        "not what its manifest says",
    ),
    "a part became a link": (
        lambda b: make_link(b, "policy.toml"),
        "cannot be read",
    ),
    "another chain": (another_database, "not as long"),
    "another schema is stated": (lambda b: change_manifest(b, schema=1), "another schema"),
}


@pytest.mark.parametrize(("break_it", "told"), BROKEN.values(), ids=BROKEN.keys())
def test_restore__of_a_broken_backup_changes_nothing(
    data_dir: Path,
    backup: Path,
    tmp_path: Path,
    clock: FakeClock,
    break_it: Callable[[Path], object],
    told: str,
) -> None:
    before = tree(data_dir)
    break_it(backup)
    with pytest.raises(StoreError, match=told):
        bring_back(backup, data_dir, clock, replaces=True)
    with pytest.raises(StoreError, match=told):
        bring_back(backup, tmp_path / "new", clock)
    assert tree(data_dir) == before
    assert not (tmp_path / "new").exists()
    assert left_over(tmp_path) == []


@pytest.mark.parametrize("field", [{"schema": len(packaged()) + 1}, {"format": FORMAT + 1}])
def test_restore__of_a_newer_version_is_refused_by_name(
    backup: Path, tmp_path: Path, clock: FakeClock, field: dict[str, int]
) -> None:
    change_manifest(backup, **field)
    with pytest.raises(StoreSchemaNewer, match=r"Pratique 0\.1") as caught:
        bring_back(backup, tmp_path / "new", clock)
    assert "that version" in caught.value.next_step
    assert not (tmp_path / "new").exists()


def test_restore__puts_the_old_folder_back_where_the_swap_fails(
    data_dir: Path, backup: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tree(data_dir)
    rename = Path.rename

    def fails(self: Path, target: Path) -> Path:
        if "restoring" in self.name and "restored" not in str(target):
            raise OSError(5, os.strerror(5))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(StoreError):
        bring_back(backup, data_dir, clock, replaces=True)
    assert tree(data_dir) == before


def test_restore__needs_room(
    backup: Path, tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FREE_BYTES_MIN", 1 << 62)
    with pytest.raises(StoreError, match="are free"):
        bring_back(backup, tmp_path / "new", clock)
    assert not (tmp_path / "new").exists()


def test_restore__follows_no_link_to_a_data_folder(
    data_dir: Path, backup: Path, tmp_path: Path, clock: FakeClock
) -> None:
    (tmp_path / "link").symlink_to(data_dir)
    with pytest.raises(StoreError, match="no folder of its own"):
        bring_back(backup, tmp_path / "link", clock, replaces=True)
