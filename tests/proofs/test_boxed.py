"""The box that hostile archives are read in: no network, nothing writable, an end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.proofs.boxed import PYTHON, SECONDS_MAX, Boxed, run_boxed


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "reenact-a-1.0.tar.gz"
    path.write_bytes(b"bytes")
    return path


def say(archive: Path, code: str, seconds: float = SECONDS_MAX) -> Boxed:
    return run_boxed([PYTHON, "-IS", "-c", code, "{}"], archive, seconds=seconds)


def test_box__reads_the_archive_and_says_what_it_took(archive: Path) -> None:
    ran = say(archive, "import sys; sys.stdout.write(open(sys.argv[1]).read()); sys.exit(3)")
    assert (ran.stdout, ran.code, ran.failed) == (b"bytes", 3, "")
    assert 0 < ran.cpu_s < 60
    assert ran.rss_kib > 1000


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("import socket; socket.create_connection(('192.0.2.1', 80), 2)", b"unreachable"),
        ("import sys; open(sys.argv[1], 'w')", b"Read-only file system"),
        ("open('/usr/reenact', 'w')", b"Read-only file system"),
        ("open('/etc/passwd')", b"No such file"),
        ("x = bytearray(7 << 30)", b"MemoryError"),
    ],
)
def test_box__has_no_way_out(archive: Path, code: str, error: bytes) -> None:
    ran = say(archive, code)
    assert ran.code == 1
    assert error in ran.stderr


def test_box__ends_what_does_not(archive: Path) -> None:
    ran = say(archive, "import time; time.sleep(60)", seconds=1)
    assert ran.failed == "timed out"


def test_box__the_meter_cannot_be_written_by_what_is_measured(archive: Path) -> None:
    try_all = """
import os
for n in range(3, 64):
    try:
        os.write(n, b"{}")
        print("wrote")
    except OSError:
        pass
"""
    ran = say(archive, try_all)
    assert ran.stdout == b""
    assert ran.cpu_s > 0
