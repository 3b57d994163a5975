"""Publishers and attestations over time: what is news, and what only looks so."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.provenance.continuity import (
    Listed,
    attestation_lost,
    attested_streak,
    publisher_changes,
)
from analyzer.provenance.publisher import Publisher, PublisherKind
from models.evidence import Severity

USUAL = Publisher(
    kind=PublisherKind.GITHUB,
    repository="demo/demo",
    repository_id="1",
    owner_id="10",
    workflow="release.yml",
    environment="pypi",
    ref="refs/tags/v1",
)
ROBOT = Publisher(kind=PublisherKind.GOOGLE, account="robot@project.test")


@pytest.mark.parametrize(
    ("now", "severity", "what"),
    [
        pytest.param(replace(USUAL, ref="refs/tags/v2"), None, "", id="the next tag"),
        pytest.param(replace(USUAL, repository="Demo/Demo"), None, "", id="letter case"),
        pytest.param(
            replace(USUAL, repository="demo/new"), Severity.INFO, "name", id="renamed repository"
        ),
        pytest.param(
            replace(USUAL, workflow="other.yml"), Severity.LOW, "workflow", id="other workflow"
        ),
        pytest.param(
            replace(USUAL, environment=""), Severity.LOW, "environment", id="without environment"
        ),
        pytest.param(
            replace(USUAL, workflow="x.yml", environment=""),
            Severity.MEDIUM,
            "workflow",
            id="both",
        ),
        pytest.param(
            replace(USUAL, repository="demo/mono", repository_id="2"),
            Severity.MEDIUM,
            "repository",
            id="another repository of the owner",
        ),
        pytest.param(
            replace(USUAL, owner_id="11"), Severity.HIGH, "owner", id="repository given away"
        ),
        pytest.param(
            replace(USUAL, repository_id="2", owner_id="11"),
            Severity.HIGH,
            "owner",
            id="the same name, another repository",
        ),
        pytest.param(
            replace(USUAL, kind=PublisherKind.GITLAB), Severity.HIGH, "owner", id="another forge"
        ),
        pytest.param(ROBOT, Severity.HIGH, "owner", id="another kind"),
    ],
)
def test_publisher_changes__by_what_is_new(
    now: Publisher, severity: Severity | None, what: str
) -> None:
    found = publisher_changes((now,), (USUAL,))
    assert [(one.severity, one.what) for one in found] == ([(severity, what)] if severity else [])


def test_publisher_changes__the_first_publisher_is_no_change() -> None:
    assert publisher_changes((USUAL,), ()) == ()


def test_publisher_changes__a_project_may_have_several_publishers() -> None:
    assert publisher_changes((USUAL,), (ROBOT, USUAL)) == ()
    assert publisher_changes((ROBOT,), (USUAL, ROBOT)) == ()


@pytest.mark.parametrize(
    ("now", "severity"),
    [("robot@project.test", None), ("other@project.test", Severity.HIGH)],
)
def test_publisher_changes__google_is_known_by_its_account(
    now: str, severity: Severity | None
) -> None:
    found = publisher_changes((replace(ROBOT, account=now),), (ROBOT,))
    assert [one.severity for one in found] == ([severity] if severity else [])


PUBLISHERS = st.builds(
    Publisher,
    kind=st.sampled_from(PublisherKind),
    repository=st.sampled_from(["", "a/b", "A/b", "c/d"]),
    repository_id=st.sampled_from(["", "1", "2"]),
    owner_id=st.sampled_from(["", "1", "2"]),
    workflow=st.sampled_from(["", "x.yml", "y.yml"]),
    environment=st.sampled_from(["", "pypi"]),
    account=st.sampled_from(["", "a@b.test"]),
)


@given(st.lists(PUBLISHERS, min_size=1), PUBLISHERS, st.randoms(use_true_random=False))
def test_publisher_changes__one_that_was_there_before_is_never_news(
    before: list[Publisher], now: Publisher, random: object
) -> None:
    del random
    assert publisher_changes((now,), (*before, now)) == ()


START = datetime(2026, 1, 1, tzinfo=UTC)


def releases(pattern: str) -> tuple[Listed, ...]:
    """One release a week: `a` attested, `-` not; the last one is what is asked about."""
    return tuple(
        Listed(
            filename=f"demo-{number}.tar.gz",
            version=str(number),
            uploaded_at=START + timedelta(weeks=number),
            attested=sign == "a",
        )
        for number, sign in enumerate(pattern)
    )


@pytest.mark.parametrize(
    ("pattern", "severity"),
    [
        ("-", None),
        ("---", None),
        ("aaa--", None),
        ("-a-", Severity.LOW),
        ("aa-", Severity.LOW),
        ("-aaa-", Severity.MEDIUM),
        ("aaaaaaaaaaaa-", Severity.MEDIUM),
    ],
)
def test_attestation_lost__by_how_much_of_a_habit_it_was(
    pattern: str, severity: Severity | None
) -> None:
    files = releases(pattern)
    last = files[-1]
    found = attestation_lost(
        files, filename=last.filename, version=last.version, before=last.uploaded_at
    )
    assert [one.severity for one in found] == ([severity] if severity else [])


def test_attestation_lost__an_old_release_is_not_measured_by_newer_ones() -> None:
    files = releases("--aaa")
    old = files[1]
    assert not attestation_lost(
        files, filename=old.filename, version=old.version, before=old.uploaded_at
    )


def test_attestation_lost__a_file_beside_attested_ones_stands_out() -> None:
    attested = releases("--a")
    added = Listed(
        filename="demo-2-py3-none-any.whl",
        version="2",
        uploaded_at=START + timedelta(weeks=9),
        attested=False,
    )
    found = attestation_lost(
        (*attested, added), filename=added.filename, version="2", before=added.uploaded_at
    )
    assert [(one.severity, one.what) for one in found] == [(Severity.MEDIUM, "release")]


def test_attested_streak__works_without_times() -> None:
    files = tuple(replace(file, uploaded_at=None) for file in releases("aa-"))
    assert attested_streak(files, version="2", before=None) == 2
