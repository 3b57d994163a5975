"""A feed against a running firewall: what was served is refused, told about, and never run again."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from proxy.demo.packages import build_wheel
from proxy.demo.upstream import LocalUpstream
from proxy.judge.advised import MATCHED_SERVED
from tests.analyzer.advisories.records import record
from tests.firewall import (
    Firewall,
    fetch,
    file_url,
    project_page,
    scratch_folder,
    wait_until,
)
from tests.proofs.background import running_upstream
from tests.proxy.feeds.archives import members, to_jsonl

pytestmark = [pytest.mark.privileged, pytest.mark.timeout(300)]

SERVED, UNSEEN = "reenact_advised", "reenact_unseen"
NEAR_S = 30.0
"""Seconds until a sweep of two seconds must have followed a change, on a busy machine."""


@dataclass
class Guarded:
    firewall: Firewall
    feed: Path
    records: list[dict[str, object]] = field(default_factory=list)

    def bring(self, *records: dict[str, object]) -> None:
        """Put records into the feed, and update it from the command line as an operator does."""
        self.records += records
        to_jsonl(self.feed, members(*self.records)).chmod(0o644)
        self.firewall.cli("feeds", "update", f"ours={self.feed}")

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """What the store holds, read from beside it."""
        uri = f"file:{self.firewall.data_dir / 'pratique.sqlite3'}?mode=ro"
        connection = sqlite3.connect(uri, uri=True)
        try:
            return list(connection.execute(sql))
        finally:
            connection.close()


@pytest.fixture(scope="module")
def guarded() -> Iterator[Guarded]:
    wheels = [
        build_wheel(name, version, {f"{name}.py": "VALUE = 1\n"})
        for name in (SERVED, UNSEEN)
        for version in ("1.0", "1.1")
    ]
    with (
        running_upstream(LocalUpstream(wheels)) as upstream,
        Firewall(upstream=upstream.url, uid_base=62300) as firewall,
    ):
        yield Guarded(firewall, firewall.folder / "feed.jsonl")


def wheel(name: str, version: str = "1.0") -> str:
    return f"{name}-{version}-py3-none-any.whl"


def project(name: str) -> str:
    return name.replace("_", "-")


def url_of(guarded: Guarded, name: str, version: str = "1.0") -> str:
    return file_url(guarded.firewall.index_url, project(name), wheel(name, version))


def test_feed__what_was_served_is_refused_and_who_fetched_it_is_told(guarded: Guarded) -> None:
    url = url_of(guarded, SERVED)
    assert fetch(url).status == 200
    assert fetch(url_of(guarded, SERVED, "1.1")).status == 200
    wait_until(lambda: guarded.rows("SELECT 1 FROM fetches"), seconds=NEAR_S)

    guarded.bring(record("MAL-2026-1", project=project(SERVED), versions=("1.0",)))
    refused = wait_until(
        lambda: answer if (answer := fetch(url)).status == 403 else None, seconds=NEAR_S
    )
    assert refused is not None
    assert "known malicious release (MAL-2026-1)" in refused.reason
    told = wait_until(
        lambda: guarded.rows(f"SELECT detail FROM audit WHERE action = '{MATCHED_SERVED}'"),  # noqa: S608
        seconds=NEAR_S,
    )
    detail = json.loads(str(told[0][0]))
    assert detail["advisories"] == ["MAL-2026-1"]
    assert [one["requester"] for one in detail["requesters"]] == ["anonymous"]
    assert fetch(url_of(guarded, SERVED, "1.1")).status == 200  # the clean release goes on

    files = project_page(guarded.firewall.index_url, project(SERVED))["files"]
    yanked = {file["filename"]: file["yanked"] for file in files}
    assert "MAL-2026-1" in yanked[wheel(SERVED)]
    assert not yanked[wheel(SERVED, "1.1")]

    shown = guarded.firewall.cli("advisories", f"{project(SERVED)}==1.0", check=False)
    assert shown.returncode == 4
    assert "anonymous" in shown.stdout


def test_feed__what_is_known_unseen_is_refused_and_no_job_is_ever_queued(guarded: Guarded) -> None:
    guarded.bring(record("MAL-2026-2", project=project(UNSEEN), versions=("1.0",)))
    answer = fetch(url_of(guarded, UNSEEN))
    assert answer.status == 403
    assert "MAL-2026-2" in answer.reason
    assert guarded.rows(f"SELECT 1 FROM jobs WHERE filename = '{wheel(UNSEEN)}'") == []  # noqa: S608


def test_feed__a_record_that_is_withdrawn_serves_it_again(guarded: Guarded) -> None:
    later = "2026-02-05T00:00:00Z"
    guarded.records = [one for one in guarded.records if one["id"] != "MAL-2026-1"]
    guarded.bring(
        record(
            "MAL-2026-1",
            project=project(SERVED),
            versions=("1.0",),
            modified=later,
            withdrawn=later,
        )
    )
    url = url_of(guarded, SERVED)
    assert wait_until(lambda: fetch(url).status == 200, seconds=NEAR_S)


def test_feed__of_the_settings_is_read_by_the_running_firewall() -> None:
    built = build_wheel(UNSEEN, "1.0", {f"{UNSEEN}.py": "VALUE = 1\n"})
    folder = scratch_folder()
    feed = to_jsonl(
        folder / "x.jsonl",
        members(record("MAL-2026-3", project=project(UNSEEN), versions=("1.0",))),
    )
    feed.chmod(0o644)
    with (
        running_upstream(LocalUpstream([built])) as upstream,
        Firewall(
            upstream=upstream.url, uid_base=62400, options=("--feeds", f"ours={feed}")
        ) as firewall,
    ):
        wait_until(
            lambda: [e for e in firewall.log_lines() if e["event"] == "feed_updated"],
            seconds=NEAR_S,
        )
        answer = fetch(file_url(firewall.index_url, project(UNSEEN), wheel(UNSEEN)))
        assert (answer.status, "MAL-2026-3" in answer.reason) == (403, True)
    shutil.rmtree(folder)
