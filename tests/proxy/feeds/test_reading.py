"""Reading folders and archives: every form, bounded, and broken ones are told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from analyzer.advisories.parse import RECORD_BYTES_MAX
from analyzer.advisories.record import Advisory, Refused
from models.errors import FeedInvalid
from proxy.feeds.child import lines_of, record_of
from proxy.feeds.lines import Known
from proxy.feeds.reading import Raw, read_records
from tests.analyzer.advisories.records import NOW, advisory, document, record
from tests.proxy.feeds.archives import FORMS, members, to_folder, to_jsonl, to_zip, yaml_record

TWO = members(record("MAL-1", versions=("1",)), record("MAL-2"))


@pytest.mark.parametrize("form", FORMS)
def test_read_records__every_form_gives_the_same(form: str, tmp_path: Path) -> None:
    path = FORMS[form](tmp_path / form, TWO)
    assert sorted((raw.data or b"").strip() for raw in read_records(path)) == sorted(TWO.values())


def test_read_records__one_record_alone_over_several_lines(tmp_path: Path) -> None:
    file = tmp_path / "MAL-1.json"
    file.write_bytes(document(record("MAL-1")).replace(b",", b",\n"))
    (raw,) = read_records(file)
    assert isinstance(record_of(raw), Advisory)


def test_read_records__yaml_in_a_folder_and_alone(tmp_path: Path) -> None:
    to_folder(tmp_path, {"vulns/demo/PYSEC-2026-1.yaml": yaml_record()})
    for path in (tmp_path, tmp_path / "vulns/demo/PYSEC-2026-1.yaml"):
        (raw,) = read_records(path)
        read = record_of(raw)
        assert isinstance(read, Advisory)
        assert read.affected[0].versions == {"1"}


def test_read_records__links_and_hidden_folders_are_passed_over(tmp_path: Path) -> None:
    to_folder(tmp_path, {".git/x.json": b"{}", "a/x.json": b"{}", "a/readme.md": b"x"})
    (tmp_path / "a" / "link.json").symlink_to("/etc/hostname")
    (tmp_path / "b").symlink_to("/etc")
    assert [raw.where for raw in read_records(tmp_path)] == ["a/x.json"]


@pytest.mark.parametrize("form", ["x.zip", "x.tar.gz", "x.jsonl.gz"])
def test_read_records__what_was_cut_short_is_broken(form: str, tmp_path: Path) -> None:
    many = members(*(record(f"MAL-{n}", summary=os.urandom(200).hex()) for n in range(50)))
    path = FORMS[form](tmp_path / form, many)
    path.write_bytes(path.read_bytes()[:-4_000])
    with pytest.raises(FeedInvalid, match="broken"):
        list(read_records(path))


def test_read_records__has_bounds(tmp_path: Path) -> None:
    path = to_zip(tmp_path / "x.zip", TWO)
    with pytest.raises(FeedInvalid, match="more than 1 records"):
        list(read_records(path, members_max=1))
    with pytest.raises(FeedInvalid, match="bytes"):
        list(read_records(path, total_bytes_max=100))


def test_read_records__a_member_that_is_too_large_costs_only_itself(tmp_path: Path) -> None:
    files = TWO | {"osv/pypi/MAL-9.json": b"PyPI" + b" " * RECORD_BYTES_MAX}
    read = [record_of(raw) for raw in read_records(to_zip(tmp_path / "x.zip", files))]
    (refused,) = (one for one in read if isinstance(one, Refused))
    assert (refused.id, len(read)) == ("MAL-9", 3)


def test_record_of__foreign_records_are_told_apart_cheaply() -> None:
    npm = record_of(Raw(where="x.json", data=document(record(ecosystem="npm"))))
    assert isinstance(npm, Refused)
    assert npm.foreign


def test_record_of__a_refused_record_is_known_by_its_file_where_nothing_else_tells() -> None:
    refused = record_of(Raw(where="osv/pypi/demo/MAL-2026-7.json", data=b'{"x": "PyPI"'))
    assert isinstance(refused, Refused)
    assert refused.id == "MAL-2026-7"
    nameless = record_of(Raw(where="line 3", data=b'{"x": "PyPI"'))
    assert isinstance(nameless, Refused)
    assert nameless.id == ""


def test_lines_of__says_what_is_new_what_is_not_and_what_was_refused(tmp_path: Path) -> None:
    path = to_jsonl(
        tmp_path / "x.jsonl",
        members(record("MAL-1"), record("MAL-2"), record("MAL-3", schema_version="9"),
                record("MAL-4", ecosystem="npm")),
    )  # fmt: skip
    known = Known(modified={"MAL-1": advisory("MAL-1").modified, "MAL-2": NOW.replace(year=2020)})
    lines = list(lines_of(path, known))
    assert [line.same for line in lines if line.same] == ["MAL-1"]
    assert [line.advisory.id for line in lines if line.advisory] == ["MAL-2"]
    assert [line.refused.id for line in lines if line.refused] == ["MAL-3"]
    end = lines[-1].end
    assert end is not None
    assert (end.records, end.foreign, end.broken) == (4, 1, "")


def test_lines_of__of_an_id_that_stands_there_twice_the_newest_counts(tmp_path: Path) -> None:
    """As in a checkout that has a record under `malicious/` and, moved, under `withdrawn/`."""
    new = record("MAL-1", modified="2026-02-03T00:00:00Z", withdrawn="2026-02-03T00:00:00Z")
    path = to_folder(
        tmp_path,
        {"malicious/MAL-1.json": document(record("MAL-1")), "withdrawn/MAL-1.json": document(new)},
    )
    (kept,) = (line.advisory for line in lines_of(path, Known()) if line.advisory)
    assert kept.withdrawn is not None


def test_lines_of__a_broken_feed_says_nothing_but_that(tmp_path: Path) -> None:
    path = to_zip(tmp_path / "x.zip", TWO)
    path.write_bytes(path.read_bytes()[:-10])
    (line,) = lines_of(path, Known())
    assert line.end is not None
    assert "broken" in line.end.broken
