"""Owners that come and go, and what a project says of itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from analyzer.reputation.ownership import (
    SILENT,
    Ownership,
    OwnersSeen,
    bare,
    compare_owners,
    latest,
    told,
)
from models.evidence import Severity

SEEN = datetime(2026, 1, 1, tzinfo=UTC)
UPLOADED = SEEN + timedelta(days=5)
BEFORE = OwnersSeen(owners=("ann", "ben"), last_seen=SEEN)
SHORT = timedelta(days=30)


def owned(*owners: str, organisation: str = "") -> Ownership:
    return Ownership(owners=owners, organisation=organisation)


@pytest.mark.parametrize(
    ("now", "silence", "severity", "what"),
    [
        pytest.param(owned("ben", "ann"), SILENT, None, "", id="the same"),
        pytest.param(owned("ann"), SILENT, Severity.INFO, "removed", id="one left"),
        pytest.param(owned("ann", "ben", "eve"), SILENT, Severity.MEDIUM, "added", id="one more"),
        pytest.param(owned("eve"), SHORT, Severity.MEDIUM, "all", id="all others, busy project"),
        pytest.param(owned("eve"), None, Severity.MEDIUM, "all", id="all others, first release"),
        pytest.param(owned("eve"), SILENT, Severity.HIGH, "all", id="all others, after silence"),
        pytest.param(
            owned("ann", organisation="demo"), SHORT, Severity.MEDIUM, "added", id="organisation"
        ),
    ],
)
def test_compare_owners__by_who_came_and_who_left(
    now: Ownership, silence: timedelta | None, severity: Severity | None, what: str
) -> None:
    compared = compare_owners(now, BEFORE, uploaded_at=UPLOADED, silence=silence)
    assert [(one.severity, one.what) for one in compared.findings] == (
        [(severity, what)] if severity else []
    )
    assert compared.remember


def test_compare_owners__a_file_of_the_owners_before_is_not_charged_nor_believed() -> None:
    compared = compare_owners(owned("eve"), BEFORE, uploaded_at=SEEN, silence=SILENT)
    assert (compared.findings, compared.remember) == ((), False)


def test_compare_owners__the_first_look_is_trusted() -> None:
    compared = compare_owners(owned("eve"), None, uploaded_at=UPLOADED, silence=SILENT)
    assert (compared.findings, compared.remember) == ((), True)


def test_compare_owners__an_index_that_names_nobody_says_nothing() -> None:
    compared = compare_owners(owned(), BEFORE, uploaded_at=UPLOADED, silence=SILENT)
    assert (compared.findings, compared.remember) == ((), False)


def test_latest__is_that_of_the_file_uploaded_last() -> None:
    other = replace(BEFORE, owners=("eve",))
    assert latest([(UPLOADED, other), (SEEN, BEFORE)]) == other
    assert latest([]) is None


@pytest.mark.parametrize(
    ("address", "word"),
    [
        ("", "none"),
        ("no address", "none"),
        ("Ann <ann@gmail.com>", "free"),
        ('"Ann" <ann@demo.test>', "project"),
        ("ann@other.test", "other"),
        ("ann@github.com", "other"),
    ],
)
def test_told__whose_domain_the_authors_address_has(address: str, word: str) -> None:
    links = ("https://docs.demo.test/x", "https://github.com/ann/demo")
    now = replace(owned("ann"), author_mail=address, links=links)
    assert {one.name: one.value for one in told(now)}["ownership.author_mail"] == word


@pytest.mark.parametrize(
    ("now", "is_bare"),
    [
        (owned("ann"), True),
        (replace(owned("ann"), described=True), False),
        (replace(owned("ann"), links=("https://demo.test",)), False),
    ],
)
def test_bare__neither_link_nor_description(now: Ownership, is_bare: bool) -> None:
    assert [one.id for one in bare(now)] == (["metadata-bare"] if is_bare else [])


@pytest.mark.parametrize(
    ("now", "owners"),
    [(owned("ann", "ben"), 2), (owned(organisation="demo"), None), (owned(), None)],
)
def test_told__owners_that_are_not_named_are_absent_rather_than_none(
    now: Ownership, owners: int | None
) -> None:
    assert {one.name: one.value for one in told(now)}["ownership.owners"] == owners
