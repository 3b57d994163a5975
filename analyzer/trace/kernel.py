"""The tracer of the sandbox daemon: boxes in, records out.

Standard library only; runs in a root process under `/usr/bin/python3 -I`. Methods may be called
from several threads; `drain` from one at a time.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Self

from analyzer.trace import syscalls
from analyzer.trace.handover import TraceUnavailable, run_loader
from analyzer.trace.maps import Account, Maps
from analyzer.trace.probes import Probes
from analyzer.trace.records import SLOT_OFFSET, SLOTS_MAX
from analyzer.trace.ring import Ring, ring_bytes_valid
from analyzer.trace.summary import file_records, sequence_records

__all__ = ["RING_BYTES", "TraceUnavailable", "Tracer"]

RING_BYTES = 8 << 20
"""Bytes of the ring: no drops at 190,000 events a second when drained every 5 ms (measured)."""
ARM_AT_EXEC = 2
"""The exec from which on events count: the first is the box's builder, the second our runner."""
PHASE_MAX = 255
"""Phase numbers are one byte in a record."""


@dataclass(slots=True)
class _Open:
    """A slot in use."""

    cgroup_id: int
    recursion_misses_before: int
    phase: int = 0
    arm_at: int = ARM_AT_EXEC
    received: int = 0


class Tracer:
    """The loaded program. Make one with `load`; give it back with `close`."""

    def __init__(self, maps: Maps, probes: Probes, ring: Ring) -> None:
        self._maps = maps
        self._probes = probes
        self._ring = ring
        self._open: dict[int, _Open] = {}
        self._kept: list[tuple[int, bytes]] = []
        self._lock = threading.RLock()

    @classmethod
    def load(cls, *, ring_bytes: int = RING_BYTES, loader_uid: int | None = None) -> Self:
        """Runs the one-shot loader and takes over its maps and programs; nothing is attached yet.

        `loader_uid`: compile and load as that user, with CAP_BPF, CAP_PERFMON and
        CAP_DAC_READ_SEARCH alone. Raises TraceUnavailable.
        """
        if not ring_bytes_valid(ring_bytes):
            raise ValueError(f"a ring of {ring_bytes} bytes is not a power of two in whole pages")
        try:
            syscalls.numbers()
        except KeyError as error:
            raise TraceUnavailable(
                f"There is no system call table for {error}.",
                "Trace on one of: " + ", ".join(syscalls.MACHINES) + ".",
            ) from error
        maps, programs = run_loader(ring_bytes, uid=loader_uid)
        ring = Ring(maps["events"], ring_bytes)
        tracer = cls(Maps(maps), Probes(programs), ring)
        tracer._maps.fill_calls()
        return tracer

    # ---- boxes -------------------------------------------------------------------------------

    def open_box(self, *, cgroup_id: int, slot: int) -> None:
        """Watches the processes of a cgroup (st_ino of its directory in the v2 tree) as `slot`.

        Do this before any process is put there. Clears the slot's counters, attaches the probes if
        they are not. Nothing is recorded until `begin_phase`.
        """
        with self._lock:
            if not 0 <= slot < SLOTS_MAX or slot in self._open:
                raise ValueError(f"slot {slot} is in use, or not in 0 … {SLOTS_MAX - 1}")
            self.wake()
            # What a former box of this slot left in the ring is nobody's; the others' is kept.
            self._kept = [item for item in self.drain() if item[0] != slot]
            self._maps.clear_account(slot)
            self._maps.clear_counts(slot)
            self._maps.take_trigrams(slot)
            self._maps.take_files(slot)
            self._open[slot] = _Open(cgroup_id, self._probes.recursion_misses())

    def begin_phase(
        self,
        slot: int,
        phase: int,
        *,
        arm_at_exec: int = ARM_AT_EXEC,
        drops_to_simulate: int = 0,
    ) -> None:
        """Records from the `arm_at_exec`th successful exec in the box on; 0: from now on.

        Counts of calls begin at zero. Call it while no process of the box runs.
        `drops_to_simulate`: that many events are dropped, and counted as dropped (for tests).
        """
        with self._lock:
            box = self._box(slot)
            if not 0 <= phase <= PHASE_MAX:
                raise ValueError(f"phase {phase} is not in 0 … {PHASE_MAX}")
            box.phase, box.arm_at = phase, arm_at_exec
            self._maps.clear_counts(slot)
            self._maps.set_box(
                box.cgroup_id,
                slot=slot,
                phase=phase,
                arm_at=arm_at_exec,
                drops_to_simulate=drops_to_simulate,
            )

    def syscalls(self, slot: int) -> dict[str, int]:
        """System calls since `begin_phase`, by name; refused ones are not among them."""
        self._box(slot)
        return self._maps.counts(slot)

    def denied(self, slot: int) -> dict[str, int]:
        """System calls that seccomp refused since `begin_phase`, by name.

        `sigsys`: calls for which it sent SIGSYS; which ones they were is not known.
        """
        self._box(slot)
        return self._maps.denied(slot)

    def summary(self, slot: int) -> list[bytes]:
        """What the program kept in maps since the last call, as records (see `summary`).

        Descriptors that are still open, then trigrams of calls, most frequent first. Call it when
        a phase has ended and no process of the box runs. Not part of `emitted` and `received`.
        """
        self._box(slot)
        at_ns = time.monotonic_ns()
        files = file_records(self._maps.take_files(slot), slot=slot, at_ns=at_ns)
        return files + sequence_records(self._maps.take_trigrams(slot), slot=slot, at_ns=at_ns)

    def account(self, slot: int) -> dict[str, int]:
        """Since `open_box`: emitted, received, dropped, map_overflows, recursion_misses.

        `received` counts what `drain` gave out: after the last drain it must equal `emitted`.
        `recursion_misses` are those of the whole machine in that time, on all probes.
        """
        box = self._box(slot)
        account = self._maps.account(slot)
        return {
            "emitted": sum(account.emitted.values()),
            "received": box.received,
            "dropped": sum(account.dropped.values()),
            "map_overflows": account.overflows,
            "recursion_misses": self._probes.recursion_misses() - box.recursion_misses_before,
        }

    def account_by_type(self, slot: int) -> Account:
        """The account since `open_box`, by type of record."""
        self._box(slot)
        return self._maps.account(slot)

    def close_box(self, slot: int) -> None:
        """Ends watching. Drain and read the account first. Leaves the probes attached (`idle`)."""
        with self._lock:
            box = self._open.pop(slot, None)
            if box is not None:
                self._maps.drop_box(box.cgroup_id)

    # ---- records -----------------------------------------------------------------------------

    def drain(self) -> list[tuple[int, bytes]]:
        """Every record since the last call, with its slot. Call it every 5 to 10 ms.

        Records of a slot that is not open any more are left out.
        """
        with self._lock:
            drained = self._ring.drain(SLOT_OFFSET)
            kept, self._kept = self._kept, []
            if not drained:
                return kept
            slots = bytes([slot for slot, _ in drained])
            for slot, box in self._open.items():
                box.received += slots.count(slot)
            if set(slots) - self._open.keys():
                drained = [item for item in drained if item[0] in self._open]
            return kept + drained if kept else drained

    # ---- attaching ---------------------------------------------------------------------------

    def wake(self) -> None:
        """Attaches the probes (about 2 ms); `open_box` does it by itself. Raises TraceUnavailable."""
        with self._lock:
            if self._probes.attached:
                return
            self._maps.clear_memory()
            try:
                self._probes.attach()
            except OSError as error:
                raise TraceUnavailable(
                    f"The trace program could not be attached: {error}.",
                    "Run `pratique doctor`; the daemon needs root, or CAP_PERFMON and CAP_BPF.",
                ) from error

    def idle(self) -> None:
        """Detaches the probes if no box is open. Takes up to half a second: call it when idle."""
        with self._lock:
            if not self._open:
                self._probes.detach()

    @property
    def awake(self) -> bool:
        """Whether the probes are attached."""
        return self._probes.attached

    def close(self) -> None:
        """Detaches and lets everything go."""
        with self._lock:
            for slot in tuple(self._open):
                self.close_box(slot)
            self._probes.close()
            self._ring.close()
            self._maps.close()

    def _box(self, slot: int) -> _Open:
        try:
            return self._open[slot]
        except KeyError:
            raise ValueError(f"slot {slot} is not open") from None
