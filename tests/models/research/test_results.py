"""An evaluation is plain numbers: written, read back, and the same bytes for the same table and seed."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.errors import ValueInvalid
from models.research.results import View, read_evaluation, write_evaluation
from tests.models.research import synthetic

FOUND = synthetic.evaluation()


def test_write_evaluation__reads_back_as_it_was(tmp_path: Path) -> None:
    write_evaluation(FOUND, tmp_path / "e.json")
    assert read_evaluation(tmp_path / "e.json") == FOUND


def test_write_evaluation__the_same_table_and_seed_give_the_same_bytes(tmp_path: Path) -> None:
    again = synthetic.evaluation.__wrapped__()
    for name, one in (("first", FOUND), ("again", again)):
        write_evaluation(one, tmp_path / name)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "again").read_bytes()


def test_read_evaluation__says_how_to_make_one(tmp_path: Path) -> None:
    (tmp_path / "e.json").write_text("{}")
    with pytest.raises(ValueInvalid, match="pratique research compare"):
        read_evaluation(tmp_path / "e.json")


def test_find__none_where_nothing_was_measured() -> None:
    assert FOUND.find("learned", "grouped", View.STATIC) is not None
    assert FOUND.find("learned", "time", View.BEHAVIOUR) is None
