"""Generated pages say what the program says."""

from __future__ import annotations

import pytest

from tests.generated import DOCS, pages


@pytest.mark.parametrize("name", pages())
def test_page__is_what_the_program_says_today(name: str) -> None:
    assert (DOCS / name).read_text() == pages()[name], "run `make docs` and commit what it wrote"
