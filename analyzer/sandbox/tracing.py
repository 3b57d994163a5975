"""Between the tracer and the runs: one thread drains the ring, each slot keeps what is its own.

The daemon knows the tracer only by the protocol below, so that it runs (and is tested) without one.
"""

from __future__ import annotations

import contextlib
import os
import struct
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Protocol

from analyzer.sandbox.protocol import BLOB_BYTES_MAX

EVENTS_STORED_MAX = 200_000
"""Stored events of one run (DESIGN.md, Bounds); further ones are counted only."""
DRAIN_EVERY_S = 0.005
"""Seconds between two looks at the ring: an 8 MB ring holds 150,000 events a second that long."""
SETTLE_S = 0.5
"""Seconds that the last records of a run may take: a process that is killed writes its end within
milliseconds, and longer only where the machine is very busy."""
IDLE_AFTER_S = 10.0
"""Seconds without a box after which the probes are taken off every other process's path."""
SUMMARY_BYTES_MAX = 4 * 1024 * 1024
"""Bytes of a stored trace that are kept free for what the kernel counted: five phases with 4,096
trigrams of 60 bytes each, and as many open descriptors as the program's map holds (8,192) in each."""
_EVENTS_BYTES_MAX = BLOB_BYTES_MAX - SUMMARY_BYTES_MAX
_LENGTH = struct.Struct("<I")
_BUFFER_BYTES = 1 << 20


class Tracer(Protocol):
    """What the daemon needs of `analyzer.trace.kernel.Tracer`."""

    def open_box(self, *, cgroup_id: int, slot: int) -> None:
        """Begin to watch a cgroup; clears the slot's counters."""

    def begin_phase(
        self, slot: int, phase: int, *, arm_at_exec: int = 2, drops_to_simulate: int = 0
    ) -> None:
        """Count from here; events begin with the n-th exec."""

    def syscalls(self, slot: int) -> dict[str, int]:
        """Counts since begin_phase."""

    def denied(self, slot: int) -> dict[str, int]:
        """Refused calls since begin_phase."""

    def drain(self) -> list[tuple[int, bytes]]:
        """Records since the last call, each with its slot."""

    def summary(self, slot: int) -> list[bytes]:
        """Records of what was counted in the kernel since the last call."""

    def account(self, slot: int) -> dict[str, int]:
        """emitted, dropped, map_overflows, recursion_misses since open_box."""

    def close_box(self, slot: int) -> None:
        """Stop watching."""

    def idle(self) -> None:
        """Take the probes off."""

    def close(self) -> None:
        """Give everything back."""


class Store:
    """The records of one run, on their way into a memfd."""

    def __init__(self) -> None:
        self.descriptor = os.memfd_create("trace", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        self.received = 0
        self.stored = 0
        self.truncated = False
        self._bytes = 0
        self._summary_bytes = 0
        self._buffer = bytearray()

    def add(self, record: bytes) -> None:
        """Keep one record, or only count it."""
        self.received += 1
        size = _LENGTH.size + len(record)
        if self.stored >= EVENTS_STORED_MAX or self._bytes + size > _EVENTS_BYTES_MAX:
            self.truncated = True
            return
        self.stored += 1
        self._bytes += size
        self._append(record)

    def add_summary(self, records: Iterable[bytes]) -> None:
        """Keep what the kernel counted: no events, so not among `received` and `stored`."""
        for record in records:
            size = _LENGTH.size + len(record)
            if self._summary_bytes + size > SUMMARY_BYTES_MAX:
                self.truncated = True
                return
            self._summary_bytes += size
            self._append(record)

    def _append(self, record: bytes) -> None:
        self._buffer += _LENGTH.pack(len(record))
        self._buffer += record
        if len(self._buffer) >= _BUFFER_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what is buffered."""
        view = memoryview(bytes(self._buffer))
        self._buffer.clear()
        while view:
            view = view[os.write(self.descriptor, view) :]


class Watch:
    """The tracer's view of one run; without a tracer everything is empty."""

    def __init__(self, slot: int, tracer: Tracer | None, lock: threading.Lock) -> None:
        self.slot = slot
        self.store = Store() if tracer is not None else None
        self._tracer = tracer
        self._lock = lock

    def begin_phase(self, phase: int, *, arm_at_exec: int, simulate_drops: int = 0) -> None:
        """Count and record from here; what the phase before left in the kernel is stored first."""
        if self._tracer is not None:
            with self._lock:
                self.store_summary()
            self._tracer.begin_phase(
                self.slot, phase, arm_at_exec=arm_at_exec, drops_to_simulate=simulate_drops
            )

    def store_summary(self) -> None:
        """Store what the kernel counted in the phase that has ended. Under the drainer's lock."""
        if self._tracer is not None and self.store is not None:
            self.store.add_summary(self._tracer.summary(self.slot))

    def counts(self) -> tuple[dict[str, int], dict[str, int]]:
        """System calls and refused ones of this phase."""
        if self._tracer is None:
            return {}, {}
        return self._tracer.syscalls(self.slot), self._tracer.denied(self.slot)


class Drainer:
    """Owner of the tracer and of the thread that empties its ring while boxes run."""

    def __init__(self, tracer: Tracer | None) -> None:
        self._tracer = tracer
        self._stores: dict[int, Store] = {}
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._closing = False
        self._asleep = True
        self.failure = ""
        self._thread = threading.Thread(target=self._run, name="drainer", daemon=True)
        if tracer is not None:
            self._thread.start()

    @property
    def traced(self) -> bool:
        """Whether there is a tracer that works."""
        return self._tracer is not None and not self.failure

    @contextlib.contextmanager
    def watch(self, slot: int, cgroup_id: int) -> Iterator[Watch]:
        """Watch one run's cgroup."""
        watch = Watch(slot, self._tracer, self._lock)
        if self._tracer is None or watch.store is None:
            yield watch
            return
        with self._lock:
            self._asleep = False
            self._tracer.open_box(cgroup_id=cgroup_id, slot=slot)
            self._stores[slot] = watch.store
            self._changed.notify()
        try:
            yield watch
        finally:
            with self._lock:
                self._stores.pop(slot, None)
                self._tracer.close_box(slot)

    def finish(self, watch: Watch) -> dict[str, int]:
        """Empty the ring, until all that was counted has come; returns the run's account.

        A process that was killed may still be writing its last record when its box has ended, and a
        record that is counted but not finished holds up the ring. What has not come after SETTLE_S
        is lost, and the account says so.
        """
        if self._tracer is None or watch.store is None:
            return {}
        account = self._settle(self._tracer, watch.slot, watch.store)
        with self._lock:
            watch.store_summary()
            watch.store.flush()
        return {**account, "received": watch.store.received, "stored": watch.store.stored}

    def _settle(self, tracer: Tracer, slot: int, store: Store) -> dict[str, int]:
        """Drain until what was counted has come, or was dropped, SETTLE_S at most; the account."""
        end = time.monotonic() + SETTLE_S
        while True:
            with self._lock:
                self._drain()
                # Read after the ring: what is written between the two is waited for.
                account = tracer.account(slot)
                come = store.received + account["dropped"] >= account["emitted"]
                if come or time.monotonic() >= end:
                    return account
            time.sleep(DRAIN_EVERY_S)

    def _drain(self) -> None:
        if self._tracer is None:
            return
        for slot, record in self._tracer.drain():
            store = self._stores.get(slot)
            if store is not None:
                store.add(record)

    def _run(self) -> None:
        try:
            self._loop()
        except Exception as error:  # noqa: BLE001 - the edge of a thread: the daemon says so in Hello
            self.failure = f"the trace reader failed: {type(error).__name__}"

    def _loop(self) -> None:
        last_busy = time.monotonic()
        while True:
            with self._lock:
                if self._closing:
                    return
                if self._stores:
                    self._drain()
                    last_busy = time.monotonic()
                elif self._asleep:
                    self._changed.wait()
                    last_busy = time.monotonic()
                elif time.monotonic() - last_busy > IDLE_AFTER_S and self._tracer is not None:
                    self._tracer.idle()
                    self._asleep = True
                else:
                    self._changed.wait(IDLE_AFTER_S)
            time.sleep(DRAIN_EVERY_S)

    def close(self) -> None:
        """End the thread and the tracer."""
        if self._tracer is None:
            return
        with self._lock:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout=5)
        self._tracer.close()
