"""The process that unpacks and parses a feed: no network, no store, bounded memory and time.

Whoever faces the network never unpacks (DESIGN.md, invariant 5). It reads what is known already
from standard input, and writes `proxy.feeds.lines.Line` to standard output.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import msgspec

from analyzer.advisories.parse import ECOSYSTEM, RECORD_BYTES_MAX, parse_json, parse_yaml
from analyzer.advisories.record import Advisory, Refused
from models.errors import FeedInvalid
from proxy.feeds.lines import End, Known, Line
from proxy.feeds.reading import Raw, read_records
from proxy.judge.confine import drop_network

MEMORY_BYTES_MAX = 2 * 1024**3
"""Bytes of address space; reading the largest record takes some hundred MB."""
CPU_S_MAX = 1_800
"""Seconds of processor time; 500,000 records took 60 s here, a Pi takes ten times that."""

_OURS = ECOSYSTEM.encode()


def main(argv: Sequence[str]) -> int:
    """Read the feed at `argv[0]`; exit code 0 once `end` was written, also for a broken feed."""
    known = msgspec.json.decode(sys.stdin.buffer.read(), type=Known)
    confine()
    encoder = msgspec.json.Encoder(order="deterministic")
    for line in lines_of(Path(argv[0]), known):
        sys.stdout.buffer.write(encoder.encode(line) + b"\n")
    sys.stdout.buffer.flush()
    return os.EX_OK


def confine() -> None:
    """Give up the network where this process may, and bound memory and time."""
    drop_network()
    for what, limit in (
        (resource.RLIMIT_AS, MEMORY_BYTES_MAX),
        (resource.RLIMIT_CPU, CPU_S_MAX),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        bound = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(what, (bound, bound))


def lines_of(path: Path, known: Known) -> Iterator[Line]:
    """What there is to say about every record of a feed, and the end. Of an id the newest counts."""
    records = foreign = 0
    newest: dict[str, Advisory | Refused] = {}
    broken = ""
    try:
        for raw in read_records(path):
            records += 1
            read = record_of(raw)
            if isinstance(read, Refused) and read.foreign:
                foreign += 1
            elif isinstance(read, Refused) and not read.id:
                yield Line(refused=read)
            else:
                before = newest.get(read.id)
                newest[read.id] = read if before is None else _newer(before, read)
    except FeedInvalid as error:
        broken = error.message
    except MemoryError:
        broken = "Reading it takes more memory than is granted."
    if not broken:
        for read in newest.values():
            yield _line(read, known)
    yield Line(end=End(records=records, foreign=foreign, broken=broken))


def record_of(raw: Raw) -> Advisory | Refused:
    """One record. Where its id cannot be read, the file's own name stands in if it looks like one."""
    if raw.data is None:
        read: Advisory | Refused = Refused(why=f"larger than {RECORD_BYTES_MAX} bytes")
    elif raw.yaml:
        read = parse_yaml(raw.data)
    elif _OURS not in raw.data and b"\\u" not in raw.data:
        return Refused(why=f"about nothing on {ECOSYSTEM}", foreign=True)
    else:
        read = parse_json(raw.data)
    if isinstance(read, Refused) and not read.foreign:
        why = f"{raw.where[-120:]}: {read.why}"[:300]
        return Refused(id=read.id or _id_in(raw.where), why=why)
    return read


def _newer(one: Advisory | Refused, other: Advisory | Refused) -> Advisory | Refused:
    if isinstance(one, Refused):
        return other
    if isinstance(other, Refused):
        return one
    return one if one.modified >= other.modified else other


def _line(read: Advisory | Refused, known: Known) -> Line:
    if isinstance(read, Refused):
        return Line(refused=read)
    before = known.modified.get(read.id)
    if before is not None and read.modified <= before:
        return Line(same=read.id)
    return Line(advisory=read)


def _id_in(where: str) -> str:
    """`osv/malicious/pypi/demo/MAL-2026-1.json` is about MAL-2026-1."""
    stem = PurePosixPath(where).stem
    sound = all(c.isascii() and (c.isalnum() or c in "-.") for c in stem)
    return stem if "-" in stem and sound and len(stem) <= 100 else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
