"""The layout of trace records: what program.c writes, and how a stored trace is framed.

A stored trace (the blob `trace` of a run) is a sequence of `<I length><record>`. Standard library
only: the sandbox daemon frames records without reading them, and the worker reads them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from enum import IntEnum, IntFlag
from typing import NamedTuple

RECORD_BYTES_MAX = 4096
"""Bytes of one record at most (program.c, RECORD_BYTES)."""
PATH_BYTES = 256
"""Bytes of a path as captured, its terminating NUL among them (program.c)."""
ADDRESS_BYTES = 128
"""Bytes of a socket address: sizeof(struct sockaddr_storage) (program.c)."""
ARGS_MAX = 16
"""Arguments of an exec that are captured (program.c)."""
ARG_BYTES = 224
"""Bytes of one argument as captured (program.c)."""
SLOTS_MAX = 16
"""Boxes that can be traced at one time (program.c)."""
TYPES_MAX = 32
"""Room for record types in the accounts of the program (program.c)."""

HEADER = struct.Struct("<QIIHHiQQQHHBBH")
"""at_ns, tgid, tid, type, sysno, result, three arguments, two lengths, slot, phase, flags."""
SLOT_OFFSET = 52
"""Offset of the slot in a record, so that a drained record can be sorted without unpacking it."""
RECORD_LENGTH = struct.Struct("<I")
"""Stands before each record of a stored trace."""


class RecordType(IntEnum):
    """The twin of `enum record_type` in program.c."""

    DENIED = 1
    OPEN = 2
    PATH = 3
    PAIR = 4
    ADDRESS = 5
    EXEC_ATTEMPT = 6
    EXEC_FAILED = 7
    EXEC_DONE = 8
    ARGUMENTS = 9
    MEMORY = 10
    TCP = 11
    FORK = 12
    EXIT = 13
    FILE_BYTES = 14
    SEQUENCE = 15


class RecordFlag(IntFlag):
    """The twin of `enum record_flag` in program.c."""

    RACED = 1
    LATE = 2
    UNREAD = 4
    CUT = 8


class RecordInvalid(ValueError):
    """A stored trace is not a sequence of records: it was cut, or is something else."""


class Header(NamedTuple):
    """The fixed part of a record, in the order of HEADER."""

    at_ns: int
    tgid: int
    tid: int
    type: int
    sysno: int
    result: int
    arg0: int
    arg1: int
    arg2: int
    length0: int
    length1: int
    slot: int
    phase: int
    flags: int


def frame(records: Iterable[bytes]) -> bytes:
    """Records as they stand in a stored trace."""
    pack = RECORD_LENGTH.pack
    return b"".join([part for record in records for part in (pack(len(record)), record)])


def iter_records(blob: bytes) -> Iterator[bytes]:
    """The records of a stored trace. Raises RecordInvalid at the first that is not whole."""
    offset = 0
    while offset < len(blob):
        if offset + RECORD_LENGTH.size > len(blob):
            raise RecordInvalid(f"the trace ends within a length, at byte {offset}")
        (length,) = RECORD_LENGTH.unpack_from(blob, offset)
        offset += RECORD_LENGTH.size
        if not HEADER.size <= length <= RECORD_BYTES_MAX:
            raise RecordInvalid(f"a record of {length} bytes at byte {offset}")
        if offset + length > len(blob):
            raise RecordInvalid(f"the trace ends within a record, at byte {offset}")
        yield blob[offset : offset + length]
        offset += length


def parse_header(record: bytes) -> Header:
    """The header of a record."""
    return Header._make(HEADER.unpack_from(record))
