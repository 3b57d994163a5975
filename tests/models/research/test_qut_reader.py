"""Rows of the dataset, read: verbatim ones, numbers, and broken ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.research import qut_sample
from models.research.leak_rows import NUMBERS as PUBLISHED
from models.research.qut import COLUMNS, FEATURES, PACKAGE
from models.research.qut_reader import TableInvalid, read_rows, read_some
from models.research.qut_writer import write_rows

HERE = Path(qut_sample.__file__).parent
ROWS = (HERE / "rows.csv").read_text(encoding="utf-8")
NUMBERS = (HERE / "numbers.csv").read_text(encoding="utf-8")
"""Both out of QUT-DV25's processed table (CC0); the numbers were renamed when they were taken."""
NAMES = {ours: theirs for ours, theirs in PUBLISHED.items() if not ours.startswith("top1_")}
"""The two left out hold the first name of a list only."""


def test_rows__all_verbatim_ones_are_read_and_written_again_byte_for_byte() -> None:
    rows = read_rows(ROWS)
    assert len(rows) == 14
    assert write_rows(rows) == ROWS
    assert all(set(row.values) == {feature.name for feature in FEATURES} for row in rows)


def test_rows__have_values_and_not_texts() -> None:
    row = next(row for row in read_rows(ROWS) if row.package == "elasticsearch")
    assert row.level == 0
    assert row.values["Direct_Dependencies"] == ("elastic-transport<9,>=8.13",)
    assert row.values["Indirect_Dependencies"] == ("certifi", "urllib3<3,>=1.26.2")
    (first, *_) = [row for row in read_rows(ROWS) if row.level]
    assert first.values["State_Transition"][0] == ("FIN_WAIT1 -> ->", 188)  # type: ignore[index]
    assert first.values["Other_DIR_Installation"] == 5395


def test_some__all_numeric_ones_are_read_by_the_names_they_have() -> None:
    rows = read_some(NUMBERS, names=NAMES)
    assert len(rows) == 78
    assert {row.level for row in rows} == {0, 1}
    assert all(isinstance(value, int) for row in rows for value in row.values.values())
    assert all(len(row.values) == len(NAMES) - 2 for row in rows)


def test_some__agree_with_the_verbatim_ones_on_the_packages_that_are_in_both() -> None:
    verbatim = {row.package: row for row in read_rows(ROWS)}
    both = [row for row in read_some(NUMBERS, names=NAMES) if row.package in verbatim]
    assert both
    for row in both:
        assert row.values.items() <= verbatim[row.package].values.items()


def test_some__a_feature_that_there_is_not_is_our_mistake() -> None:
    with pytest.raises(ValueError, match="no features"):
        read_some(NUMBERS, names={"name": PACKAGE, "root": "Root"})


def broken(line: int, column: str, cell: str) -> str:
    """The verbatim rows with one cell replaced."""
    rows = ROWS.splitlines()
    cells = rows[line - 1].split(",")  # the first row's first columns hold no comma
    cells[COLUMNS.index(column)] = cell
    rows[line - 1] = ",".join(cells)
    return "\n".join(rows) + "\n"


@pytest.mark.parametrize(
    ("text", "where", "said"),
    [
        (broken(2, "User_Access", "many"), "line 2, column User_Access", "'many' is no count"),
        (
            broken(3, "Etc_DIR_Installation", "-4"),
            "line 3, column Etc_DIR_Installation",
            "no count",
        ),
        (broken(4, PACKAGE, ""), "line 4, column Package_Name", "empty"),
        (ROWS.replace(",1\n", ",2\n", 1), "line 2, column Level", "neither 0 nor 1"),
        (ROWS.replace("User_Access,", "", 1), "line 1", "'User_Access' is missing"),
        (ROWS.replace("Sys_Access", "User_Access", 1), "line 1", "there twice"),
        (ROWS.replace("Sys_Access", "Surprise", 1), "line 1", "'Surprise' is not of this layout"),
        (ROWS + "short,row\n", "line 16", "has 2 cells, not 38"),
        (ROWS + 'a"b,c\n"', "line 17", "no CSV"),
        ("", "line 1", "is missing"),
    ],
)
def test_rows__a_mistake_is_told_with_line_and_column(text: str, where: str, said: str) -> None:
    with pytest.raises(TableInvalid) as caught:
        read_rows(text)
    problems = [(problem.where, problem.message) for problem in caught.value.problems]
    assert any(place == where and said in message for place, message in problems), problems


def test_rows__several_mistakes_are_told_at_once() -> None:
    text = broken(2, "User_Access", "x").replace("0.0.3.tar.gz,", ",", 1) + "short\n"
    with pytest.raises(TableInvalid) as caught:
        read_rows(text)
    assert len(caught.value.problems) >= 2
