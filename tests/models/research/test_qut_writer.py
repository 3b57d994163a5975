"""All files of one run."""

from __future__ import annotations

import pytest

from models.research.qut import QutRow, row_of
from models.research.qut_raw import NAMES
from models.research.qut_reader import read_rows
from models.research.qut_writer import TABLE, write_rows, write_run
from tests.models.research.test_qut import RUN


@pytest.mark.parametrize("level", [None, 0, 1])
def test_rows__written_and_read_are_the_same(level: int | None) -> None:
    row = row_of('demo, the "first"', RUN, level=level)
    assert read_rows(write_rows([row])) == (row,)


def test_rows__what_a_row_lacks_is_written_as_nothing_of_its_kind() -> None:
    (row,) = read_rows(write_rows([QutRow(package="x", values={"User_Access": 3})]))
    assert row.values["User_Access"] == 3
    assert row.values["Sys_Access"] == 0
    assert row.values["State_Transition"] == ()


def test_run__is_the_six_raw_files_and_the_table() -> None:
    files = write_run("demo-1.0.tar.gz", "demo-1.0.tar.gz", RUN, level=1)
    assert set(files) == {TABLE, *(name.format("demo-1.0.tar.gz") for name in NAMES.values())}
    assert read_rows(files[TABLE]) == (row_of("demo-1.0.tar.gz", RUN, level=1),)
