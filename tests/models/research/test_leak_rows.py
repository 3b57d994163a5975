"""Tables of the audit are known by their first line, and say where they are wrong."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from models.research.leak_rows import family_of, parse_table, read_audited, read_sample
from models.research.qut_reader import TableInvalid

LIST = (
    "Malicious Package Name,Malicious Package Version,Benign Package Name,Benign Package Version\n"
)


def test_sample__has_its_three_tables() -> None:
    rows, numbers, packages = read_sample()
    assert [len(table.rows) for table in (rows, numbers, packages)] == [14, 78, 14_271]
    assert [table.layout for table in (rows, numbers, packages)] == ["rows", "numbers", "packages"]


def test_sample__verbatim_rows_and_numbers_agree() -> None:
    rows, numbers, _ = read_sample()
    by_name = {row.package: row for row in numbers.rows}
    for row in rows.rows:
        short = by_name[row.package]
        assert short.malicious == row.malicious
        assert short.values["Home_DIR_Installation"] == row.values["Home_DIR_Installation"]
        assert {name: row.filled[name] for name in short.filled} == short.filled
        first = row.values["Read_Processes"]
        assert isinstance(first, tuple)
        assert short.values["Read_Processes"] == first[:1]


@pytest.mark.parametrize(
    ("package", "family"),
    [
        ("11Cent-999.0.1.tar.gz", "cent"),
        ("13Cent-999.0.2.tar.gz", "cent"),
        ("90456984689490856-0-py3-none-any.tar.gz", "90456984689490856"),
        ("aiohttp-proxy-connect-0.4.2.tar.gz", "aiohttpproxyconnect"),
        ("octopus-http", "octopushttp"),
        ("12.zip", "12"),
    ],
)
def test_family__is_the_name_without_version_digits_and_marks(package: str, family: str) -> None:
    assert family_of(package) == family


def test_read__plain_and_packed_files_are_the_same(tmp_path: Path) -> None:
    text = LIST + "bad,1.0,good,2.0\n"
    plain, packed = tmp_path / "list.csv", tmp_path / "list.csv.gz"
    plain.write_text(text, encoding="utf-8")
    packed.write_bytes(gzip.compress(text.encode()))
    assert read_audited(plain).rows == read_audited(packed).rows
    assert [row.version for row in read_audited(plain).rows] == ["1.0", "2.0"]


def test_list__shorter_side_has_fewer_rows() -> None:
    table = parse_table(LIST + "bad,1,good,2\n,,other,3\n", source="list")
    assert [row.package for row in table.rows if not row.malicious] == ["good", "other"]
    assert sum(row.malicious for row in table.rows) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a,b\n1,2\n",
        LIST + "bad,1,,\n",
        "name,level,file_ops\nx,1,many\ny,0,2\n",
        "name,level\nx,1\ny,1\n",
    ],
)
def test_table__of_no_layout_or_one_label_or_bad_numbers_is_told(text: str) -> None:
    with pytest.raises(TableInvalid, match="odd"):
        parse_table(text, source="odd.csv")


def test_read__broken_gzip_is_told(tmp_path: Path) -> None:
    file = tmp_path / "broken.csv.gz"
    file.write_bytes(b"\x1f\x8bnothing")
    with pytest.raises(TableInvalid, match="cannot be read"):
        read_audited(file)
