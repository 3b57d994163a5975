"""Planted values that leave in pieces: a datagram, a connection, or a host name for each."""

from __future__ import annotations

import re

from analyzer.sandbox import dns
from analyzer.sandbox.canaries import Forms, Stream

STREAMS_MAX = 256
"""Destinations (datagrams, connections) and domains (questions) that are searched across pieces."""
PIECE_BYTES_MAX = 8192
"""Bytes of a conversation that may be a piece of something larger."""
_PARTS = re.compile(rb"[/?&=#;:,{}\[\]\"'\s]+")
_COUNTER_BYTES_MAX = 4
"""Labels this short are counters, not content."""


class Pieces:
    """Puts together what goes to one place in several messages, and searches it."""

    def __init__(self, wanted: Forms) -> None:
        self._wanted = wanted
        self._streams: dict[tuple[str, int, str], Stream] = {}
        self._last_question: tuple[str, str] = ("", "")

    def datagram(self, address: str, port: int, data: bytes) -> set[str]:
        """Ids in a datagram, or across it and those before it."""
        return self._across((address, port, "udp"), data) | self._wanted.find(data)

    def conversation(self, address: str, port: int, data: bytes) -> set[str]:
        """Ids across what several short connections said."""
        return self._across((address, port, "tcp"), data)

    def request(self, address: str, port: int, target: str, body: bytes) -> set[str]:
        """Ids across the longest part of several requests' URLs, and of their bodies."""
        found = self._across((address, port, "url"), _longest(target.encode("latin-1", "replace")))
        if body:
            found |= self._across((address, port, "body"), _longest(body))
        return found

    def question(self, question: dns.Question) -> set[str]:
        """Ids in a name: its labels joined, and joined to those of the questions before.

        Data that does not fit into one name is sent in several, mostly with a counter beside it.
        """
        found = self._wanted.find(b"".join(question.labels))
        domain = b".".join(question.labels[-2:]).lower().decode("latin-1")
        inner = question.labels[:-2]
        asked = (domain, question.name.lower())
        if inner and asked != self._last_question:  # A and AAAA ask for the same name
            found |= self._across((domain, 0, "longest"), max(reversed(inner), key=len))
            long = [label for label in inner if len(label) > _COUNTER_BYTES_MAX]
            if len(long) > 1:
                found |= self._across((domain, 0, "labels"), b"".join(long))
        self._last_question = asked
        return found

    def _across(self, key: tuple[str, int, str], data: bytes) -> set[str]:
        """Ids that are complete only with `data`; none where there is no room for one more place."""
        if key not in self._streams and len(self._streams) >= STREAMS_MAX:
            return set()
        stream = self._streams.setdefault(key, Stream(self._wanted))
        before = set(stream.found)
        stream.feed(data)
        return stream.settle() - before


def _longest(data: bytes) -> bytes:
    """The longest part between separators; of several, the last."""
    return max(reversed(_PARTS.split(data)), key=len)
