"""What is in a backup, and what may happen beside it."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path

import pytest

from models.errors import StoreError
from proxy.keeping import backup
from proxy.keeping.backup import check_copy
from proxy.keeping.manifest import DATABASE_PART, JOURNALS, MANIFEST, SPOOL_PART, decode_manifest
from proxy.store.bounds import DATABASE
from proxy.store.sql.migrate import packaged
from tests.proxy.keeping.dataset import ARTIFACTS, back_up, make_data, tree
from tests.proxy.store.older import write_older
from tests.proxy.store.values import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def data_dir(tmp_path: Path, clock: FakeClock) -> Path:
    make_data(tmp_path / "data", clock)
    return tmp_path / "data"


def test_backup__holds_every_part_by_its_digest(
    data_dir: Path, tmp_path: Path, clock: FakeClock
) -> None:
    made = back_up(data_dir, tmp_path / "b", clock, with_files=True, policy__toml=b"# policy")
    kept = tree(tmp_path / "b")
    manifest = decode_manifest(kept.pop(MANIFEST))
    assert manifest == made.manifest
    assert {part.name: part.sha256 for part in manifest.parts} == {
        name: hashlib.sha256(data).hexdigest() for name, data in kept.items()
    }
    assert set(kept) == {
        DATABASE_PART, SPOOL_PART, "policy.toml", "audit-archive-0000000001-0000000003.jsonl",
        *(f"artifacts/{(d := hashlib.sha256(data).hexdigest())[:2]}/{d[2:]}" for data in ARTIFACTS),
    }  # fmt: skip
    assert (manifest.schema, manifest.artifacts) == (len(packaged()), 2)
    assert manifest.audit_rows == 6
    assert asyncio.run(check_copy(tmp_path / "b")) == 6


def test_backup__holds_what_is_still_in_journals(
    data_dir: Path, tmp_path: Path, clock: FakeClock
) -> None:
    journalled = b'{"a":"record"}\n'
    (data_dir / JOURNALS).mkdir()
    (data_dir / JOURNALS / "a.journal").write_bytes(journalled)
    left = (data_dir / SPOOL_PART).read_bytes()
    back_up(data_dir, tmp_path / "b", clock, with_files=False)
    assert (tmp_path / "b" / SPOOL_PART).read_bytes() == left + journalled


def test_backup__is_readable_to_its_owner_alone(
    data_dir: Path, tmp_path: Path, clock: FakeClock
) -> None:
    back_up(data_dir, tmp_path / "b", clock, with_files=True, **{"keys/verdict__pem": b"secret"})
    for path in (tmp_path / "b").rglob("*"):
        if path.is_file() and "artifacts" not in path.parts:
            assert path.stat().st_mode & 0o777 == 0o600, path


def test_backup__links_artifacts_and_leaves_out_damaged_ones(
    data_dir: Path, tmp_path: Path, clock: FakeClock
) -> None:
    digest = hashlib.sha256(ARTIFACTS[0]).hexdigest()
    other = hashlib.sha256(ARTIFACTS[1]).hexdigest()
    damaged = data_dir / "artifacts" / other[:2] / other[2:]
    damaged.unlink()
    damaged.write_bytes(b"rotten")
    made = back_up(data_dir, tmp_path / "b", clock, with_files=True)
    assert (made.manifest.artifacts, made.damaged) == (1, 1)
    places = [
        folder / "artifacts" / digest[:2] / digest[2:] for folder in (data_dir, tmp_path / "b")
    ]
    assert places[0].samefile(places[1])


def test_backup__copies_artifacts_where_they_cannot_be_linked(
    data_dir: Path, tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def on_another_disk(_self: Path, _target: Path) -> None:
        raise OSError(18, os.strerror(18))

    monkeypatch.setattr(Path, "hardlink_to", on_another_disk)
    made = back_up(data_dir, tmp_path / "b", clock, with_files=True)
    assert made.manifest.artifacts == 2
    assert all(
        path.stat().st_nlink == 1 for path in (tmp_path / "b").rglob("*/*") if path.is_file()
    )


def test_backup__of_an_older_schema_leaves_the_store_as_it_is(
    tmp_path: Path, clock: FakeClock
) -> None:
    (tmp_path / "data").mkdir()
    write_older(tmp_path / "data" / DATABASE_PART, 3)
    made = back_up(tmp_path / "data", tmp_path / "b", clock)
    assert (made.manifest.schema, made.manifest.audit_rows) == (3, 11)


@pytest.mark.parametrize("broken", ["archive", "chain"])
def test_backup__of_what_is_not_whole_is_none(
    data_dir: Path, tmp_path: Path, clock: FakeClock, broken: str
) -> None:
    archive = next(data_dir.glob("audit-archive-*"))
    if broken == "archive":
        archive.write_bytes(archive.read_bytes().replace(b"judge", b"jugde"))
    else:
        archive.unlink()
    with pytest.raises(StoreError):
        back_up(data_dir, tmp_path / "b", clock)
    assert not (tmp_path / "b" / MANIFEST).exists()


def test_backup__needs_room_and_a_store(
    data_dir: Path, tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StoreError, match="no store"):
        back_up(tmp_path, tmp_path / "b", clock)
    monkeypatch.setattr(backup, "FREE_BYTES_MIN", 1 << 62)
    with pytest.raises(StoreError, match="MiB are free"):
        back_up(data_dir, tmp_path / "c", clock)
    assert tree(tmp_path / "c") == {}


def test_parts__are_called_as_the_server_calls_them() -> None:
    assert DATABASE_PART == DATABASE
