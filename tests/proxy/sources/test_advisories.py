"""The source of advisories: off, absent, measured, or missing since when."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from models.facts import SourceState
from proxy.inquiry import Question
from proxy.sources.advisories import STALE_AFTER, AdvisorySource
from proxy.store.memory import MemoryStore
from proxy.store.port import Feed
from tests.analyzer.advisories.records import advisory
from tests.models.examples import NOW, ref

FEED = Feed(name="ossf", source="/x", tried_at=NOW, succeeded_at=NOW)


def store() -> MemoryStore:
    return MemoryStore(clock=lambda: NOW)


async def test_ask__without_any_feed_it_is_off_and_says_how_to_add_one() -> None:
    answer = await AdvisorySource(store()).ask(Question(ref=ref(), page=None, as_of=NOW))
    assert answer.source.state is SourceState.OFF
    assert "pratique feeds update" in answer.source.reason
    assert answer.signals == ()


async def test_ask__a_feed_without_a_word_about_it_is_absent() -> None:
    kept = store()
    await kept.import_advisories(FEED, [advisory(project="other")], now=NOW)
    answer = await AdvisorySource(kept).told(ref(), NOW)
    assert (answer.source.state, answer.source.told_at) == (SourceState.ABSENT, NOW)


@pytest.mark.parametrize("late", [False, True])
async def test_ask__a_feed_that_was_not_read_for_long_is_missing_and_what_it_named_still_counts(
    *, late: bool
) -> None:
    kept = store()
    await kept.import_advisories(FEED, [advisory(versions=("2.0",))], now=NOW)
    as_of = NOW + STALE_AFTER + timedelta(seconds=1 if late else 0)
    answer = await AdvisorySource(kept).told(ref(), as_of)
    assert answer.source.state is (SourceState.MISSING if late else SourceState.MEASURED)
    assert [found.id for found in answer.findings] == ["known-malicious"]
    if late:
        assert answer.source.reason == "the feed ossf was last read 7 days ago"


async def test_ask__one_fresh_feed_does_not_speak_for_another() -> None:
    kept = store()
    await kept.import_advisories(FEED, [advisory(versions=("9",))], now=NOW)
    old = replace(FEED, name="pypa", succeeded_at=NOW - timedelta(days=30))
    await kept.import_advisories(old, [advisory("PYSEC-1", versions=("9",))], now=NOW)
    answer = await AdvisorySource(kept).told(ref(), NOW)
    assert answer.source.reason == "the feed pypa was last read 30 days ago"
    assert answer.source.told_at == old.succeeded_at


async def test_ask__a_feed_of_the_settings_that_was_never_read_is_missing() -> None:
    answer = await AdvisorySource(store(), expected=("ossf",)).told(ref(), NOW)
    assert answer.source.state is SourceState.MISSING
    assert answer.source.reason == "the feed ossf was never read"


async def test_proves__only_the_exact_version_or_the_bytes() -> None:
    kept = store()
    source = AdvisorySource(kept)
    await kept.import_advisories(FEED, [advisory("PYSEC-1", versions=("2.0",))], now=NOW)
    assert not await source.proves(ref(), NOW)
    await kept.import_advisories(FEED, [advisory(sha256s=(ref().sha256,))], now=NOW)
    assert await source.proves(ref(), NOW)
