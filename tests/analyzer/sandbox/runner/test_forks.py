"""Work in forks that die or hang: nothing is done twice, nothing behind them is lost."""

from __future__ import annotations

import os
import sys
import threading
import time

import pytest

from analyzer.sandbox.runner import forks
from analyzer.sandbox.runner.forks import DONE, ENDED, RAISED, TIMED_OUT


def act(item: str) -> str:
    """Do what an item is called after."""
    if item == "ends":
        os._exit(0)
    if item == "crashes":
        os.kill(os.getpid(), 9)
    if item == "closes":
        os.closerange(3, 200)
    if item == "hangs":
        time.sleep(600)
    return RAISED if item == "raises" else DONE


@pytest.mark.parametrize(
    ("items", "outcomes"),
    [
        ([], []),
        (["a", "b"], [DONE, DONE]),
        (["raises", "a"], [RAISED, DONE]),
        (["ends", "a", "crashes", "raises"], [ENDED, DONE, ENDED, RAISED]),
        (["a", "closes", "b"], [DONE, ENDED, DONE]),
        (["a", "hangs", "b"], [DONE, TIMED_OUT, DONE]),
    ],
    ids=repr,
)
def test_in_forks__each_item_has_its_outcome(items: list[str], outcomes: list[str]) -> None:
    lost: list[tuple[str, str]] = []
    found = forks.in_forks(
        items,
        act,
        silent_s=0.5,
        end=time.monotonic() + 60,
        lost=lambda item, how: lost.append((item, how)),
    )

    assert found == outcomes
    assert lost == [
        (item, how) for item, how in zip(items, outcomes, strict=True) if how in (ENDED, TIMED_OUT)
    ]


@pytest.mark.timeout(60)  # where it waits for the pipe's end, it waits ten minutes
def test_in_forks__what_an_item_leaves_running_holds_nobody_up() -> None:
    reader, writer = os.pipe()

    def leave(item: str) -> str:
        if os.fork() == 0:
            os.close(writer)
            os.read(reader, 1)  # until the test is over
            os._exit(0)
        return item

    found = forks.in_forks(
        ["o"], leave, silent_s=600, end=time.monotonic() + 600, lost=lambda *_: None
    )
    os.close(writer)
    os.close(reader)
    assert found == ["o"]


def test_in_forks__stops_when_its_time_is_over() -> None:
    found = forks.in_forks(
        ["hangs"] * 5, act, silent_s=60, end=time.monotonic() + 0.2, lost=lambda *_: None
    )

    assert found == [TIMED_OUT]


def test_in_forks__is_bounded() -> None:
    found = forks.in_forks(
        ["ends"] * 50, act, silent_s=60, end=time.monotonic() + 60, lost=lambda *_: None
    )

    assert found == [ENDED] * forks.FORKS_MAX


def test_in_forks__a_fork_that_tells_more_than_there_is_changes_no_count() -> None:
    def boast(item: str) -> str:
        return item * 40

    found = forks.in_forks(
        ["o", "o"], boast, silent_s=60, end=time.monotonic() + 60, lost=lambda *_: None
    )
    assert found == ["o", "o"]


def test_threads__are_waited_for_but_not_for_ever() -> None:
    release = threading.Event()
    thread = threading.Thread(target=release.wait)
    thread.start()
    assert forks.threads_left()
    forks.await_threads(0.05)
    assert thread.is_alive()
    release.set()
    forks.await_threads(20)
    assert not thread.is_alive()


def test_hide__leaves_nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "modules", {"analyzer": sys, "analyzer.x": sys, "analyzer_y": sys})
    monkeypatch.setattr(sys, "path", ["/opt/runner", "/else"])
    monkeypatch.setattr(sys, "argv", ["-c", "name"])

    forks.hide()

    assert (list(sys.modules), sys.path, sys.argv) == (["analyzer_y"], ["/else"], [""])
