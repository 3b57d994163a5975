"""The port's contract, held against the SQLite store and its twin: feeds and their records."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from models.artifact import Sha256
from models.errors import StoreError
from models.work import Priority
from proxy.store.codec import encode_advisory
from proxy.store.port import Feed, FeedImport, Store
from proxy.store.sqlite import SqliteStore
from tests.analyzer.advisories.records import advisory
from tests.proxy.store.conftest import Opener
from tests.proxy.store.values import START, FakeClock, make_decision, make_facts, make_ref, name

FEED = Feed(name="ossf", source="/feeds/ossf", tried_at=START, succeeded_at=START, etag='"1"')
DEMO = name("demo")
LATER = "2026-02-02T00:00:00Z"
SHA = Sha256("ab" * 32)


async def put(store: Store, *records: object, feed: Feed = FEED, **rest: object) -> FeedImport:
    return await store.import_advisories(feed, records, now=START, **rest)  # type: ignore[arg-type]


async def ids(store: Store, project: str = "demo", sha256: Sha256 | None = None) -> list[str]:
    return [one.id for one in await store.advisories_about(name(project), sha256)]


async def changed(store: Store) -> list[tuple[str, str]]:
    return [(c.project, c.sha256) for c in await store.advisory_changes(limit=100)]


async def test_feeds__none_in_a_new_store(store: Store) -> None:
    assert await store.feeds() == ()
    assert await ids(store) == []
    assert await store.advisory_changes(limit=10) == ()


async def test_import__keeps_records_and_counts_them(store: Store) -> None:
    gone = advisory("MAL-2", withdrawn=LATER, modified=LATER)
    flaw = advisory("PYSEC-1", versions=("1",))
    assert await put(store, advisory("MAL-1"), gone, flaw) == FeedImport(added=3)
    (feed,) = await store.feeds()
    assert (feed.records, feed.malicious, feed.withdrawn) == (3, 2, 1)
    assert feed.newest_modified == gone.modified
    assert (feed.etag, feed.succeeded_at) == (FEED.etag, START)
    assert await store.advisories_about(DEMO) == (advisory("MAL-1"), gone, flaw)


async def test_import__outlives_a_restart(opener: Opener) -> None:
    await put(opener(), advisory(versions=("1", "2"), sha256s=(SHA,)))
    again = opener()
    assert await again.advisories_about(DEMO) == (advisory(versions=("1", "2"), sha256s=(SHA,)),)


async def test_import__only_what_was_modified_later_replaces(store: Store) -> None:
    await put(store, advisory("MAL-1", versions=("1",)), advisory("MAL-2"))
    older = advisory("MAL-1", versions=("2",), modified="2025-01-01T00:00:00Z")
    newer = advisory("MAL-2", versions=("2",), modified=LATER)
    assert await put(store, older, newer) == FeedImport(changed=1, unchanged=1)
    assert await store.advisories_about(DEMO) == (advisory("MAL-1", versions=("1",)), newer)


async def test_import__what_is_no_longer_there_goes_but_for_what_could_not_be_read(
    store: Store,
) -> None:
    await put(store, advisory("MAL-1"), advisory("MAL-2"), advisory("MAL-3"))
    outcome = await put(store, advisory("MAL-1"), keep=frozenset({"MAL-2"}))
    assert outcome == FeedImport(removed=1, unchanged=2)
    assert await ids(store) == ["MAL-1", "MAL-2"]


async def test_import__one_feed_leaves_another_alone(store: Store) -> None:
    await put(store, advisory("MAL-1"))
    await put(store, advisory("PYSEC-1"), feed=replace(FEED, name="pypa"))
    await put(store)
    assert await ids(store) == ["PYSEC-1"]


async def test_about__of_one_id_in_two_feeds_the_newest_counts(store: Store) -> None:
    mirror = replace(FEED, name="a-mirror")
    new = advisory("MAL-1", modified=LATER, withdrawn=LATER)
    await put(store, advisory("MAL-1"))
    await put(store, new, feed=mirror)
    assert await store.advisories_about(DEMO) == (new,)
    await put(store, advisory("MAL-1", modified="2026-02-03T00:00:00Z"))
    assert await store.advisories_about(DEMO) == (
        advisory("MAL-1", modified="2026-02-03T00:00:00Z"),
    )


async def test_about__bytes_are_known_under_any_name(store: Store) -> None:
    await put(store, advisory(project="evil", sha256s=(SHA,)))
    assert await ids(store) == []
    assert await ids(store, sha256=SHA) == ["MAL-2026-1"]
    assert await ids(store, "evil") == ["MAL-2026-1"]


async def test_about__a_record_that_moved_to_another_project_left_the_old_one(store: Store) -> None:
    await put(store, advisory(project="old"))
    await put(store, advisory(project="new", modified=LATER))
    assert (await ids(store, "old"), await ids(store, "new")) == ([], ["MAL-2026-1"])


async def test_remove_feed__takes_its_records_and_touches_what_they_were_about(
    store: Store,
) -> None:
    await store.put_decision(make_decision())
    await put(store, advisory("MAL-1"))
    await let_go_of_all(store)
    assert await store.remove_feed("ossf", actor="alice")
    assert await store.feeds() == ()
    assert await ids(store) == []
    assert await changed(store) == [("demo", "")]
    assert (await store.audit())[0].action == "feed_removed"
    assert not await store.remove_feed("ossf", actor="alice")


async def test_put_feed__keeps_how_a_try_went_and_cuts_what_a_stranger_said(store: Store) -> None:
    await store.put_feed(replace(FEED, error="x" * 5_000, etag="\udcff" * 2_000))
    (feed,) = await store.feeds()
    assert len(feed.error) == 1_000
    assert len(feed.etag) <= 1_000


async def test_import__is_audited_where_it_changed_anything(store: Store) -> None:
    await put(store, advisory("MAL-1"))
    rows = await store.audit()
    assert (rows[0].action, rows[0].subject) == ("feed_imported", "ossf")
    assert '"added":1' in rows[0].detail
    await put(store, advisory("MAL-1"))
    assert await store.audit() == rows


async def test_import__a_time_without_a_zone_changes_nothing(store: Store) -> None:
    odd = replace(advisory("MAL-2"), modified=START.replace(tzinfo=None))
    with pytest.raises(StoreError):
        await put(store, advisory("MAL-1"), odd)
    assert await ids(store) == []


async def test_changes__are_of_what_has_a_decision_or_an_open_job(
    store: Store, clock: FakeClock
) -> None:
    decided, queued, by_bytes = make_ref(), make_ref("queued"), make_ref("innocent")
    for ref in (decided, by_bytes):
        await store.put_decision(make_decision(ref))
    await store.enqueue(
        queued, size_bytes=1, facts=make_facts(queued), priority=Priority.FILE, now=clock.now
    )
    await put(
        store,
        advisory("MAL-1"),
        advisory("MAL-2", project="queued"),
        advisory("MAL-3", project="unseen"),
        advisory("MAL-4", project="elsewhere", sha256s=(by_bytes.sha256,)),
    )
    found = await store.advisory_changes(limit=100)
    refs = {(c.project, c.sha256): await store.refs_changed(c) for c in found}
    assert refs == {
        ("demo", ""): (decided,),
        ("queued", ""): (queued,),
        ("", by_bytes.sha256): (by_bytes,),
    }


async def test_changes__wait_until_they_are_let_go(store: Store) -> None:
    await store.put_decision(make_decision())
    await put(store, advisory("MAL-1"))
    (first,) = await store.advisory_changes(limit=10)
    await put(store, advisory("MAL-1", modified=LATER))
    await store.advisory_changes_done([first.number], forget_before=START)
    (second,) = await store.advisory_changes(limit=10)
    assert second.number > first.number
    await store.advisory_changes_done([second.number], forget_before=START)
    assert await store.advisory_changes(limit=10) == ()


async def test_changes__of_what_concerns_nothing_are_forgotten_after_a_while(store: Store) -> None:
    await put(store, advisory("MAL-1"))
    await store.advisory_changes_done([], forget_before=START)
    await store.put_decision(make_decision())
    assert await changed(store) == [("demo", "")]
    await store.advisory_changes_done([], forget_before=START + timedelta(seconds=1))
    assert await changed(store) == [("demo", "")]
    await put(store, advisory("MAL-2", project="other"))
    await store.advisory_changes_done([], forget_before=START + timedelta(seconds=1))
    await store.put_decision(make_decision(make_ref("other")))
    assert await changed(store) == [("demo", "")]


async def let_go_of_all(store: Store) -> None:
    numbers = [change.number for change in await store.advisory_changes(limit=100)]
    await store.advisory_changes_done(numbers, forget_before=START)


async def test_import__a_record_of_an_older_parser_is_read_again(
    sqlite_store: SqliteStore, path: Path
) -> None:
    import sqlite3  # noqa: PLC0415 - nobody else here looks behind the store

    await put(sqlite_store, advisory("MAL-1", versions=("1",)))
    with sqlite3.connect(path) as db:
        db.execute("UPDATE advisories SET schema_version = 0")
    db.close()
    outcome = await put(sqlite_store, advisory("MAL-1", versions=("2",)))
    assert outcome == FeedImport(changed=1)


def test_encode_advisory__is_the_same_whatever_the_order_of_a_set() -> None:
    one = advisory(versions=tuple(str(n) for n in range(50)))
    other = advisory(versions=tuple(str(n) for n in reversed(range(50))))
    assert encode_advisory(one) == encode_advisory(other)
