"""The bpf(2) calls that the tracer makes itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from analyzer.trace import bpf
from analyzer.trace.kernel import Tracer
from tests.analyzer.trace.boxes import Box

pytestmark = pytest.mark.privileged


def test_prog_info__offsets_are_those_that_the_kernel_shows(tracer: Tracer) -> None:
    """`verified_insns` follows `recursion_misses`; the kernel prints both in fdinfo."""
    for fd in tracer._probes._programs.values():
        shown = dict(re.findall(r"(\w+):\s*(\d+)", Path(f"/proc/self/fdinfo/{fd}").read_text()))
        info = bpf._object_info(fd, bpf._PROG_INFO_BYTES)
        after = bpf._RECURSION_MISSES_OFFSET + 8
        assert int.from_bytes(info[after : after + 4], "little") == int(shown["verified_insns"])
        assert bpf.recursion_misses(fd) == int(shown["recursion_misses"])


def test_hash_map__set_get_list_delete(tracer: Tracer) -> None:
    fd = tracer._maps._fds["sockets"]
    info = bpf.map_info(fd)
    assert (info.key_bytes, info.value_bytes) == (8, 24)
    key, value = b"\xfe" * 8, bytes(range(24))
    assert bpf.lookup(fd, key, 24) is None
    bpf.update(fd, key, value)
    assert bpf.lookup(fd, key, 24) == value
    assert key in bpf.keys(fd, info)
    assert bpf.delete(fd, key)
    assert not bpf.delete(fd, key)


def test_call__on_what_is_no_map_raises() -> None:
    with open("/dev/null") as file, pytest.raises(OSError, match="bpf"):  # noqa: PTH123  a descriptor
        bpf.lookup(file.fileno(), b"key!", 4)


def test_possible_cpus__is_at_least_the_present_ones() -> None:
    assert bpf.possible_cpus() >= 1


def test_overflow__threads_that_do_not_fit_are_counted(box: Box) -> None:
    """The map of threads is filled with ids that no kernel gives (above pid_max, 2^22)."""
    maps = box.tracer._maps
    fd, info = maps._fds["threads"], maps._threads
    try:
        for number in range(1 << 24, (1 << 24) + info.entries_max):
            try:
                bpf.update(fd, number.to_bytes(4, "little"), bytes(info.value_bytes))
            except OSError:
                break
        box.run("pass")
        account = box.tracer.account(box.slot)
    finally:
        maps.clear_memory()
    assert account["map_overflows"] > 0
    assert box.tracer.syscalls(box.slot)["openat"] > 0
