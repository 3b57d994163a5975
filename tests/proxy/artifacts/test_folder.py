"""Whoever finds a path finds the whole file; nothing half-written is ever seen."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.artifact import Sha256
from models.errors import Overloaded, StoreError, UpstreamHashMismatch, ValueInvalid
from proxy.artifacts.folder import STALE_TEMP_S, FolderArtifacts
from tests.proxy.simple.strategies import CALM

DATA = b"some bytes"
SHA = Sha256(hashlib.sha256(DATA).hexdigest())


def put(artifacts: FolderArtifacts, data: bytes = DATA, size: int | None = None) -> Path:
    with artifacts.begin(size) as partial:
        partial.write(data)
        return partial.keep(Sha256(hashlib.sha256(data).hexdigest()))


def everything(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_keep__shows_the_file_by_its_digest(tmp_path: Path) -> None:
    artifacts = FolderArtifacts(tmp_path)
    assert artifacts.path(SHA) is None
    path = put(artifacts)
    assert path == artifacts.path(SHA) == tmp_path / SHA[:2] / SHA[2:]
    assert path.read_bytes() == DATA
    assert path.stat().st_mode & 0o777 == 0o444
    assert everything(tmp_path) == [f"{SHA[:2]}/{SHA[2:]}"]


def test_keep__before_it_nothing_is_seen(tmp_path: Path) -> None:
    artifacts = FolderArtifacts(tmp_path)
    with artifacts.begin() as partial:
        partial.write(DATA)
        assert artifacts.path(SHA) is None
    assert everything(tmp_path) == []


def test_keep__bytes_of_another_digest_are_thrown_away(tmp_path: Path) -> None:
    artifacts = FolderArtifacts(tmp_path)
    with artifacts.begin() as partial:
        partial.write(b"other bytes")
        with pytest.raises(UpstreamHashMismatch):
            partial.keep(SHA)
    assert everything(tmp_path) == []
    assert artifacts.used_bytes() == 0


def test_keep__the_same_file_twice_is_one_file(tmp_path: Path) -> None:
    artifacts = FolderArtifacts(tmp_path)
    first = put(artifacts)
    assert put(artifacts) == first
    assert artifacts.used_bytes() == len(DATA)


@CALM
@given(st.lists(st.binary(max_size=2_000), max_size=5), st.lists(st.binary(max_size=50)))
def test_write__what_is_kept_is_what_was_written_since_the_restart(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[bytes], before: list[bytes]
) -> None:
    artifacts = FolderArtifacts(tmp_path_factory.mktemp("artifacts"))
    data = b"".join(chunks)
    with artifacts.begin() as partial:
        for chunk in before:
            partial.write(chunk)
        partial.restart()
        for chunk in chunks:
            partial.write(chunk)
        assert partial.received == len(data)
        path = partial.keep(Sha256(hashlib.sha256(data).hexdigest()))
    assert path.read_bytes() == data
    assert artifacts.used_bytes() == len(data)


def test_write__after_discard_is_refused_and_harms_no_other_file(tmp_path: Path) -> None:
    artifacts = FolderArtifacts(tmp_path)
    partial = artifacts.begin()
    partial.discard()
    victim = os.open(tmp_path / "victim", os.O_WRONLY | os.O_CREAT)
    try:
        with pytest.raises(StoreError):
            partial.write(DATA)
        assert os.fstat(victim).st_size == 0
    finally:
        os.close(victim)


def test_begin__at_the_bound_is_overloaded(tmp_path: Path) -> None:
    artifacts = FolderArtifacts(tmp_path, bytes_max=15)
    put(artifacts, size=10)
    with pytest.raises(Overloaded):
        artifacts.begin(6)
    with artifacts.begin(5), pytest.raises(Overloaded):
        artifacts.begin(1)
    with artifacts.begin(5):
        pass


def test_write__unannounced_bytes_count_too(tmp_path: Path) -> None:
    artifacts = FolderArtifacts(tmp_path, bytes_max=15)
    with artifacts.begin() as partial:
        partial.write(b"x" * 10)
        with pytest.raises(Overloaded):
            partial.write(b"x" * 6)
    assert everything(tmp_path) == []
    put(artifacts, b"y" * 15)


def test_used_bytes__is_counted_anew_by_the_next_process(tmp_path: Path) -> None:
    put(FolderArtifacts(tmp_path))
    assert FolderArtifacts(tmp_path).used_bytes() == len(DATA)


def test_start__sweeps_what_a_dead_process_left_and_nothing_else(tmp_path: Path) -> None:
    artifacts = FolderArtifacts(tmp_path)
    put(artifacts)
    old, live = tmp_path / "tmp" / "old", tmp_path / "tmp" / "live"
    for path in (old, live):
        path.write_bytes(b"half")
    stale = live.stat().st_mtime - STALE_TEMP_S - 1
    os.utime(old, (stale, stale))
    FolderArtifacts(tmp_path)
    assert everything(tmp_path) == sorted([f"{SHA[:2]}/{SHA[2:]}", "tmp/live"])


def test_remove__takes_a_file_out(tmp_path: Path) -> None:
    artifacts = FolderArtifacts(tmp_path)
    put(artifacts)
    assert artifacts.remove(SHA) is True
    assert artifacts.remove(SHA) is False
    assert (artifacts.path(SHA), artifacts.used_bytes()) == (None, 0)


@pytest.mark.parametrize("text", ["../../etc/passwd", "", "ab", SHA.upper(), f"{SHA}\n"])
def test_path__takes_digests_only(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueInvalid):
        FolderArtifacts(tmp_path).path(Sha256(text))


def test_start__a_root_that_cannot_be_made_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError):
        FolderArtifacts(tmp_path / "file" / "artifacts")


def test_remove_older__takes_the_old_where_there_is_too_much_and_counts_on(tmp_path: Path) -> None:
    artifacts = FolderArtifacts(tmp_path)
    old, new = (put(artifacts, data) for data in (b"old" * 10, b"new" * 10))
    moment = new.stat().st_mtime
    os.utime(old, (moment - 100, moment - 100))
    assert artifacts.remove_older(moment - 50, bytes_max=60) == 0
    assert artifacts.remove_older(moment - 200, bytes_max=59) == 0
    assert artifacts.remove_older(moment - 50, bytes_max=59) == 1
    assert (old.exists(), new.exists()) == (False, True)
    assert artifacts.used_bytes() == 30


async def test_alone__keeps_another_process_out_until_it_is_done(tmp_path: Path) -> None:
    ours, theirs = FolderArtifacts(tmp_path), FolderArtifacts(tmp_path)
    order: list[str] = []

    async def second() -> None:
        async with theirs.alone(SHA):
            order.append("second")

    async with ours.alone(SHA):
        waiting = asyncio.create_task(second())
        async with theirs.alone(Sha256(hashlib.sha256(b"other").hexdigest())):
            order.append("another file")
        order.append("first")
    await waiting
    assert order == ["another file", "first", "second"]
    assert everything(tmp_path) == []


async def test_alone__a_lock_whose_process_died_keeps_nobody_out(tmp_path: Path) -> None:
    artifacts = FolderArtifacts(tmp_path)
    (tmp_path / "tmp" / f"{SHA}.lock").touch()
    async with artifacts.alone(SHA):
        pass
    assert everything(tmp_path) == []
