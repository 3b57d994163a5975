"""Planted values on their way out: the shapes that they may take, and a search through a stream."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import quote, quote_plus

FORM_BYTES_MIN = 12
"""Bytes below which a form could be met by accident (a 1 GiB stream has 2^30 places; 12 random
base64 characters have 2^72 values)."""
_BREAKS = re.compile(rb"\\r|\\n|%0[AaDd]|[\r\n\t ]")
"""What encoders and serialisers put into long lines."""


def _aligned(value: bytes, encode: Callable[[bytes], bytes], bits: int, group: int) -> set[bytes]:
    """Encodings of `value` at each place within a group, without the characters that neighbours share."""
    found = set()
    for before in range(group):
        encoded = encode(bytes(before) + value)
        first = -(-before * 8 // bits)
        last = (before + len(value)) * 8 // bits
        found.add(encoded[first:last])
    return found


def forms(value: str) -> frozenset[bytes]:
    """Every form of a planted value that the search looks for.

    Plain, reversed, lower case (names), hex in both cases, URL-quoted, base64 in both alphabets at
    all three alignments, base32 in both cases at all five. Compression and encryption are not seen;
    for them stands the finding "read, then sent".
    """
    plain = value.encode()
    found = {plain, plain[::-1], plain.lower(), plain.hex().encode(), plain.hex().upper().encode()}
    found |= {quote(value, safe="").encode(), quote_plus(value).encode()}
    found |= _aligned(plain, base64.b64encode, 6, 3)
    found |= _aligned(plain, base64.urlsafe_b64encode, 6, 3)
    wide = _aligned(plain, base64.b32encode, 5, 5)
    found |= wide | {form.lower() for form in wide}
    return frozenset(form for form in found if len(form) >= FORM_BYTES_MIN)


class Forms:
    """The forms of all canaries of a run."""

    def __init__(self, values: Mapping[str, Iterable[str]]) -> None:
        self._by_id = {
            identity: frozenset[bytes]().union(*(forms(value) for value in some))
            for identity, some in values.items()
        }
        sizes = [len(form) for some in self._by_id.values() for form in some]
        self.longest = max(sizes, default=0)

    def find(self, data: bytes) -> set[str]:
        """Ids of the canaries in `data`, with and without line breaks."""
        joined = _BREAKS.sub(b"", data)
        shapes = (data,) if joined == data else (data, joined)
        return {
            identity
            for identity, some in self._by_id.items()
            if any(form in shape for shape in shapes for form in some)
        }


class Stream:
    """A search through bytes that come in pieces."""

    def __init__(self, wanted: Forms) -> None:
        self._wanted = wanted
        self._tail = b""
        self.found: set[str] = set()

    def feed(self, data: bytes) -> None:
        """Search one more piece, and what lies across its border."""
        window = self._tail + data
        self.found |= self._wanted.find(window)
        # Half as much again, for the breaks that a form may have inside.
        self._tail = window[-(self._wanted.longest * 3 // 2) :]
