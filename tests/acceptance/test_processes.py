"""Two proxy processes are one firewall: what one learns the other acts on, and each outlives the other."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from time import monotonic
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from proxy.demo.packages import BuiltFile, build_wheel
from proxy.demo.upstream import LocalUpstream
from proxy.store.bounds import DATABASE
from tests.firewall import Firewall, fetch, file_url, wait_until
from tests.proofs.background import running_upstream

PROCESSES = ("proxy", "proxy-2")
FLIP_S = 3.0
"""Seconds after which every process acts on a change of another: a word, or else a poll (0.5 s)."""
ACCEPT_S = 30.0
"""Seconds in which connections are opened until each process has accepted one; a start takes 2."""


@pytest.fixture(scope="module")
def upstream() -> Iterator[LocalUpstream]:
    with running_upstream(
        LocalUpstream([wheel("first", "1.0"), wheel("second", "1.0")])
    ) as running:
        yield running


@pytest.fixture(scope="module")
def firewall(upstream: LocalUpstream) -> Iterator[Firewall]:
    with Firewall(
        upstream=upstream.url, harness=False, options=("--processes", "2", "--boxes", "1")
    ) as running:
        wait_until(lambda: set(PROCESSES) <= set(running.children()), seconds=30)
        yield running


def wheel(name: str, version: str) -> BuiltFile:
    return build_wheel(name, version, {f"{name}.py": "NUMBER = 1\n"})


@contextmanager
def connections(firewall: Firewall) -> Iterator[dict[str, HTTPConnection]]:
    """A connection to each process. Which one accepted it says the log."""
    found: dict[str, HTTPConnection] = {}
    with ExitStack() as opened:
        until = monotonic() + ACCEPT_S
        while set(found) != set(PROCESSES) and monotonic() < until:
            connection = HTTPConnection(urlsplit(firewall.origin).netloc, timeout=60)
            opened.callback(connection.close)
            path = f"/which/{uuid4().hex}"
            connection.request("GET", path)
            connection.getresponse().read()

            def who(path: str = path) -> str:
                lines = (line for line in firewall.log_lines() if line.get("path") == path)
                return next((str(line["process"]) for line in lines), "")

            found.setdefault(wait_until(who, seconds=5), connection)
        assert set(found) == set(PROCESSES), "not every process accepts connections"
        yield found


def ask(connection: HTTPConnection, path: str) -> tuple[int, bytes]:
    """The last answer on this one connection, redirects to ourselves followed."""
    place = path
    while True:
        connection.request("GET", place, headers={"User-Agent": "pip/26.3"})
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 302:
            return answer.status, body
        place = path + str(answer.headers["Location"])


def path_of(firewall: Firewall, file: BuiltFile) -> str:
    return urlsplit(file_url(firewall.index_url, file.project, file.filename)).path


def test_hold__one_analysis_wakes_who_waits_in_every_process(
    firewall: Firewall, upstream: LocalUpstream
) -> None:
    (file,) = (one for one in upstream.files if one.project == "first")
    path = path_of(firewall, file)
    with connections(firewall) as lines, ThreadPoolExecutor(len(lines)) as pool:
        answers = list(pool.map(lambda line: ask(line, path), lines.values()))
    assert answers == [(200, file.data)] * len(PROCESSES)
    wait_until(lambda: who_said(firewall, file, "request_served") >= set(PROCESSES), seconds=5)
    # One download and one analysis, whoever asked for it.
    assert upstream.requests.count(f"/packages/{file.filename}") == 1
    lines_of_jobs = [one for one in firewall.log_lines() if one["event"] == "job_decided"]
    assert [one["filename"] for one in lines_of_jobs] == [file.filename]


def who_said(firewall: Firewall, file: BuiltFile, event: str) -> set[str]:
    return {
        str(one["process"])
        for one in firewall.log_lines()
        if one["event"] == event and one.get("filename") == file.filename
    }


def test_flip__a_denial_counts_in_every_process_and_in_memory(
    firewall: Firewall, upstream: LocalUpstream
) -> None:
    (file,) = (one for one in upstream.files if one.project == "first")
    path = path_of(firewall, file)
    with connections(firewall) as lines:
        assert [ask(line, path)[0] for line in lines.values()] == [200, 200]
        firewall.cli(
            "override", "add", "deny", "--project", "first", "--actor", "ann",
            "--justification", "a test", "--expires", "1d",
        )  # fmt: skip
        wait_until(
            lambda: [ask(line, path)[0] for line in lines.values()] == [403, 403], seconds=FLIP_S
        )


def test_record__fetches_of_all_processes_are_kept(
    firewall: Firewall, upstream: LocalUpstream
) -> None:
    (file,) = (one for one in upstream.files if one.project == "second")
    assert fetch(firewall.origin + path_of(firewall, file)).status == 200
    path = path_of(firewall, file)
    before = recorded(firewall, file)
    with connections(firewall) as lines:
        for line in [*lines.values()] * 5:
            assert ask(line, path)[0] == 200
    wait_until(lambda: recorded(firewall, file) >= before + 10, seconds=5)


@pytest.mark.parametrize("killed", PROCESSES)
def test_kill__the_other_process_keeps_serving(
    firewall: Firewall, upstream: LocalUpstream, killed: str
) -> None:
    (file,) = (one for one in upstream.files if one.project == "second")
    path = path_of(firewall, file)
    before = firewall.children()[killed]
    os.kill(before, signal.SIGKILL)
    for _ in range(20):
        assert fetch(firewall.origin + path).body == file.data
    wait_until(lambda: firewall.children()[killed] != before, seconds=20)
    with connections(firewall) as lines:
        assert killed in lines, "it answers again"
    after = wheel(f"after-{killed}", "1.0")
    upstream.files.append(after)
    assert fetch(firewall.origin + path_of(firewall, after)).status == 200


def recorded(firewall: Firewall, file: BuiltFile) -> int:
    with closing(sqlite3.connect(firewall.data_dir / DATABASE)) as db:
        return int(
            db.execute("SELECT count(*) FROM fetches WHERE sha256 = ?", (file.sha256,)).fetchone()[
                0
            ]
        )
