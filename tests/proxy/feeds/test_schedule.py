"""The schedule: a feed is tried when it is due, and a failure costs only its turn."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from proxy.feeds.schedule import RETRY, FeedSchedule
from proxy.feeds.source import parse_sources
from proxy.feeds.updating import FeedUpdater
from proxy.store.memory import MemoryStore
from tests.analyzer.advisories.records import record
from tests.proxy.feeds.archives import members, to_jsonl
from tests.proxy.store.values import FakeClock

EVERY = timedelta(hours=6)


def schedule(folder: Path, text: str) -> tuple[FeedSchedule, MemoryStore, FakeClock]:
    clock = FakeClock()
    store = MemoryStore(clock=clock)
    updater = FeedUpdater(store, folder, clock=clock)
    made = FeedSchedule(
        updater,
        store,
        parse_sources(text),
        every=EVERY,
        stale_after=timedelta(days=7),
        clock=clock,
    )
    return made, store, clock


async def test_look__reads_what_is_due_and_not_before(tmp_path: Path) -> None:
    feed = to_jsonl(tmp_path / "x.jsonl", members(record("MAL-1")))
    made, store, clock = schedule(tmp_path / "data", f"ours={feed}")
    assert (await made.look(), await made.look()) == (1, 0)
    assert [one.records for one in await store.feeds()] == [1]
    clock.advance(EVERY.total_seconds())
    assert await made.look() == 1
    assert made.notices() == ()


async def test_look__a_feed_that_fails_is_tried_again_soon_and_does_not_stop_the_next(
    tmp_path: Path,
) -> None:
    feed = to_jsonl(tmp_path / "x.jsonl", members(record("MAL-1")))
    made, store, clock = schedule(tmp_path / "data", f"gone={tmp_path}/none,ours={feed}")
    assert await made.look() == 2
    assert {one.name: bool(one.error) for one in await store.feeds()} == {
        "gone": True,
        "ours": False,
    }
    assert made.notices() == ("Advisories are out of date: the feed gone was never read.",)
    clock.advance(RETRY.total_seconds())
    assert await made.look() == 1


async def test_look__a_feed_that_moved_is_read_at_its_new_place(tmp_path: Path) -> None:
    one = to_jsonl(tmp_path / "x.jsonl", members(record("MAL-1")))
    other = to_jsonl(tmp_path / "y.jsonl", members(record("MAL-1"), record("MAL-2")))
    made, store, clock = schedule(tmp_path / "data", f"ours={one}")
    await made.look()
    moved = FeedSchedule(
        FeedUpdater(store, tmp_path / "data", clock=clock),
        store,
        parse_sources(f"ours={other}"),
        every=EVERY,
        stale_after=timedelta(days=7),
        clock=clock,
    )
    assert await moved.look() == 1
    assert [feed.records for feed in await store.feeds()] == [2]
