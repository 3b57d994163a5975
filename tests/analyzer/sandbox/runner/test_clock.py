"""A lock whose timed wait is made of sleeps behaves as a lock."""

from __future__ import annotations

import threading

import pytest

from analyzer.sandbox.runner import clock


def test_lock__waits_no_longer_than_it_is_told() -> None:
    lock = clock.WaitingLock()
    with lock:
        assert lock.locked()
        assert not lock.acquire(blocking=False)
        assert not lock.acquire(timeout=0.01)
    assert lock.acquire(timeout=20)
    assert lock.locked()
    lock.release()


def test_patch__conditions_wait_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(vars(threading), "_allocate_lock", None)
    monkeypatch.setattr(clock, "LOOK_EVERY_S", 0.01)
    clock.patch()
    event = threading.Event()

    assert not event.wait(0.01)
    timer = threading.Timer(0.01, event.set)
    timer.start()
    assert event.wait(20)
    timer.join()
