"""The bpf(2) and perf_event_open(2) system calls by ctypes: maps, program facts, attaching.

Only what the tracer needs, on descriptors that the loader handed over. Standard library only.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import struct
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from analyzer.trace import syscalls

# enum bpf_cmd, include/uapi/linux/bpf.h
_MAP_LOOKUP_ELEM = 1
_MAP_UPDATE_ELEM = 2
_MAP_DELETE_ELEM = 3
_MAP_GET_NEXT_KEY = 4
_OBJ_GET_INFO_BY_FD = 15
_MAP_LOOKUP_BATCH = 24

_ATTR_BYTES = 152
"""Bytes of our zeroed `union bpf_attr`; the kernel accepts any size whose unknown rest is zero."""
_PROG_INFO_BYTES = 256
"""Bytes offered for `struct bpf_prog_info`; the kernel fills in what it knows."""
_RECURSION_MISSES_OFFSET = 208
"""Offset of `recursion_misses` in `struct bpf_prog_info` (uapi, since 5.12)."""
_BATCH_COUNT_OFFSET = 32
"""Offset of `batch.count` in `union bpf_attr`: how many were offered, then how many came."""
_POSSIBLE_CPUS = Path("/sys/devices/system/cpu/possible")

# include/uapi/linux/perf_event.h
_PERF_TYPE_TRACEPOINT = 2
_PERF_ATTR_BYTES = 64
"""PERF_ATTR_SIZE_VER0, enough for a tracepoint."""
_PERF_FLAG_FD_CLOEXEC = 8
_PERF_EVENT_IOC_ENABLE = 0x2400
_PERF_EVENT_IOC_SET_BPF = 0x40042408

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class MapInfo:
    """The head of `struct bpf_map_info`."""

    key_bytes: int
    value_bytes: int
    entries_max: int


def map_info(fd: int) -> MapInfo:
    """Sizes of the map behind `fd`."""
    info = _object_info(fd, 80)
    _, _, key_bytes, value_bytes, entries_max = struct.unpack_from("<IIIII", info)
    return MapInfo(key_bytes, value_bytes, entries_max)


def recursion_misses(fd: int) -> int:
    """How often the program behind `fd` was skipped because another was running on that CPU.

    0 on kernels that do not count it for tracepoints (before 6.7).
    """
    info = _object_info(fd, _PROG_INFO_BYTES)
    return int(struct.unpack_from("<Q", info, _RECURSION_MISSES_OFFSET)[0])


def lookup(fd: int, key: bytes, value_bytes: int) -> bytes | None:
    """The value under `key`, or None. A per-CPU map gives one value for each possible CPU."""
    key_buffer = ctypes.create_string_buffer(key, len(key))
    value_buffer = ctypes.create_string_buffer(value_bytes)
    if not _element(_MAP_LOOKUP_ELEM, fd, key_buffer, value_buffer):
        return None
    return value_buffer.raw


def update(fd: int, key: bytes, value: bytes) -> None:
    """Sets `key` to `value`. Raises OSError (E2BIG: the map is full)."""
    key_buffer = ctypes.create_string_buffer(key, len(key))
    value_buffer = ctypes.create_string_buffer(value, len(value))
    if not _element(_MAP_UPDATE_ELEM, fd, key_buffer, value_buffer):
        raise FileNotFoundError("bpf map update")


def delete(fd: int, key: bytes) -> bool:
    """Removes `key`; whether it was there."""
    return _element(_MAP_DELETE_ELEM, fd, ctypes.create_string_buffer(key, len(key)), None)


def keys(fd: int, info: MapInfo) -> list[bytes]:
    """The keys of a hash map; at most as many as it can hold, even if it changes meanwhile."""
    found: list[bytes] = []
    after: bytes | None = None
    for _ in range(info.entries_max):
        current = None if after is None else ctypes.create_string_buffer(after, len(after))
        following = ctypes.create_string_buffer(info.key_bytes)
        if not _element(_MAP_GET_NEXT_KEY, fd, current, following):
            break
        after = following.raw
        found.append(after)
    return found


def entries(fd: int, info: MapInfo) -> list[tuple[bytes, bytes]]:
    """Keys and values of a hash map (not a per-CPU one) in one call (BPF_MAP_LOOKUP_BATCH, 5.6).

    Raises OSError. What is added meanwhile may or may not be among them.
    """
    most = info.entries_max
    keys_buffer = ctypes.create_string_buffer(most * info.key_bytes)
    values_buffer = ctypes.create_string_buffer(most * info.value_bytes)
    after = ctypes.create_string_buffer(8)
    attr = ctypes.create_string_buffer(
        struct.pack(
            "<QQQQIIQQ",
            0,  # from the beginning
            ctypes.addressof(after),
            ctypes.addressof(keys_buffer),
            ctypes.addressof(values_buffer),
            most,
            fd,
            0,
            0,
        ),
        _ATTR_BYTES,
    )
    _command(_MAP_LOOKUP_BATCH, attr)  # ENOENT: that was all of it
    (count,) = struct.unpack_from("<I", attr, _BATCH_COUNT_OFFSET)
    found_keys = keys_buffer.raw[: count * info.key_bytes]
    found_values = values_buffer.raw[: count * info.value_bytes]
    return list(
        zip(
            _pieces(found_keys, info.key_bytes),
            _pieces(found_values, info.value_bytes),
            strict=True,
        )
    )


def _pieces(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@cache
def possible_cpus() -> int:
    """How many values a per-CPU map holds under one key (`0-3,8` means five)."""
    total = 0
    for part in _POSSIBLE_CPUS.read_text(encoding="ascii").strip().split(","):
        first, _, last = part.partition("-")
        total += int(last or first) - int(first) + 1
    return total


def attach_tracepoint(program_fd: int, tracepoint_id: int) -> int:
    """Runs the program at each hit of the tracepoint, on every CPU; closing the result ends it.

    One perf event is enough for all CPUs: the program joins the tracepoint itself, not the event.
    Raises OSError.
    """
    attr = struct.pack("<IIQ", _PERF_TYPE_TRACEPOINT, _PERF_ATTR_BYTES, tracepoint_id)
    buffer = ctypes.create_string_buffer(attr, _PERF_ATTR_BYTES)
    number = syscalls.numbers()["perf_event_open"]
    every_task, first_cpu, no_group = -1, 0, -1
    event_fd = _libc.syscall(
        ctypes.c_long(number),
        ctypes.byref(buffer),
        ctypes.c_long(every_task),
        ctypes.c_long(first_cpu),
        ctypes.c_long(no_group),
        ctypes.c_ulong(_PERF_FLAG_FD_CLOEXEC),
    )
    if event_fd < 0:
        raise _os_error("perf_event_open")
    try:
        fcntl.ioctl(event_fd, _PERF_EVENT_IOC_SET_BPF, program_fd)
        fcntl.ioctl(event_fd, _PERF_EVENT_IOC_ENABLE, 0)
    except OSError:
        os.close(event_fd)
        raise
    return int(event_fd)


def _element(
    command: int,
    fd: int,
    key: ctypes.Array[ctypes.c_char] | None,
    value: ctypes.Array[ctypes.c_char] | None,
) -> bool:
    """A map command; False for ENOENT, OSError for every other failure."""
    key_address = ctypes.addressof(key) if key is not None else 0
    value_address = ctypes.addressof(value) if value is not None else 0
    attr = struct.pack("<IxxxxQQQ", fd, key_address, value_address, 0)
    return _bpf(command, attr)


def _object_info(fd: int, size: int) -> bytes:
    info = ctypes.create_string_buffer(size)
    if not _bpf(_OBJ_GET_INFO_BY_FD, struct.pack("<IIQ", fd, size, ctypes.addressof(info))):
        raise FileNotFoundError("bpf object info")
    return info.raw


def _bpf(command: int, attr: bytes) -> bool:
    return _command(command, ctypes.create_string_buffer(attr, _ATTR_BYTES))


def _command(command: int, buffer: ctypes.Array[ctypes.c_char]) -> bool:
    """A bpf(2) command; False for ENOENT, OSError for every other failure."""
    number = syscalls.numbers()["bpf"]
    result = _libc.syscall(
        ctypes.c_long(number),
        ctypes.c_long(command),
        ctypes.byref(buffer),
        ctypes.c_ulong(_ATTR_BYTES),
    )
    if result >= 0:
        return True
    error = _os_error("bpf")
    if isinstance(error, FileNotFoundError):
        return False
    raise error


def _os_error(call: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"{call}: {os.strerror(number)}")
