"""The chain without a table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from models.errors import StoreError
from proxy.store.chain import GENESIS, link, walk
from proxy.store.port import AuditRow
from tests.proxy.store.values import START


def make_chain(length: int) -> list[AuditRow]:
    rows: list[AuditRow] = []
    for number in range(length):
        rows.append(
            link(
                rows[-1] if rows else None,
                at=START,
                actor="a",
                action="b",
                subject=str(number),
                detail="{}",
            )
        )
    return rows


def test_link__begins_at_one_and_names_the_hash_before() -> None:
    first, second = make_chain(2)
    assert (first.number, first.previous) == (1, GENESIS)
    assert (second.number, second.previous) == (2, first.hash)


def test_walk__of_a_whole_chain_gives_its_last_row() -> None:
    rows = make_chain(3)
    assert walk(rows, last=None) == rows[-1]
    assert walk(rows[2:], last=rows[1]) == rows[-1]
    assert walk([], last=None) is None


@pytest.mark.parametrize(
    "change",
    [
        {"actor": "x"},
        {"action": "x"},
        {"subject": "x"},
        {"detail": "[]"},
        {"at": START.replace(year=2024)},
        {"previous": "f" * 64},
        {"hash": "f" * 64},
        {"number": 7},
    ],
    ids=lambda change: next(iter(change)),
)
def test_walk__every_field_is_under_the_hash(change: dict[str, Any]) -> None:
    rows = make_chain(3)
    rows[1] = replace(rows[1], **change)
    with pytest.raises(StoreError, match="row 2"):
        walk(rows, last=None)


def test_walk__fields_do_not_run_into_one_another() -> None:
    """`ab`+`c` and `a`+`bc` are different rows."""
    one = link(None, at=START, actor="ab", action="c", subject="", detail="")
    other = link(None, at=START, actor="a", action="bc", subject="", detail="")
    assert one.hash != other.hash
