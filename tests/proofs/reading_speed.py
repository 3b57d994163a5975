"""Reading archives in warm readers: how long each takes, and how much memory, one of 500 MB among them.

Environment: PRATIQUE_HONEST, as for the proof `static`; without it each file is fetched when its turn
comes (and that is not counted). A file is read as `pratique scan --layers metadata` reads it: copied
into a sealed memfd, then by a child of a reader that is up; `took` is both, `read` the latter.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from analyzer.memfd import sealed_copy
from analyzer.readers.confinement import choose_confinement
from analyzer.readers.pool import SEALED_BYTES_MAX, ReaderPool, Reading
from analyzer.readers.porter import Porter
from analyzer.readers.warm import MEMORY_BYTES
from models.errors import UpstreamError
from proxy.privileges import is_root
from tests.analyzer.archives import EPOCH, wheel_members
from tests.proofs.proof import Outcome
from tests.proofs.static import Find, StaticProof

READER_UID = 64_980
MEDIAN_MS = 50
P95_MS = 1_000
"""What the claim asks of honest archives, in milliseconds of `took`."""
LARGE = "synthetic wheel of 500 MB"
LARGE_MEMBERS = 10
LARGE_MEMBER_BYTES = 50_000_000
_BLOCK_BYTES = 1_000_000


class ReadingProof:
    """An item is `popular wheel NAME`, `obscure sdist NAME`, or the synthetic one."""

    name = "reading"
    claim = (
        f"In a warm reader, honest wheels and sdists are read within {P95_MS} ms each in 95 of 100 "
        f"cases (the median is to be {MEDIAN_MS} ms), and none, nor a wheel of 500 MB, takes more "
        f"than {MEMORY_BYTES >> 20} MiB of memory."
    )
    least_percent = 95
    sample = 3
    parallel = 1

    def items(self, seed: int) -> Sequence[str]:
        """The synthetic one first, then the honest ones."""
        honest = [item for item in StaticProof().items(seed) if item.split()[0] in _GROUPS]
        return [LARGE, *honest]

    @contextmanager
    def set_up(self) -> Iterator[ReadingExperiment]:
        """A pool of one reader, forked before there is any thread."""
        scratch = Path(tempfile.mkdtemp(prefix="pratique-reading-", dir="/var/tmp"))
        uid = READER_UID if is_root() else None
        porter = Porter([], confinement=choose_confinement(), reader_uid=uid)
        try:
            with ExitStack() as opened:
                pool = opened.enter_context(ReaderPool(porter, size=1))
                honest = opened.enter_context(StaticProof().set_up())
                yield ReadingExperiment(pool, honest.find, scratch)
        finally:
            porter.close()
            shutil.rmtree(scratch, ignore_errors=True)


class ReadingExperiment:
    """One warm reader, and archives on disk."""

    def __init__(self, pool: ReaderPool, find: Find, scratch: Path) -> None:
        self._pool = pool
        self._find = find
        self._scratch = scratch

    def attempt(self, item: str) -> Outcome:
        """Read one archive."""
        if item == LARGE:
            path = large_wheel(self._scratch)
            return self._outcome(item, path, "wheel")
        group, kind, project = item.split()
        try:
            entry = self._find(group, project, kind)
        except UpstreamError as error:
            return Outcome(item=item, holds=False, detail=f"not fetched: {error}"[:300])
        if entry is None:
            return Outcome(item=item, holds=True, detail="no such file", counted=False)
        return self._outcome(item, entry.path, kind)

    def _outcome(self, item: str, path: Path, kind: str) -> Outcome:
        begun = time.monotonic()
        with path.open("rb") as opened:
            copy, _, size = sealed_copy(opened.fileno(), bytes_max=SEALED_BYTES_MAX)
        try:
            read = self._pool.read(copy, filename=path.name, kind=kind, size_bytes=size)
        finally:
            os.close(copy)
        took_ms = (time.monotonic() - begun) * 1000
        large = item == LARGE
        over = read.peak_kib > MEMORY_BYTES >> 10
        return Outcome(
            item=item,
            holds=read.report is not None and not over and (large or took_ms <= P95_MS),
            grave=over or read.report is None,
            detail=f"{path.name}: {took_ms:.0f} ms, {read.peak_kib >> 10} MiB, {_words(read)}",
            counted=not large,
            measures=_measures("large" if large else kind, read, took_ms, size)
            | ({} if large else _measures("all", read, took_ms, size)),
        )


def large_wheel(folder: Path) -> Path:
    """A well-formed wheel of 500 MB that hardly compresses."""
    path = folder / "reenact_demo-1.0-py3-none-any.whl"
    if path.exists():
        return path
    members = wheel_members({"reenact_demo/__init__.py": "VALUE = 1\n"})
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(LARGE_MEMBERS):
            info = zipfile.ZipInfo(f"reenact_demo/data{number}.bin", EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(info, "w") as out:
                for block in range(LARGE_MEMBER_BYTES // _BLOCK_BYTES):
                    seed = f"{number} {block}".encode()
                    out.write(hashlib.shake_128(seed).digest(_BLOCK_BYTES))
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name, EPOCH), data)
    return path


_GROUPS = frozenset({"popular", "obscure"})


def _words(read: Reading) -> str:
    found = read.report
    return read.ended if found is None else f"{found.counts.members} members"


def _measures(label: str, read: Reading, took_ms: float, size: int) -> dict[str, float]:
    return {
        f"{label} took_ms": round(took_ms, 1),
        f"{label} read_ms": float(read.wall_ms),
        f"{label} cpu_ms": float(read.cpu_ms),
        f"{label} peak_mib": round(read.peak_kib / 1024, 1),
        f"{label} size_mib": round(size / (1 << 20), 3),
    }
