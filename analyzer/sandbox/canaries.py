"""Planted values on their way out: the shapes that they may take, and a search that is fast.

What is searched is never the data as it came but its letters and digits, in lower case: line
breaks, separators, quotes, both base64 alphabets and both cases of hex then look alike. In that
text every form of a value holds an 8-byte word at a place that divides by eight, so one look-up for
each eight bytes says that there is nothing, and nearly always it does (`_Table`). What was packed
or encoded more than once is unwrapped first (`unwrapping`).
"""

from __future__ import annotations

import base64
import codecs
import re
import string
from collections.abc import Callable, Iterable, Mapping

from analyzer.sandbox.unwrapping import Budget, unwrap

VALUE_CHARS = 48
"""Characters of a value that stand for all of it: who sends the beginning of a key has sent it."""
_SURE_EIGHTHS = 7
"""Of a shorter value so many eighths do, since a last piece may be too short to be told from noise."""
FORM_BYTES_MIN = 15
"""Bytes below which no word of eight is sure to lie inside; 15 letters or digits have 2^75 values,
and a 1 GiB stream 2^30 places."""
_WORD = 8
BLOCK_BYTES = 1 << 20
"""Bytes of a stream that are searched at a time; what was packed is unpacked within one block."""
OVERLAP_BYTES = 1024
"""Bytes of a block that are searched again with the next: the longest form, with separators."""
PENDING_BYTES_MAX = 16 << 20
"""Bytes of all streams that may wait to be searched; beyond, a stream is searched as it grows."""
UNWRAPPED_BYTES_MAX = 32 << 20
"""Bytes that are unwrapped in one run, some 40 ms for each MiB here, so that packed nonsense cannot
keep the sinkhole busy. Beyond, the log counts as truncated."""
DEPTH_MAX = 3
"""Wrappings one in the other: gzip in base64 in a URL-quoted form."""

_ALNUM = (string.ascii_letters + string.digits).encode()
_DROPPED = bytes(set(range(256)) - set(_ALNUM))
_LOWER = bytes.maketrans(string.ascii_uppercase.encode(), string.ascii_lowercase.encode())
_ESCAPED = re.compile(
    rb"(?:%|\\x|\\u00)(?:0[ad]|2[0-9a-f]|3[a-f]|40|5[b-f]|60|7[b-f])|\\[nrtbf]", re.IGNORECASE
)
"""Characters that are no letter or digit, escaped as in URLs, JSON and source text."""
_A85 = bytes(range(33, 118))
_B85 = (string.digits + string.ascii_uppercase + string.ascii_lowercase).encode()
_TO_B85 = bytes.maketrans(_A85, _B85 + b"!#$%&()*+-;<=>?@^_`{|}~")


def squeeze(data: bytes) -> bytes:
    """The letters and digits of `data`, in lower case."""
    return _without_escapes(data).translate(_LOWER, _DROPPED)


def _without_escapes(data: bytes) -> bytes:
    return _ESCAPED.sub(b"", data) if b"%" in data or b"\\" in data else data


def _aligned(
    value: bytes, encode: Callable[[bytes], bytes], symbols: int, group: int
) -> list[bytes]:
    """Encodings at each place within a group, without the symbols that neighbours share.

    `group` bytes become `symbols` characters. Base 85 mixes all of a group's bytes, so there only
    whole groups are sure; elsewhere a symbol is sure once its bits are.
    """
    found = []
    for before in range(group):
        encoded = encode(bytes(before) + value)
        end = before + len(value)
        if symbols == 5 and group == 4:
            first, last = (symbols if before else 0), end // group * symbols
        else:
            first, last = -(-before * symbols // group), end * symbols // group
        found.append(encoded[first:last])
    return found


def beginning_of(value: str) -> str:
    """As much of a value as is looked for."""
    return value[: min(VALUE_CHARS, -(-len(value) * _SURE_EIGHTHS // 8))]


def forms(value: str) -> frozenset[bytes]:
    """Every form of a planted value that is looked for, squeezed.

    Plain (also as UTF-16 or with escapes), rot13, hex (also with prefixes, and of UTF-16), decimal
    codes, base64 at its three alignments (also of UTF-16 and of the reversed value), base32 at its
    five, both kinds of base 85 at their four. Each is found reversed as well.
    """
    text = beginning_of(value)
    plain, wide = text.encode(), text.encode("utf-16-le")
    bare = bytes(byte for byte in plain if byte in _ALNUM)
    found = [plain, codecs.encode(text, "rot13").encode()]
    found += [plain.hex().encode(), bare.hex().encode(), wide.hex().encode()]
    found += ["".join(f"{before}{byte:02x}" for byte in some).encode() for before, some in (
        ("x", bare), ("0x", plain), ("u00", bare))]  # fmt: skip
    found.append("".join(map(str, plain)).encode())
    for some in (plain, plain[::-1], wide):
        found += _aligned(some, base64.b64encode, 4, 3)
    found += _aligned(plain, base64.b32encode, 8, 5)
    ascii85 = _aligned(plain, base64.a85encode, 5, 4)
    found += ascii85
    found += [form.translate(_TO_B85) for form in ascii85]
    squeezed = (form.translate(_LOWER, _DROPPED) for form in found)
    return frozenset(form for form in squeezed if len(form) >= FORM_BYTES_MIN)


def differences(data: bytes) -> bytes:
    """Each byte xored with the next: the same whatever one byte all were xored with."""
    number = int.from_bytes(data, "little")
    return (number ^ number >> 8).to_bytes(len(data), "little")[:-1]


class _Table:
    """Texts to look for, by the words of eight bytes at their first eight places."""

    def __init__(self, wanted: Iterable[tuple[bytes, str]]) -> None:
        self._by_word: dict[int, list[tuple[bytes, int, str]]] = {}
        entries = list(wanted)
        for offset in range(_WORD):
            heads = b"".join([form[offset : offset + _WORD] for form, _ in entries])
            for word, (form, identity) in zip(memoryview(heads).cast("Q"), entries, strict=True):
                self._by_word.setdefault(word, []).append((form, offset, identity))
        self._words = frozenset(self._by_word)

    def find(self, text: bytes) -> set[str]:
        """Ids of what is in `text`."""
        words = memoryview(text)[: len(text) // _WORD * _WORD].cast("Q")
        found: set[str] = set()
        if self._words.isdisjoint(words):
            return found
        for place, word in enumerate(words):
            if word in self._words:
                for form, offset, identity in self._by_word[word]:
                    start = place * _WORD - offset
                    if start >= 0 and identity not in found and text.startswith(form, start):
                        found.add(identity)
        return found


class Forms:
    """The search for all canaries of a run. Its tables are made when there is something to search."""

    def __init__(self, values: Mapping[str, Iterable[str]]) -> None:
        self._values = [(value, identity) for identity, some in values.items() for value in some]
        self._tables: tuple[_Table, _Table] | None = None
        self._unwrapped = UNWRAPPED_BYTES_MAX
        self.pending = 0
        """Bytes that streams hold and have not searched yet."""

    @property
    def exhausted(self) -> bool:
        """Whether so much came packed that not all of it was unwrapped."""
        return self._unwrapped <= 0

    def find(self, data: bytes, *, beginning: bool = True) -> set[str]:
        """Ids of the canaries in `data`; `beginning`: it is where a message begins."""
        if not data or not self._values:
            return set()
        budget = Budget.of(len(data), most=self._unwrapped)
        granted = budget.left
        found = self._find(data, budget, 0, beginning=beginning)
        self._unwrapped -= granted - budget.left
        return found

    def _find(self, data: bytes, budget: Budget, depth: int, *, beginning: bool) -> set[str]:
        squeezed_table, raw_table = self._tables or self._make_tables()
        squeezed = data.translate(_LOWER, _DROPPED)
        # Decoded at a wrong place, base64 gives bytes like dice: of those, a quarter are kept.
        text = depth == 0 or len(squeezed) * 2 > len(data) - data.count(0)
        if text:
            squeezed = squeeze(data)
        found = squeezed_table.find(squeezed) | squeezed_table.find(squeezed[::-1])
        found |= raw_table.find(differences(data))
        if depth < DEPTH_MAX and budget.left > 0:
            for inner in unwrap(data, budget, beginning=beginning, text=text):
                found |= self._find(inner, budget, depth + 1, beginning=True)
        return found

    def _make_tables(self) -> tuple[_Table, _Table]:
        squeezed = ((form, identity) for value, identity in self._values for form in forms(value))
        raw = (
            (differences(beginning_of(value).encode()), identity)
            for value, identity in self._values
            if len(beginning_of(value)) > FORM_BYTES_MIN
        )
        self._tables = _Table(squeezed), _Table(raw)
        return self._tables


class Stream:
    """A search through bytes that come in pieces; how they are cut makes no difference.

    `found` is what was found so far: whole blocks are searched as they fill, the rest by `settle`.
    """

    def __init__(self, wanted: Forms) -> None:
        self._wanted = wanted
        self._data = bytearray()
        self._new = 0
        self._beginning = True
        self.found: set[str] = set()

    def feed(self, data: bytes) -> None:
        """Take one more piece."""
        self._data += data
        self._new += len(data)
        self._wanted.pending += len(data)
        while len(self._data) >= BLOCK_BYTES + OVERLAP_BYTES:
            self._search(BLOCK_BYTES + OVERLAP_BYTES)
        if self._wanted.pending > PENDING_BYTES_MAX:
            self.settle()

    def settle(self) -> set[str]:
        """Search what has not been searched; returns all that was found in the stream."""
        if self._new:
            self._search(len(self._data))
        return self.found

    def _search(self, size: int) -> None:
        self.found |= self._wanted.find(bytes(self._data[:size]), beginning=self._beginning)
        del self._data[: max(0, size - OVERLAP_BYTES)]
        self._beginning = False
        left = max(0, len(self._data) - OVERLAP_BYTES)
        self._wanted.pending -= self._new - left
        self._new = left
