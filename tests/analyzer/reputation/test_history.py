"""A project's past: gaps, bursts, jumps and late files, each beside its near miss."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.reputation.catalog import SIGNALS
from analyzer.reputation.history import BURST_RELEASES, History, Past, Upload, gap_before, past_of
from models.evidence import Severity

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def history(*days_ago: tuple[str, float], **rest: object) -> History:
    uploads = tuple(
        Upload(version=version, at=NOW - timedelta(days=days)) for version, days in days_ago
    )
    return History(uploads=uploads, **rest)  # type: ignore[arg-type]  # whatever the test names


def newest(past: History, as_of: datetime = NOW) -> Past:
    """Asked about the last upload."""
    last = past.uploads[-1]
    assert last.at is not None
    return past_of(past, version=last.version, uploaded_at=last.at, as_of=as_of)


def found(past: History, as_of: datetime = NOW) -> list[tuple[str, Severity]]:
    return [(one.id, one.severity) for one in newest(past, as_of).findings]


def value(past: History, name: str) -> object:
    return next(one.value for one in newest(past).signals if one.name == f"history.{name}")


@pytest.mark.parametrize(
    ("gap", "age", "severity"),
    [
        (5 * 365, 3, Severity.MEDIUM),
        (5 * 365, 31, Severity.LOW),
        (3 * 365, 3, Severity.LOW),
        (700, 3, None),
        (5 * 365, 200, None),
    ],
)
def test_past__a_release_after_silence_is_news_while_it_is_young(
    gap: int, age: int, severity: Severity | None
) -> None:
    past = history(("0.9", age + gap + 100), ("1.0", age + gap), ("1.1", age))
    assert found(past) == ([("dormant-revived", severity)] if severity else [])


def test_past__a_first_release_follows_no_silence() -> None:
    past = history(("1.0", 1))
    assert found(past) == []
    assert (value(past, "gap_days"), value(past, "releases_before")) == (None, 0)


@pytest.mark.parametrize(
    ("count", "apart_hours", "age", "burst"),
    [
        (BURST_RELEASES, 1, 2, True),
        (BURST_RELEASES - 1, 1, 2, False),
        (BURST_RELEASES, 1, 40, False),
        (BURST_RELEASES, 12, 2, False),
    ],
)
def test_past__a_burst_is_many_releases_in_a_day(
    count: int, apart_hours: int, age: int, burst: bool
) -> None:
    old = [(f"0.{n}", 900.0 - n) for n in range(20)]
    day = [(f"1.{n}", age + (count - n) * apart_hours / 24) for n in range(count)]
    assert found(history(*old, *day)) == ([("release-burst", Severity.LOW)] if burst else [])


def test_past__who_always_releases_so_has_no_burst() -> None:
    assert found(history(*((f"1.{n}", 2 + (60 - n) / 24) for n in range(60)))) == []


@pytest.mark.parametrize(
    ("versions", "jump"),
    [
        (("0.1", "99.0"), True),
        (("99.0.0",), True),
        (("0.1", "2026.1"), False),
        (("88.0", "99.0"), False),
        (("0.1", "45.0"), False),
        (("1.0", "2.0"), False),
        (("98.0", "99.0"), False),
    ],
)
def test_past__a_version_far_ahead_is_told_from_dates_and_counting(
    versions: tuple[str, ...], jump: bool
) -> None:
    past = history(*((version, 100.0 - n) for n, version in enumerate(versions)))
    assert found(past) == ([("version-jump", Severity.LOW)] if jump else [])


@pytest.mark.parametrize(
    ("into", "age", "late"), [(300, 3, True), (100, 3, False), (300, 50, False)]
)
def test_past__a_file_may_come_late(into: int, age: int, late: bool) -> None:
    past = history(("1.0", into + age), ("1.0", age))
    assert found(past) == ([("late-file", Severity.LOW)] if late else [])
    assert value(past, "days_into_release") == into


@pytest.mark.parametrize(
    ("status", "finding"),
    [
        ("", None),
        ("active", None),
        ("nonsense\x1b[2J", None),
        ("archived", ("project-archived", Severity.INFO)),
        ("deprecated", ("project-deprecated", Severity.INFO)),
        ("quarantined", ("index-quarantined", Severity.HIGH)),
    ],
)
def test_past__says_the_indexs_own_word(status: str, finding: tuple[str, Severity] | None) -> None:
    past = history(("1.0", 100), status=status)
    assert found(past) == ([finding] if finding else [])
    assert str(value(past, "status") or "").isprintable()


def test_past__yanked_counts_whole_releases_alone() -> None:
    at = NOW - timedelta(days=50)
    past = History(
        uploads=(
            Upload(version="1", at=at - timedelta(days=9), yanked=True),
            Upload(version="2", at=at - timedelta(days=5), yanked=True),
            Upload(version="2", at=at - timedelta(days=5)),
            Upload(version="3", at=at, yanked=True),
        )
    )
    assert (value(past, "yanked_percent"), value(past, "newest_yanked")) == (66, True)


def test_past__an_older_release_is_measured_by_what_came_before_it() -> None:
    past = history(("1.0", 900), ("1.1", 890), ("2.0", 10))
    middle = past.uploads[1]
    assert middle.at is not None
    told = past_of(past, version="1.1", uploaded_at=middle.at, as_of=NOW)
    values = {one.name: one.value for one in told.signals}
    assert (values["history.gap_days"], values["history.releases_before"]) == (10, 1)


UPLOADS = st.lists(
    st.builds(
        Upload,
        version=st.sampled_from(["", "1.0", "1.1", "2.0", "99!1", "2026.1", "nonsense"]),
        at=st.none()
        | st.datetimes(datetime(2010, 1, 1), datetime(2026, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - the strategy adds the zone
        yanked=st.booleans(),
    ),
    max_size=12,
)


@given(UPLOADS, st.datetimes(datetime(2010, 1, 1), datetime(2026, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - as above
def test_past__what_later_uploads_are_changes_nothing_that_training_may_see(
    uploads: list[Upload], at: datetime
) -> None:
    """The law behind `live_only`: such a signal could have been measured when the file came."""

    def lasting(known: list[Upload], as_of: datetime) -> list[object]:
        own = (*known, Upload(version="3.0", at=at))
        past = past_of(History(uploads=own), version="3.0", uploaded_at=at, as_of=as_of)
        return [(one.name, one.value) for one in past.signals if not one.live_only]

    before = [one for one in uploads if one.at is not None and one.at <= at]
    assert lasting(uploads, NOW) == lasting(before, at)


@given(UPLOADS)
def test_past__every_signal_is_in_the_table_and_every_gap_is_positive(
    uploads: list[Upload],
) -> None:
    own = History(uploads=(*uploads, Upload(version="3.0", at=NOW)))
    told = past_of(own, version="3.0", uploaded_at=NOW, as_of=NOW)
    assert {one.name for one in told.signals} <= {kind.name for kind in SIGNALS}
    gap = gap_before(own, version="3.0", uploaded_at=NOW)
    assert gap is None or gap > timedelta()
