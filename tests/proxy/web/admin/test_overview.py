"""The small pictures: 24 hours, the running one last, drawn to the highest."""

from __future__ import annotations

from datetime import timedelta

from proxy.store.pages_port import Hour
from proxy.web.admin.overview import HEIGHT, HOURS, spark
from tests.proxy.web.decided import START


def test_spark__nothing_is_a_flat_line_with_words() -> None:
    drawn = spark((), START, "served", "files sent")
    assert drawn.total == 0
    assert len(drawn.bars) == HOURS
    assert {bar.height for bar in drawn.bars} == {0}
    assert drawn.words == "0 files sent in 24 hours"


def test_spark__the_running_hour_is_last_and_what_is_older_is_left_out() -> None:
    hours = (
        Hour(began=START - timedelta(hours=HOURS), served=99),
        Hour(began=START - timedelta(hours=HOURS - 1), served=1),
        Hour(began=START, served=10),
    )
    drawn = spark(hours, START + timedelta(minutes=59), "served", "files sent")
    assert drawn.total == 11
    assert [bar.height for bar in drawn.bars if bar.height] == [round(HEIGHT / 10), HEIGHT]
    assert drawn.bars[-1].y == 0
    assert "most of them (10) in the hour from 12:00 UTC" in drawn.words


def test_spark__one_among_thousands_is_still_seen() -> None:
    hours = (
        Hour(began=START - timedelta(hours=2), denied=1),
        Hour(began=START, denied=100_000),
    )
    assert all(bar.height >= 2 for bar in spark(hours, START, "denied", "x").bars if bar.height)
    assert sum(1 for bar in spark(hours, START, "denied", "x").bars if bar.height) == 2
