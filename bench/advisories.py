"""`python -m bench.advisories FEED`: how long an import takes, and a question about one file.

The import is the whole of it: the reading child, the store's one transaction on disk. Questions are
asked of the store on disk, for projects with a record and for ones without, and answered with
findings.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from analyzer.advisories.parse import parse_json
from analyzer.advisories.record import Advisory
from models.artifact import ArtifactRef, parse_ref
from models.clock import utc_now
from proxy.feeds.reading import read_records
from proxy.feeds.source import parse_source
from proxy.feeds.updating import FeedUpdater
from proxy.sources.advisories import AdvisorySource
from proxy.store.sqlite import SqliteStore

QUESTIONS = 2_000
"""Asked of each kind."""


def main(argv: Sequence[str]) -> int:
    """Print a line for each measure."""
    path = Path(argv[0]).absolute()
    begun = time.perf_counter()
    records = [parse_json(raw.data or b"") for raw in read_records(path)]
    kept = [record for record in records if isinstance(record, Advisory)]
    print(f"parsed: {len(kept)} of {len(records)} records in {time.perf_counter() - begun:.2f} s")
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_measure(path, Path(folder), kept))
    return 0


async def _measure(path: Path, folder: Path, kept: Sequence[Advisory]) -> None:
    store = SqliteStore.open(folder / "x.sqlite3", clock=utc_now)
    updater = FeedUpdater(store, folder, clock=utc_now)
    try:
        for what, location in (("first import", path), ("nothing newer", folder / "again")):
            if location != path:
                location.symlink_to(path)
            source = parse_source(f"bench={location}")
            begun = time.perf_counter()
            updated = await updater.update(source)
            print(f"{what}: {updated.feed.records} records in {time.perf_counter() - begun:.2f} s")
        advised = AdvisorySource(store)
        await _ask(advised, "known project", [_ref(_project(one), "1.0") for one in kept])
        unknown = [_ref(f"honest-{number}", "1.0") for number in range(QUESTIONS)]
        await _ask(advised, "unknown project", unknown)
    finally:
        await store.close()


async def _ask(advised: AdvisorySource, what: str, refs: Sequence[ArtifactRef]) -> None:
    times = []
    for ref in refs[:QUESTIONS]:
        begun = time.perf_counter()
        await advised.told(ref, utc_now())
        times.append(time.perf_counter() - begun)
    print(
        f"{what}: median {statistics.median(times) * 1e6:.0f} us, "
        f"95 % {statistics.quantiles(times, n=20)[-1] * 1e6:.0f} us, {len(times)} asked"
    )


def _project(one: Advisory) -> str:
    return str(one.affected[0].project)


def _ref(project: str, version: str) -> ArtifactRef:
    filename = f"{project.replace('-', '_')}-{version}-py3-none-any.whl"
    return parse_ref("pypi", project, "ab" * 32, filename)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
