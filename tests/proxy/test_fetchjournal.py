"""A line that was appended outlives its process; a file of a living one is nobody else's."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.fetchjournal import Journal, Segment, claim, in_journals, lines_of
from tests.proxy.test_fetchlog import fetch


def line(number: int) -> bytes:
    return lines_of([fetch(number)])


def test_append__is_read_back_after_rotation(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "fetches")
    journal.append(line(1))
    journal.append(line(2))
    segment = journal.rotate()
    assert segment is not None
    assert [one.requester for one in segment.read()] == ["client-1", "client-2"]
    assert journal.rotate() is None
    journal.remove(segment)
    assert list((tmp_path / "fetches").iterdir()) == []


def test_append__beyond_the_bound_is_refused_until_a_file_goes(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "fetches", bytes_max=len(line(1)))
    journal.append(line(1))
    segment = journal.rotate()
    assert segment is not None
    with pytest.raises(OSError, match="bound"):
        journal.append(line(2))
    journal.remove(segment)
    journal.append(line(2))


def test_orphans__are_those_whose_writer_is_gone(tmp_path: Path) -> None:
    living = Journal(tmp_path)
    living.append(line(1))
    (tmp_path / "dead-00000001.journal").write_bytes(line(2) + b'{"cut')
    (orphan,) = Journal(tmp_path).orphans()
    assert [one.requester for one in orphan.read()] == ["client-2"]
    # Whoever has it has it alone.
    assert Journal(tmp_path).orphans() == ()
    orphan.remove()
    assert Journal(tmp_path).orphans() == ()


def test_claim__a_file_that_went_meanwhile_is_nobodys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "dead.journal"
    path.write_bytes(line(1))

    def gone(*_: int) -> None:
        path.unlink()

    monkeypatch.setattr("proxy.fetchjournal.fcntl.flock", gone)
    assert claim(path) is None


def test_in_journals__has_what_living_and_dead_ones_hold(tmp_path: Path) -> None:
    Journal(tmp_path).append(line(1))
    (tmp_path / "a.journal").write_bytes(line(2).rstrip())
    kept = tmp_path / "kept"
    kept.write_bytes(in_journals(tmp_path))
    read = Segment(kept, -1).read()
    assert sorted(one.requester for one in read) == ["client-1", "client-2"]
