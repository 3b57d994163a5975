"""Warm readers: each file in a child of its own, and no file keeps the next one from being read."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from analyzer.memfd import sealed_copy
from analyzer.readers.confinement import Confinement, choose_confinement, reader_box
from analyzer.readers.pool import ReaderPool, Reading, Room
from analyzer.readers.porter import Porter
from analyzer.readers.warm import MEMORY_BYTES
from analyzer.sandbox import boxes, wire
from models.errors import SandboxUnavailable, UpstreamTooLarge
from tests.analyzer.archives import make_sdist, make_wheel

WHEEL = "reenact_demo-1.0-py3-none-any.whl"
SDIST = "reenact_demo-1.0.tar.gz"
BOX_UID = 64_990


@contextmanager
def pool_of(paths: list[Path], *, budget_ms: int = 20_000) -> Iterator[tuple[ReaderPool, Porter]]:
    uid = BOX_UID if os.geteuid() == 0 else None
    porter = Porter(paths, confinement=choose_confinement(), reader_uid=uid)
    try:
        with ReaderPool(porter, size=1, budget_ms=budget_ms) as pool:
            yield pool, porter
    finally:
        porter.close()


def read(pool: ReaderPool, porter: Porter, index: int, filename: str) -> Reading:
    descriptor = porter.open(index)
    copy, _, size = sealed_copy(descriptor, bytes_max=1 << 24)
    os.close(descriptor)
    try:
        kind = "wheel" if filename.endswith(".whl") else "sdist"
        return pool.read(copy, filename=filename, kind=kind, size_bytes=size)
    finally:
        os.close(copy)


def written(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    path.chmod(0o600)
    return path


def test_read__one_reader_reads_one_file_after_the_other(tmp_path: Path) -> None:
    files = [
        written(tmp_path, WHEEL, make_wheel({"reenact_demo.py": "x = 1"})),
        written(tmp_path, SDIST, make_sdist({"setup.py": ""})),
        written(tmp_path, "broken.whl", b"PK no zip"),
    ]
    with pool_of(files) as (pool, porter):
        first = read(pool, porter, 0, WHEEL)
        second = read(pool, porter, 1, SDIST)
        third = read(pool, porter, 2, WHEEL)
        again = read(pool, porter, 0, WHEEL)

    assert [one.ended for one in (first, second, third, again)] == ["exit"] * 4
    assert first.report == again.report
    assert first.report is not None
    assert first.report.modules == ("reenact_demo",)
    assert second.report is not None
    assert second.report.kind == "sdist"
    assert third.report is not None
    assert third.report.refused
    assert 0 < first.peak_kib < MEMORY_BYTES // 1024


def test_read__a_file_that_takes_too_long_costs_only_itself(tmp_path: Path) -> None:
    slow = make_wheel({f"d/{number}.py": f"x = {number}\n" * 2000 for number in range(400)})
    files = [written(tmp_path, WHEEL, slow), written(tmp_path, SDIST, make_sdist({}))]
    with pool_of(files, budget_ms=60) as (pool, porter):
        assert read(pool, porter, 0, WHEEL).ended == "timeout"
        assert read(pool, porter, 1, SDIST).ended == "exit"


def test_open__only_regular_files_that_are_there(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    porter = Porter(
        [pipe, tmp_path, tmp_path / "none"], confinement=Confinement.NONE, reader_uid=None
    )
    try:
        for index, words in enumerate(("not a regular file", "not a regular file", "No such file")):
            with pytest.raises(OSError, match=words):
                porter.open(index)
    finally:
        porter.close()


def test_reader_box__has_no_network_and_writes_nowhere() -> None:
    box = reader_box(Confinement.USERNS, uid=1000)
    arguments = boxes.bwrap_arguments(box)
    assert "--unshare-net" in arguments
    assert "--bind" not in arguments
    assert not any(mount.writable for mount in box.mounts)


def test_choose_confinement__refuses_rather_than_reads_unconfined(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(boxes, "BWRAP", "/nonexistent/bwrap")
    with pytest.raises(SandboxUnavailable) as refused:
        choose_confinement()
    assert "--unconfined" in refused.value.next_step
    assert choose_confinement(unconfined=True) is Confinement.NONE


@pytest.mark.parametrize(
    ("answer", "report", "ended"),
    [
        ({"ended": "exit", "wall_ms": 1}, b"{}", "malformed"),
        ({"ended": "exit"}, b"", "malformed"),
        ({"ended": "timeout"}, b"", "timeout"),
        ({"ended": "anything"}, b"", "malformed"),
        ({}, b"", "malformed"),
        (None, b"", "lost"),
    ],
)
def test_read__what_a_reader_says_is_not_believed(
    answer: dict[str, object] | None, report: bytes, ended: str
) -> None:
    with ReaderPool(Liar(answer, report), size=1) as pool:  # type: ignore[arg-type]  # a fake porter
        source = os.memfd_create("x")
        reading = pool.read(source, filename=WHEEL, kind="wheel", size_bytes=0)
        again = pool.read(source, filename=WHEEL, kind="wheel", size_bytes=0)
        os.close(source)
    assert (reading.ended, reading.report) == (ended, None)
    assert again.ended == ended, "another reader takes a lost one's place"


class Liar:
    """A porter whose readers give one answer, whatever they are asked."""

    def __init__(self, answer: dict[str, object] | None, report: bytes) -> None:
        self._answer = answer
        self._report = report

    def reader(self) -> object:
        ours, theirs = wire.pair()

        def lie() -> None:
            wire.send(theirs, {"ready": True})
            while (asked := wire.receive(theirs)) is not None:
                os.write(asked[1][1], self._report)
                wire.close_all(asked[1])
                if self._answer is None:
                    break
                wire.send(theirs, self._answer)
            theirs.close()

        threading.Thread(target=lie, daemon=True).start()
        return ours


def test_room__is_given_back() -> None:
    room = Room(10)
    with room.taken(10):
        pass
    with room.taken(4), room.taken(6):
        assert room._free == 0
    assert room._free == 10


def test_sealed_copy__is_what_was_hashed_and_bounded(tmp_path: Path) -> None:
    path = written(tmp_path, "x", b"abc")
    with path.open("rb") as opened:
        copy, sha256, size = sealed_copy(opened.fileno(), bytes_max=3)
        path.write_bytes(b"xyz")
        assert (os.pread(copy, 9, 0), size) == (b"abc", 3)
        assert sha256.startswith("ba7816bf")
        with pytest.raises(PermissionError):
            os.write(copy, b"x")
        os.close(copy)
        with pytest.raises(UpstreamTooLarge):
            sealed_copy(opened.fileno(), bytes_max=2)
