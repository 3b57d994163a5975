"""Records on their way from the ring to a run's blob, with a tracer made for the purpose."""

from __future__ import annotations

import os
import struct
import threading

import pytest

from analyzer.lineage import ARTIFACT, RUNNER, trace_lineage
from analyzer.sandbox import tracing
from analyzer.sandbox.protocol import BLOB_BYTES_MAX
from analyzer.sandbox.tracing import Drainer, Store
from analyzer.trace.decode import decode_trace
from models.trace import EventKind
from tests.analyzer.sandbox.lab import Lab, until


class FakeTracer:
    """Gives out what it was told to."""

    def __init__(self) -> None:
        self.ring: list[tuple[int, bytes]] = []
        self.counted: list[bytes] = []
        self.open: dict[int, int] = {}
        self.began: list[tuple[int, int, int, int]] = []
        self.idled = 0
        self.closed = False
        self._lock = threading.Lock()

    def open_box(self, *, cgroup_id: int, slot: int) -> None:
        self.open[slot] = cgroup_id

    def begin_phase(
        self, slot: int, phase: int, *, arm_at_exec: int = 2, drops_to_simulate: int = 0
    ) -> None:
        self.began.append((slot, phase, arm_at_exec, drops_to_simulate))

    def syscalls(self, slot: int) -> dict[str, int]:
        return {"read": slot}

    def denied(self, slot: int) -> dict[str, int]:
        return {"bpf": slot}

    def put(self, *records: tuple[int, bytes]) -> None:
        with self._lock:
            self.ring += records

    def drain(self) -> list[tuple[int, bytes]]:
        with self._lock:
            records, self.ring = self.ring, []
        return records

    def summary(self, slot: int) -> list[bytes]:
        assert slot in self.open
        counted, self.counted = self.counted, []
        return counted

    def account(self, slot: int) -> dict[str, int]:
        return {"emitted": 2, "received": 99, "dropped": slot}

    def close_box(self, slot: int) -> None:
        del self.open[slot]

    def idle(self) -> None:
        self.idled += 1

    def close(self) -> None:
        self.closed = True


def blob(store: Store) -> bytes:
    """What was stored."""
    return os.pread(store.descriptor, 1 << 20, 0)


def test_drainer__each_slot_gets_its_own() -> None:
    fake = FakeTracer()
    drainer = Drainer(fake)
    with drainer.watch(1, 11) as one, drainer.watch(2, 22) as two:
        assert fake.open == {1: 11, 2: 22}
        one.begin_phase(3, arm_at_exec=2, simulate_drops=5)
        fake.put((1, b"a"), (2, b"bb"), (1, b"ccc"), (9, b"nobody"))
        account = drainer.finish(one)
        drainer.finish(two)
        assert one.store is not None
        assert two.store is not None
        assert blob(one.store) == b"\1\0\0\0a\3\0\0\0ccc"
        assert blob(two.store) == b"\2\0\0\0bb"
        assert one.counts() == ({"read": 1}, {"bpf": 1})
        os.close(one.store.descriptor)
        os.close(two.store.descriptor)
    drainer.close()

    assert account == {"emitted": 2, "received": 2, "dropped": 1, "stored": 2}
    assert fake.began == [(1, 3, 2, 5)]
    assert fake.open == {}
    assert fake.closed


def test_drainer__takes_the_probes_off_when_nothing_runs_and_puts_them_on_with_the_next_box(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tracing, "IDLE_AFTER_S", 0.05)
    fake = FakeTracer()
    drainer = Drainer(fake)
    for turn in (1, 2):
        with drainer.watch(1, 11) as watch:
            assert fake.open == {1: 11}
            assert fake.idled == turn - 1  # never while a box is open
            assert watch.store is not None
            os.close(watch.store.descriptor)
        until(lambda: fake.idled == turn)  # noqa: B023 - asked at once
    drainer.close()


def test_watch__what_the_kernel_counted_is_stored_when_the_next_phase_begins_and_at_the_end() -> (
    None
):
    """It is no event: neither `received` nor `stored` counts it."""
    fake = FakeTracer()
    drainer = Drainer(fake)
    with drainer.watch(1, 11) as watch:
        watch.begin_phase(1, arm_at_exec=2)
        fake.counted = [b"one"]
        watch.begin_phase(2, arm_at_exec=2)
        fake.counted = [b"two"]
        account = drainer.finish(watch)
        assert watch.store is not None
        assert blob(watch.store) == b"\3\0\0\0one\3\0\0\0two"
        os.close(watch.store.descriptor)
    drainer.close()
    assert (account["received"], account["stored"]) == (0, 0)


def test_store__has_room_for_what_the_kernel_counted_when_events_flooded() -> None:
    store = Store()
    store._bytes = BLOB_BYTES_MAX - tracing.SUMMARY_BYTES_MAX
    store.add(b"event")
    assert store.truncated
    store.add_summary([b"counted"])
    store.flush()
    assert blob(store) == b"\7\0\0\0counted"
    os.close(store.descriptor)


def test_store__what_the_kernel_counted_is_bounded_too() -> None:
    store = Store()
    store.add_summary(b"x" * 1020 for _ in range(5000))
    store.flush()
    size = os.fstat(store.descriptor).st_size
    os.close(store.descriptor)
    assert store.truncated
    assert size == tracing.SUMMARY_BYTES_MAX


def test_drainer__without_a_tracer_everything_is_empty() -> None:
    drainer = Drainer(None)
    with drainer.watch(0, 0) as watch:
        watch.begin_phase(1, arm_at_exec=2)
        assert drainer.finish(watch) == {}
        assert watch.counts() == ({}, {})
        assert watch.store is None
    drainer.close()


def test_drainer__a_broken_ring_is_said_aloud() -> None:
    class Broken(FakeTracer):
        def drain(self) -> list[tuple[int, bytes]]:
            raise OSError("gone")

    drainer = Drainer(Broken())
    with drainer.watch(0, 1) as watch:
        until(lambda: bool(drainer.failure))
        assert not drainer.traced
        assert watch.store is not None
        os.close(watch.store.descriptor)
    drainer.close()


def test_store__stops_storing_and_counts_on() -> None:
    store = Store()
    for _ in range(tracing.EVENTS_STORED_MAX + 10):
        store.add(b"x")
    store.flush()

    assert store.stored == tracing.EVENTS_STORED_MAX
    assert store.received == tracing.EVENTS_STORED_MAX + 10
    assert store.truncated
    size = os.fstat(store.descriptor).st_size
    os.close(store.descriptor)
    assert size == tracing.EVENTS_STORED_MAX * struct.calcsize("<I1s")


@pytest.mark.privileged
async def test_run__a_stored_trace_holds_what_the_kernel_counted_in_each_phase(lab: Lab) -> None:
    """From the maps of the program, by way of the daemon, to events: for the artifact and for us."""
    code = (
        "[os.getppid() for _ in range(200)]\n"
        "with open('/home/dev/counted', 'wb') as file:\n"
        "    file.write(b'x' * 5000)\n"
    )
    outcome = await lab.run_code(code, phases=("P1", "P2", "P3"))
    result = outcome.result
    events = trace_lineage(decode_trace(outcome.blobs["trace"], result.phases)).events
    for phase in result.phases:
        own = [event for event in events if event.phase == phase.phase]
        sequences = [event for event in own if event.kind is EventKind.SEQUENCE]
        assert sum(event.count for event in sequences) <= sum(phase.syscalls.values())
        assert sum(event.count for event in sequences) > 0.8 * sum(phase.syscalls.values())
        assert RUNNER in {event.owner for event in sequences}
        assert (ARTIFACT in {event.owner for event in sequences}) is (phase.phase != "P1")
    (polled,) = [event for event in events if event.detail == "getppid getppid getppid"]
    assert (polled.owner, polled.count) == (ARTIFACT, 198)
    (written,) = [event for event in events if event.path == "/home/dev/counted" and event.count]
    assert (written.kind, written.syscall) == (EventKind.FILE_IO, "write")
    assert (written.size_bytes, written.owner) == (5000, ARTIFACT)
    # Synthetic records are no events: the account stays that of the ring.
    counted = sum(event.kind is EventKind.SEQUENCE for event in events)
    assert result.account["stored"] == result.account["received"] == result.account["emitted"]
    assert counted > 0


class LateTracer(FakeTracer):
    """The last record is counted at once, and comes some looks later."""

    looks = 0

    def drain(self) -> list[tuple[int, bytes]]:
        self.looks += 1
        if self.looks == 4:
            self.put((3, b"end"))
        return super().drain()

    def account(self, slot: int) -> dict[str, int]:
        return {**super().account(slot), "emitted": 1, "dropped": 0}


def test_drainer__waits_for_a_record_that_is_counted_and_still_being_written() -> None:
    drainer = Drainer(LateTracer())
    drainer._closing = True  # its thread ends, so that `finish` alone looks
    with drainer.watch(3, 33) as watch:
        account = drainer.finish(watch)
        assert watch.store is not None
        os.close(watch.store.descriptor)
    drainer.close()

    assert (account["emitted"], account["received"]) == (1, 1)
