"""Every client does today what docs/clients.json says that it does."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from tests.clients.cells import Cell, cell_ids, recorded
from tests.clients.running import all_tried
from tests.clients.tools import Tool

pytestmark = [pytest.mark.privileged, pytest.mark.upstream, pytest.mark.timeout(900)]

Tried = dict[tuple[Tool, str], Future[Cell]]


def _id(cell: tuple[Tool, str]) -> str:
    return f"{cell[0].slug}-{cell[1]}"


@pytest.fixture(scope="module")
def futures(request: pytest.FixtureRequest) -> Iterator[Tried]:
    """Those cells that this run selected, begun together."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function)]
    names = {item.name for item in items if item.path == request.path}
    wanted = [
        cell for cell in cell_ids() if f"{test_cell__is_as_recorded.__name__}[{_id(cell)}]" in names
    ]
    with all_tried(wanted) as running:
        yield running


@pytest.mark.parametrize("cell", cell_ids(), ids=_id)
def test_cell__is_as_recorded(futures: Tried, cell: tuple[Tool, str]) -> None:
    now, then = futures[cell].result(), recorded()[cell]
    assert now.verdict == then.verdict, "\n".join(
        ("`python -m tests.clients --write` records what happens today:", *now.words)
    )


def test_record__has_every_cell_and_no_other() -> None:
    assert sorted(recorded(), key=str) == sorted(cell_ids(), key=str)
