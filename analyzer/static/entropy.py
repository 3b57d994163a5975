"""Entropy of long literals, which tells packed bytes from prose."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable

from analyzer.static.frames import ORDER, Module
from analyzer.static.result import Reach

LITERAL_MIN = 200
"""Characters from which on a literal is long."""
LITERALS_MAX = 40
"""Literals of one artifact that are measured."""
SAMPLE_CHARS = 4096
FILE_BYTES_MAX = 1_000_000
_LITERAL = re.compile(rb"[\"']([^\"'\s\\]{200,})[\"']")


def entropy_milli(modules: Iterable[Module]) -> int:
    """The highest entropy of a long literal in reached code, in thousandths of a bit a character."""
    highest, measured = 0, 0
    for module in sorted(modules, key=lambda module: ORDER[module.reach]):
        if (
            ORDER[module.reach] > ORDER[Reach.CALL]
            or len(module.data) > FILE_BYTES_MAX
            or len(module.data) < LITERAL_MIN
        ):
            continue
        if module.frame is None:
            continue
        for found in _LITERAL.finditer(module.data):
            highest = max(highest, shannon_milli(found.group(1)[:SAMPLE_CHARS]))
            measured += 1
            if measured >= LITERALS_MAX:
                return highest
    return highest


def shannon_milli(data: bytes) -> int:
    """Shannon entropy in thousandths of a bit a byte."""
    total = len(data)
    if not total:
        return 0
    counts = Counter(data).values()
    return round(-sum(n / total * math.log2(n / total) for n in counts) * 1000)
