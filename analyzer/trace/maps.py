"""The maps of program.c as Python sees them: boxes, and counts, accounts and leftovers by slot."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from analyzer.trace import bpf, summary, syscalls
from analyzer.trace.records import SLOTS_MAX, TYPES_MAX, RecordType
from analyzer.trace.summary import OpenFile, Trigram

COUNTS_MAX = 512
"""Numbers counted for each slot (program.c, SYSCALLS_MAX)."""
OVERFLOWS_MAX = 8
"""Overflow counters for each slot (program.c)."""
BOX = struct.Struct("<IIIIiI")
"""slot, phase, execs, arm_at, drops_to_simulate, unused: `struct box` in program.c."""

_COUNTS = struct.Struct(f"<{COUNTS_MAX}Q")
_ACCOUNT = struct.Struct(f"<{2 * TYPES_MAX + OVERFLOWS_MAX}Q")
_KEY = struct.Struct("<I")
_CGROUP = struct.Struct("<Q")


@dataclass(frozen=True, slots=True)
class Account:
    """What the program wrote down for one slot: events by type, and full maps."""

    emitted: dict[str, int]
    dropped: dict[str, int]
    overflows: int


class Maps:
    """Typed access to the maps, by the descriptors that the loader handed over."""

    def __init__(self, fds: Mapping[str, int]) -> None:
        self._fds = dict(fds)
        self._threads = bpf.map_info(self._fds["threads"])
        self._sockets = bpf.map_info(self._fds["sockets"])
        self._trigrams = bpf.map_info(self._fds["trigrams"])
        self._files = bpf.map_info(self._fds["files"])
        self._check_sizes()

    def _check_sizes(self) -> None:
        """The program and this file must mean the same structures; raises ValueError."""
        expected = {
            "calls": 4,
            "boxes": BOX.size,
            "counts": _COUNTS.size,
            "denied": _COUNTS.size,
            "accounts": _ACCOUNT.size,
            "trigrams": summary.COUNT.size,
            "files": summary.FILE_BYTES.size,
        }
        for name, size in expected.items():
            found = bpf.map_info(self._fds[name]).value_bytes
            if found != size:
                raise ValueError(f"map {name} holds values of {found} bytes, not {size}")
        for info, key in ((self._trigrams, summary.TRIGRAM), (self._files, summary.FILE_KEY)):
            if info.key_bytes != key.size:
                raise ValueError(f"a map has keys of {info.key_bytes} bytes, not {key.size}")

    def fill_calls(self) -> None:
        """Tells the program what each system call of this architecture means."""
        for number, meaning in syscalls.meanings().items():
            bpf.update(self._fds["calls"], _KEY.pack(number), meaning.packed())

    def set_box(
        self, cgroup_id: int, *, slot: int, phase: int, arm_at: int, drops_to_simulate: int
    ) -> None:
        """Begins, or begins anew, to watch the processes of a cgroup."""
        value = BOX.pack(slot, phase, 0, arm_at, drops_to_simulate, 0)
        bpf.update(self._fds["boxes"], _CGROUP.pack(cgroup_id), value)

    def drop_box(self, cgroup_id: int) -> None:
        """Ends watching a cgroup."""
        bpf.delete(self._fds["boxes"], _CGROUP.pack(cgroup_id))

    def clear_counts(self, slot: int) -> None:
        """Counts of calls and of denied calls of a slot begin at zero again."""
        zeros = bytes(_COUNTS.size * bpf.possible_cpus())
        for name in ("counts", "denied"):
            bpf.update(self._fds[name], _KEY.pack(slot), zeros)

    def clear_account(self, slot: int) -> None:
        """The account of a slot begins at zero again."""
        zeros = bytes(_ACCOUNT.size * bpf.possible_cpus())
        bpf.update(self._fds["accounts"], _KEY.pack(slot), zeros)

    def clear_memory(self) -> None:
        """Forgets threads, sockets and files: while detached, the program does not see them end."""
        for name, info in (
            ("threads", self._threads),
            ("sockets", self._sockets),
            ("files", self._files),
        ):
            for key in bpf.keys(self._fds[name], info):
                bpf.delete(self._fds[name], key)

    def take_trigrams(self, slot: int) -> list[Trigram]:
        """The trigrams of a slot, most frequent first; they are gone from the map then."""
        found = summary.trigrams_of(bpf.entries(self._fds["trigrams"], self._trigrams), slot)
        for key in found:
            bpf.delete(self._fds["trigrams"], key)
        return list(found.values())

    def take_files(self, slot: int) -> list[OpenFile]:
        """What a slot's descriptors moved that were not closed; it is gone from the map then."""
        found = summary.files_of(bpf.entries(self._fds["files"], self._files), slot)
        for key in found:
            bpf.delete(self._fds["files"], key)
        return list(found.values())

    def counts(self, slot: int) -> dict[str, int]:
        """Calls of a slot by name; only those that were made."""
        return self._named_counts("counts", slot)

    def denied(self, slot: int) -> dict[str, int]:
        """Calls of a slot that seccomp refused, by name; `sigsys` for those it killed for."""
        return self._named_counts("denied", slot)

    def account(self, slot: int) -> Account:
        """Events of a slot, emitted and dropped, by type, and how often a map was full."""
        sums = self._sums("accounts", slot, _ACCOUNT)
        types = {kind.name.lower().replace("_", "-"): kind.value for kind in RecordType}
        return Account(
            emitted={name: sums[at] for name, at in types.items() if sums[at]},
            dropped={
                name: sums[TYPES_MAX + at] for name, at in types.items() if sums[TYPES_MAX + at]
            },
            overflows=sum(sums[2 * TYPES_MAX :]),
        )

    def _named_counts(self, name: str, slot: int) -> dict[str, int]:
        sums = self._sums(name, slot, _COUNTS)
        found = ((syscalls.name_of(number), count) for number, count in enumerate(sums) if count)
        totals: dict[str, int] = {}
        for call, count in found:
            totals[call] = totals.get(call, 0) + count
        return dict(sorted(totals.items()))

    def _sums(self, name: str, slot: int, layout: struct.Struct) -> list[int]:
        if not 0 <= slot < SLOTS_MAX:
            raise ValueError(f"slot {slot} is not in 0 … {SLOTS_MAX - 1}")
        size = layout.size * bpf.possible_cpus()
        value = bpf.lookup(self._fds[name], _KEY.pack(slot), size)
        if value is None:
            raise ValueError(f"slot {slot} is not in map {name}")
        return [sum(column) for column in zip(*layout.iter_unpack(value), strict=True)]

    def close(self) -> None:
        """Lets the maps go."""
        fds, self._fds = list(self._fds.values()), {}
        for fd in fds:
            os.close(fd)
