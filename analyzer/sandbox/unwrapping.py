"""What is inside of bytes that were compressed or encoded: candidates to search, and nothing else.

A wrong guess costs time and finds nothing, so guesses are cheap ones: a format's first bytes, runs
of letters that only base64 or hex have. Nothing here trusts what it opens: outputs are bounded,
check sums ignored, errors end one candidate. Standard library only.
"""

from __future__ import annotations

import binascii
import bz2
import lzma
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import unquote_to_bytes

INFLATED_BYTES_MAX = 4 << 20
"""Bytes that one compressed stream gives; a bomb gives no more."""
PIECE_BYTES_MAX = 8 << 20
"""Bytes unwrapped from one searched piece, all depths together."""
RATIO = 16
"""Bytes unwrapped for each byte searched; text deflates to a tenth, nonsense may to a thousandth."""
FREE_BYTES = 64 << 10
"""Bytes unwrapped from however small a piece."""
MEMBERS_MAX = 64
"""Places of one piece at which something compressed may begin."""
HEADS_MAX = 8
"""Ends of HTTP or MIME heads after which bare deflate is tried: it has no first bytes of its own."""
RUNS_MAX = 256
"""Runs of base64 or hex of one piece that are decoded."""
RUN_BYTES_MIN = 40
"""A shorter run decodes to less than 30 bytes: no compressed secret fits."""
QUOTED_SHARE = 4
"""Where more than one byte of so many is a percent sign, all is quoted, and read as hex."""
_FEED_BYTES = 4096
_LZMA_MEMORY_BYTES = 32 << 20

_MAGIC = re.compile(
    rb"\x1f\x8b\x08|PK\x03\x04|BZh[1-9]1AY&SY|\xfd7zXZ\x00|\x78[\x01\x5e\x9c\xda]", re.DOTALL
)
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{%d,}" % RUN_BYTES_MIN)
_HEX = re.compile(rb"[0-9A-Fa-f]{%d,}" % RUN_BYTES_MIN)
_LONG_LINE_END = re.compile(rb"\s(?<=[A-Za-z0-9+/]{48}\s)\s*")
"""Where an encoder broke a line (after 64 or 76 characters); other breaks part one thing from another."""
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")


@dataclass
class Budget:
    """Bytes that may still be unwrapped."""

    left: int

    @classmethod
    def of(cls, size: int, *, most: int) -> Budget:
        """The budget of a piece of `size` bytes, where `most` are left for all pieces."""
        return cls(left=max(0, min(most, PIECE_BYTES_MAX, FREE_BYTES + RATIO * size)))

    def take(self, data: bytes) -> bytes:
        """As much of `data` as may be looked at."""
        taken = data[: max(0, self.left)]
        self.left -= len(taken)
        return taken


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


def unwrap(data: bytes, budget: Budget, *, beginning: bool, text: bool = True) -> Iterator[bytes]:
    """What `data` may hold: unpacked and, where it may be `text`, URL-, hex- and base64-decoded."""
    for inner in _candidates(data, budget, beginning=beginning, text=text):
        taken = budget.take(inner)
        if taken:
            yield taken
        if budget.left <= 0:
            return


def _candidates(data: bytes, budget: Budget, *, beginning: bool, text: bool) -> Iterator[bytes]:
    yield from _unpacked(data, budget, beginning=beginning)
    if not text:
        return
    if b"\\" in data:
        for escaped, plain in ((b"\\n", b""), (b"\\r", b""), (b"\\/", b"/")):
            data = data.replace(escaped, plain)
        data = data.replace(b"\\u00", b"%").replace(b"\\x", b"%")
    if 0 < data.count(b"%") <= len(data) // QUOTED_SHARE:
        yield unquote_to_bytes(data)
    yield from _from_hex(data)
    yield from _from_base64(data)


# ---- compressed ------------------------------------------------------------------------------


def _unpacked(data: bytes, budget: Budget, *, beginning: bool) -> Iterator[bytes]:
    for count, match in enumerate(_MAGIC.finditer(data)):
        if count >= MEMBERS_MAX:
            break
        yield _member(data, match.start(), budget)
    starts = [0] if beginning else []
    place = data.find(b"\r\n\r\n")
    while place >= 0 and len(starts) < HEADS_MAX:
        starts.append(place + 4)
        place = data.find(b"\r\n\r\n", place + 4)
    for start in starts:
        if start < len(data):
            yield _inflated(data, start, budget)


def _member(data: bytes, start: int, budget: Budget) -> bytes:
    first = data[start]
    if first == 0x1F:
        return _inflated(data, _gzip_body(data, start), budget)
    if first == 0x50:
        return _zip_member(data, start, budget)
    if first == 0x42:
        return _decompressed(bz2.BZ2Decompressor(), data, start, budget)
    if first == 0xFD:
        reader = lzma.LZMADecompressor(memlimit=_LZMA_MEMORY_BYTES)
        return _decompressed(reader, data, start, budget)
    return _inflated(data, start + 2, budget)


def _gzip_body(data: bytes, start: int) -> int:
    """Where the deflated part of a gzip member begins (RFC 1952, 2.3)."""
    flags = data[start + 3] if start + 3 < len(data) else 0
    place = start + 10
    if flags & 4:
        place += 2 + int.from_bytes(data[place : place + 2], "little")
    for flag in (8, 16):  # file name, comment: each ends with a zero byte
        if flags & flag:
            place = data.find(b"\0", place) + 1 or len(data)
    return place + (2 if flags & 2 else 0)


def _zip_member(data: bytes, start: int, budget: Budget) -> bytes:
    """The member behind a local file header (APPNOTE 4.3.7); a stored one lies open anyway."""
    head = data[start : start + 30]
    if len(head) < 30 or head[8:10] != b"\x08\0":
        return b""
    names = int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little")
    return _inflated(data, start + 30 + names, budget)


def _inflated(data: bytes, start: int, budget: Budget) -> bytes:
    """Bare deflate from `start` on, without a look at any check sum."""
    return _decompressed(zlib.decompressobj(-zlib.MAX_WBITS), data, start, budget)


def _decompressed(reader: _Decompressor, data: bytes, start: int, budget: Budget) -> bytes:
    """What comes out until it ends, breaks or is too much; a broken end does not hide the rest."""
    most = min(INFLATED_BYTES_MAX, budget.left)
    found = bytearray()
    try:
        for place in range(start, len(data), _FEED_BYTES):
            if reader.eof or len(found) >= most:
                break
            found += reader.decompress(data[place : place + _FEED_BYTES], most - len(found))
    except (zlib.error, OSError, EOFError, ValueError, lzma.LZMAError, MemoryError):
        pass
    return bytes(found)


# ---- encoded ---------------------------------------------------------------------------------


def _from_hex(data: bytes) -> Iterator[bytes]:
    text = data.replace(b"0x", b"") if b"0x" in data else data
    text = text.translate(None, b"\r\n\t :,-%")
    for count, match in enumerate(_HEX.finditer(text)):
        if count >= RUNS_MAX:
            break
        run = match[0]
        for shift in (0, 1):  # a digit of the surroundings may lie before it
            yield binascii.unhexlify(run[shift : shift + (len(run) - shift) // 2 * 2])


def _from_base64(data: bytes) -> Iterator[bytes]:
    text = _LONG_LINE_END.sub(b"", data.translate(_TO_STANDARD))
    for count, match in enumerate(_BASE64.finditer(text)):
        if count >= RUNS_MAX:
            break
        run = match[0]
        if _HEX.fullmatch(run):
            continue
        for shift in range(4):
            part = run[shift:]
            if len(part) % 4 == 1:  # six bits are no byte
                part = part[:-1]
            yield binascii.a2b_base64(part + b"=" * (-len(part) % 4))
