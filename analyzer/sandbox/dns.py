"""As much of DNS (RFC 1035) as a liar needs: read one question, answer it. Never raises on garbage."""

from __future__ import annotations

import hashlib
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass

NAME_BYTES_MAX = 255
LABELS_MAX = 127
QUERY_BYTES_MAX = 4096
ANSWER_TTL_S = 60
_HEADER = struct.Struct(">HHHHHH")
_TYPES = {
    1: "A",
    2: "NS",
    5: "CNAME",
    6: "SOA",
    12: "PTR",
    15: "MX",
    16: "TXT",
    28: "AAAA",
    33: "SRV",
    65: "HTTPS",
    255: "ANY",
}
_A, _MX, _TXT = 1, 15, 16
TEXT = b"v=spf1 -all"
"""What any name's TXT record says: this domain sends no mail (RFC 7208)."""
_FLAGS_ANSWER = 0x8180
"""A response, recursion desired and available, no error."""
_POINTER_TO_NAME = 0xC00C
FIRST_OCTETS = (3, 13, 18, 23, 34, 35, 44, 52, 54, 104, 142, 151, 185)
"""Octets under which the IANA has no special-purpose block, so that an address looks like any other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The first question of a query; `end` is where it ends in the message."""

    labels: tuple[bytes, ...]
    type_number: int
    end: int

    @property
    def name(self) -> str:
        """The name as text, as it was asked for."""
        return ".".join(label.decode("latin-1") for label in self.labels)

    @property
    def type_name(self) -> str:
        """`A`, `TXT` …, or `TYPE` and the number (RFC 3597)."""
        return _TYPES.get(self.type_number, f"TYPE{self.type_number}")


def parse(query: bytes) -> Question | None:
    """The question; None where this is no query that a resolver would answer."""
    if not _HEADER.size < len(query) <= QUERY_BYTES_MAX:
        return None
    _, flags, questions, _, _, _ = _HEADER.unpack_from(query)
    if flags & 0x8000 or questions == 0:
        return None
    labels: list[bytes] = []
    place = _HEADER.size
    while place < len(query) and query[place]:
        length = query[place]
        label = query[place + 1 : place + 1 + length]
        if length > 63 or len(label) < length or len(labels) >= LABELS_MAX:
            return None
        labels.append(label)
        place += 1 + length
    if place - _HEADER.size > NAME_BYTES_MAX or place + 5 > len(query):
        return None
    (type_number,) = struct.unpack_from(">H", query, place + 1)
    return Question(labels=tuple(labels), type_number=type_number, end=place + 5)


def answer(query: bytes, question: Question, address: str) -> bytes:
    """The response: `address` for A, a text for TXT, a host for MX; else nothing, but no error."""
    data = b""
    if question.type_number == _A:
        data = socket.inet_aton(address)
    elif question.type_number == _TXT:
        data = bytes([len(TEXT)]) + TEXT
    elif question.type_number == _MX:
        data = struct.pack(">H", 10) + b"\x04mail" + struct.pack(">H", _POINTER_TO_NAME)
    identity = int.from_bytes(query[:2], "big")
    header = _HEADER.pack(identity, _FLAGS_ANSWER, 1, 1 if data else 0, 0, 0)
    record = b""
    if data:
        kind = question.type_number
        record = struct.pack(">HHHIH", _POINTER_TO_NAME, kind, 1, ANSWER_TTL_S, len(data)) + data
    return header + query[_HEADER.size : question.end] + record


class Names:
    """Addresses for names: stable within a run, ordinary to look at, different for each name.

    `known` names have the addresses that they have everywhere.
    """

    def __init__(self, salt: str, *, limit: int, known: Mapping[str, str] | None = None) -> None:
        self._salt = salt
        self._limit = limit
        self._known = known or {}
        self._hosts: dict[str, str] = {}
        self._addresses: dict[str, str] = {}

    def address(self, name: str) -> str:
        """The address of `name`, whatever its case."""
        known = name.lower()
        if known not in self._addresses:
            address = self._known.get(known.rstrip(".")) or self._make(known)
            if len(self._addresses) >= self._limit:
                return address
            self._addresses[known] = address
            self._hosts[address] = known
        return self._addresses[known]

    def host(self, address: str) -> str:
        """The name that was answered with `address`; empty: it was never given out."""
        return self._hosts.get(address, "")

    def _make(self, name: str) -> str:
        for attempt in range(64):
            text = f"{self._salt} {attempt} {name}"
            a, b, c, d = hashlib.sha256(text.encode("latin-1", "replace")).digest()[:4]
            address = f"{FIRST_OCTETS[a % len(FIRST_OCTETS)]}.{b}.{c}.{d % 253 + 1}"
            if address not in self._hosts:
                break
        return address
