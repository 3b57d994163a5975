"""The table of training survives its file, and says where a file is wrong."""

from __future__ import annotations

import gzip
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import ValueInvalid
from models.research.rows import Population, Row, Table, read_table, write_table

NUMBERS = st.one_of(
    st.just(math.nan),
    st.integers(-(2**53), 2**53).map(float),
    st.floats(allow_nan=False, allow_infinity=False),
)
WORDS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-,\" '", max_size=12)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    names = tuple(f"f{number}" for number in range(draw(st.integers(0, 4))))
    rows = draw(
        st.lists(
            st.builds(
                Row,
                id=st.text("0123456789abcdef", min_size=16, max_size=16),
                malicious=st.booleans(),
                population=st.sampled_from(Population),
                group=WORDS,
                template=WORDS,
                technique=WORDS,
                phase=st.sampled_from(["", "P1", "P3"]),
                kind=st.sampled_from(["wheel", "sdist"]),
                date=st.sampled_from(["", "2024-08-01"]),
                measured=st.sampled_from([("metadata",), ("metadata", "behaviour"), ()]),
                values=st.tuples(*(NUMBERS for _ in names)),
            ),
            max_size=5,
        )
    )
    return Table(features=names, rows=tuple(rows))


@given(tables())
def test_table__comes_back_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, table: Table
) -> None:
    path = tmp_path_factory.mktemp("rows") / "rows.csv.gz"
    write_table(table, path)
    again = read_table(path)
    assert again.digest == table.digest
    assert repr(again) == repr(table)


def test_write_table__gives_the_same_bytes_twice(tmp_path: Path) -> None:
    table = Table(features=("a",), rows=())
    write_table(table, tmp_path / "one")
    write_table(table, tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "first line"),
        ("id,label\n", "first line"),
        ("HEAD,a\nx,0,popular,,,,,wheel,,metadata\n", "line 2: 10 fields"),
        ("HEAD,a\nx,7,popular,,,,,wheel,,metadata,1\n", "line 2"),
        ("HEAD,a\nx,0,strange,,,,,wheel,,metadata,1\n", "line 2"),
        ("HEAD,a\nx,0,popular,,,,,wheel,,metadata,one\n", "line 2"),
    ],
)
def test_read_table__says_what_is_wrong_and_where(tmp_path: Path, text: str, says: str) -> None:
    head = "id,label,population,group,template,technique,phase,kind,date,measured"
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(gzip.compress(text.replace("HEAD", head).encode()))
    with pytest.raises(ValueInvalid, match=says):
        read_table(path)


def test_read_table__a_file_that_is_no_gzip_is_told(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(b"id,label")
    with pytest.raises(ValueInvalid, match="cannot be read as a table"):
        read_table(path)


def test_column__is_found_by_name_or_refused() -> None:
    table = Table(features=("a",), rows=())
    assert table.column("a") == ()
    with pytest.raises(ValueInvalid, match="no feature 'b'"):
        table.column("b")
