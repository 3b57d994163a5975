"""What a phase left in maps, as records: trigrams of calls, and bytes of descriptors never closed.

These records never were in the ring, so none of them can have been dropped. They are made by the
daemon, without reading anything but numbers, and stand in a stored trace behind the others.
Standard library only.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from analyzer.trace.records import HEADER, RecordType

SEQUENCES_MAX = 4096
"""Trigrams of one phase that are told one by one, most frequent first; pandas makes 724."""
NO_SEQUENCE = (1 << 64) - 1
"""Stands for the three calls in the record that counts the trigrams which are not told."""

TRIGRAM = struct.Struct("<BBBxHHHH")
"""slot, phase, lineage, three calls, an errno: `struct trigram` in program.c, a key."""
COUNT = struct.Struct("<Q")
FILE_KEY = struct.Struct("<II")
"""tgid, descriptor: `struct file_key` in program.c."""
FILE_BYTES = struct.Struct("<QQIIBBBBxxxx")
"""Bytes and calls, read and written; slot, phase, lineage, named: `struct file_bytes` in program.c."""
FILE_REST = struct.Struct("<IIII")
"""reads, writes, lineage, named: what a FILE_BYTES record holds behind its header."""

_CALL_BITS = 16


@dataclass(frozen=True, slots=True)
class Trigram:
    """Three calls one behind the other on one thread, by number, and how often."""

    phase: int
    lineage: int
    calls: tuple[int, int, int]
    count: int
    error: int = 0
    """errno of the first of the three."""


@dataclass(frozen=True, slots=True)
class OpenFile:
    """What a descriptor moved that was open when the phase ended."""

    tgid: int
    descriptor: int
    phase: int
    lineage: int
    named: int
    read_bytes: int
    written_bytes: int
    reads: int
    writes: int


def trigrams_of(entries: Iterable[tuple[bytes, bytes]], slot: int) -> dict[bytes, Trigram]:
    """The trigrams of a slot among the map's entries, by key; most frequent first."""
    found = {}
    for key, value in entries:
        owner, phase, lineage, first, second, third, error = TRIGRAM.unpack(key)
        if owner == slot:
            (count,) = COUNT.unpack(value)
            found[key] = Trigram(phase, lineage, (first, second, third), count, error)
    return dict(sorted(found.items(), key=lambda item: (-item[1].count, item[0])))


def files_of(entries: Iterable[tuple[bytes, bytes]], slot: int) -> dict[bytes, OpenFile]:
    """The descriptors of a slot among the map's entries, by key."""
    found = {}
    for key, value in entries:
        tgid, descriptor = FILE_KEY.unpack(key)
        read, written, reads, writes, owner, phase, lineage, named = FILE_BYTES.unpack(value)
        if owner == slot:
            found[key] = OpenFile(
                tgid, descriptor, phase, lineage, named, read, written, reads, writes
            )
    return dict(sorted(found.items()))


def file_records(files: Iterable[OpenFile], *, slot: int, at_ns: int) -> list[bytes]:
    """TYPE_FILE_BYTES records, as the program writes them when a descriptor is closed."""
    return [
        _record(
            at_ns,
            RecordType.FILE_BYTES,
            (file.descriptor, file.read_bytes, file.written_bytes),
            slot,
            file.phase,
            tgid=file.tgid,
        )
        + FILE_REST.pack(file.reads, file.writes, file.lineage, file.named)
        for file in files
        if file.reads or file.writes
    ]


def sequence_records(trigrams: Sequence[Trigram], *, slot: int, at_ns: int) -> list[bytes]:
    """TYPE_SEQUENCE records: count, three calls, lineage; at most SEQUENCES_MAX of each phase.

    `result` is what the first call failed with, a negative errno. What is beyond the bound is
    counted in one more record for each lineage: `result` trigrams, which occurred `count` times
    together.
    """
    records = []
    told: dict[int, int] = {}
    beyond: dict[tuple[int, int], list[int]] = {}
    for trigram in trigrams:
        phase = trigram.phase
        told[phase] = told.get(phase, 0) + 1
        if told[phase] > SEQUENCES_MAX:
            beyond.setdefault((phase, trigram.lineage), []).append(trigram.count)
            continue
        first, second, third = trigram.calls
        calls = first | second << _CALL_BITS | third << 2 * _CALL_BITS
        arguments = (trigram.count, calls, trigram.lineage)
        records.append(
            _record(at_ns, RecordType.SEQUENCE, arguments, slot, phase, result=-trigram.error)
        )
    for (phase, lineage), counts in beyond.items():
        arguments = (sum(counts), NO_SEQUENCE, lineage)
        records.append(
            _record(at_ns, RecordType.SEQUENCE, arguments, slot, phase, result=len(counts))
        )
    return records


def calls_of(packed: int) -> tuple[int, int, int] | None:
    """The three calls in a SEQUENCE record's second argument; None: it counts what was not told."""
    if packed == NO_SEQUENCE:
        return None
    mask = (1 << _CALL_BITS) - 1
    return packed & mask, packed >> _CALL_BITS & mask, packed >> 2 * _CALL_BITS & mask


def _record(
    at_ns: int,
    kind: RecordType,
    arguments: tuple[int, int, int],
    slot: int,
    phase: int,
    *,
    tgid: int = 0,
    result: int = 0,
) -> bytes:
    return HEADER.pack(at_ns, tgid, tgid, kind, 0, result, *arguments, 0, 0, slot, phase, 0)
