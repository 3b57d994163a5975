"""Each line of docs/specifications.md has a test that exists, runs, and can be found by its name."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.specifications_page import SPECIFICATIONS, Row

PROXY = Path(__file__).parent / "proxy"
WANTED = (
    "503", "592", "629", "658", "714", "691", "700", "708", "740", "792", "833",
    "HTTP: pages", "HTTP: files", "HTTP: towards upstream",
    "Bad input: clients", "Bad input: disks",
)  # fmt: skip
ROWS = [(section, row) for section, rows in SPECIFICATIONS.items() for row in rows]


@cache
def names_of(file: str) -> dict[str, bool]:
    """Name of each test of a file → whether it runs."""
    tree = ast.parse((PROXY / file).read_text())
    return {
        node.name: not any(
            word in ast.unparse(mark) for mark in node.decorator_list for word in ("skip", "xfail")
        )
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    }


@pytest.mark.parametrize("wanted", WANTED)
def test_specifications__each_one_has_its_section(wanted: str) -> None:
    sections = [rows for section, rows in SPECIFICATIONS.items() if wanted in section]
    assert sections
    assert all(sections)


@pytest.mark.parametrize(("section", "row"), ROWS, ids=[row.wants[:40] for _, row in ROWS])
def test_specifications__each_row_names_tests_that_run(section: str, row: Row) -> None:
    assert row.tests, section
    for test in row.tests:
        file, _, name = test.partition("::")
        assert names_of(file).get(name), f"{test} is not there, or does not run"


def test_specifications__no_requirement_stands_twice() -> None:
    for rows in SPECIFICATIONS.values():
        assert len({row.wants for row in rows}) == len(rows)
