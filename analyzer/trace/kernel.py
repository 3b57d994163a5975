"""The tracer of the sandbox daemon: boxes in, records out.

Standard library only; runs in a root process under `/usr/bin/python3 -I`. Methods may be called
from several threads; `drain` from one at a time.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

from analyzer.trace import syscalls
from analyzer.trace.loader import MAPS
from analyzer.trace.maps import Account, Maps
from analyzer.trace.probes import Probes
from analyzer.trace.records import SLOT_OFFSET, SLOTS_MAX
from analyzer.trace.ring import Ring, ring_bytes_valid

PYTHON = "/usr/bin/python3"
"""The interpreter that has Debian's bcc."""
RING_BYTES = 8 << 20
"""Bytes of the ring: no drops at 190,000 events a second when drained every 5 ms (measured)."""
LOAD_S = 60
"""Seconds the loader may take; 0.5 here, some seconds expected on a small board."""
HANDOVER_BYTES_MAX = 16 * 1024
"""Bytes of the loader's message; it names some twenty descriptors."""
END_S = 5
"""Seconds from the loader's message to its end; it has nothing left to do."""
DESCRIPTORS_MAX = 64
"""Descriptors taken from the loader."""
STDERR_CHARS_MAX = 1500
"""Characters of the loader's own words that go into an error."""
NEXT_STEPS = {
    "bcc": "Install it: apt install python3-bpfcc.",
    "permission": "Run the sandbox daemon as root, or give it CAP_BPF and CAP_PERFMON.",
}
"""What to do about what the loader says is missing."""
ARM_AT_EXEC = 2
"""The exec from which on events count: the first is the box's builder, the second our runner."""
PHASE_MAX = 255
"""Phase numbers are one byte in a record."""


class TraceUnavailable(Exception):
    """This machine cannot trace, or the tracer broke; `next_step` says what the operator can do."""

    def __init__(self, message: str, next_step: str) -> None:
        super().__init__(f"{message} {next_step}".strip())
        self.message = message
        self.next_step = next_step


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
        maps, programs = _run_loader(ring_bytes, loader_uid)
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
            records = self._ring.drain()
            kept, self._kept = self._kept, []
            if not records:
                return kept
            slots = bytes([record[SLOT_OFFSET] for record in records])
            for slot, box in self._open.items():
                box.received += slots.count(slot)
            drained = list(zip(slots, records, strict=True))
            if set(slots) - self._open.keys():
                drained = [item for item in drained if item[0] in self._open]
            return kept + drained

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


# ---- the loader ------------------------------------------------------------------------------


def _run_loader(ring_bytes: int, uid: int | None) -> tuple[dict[str, int], dict[str, int]]:
    """Descriptors of the maps and of the programs, by name. Raises TraceUnavailable."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    arguments = ["--fd", str(theirs.fileno()), "--ring-bytes", str(ring_bytes)]
    if uid is not None:
        arguments += ["--uid", str(uid)]
    with ours, tempfile.TemporaryFile() as words:
        with theirs:
            process = _start_loader(arguments, theirs.fileno(), words.fileno())
        try:
            ours.settimeout(LOAD_S)
            message, fds, _, _ = socket.recv_fds(ours, HANDOVER_BYTES_MAX, DESCRIPTORS_MAX)
            process.wait(timeout=END_S)
        except (TimeoutError, subprocess.TimeoutExpired) as error:
            raise TraceUnavailable(
                f"The trace loader did not end within {LOAD_S} s.", "Run `pratique doctor`."
            ) from error
        finally:
            process.kill()
            process.wait()
        return _take_over(message, fds, _tail(words))


def _start_loader(arguments: list[str], handed_fd: int, words_fd: int) -> subprocess.Popen[bytes]:
    loader = Path(__file__).resolve().with_name("loader.py")
    try:
        return subprocess.Popen(
            [PYTHON, "-I", str(loader), *arguments],
            pass_fds=(handed_fd,),
            stdin=subprocess.DEVNULL,
            stdout=words_fd,
            stderr=words_fd,
            env={"PATH": "/usr/bin:/bin"},
            close_fds=True,
        )
    except OSError as error:
        raise TraceUnavailable(
            f"{PYTHON} could not be started: {error}.", "Install it: apt install python3."
        ) from error


def _take_over(message: bytes, fds: list[int], words: str) -> tuple[dict[str, int], dict[str, int]]:
    said: dict[str, Any] = json.loads(message) if message else {"error": "it died"}
    names = [*said.get("maps", ()), *said.get("programs", ())]
    if "error" in said or tuple(said["maps"]) != MAPS or len(names) != len(fds):
        for fd in fds:
            os.close(fd)
        why = said.get("error", "it handed over something else than was asked for")
        raise TraceUnavailable(
            f"The trace program could not be loaded: {why}. {words}".strip(),
            NEXT_STEPS.get(said.get("missing", ""), "Run `pratique doctor`."),
        )
    split = len(said["maps"])
    return dict(zip(names[:split], fds, strict=False)), dict(
        zip(names[split:], fds[split:], strict=True)
    )


def _tail(words: IO[bytes]) -> str:
    words.seek(0)
    return words.read().decode("utf-8", "backslashreplace")[-STDERR_CHARS_MAX:].strip()
