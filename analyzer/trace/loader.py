"""Compiles and loads program.c with BCC, hands its descriptors over a socket, and is gone.

Run as `/usr/bin/python3 -I loader.py --fd N --ring-bytes N [--uid N]`: a process of its own, since
BCC brings LLVM with it (more than 100 MB), changes the working directory while it compiles, and is
Debian's and thus only in Debian's interpreter. It attaches nothing: whoever gets the descriptors
does. This is the one module that knows bcc; it imports nothing of ours.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import socket
import struct
import sys
from pathlib import Path

MAPS = (
    *("calls", "boxes", "threads", "sockets", "trigrams", "files"),
    *("counts", "denied", "accounts", "events"),
)
PROGRAM_PREFIX = "tracepoint__"
"""BCC names a program `tracepoint__<category>__<event>`."""
ERROR_CHARS_MAX = 2000
"""Characters of an error that are told; a verifier log can be megabytes."""

_KEEP_CAPABILITIES = 8  # PR_SET_KEEPCAPS
_CAPABILITY_VERSION_3 = 0x20080522
_DAC_READ_SEARCH, _PERFMON, _BPF = 2, 38, 39


def main(argv: list[str]) -> int:
    """Loads, sends, and returns the exit status; 0 where everything was handed over."""
    options = _parse(argv)
    here = Path(__file__).resolve().parent
    text = (here / "program.c").read_text(encoding="utf-8")
    os.environ["BCC_KERNEL_SOURCE"] = str(here / "stub")
    # BCC puts the current directory on the include path.
    os.chdir("/")
    peer = socket.socket(fileno=options.fd)
    try:
        if options.uid is not None:
            _drop_to(options.uid)
        maps, programs = _load(text, options.ring_bytes)
    except Exception as error:  # noqa: BLE001  the edge of this process: the parent tells the operator
        message = f"{type(error).__name__}: {error}"[:ERROR_CHARS_MAX]
        peer.send(json.dumps({"error": message, "missing": _missing(error)}).encode())
        return 1
    said = {"maps": list(maps), "programs": list(programs)}
    socket.send_fds(peer, [json.dumps(said).encode()], [*maps.values(), *programs.values()])
    return 0


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--ring-bytes", type=int, required=True)
    parser.add_argument("--uid", type=int)
    return parser.parse_args(argv)


def _load(text: str, ring_bytes: int) -> tuple[dict[str, int], dict[str, int]]:
    from bcc import BPF  # noqa: PLC0415  imported as the dropped user, and its absence is reported

    class LoadedOnly(BPF):  # type: ignore[misc]  # bcc has no types
        """BCC attaches every TRACEPOINT_PROBE by itself; here it only loads them."""

        def attach_tracepoint(self, *_arguments: object, **_options: object) -> None:
            """Does nothing."""

    pages = ring_pages(ring_bytes, os.sysconf("SC_PAGE_SIZE"))
    program = LoadedOnly(text=text, cflags=[f"-DRING_PAGES={pages}"])
    maps = {name: int(program[name].map_fd) for name in MAPS}
    programs = {
        name.decode().removeprefix(PROGRAM_PREFIX).replace("__", "/", 1): int(function.fd)
        for name, function in program.funcs.items()
    }
    return maps, programs


def ring_pages(ring_bytes: int, page_bytes: int) -> int:
    """BCC counts a ring in pages of the kernel's own size: 16 KiB on a Raspberry Pi 5."""
    return ring_bytes // page_bytes


def _missing(error: Exception) -> str:
    """Which piece is missing, in a word that the parent turns into a next step."""
    if isinstance(error, ImportError):
        return "bcc"
    return "permission" if isinstance(error, PermissionError) else ""


def _drop_to(uid: int) -> None:
    """Becomes `uid`, keeping only what loading takes: BPF, PERFMON, and reading tracefs."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_KEEP_CAPABILITIES, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_KEEPCAPS)")
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    kept = (1 << _DAC_READ_SEARCH) | (1 << _PERFMON) | (1 << _BPF)
    low, high = kept & 0xFFFFFFFF, kept >> 32
    header = struct.pack("<Ii", _CAPABILITY_VERSION_3, 0)
    data = struct.pack("<IIIIII", low, low, 0, high, high, 0)
    if libc.capset(header, data):
        raise OSError(ctypes.get_errno(), "capset")


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stderr.flush()
    # Not sys.exit: BCC's clean-up would wait half a second for the kernel, and there is no need.
    os._exit(status)
