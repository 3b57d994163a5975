"""A stage that was killed goes on where it was: only the rest is done, and nothing half counts as done."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from analyzer.readers.confinement import Confinement
from analyzer.readers.pool import ReaderPool
from analyzer.readers.porter import Porter
from models.artifact import ArtifactKind
from models.evidence import Evidence
from models.research.choosing import Wanted
from models.research.manifest import Item, read_manifest, write_manifest
from models.research.rows import Population
from proxy.research.corpus import WRITTEN_EVERY, Collector
from proxy.research.tracing import Traced, left, make_folders, read_all
from tests.proxy.index.local import local_upstream
from tests.proxy.research.test_tracing import FakeScanner, item_of, traced

ROOT = Path(__file__).parents[3]
NAMES = ("one", "two", "three", "four")
MOMENTS = [("half", 3), ("whole", 3), ("half", 1)]
"""When the process dies, and at which file."""


def corpus_of(folder: Path, population: Population) -> list[Item]:
    """Four harmless wheels. What is only read is called malware; these are ours, and empty."""
    items = [item_of(folder, population, name) for name in NAMES]
    write_manifest(folder, items)
    make_folders(folder, None)
    return items


def killed(what: str, folder: Path, *more: object) -> None:
    """Run the child until it dies by SIGKILL, and by nothing else."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.proxy.research.killed_child", what, folder, *map(str, more)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr


def kept(folder: Path, items: list[Item]) -> dict[str, tuple[bytes, int]]:
    """By project what counts as done, with the moment of its writing; each is whole, and its own."""
    done = {}
    for item in items:
        path = item.evidence_path(folder)
        if path.exists():
            assert msgspec.json.decode(path.read_bytes(), type=Evidence).sha256 == item.sha256
            done[item.project] = (path.read_bytes(), path.stat().st_mtime_ns)
    return done


def read_the_rest(folder: Path, items: list[Item]) -> list[Traced]:
    """As the next call of `pratique research trace` does."""
    told: list[Traced] = []
    porter = Porter([], confinement=Confinement.NONE)
    try:
        with ReaderPool(porter, size=1) as pool:
            read_all(folder, left(folder, items), pool, tell=told.append)
    finally:
        porter.close()
    return told


@pytest.mark.parametrize(("moment", "number"), MOMENTS)
def test_read_all__killed_while_it_writes_goes_on_with_the_rest_alone(
    tmp_path: Path, moment: str, number: int
) -> None:
    items = corpus_of(tmp_path, Population.MALWARE)
    killed("read", tmp_path, moment, number, "evidence")
    before = kept(tmp_path, items)
    assert tuple(before) == NAMES[: number - 1]
    told = read_the_rest(tmp_path, items)
    assert [(one.item.project, one.error) for one in told] == [
        (name, "") for name in NAMES[number - 1 :]
    ]
    after = kept(tmp_path, items)
    assert tuple(after) == NAMES
    assert {name: after[name] for name in before} == before
    assert left(tmp_path, items) == ()
    assert {path.suffix for path in (tmp_path / "evidence").iterdir()} == {".json"}


@pytest.mark.parametrize("place", ["traces", "evidence"])
@pytest.mark.parametrize(("moment", "number"), MOMENTS)
async def test_trace_all__killed_while_it_writes_goes_on_with_the_rest_alone(
    tmp_path: Path, moment: str, number: int, place: str
) -> None:
    items = corpus_of(tmp_path, Population.POPULAR)
    await asyncio.to_thread(killed, "trace", tmp_path, moment, number, place)
    before = kept(tmp_path, items)
    assert tuple(before) == NAMES[: number - 1]
    scanner = FakeScanner()
    await traced(tmp_path, list(left(tmp_path, items)), scanner, boxes=1)
    assert [found.ref.project for found in scanner.seen] == list(NAMES[number - 1 :])
    after = kept(tmp_path, items)
    assert {name: after[name] for name in before} == before
    assert left(tmp_path, items) == ()
    assert all(item.trace_path(tmp_path).read_bytes() == b"trace" for item in items)


async def test_collect__killed_asks_again_only_for_what_the_manifest_had_not_yet(
    tmp_path: Path,
) -> None:
    count, number = WRITTEN_EVERY + 6, WRITTEN_EVERY + 3
    wanted = [
        Wanted(project=f"p{at}", kind=ArtifactKind.WHEEL, population=Population.POPULAR)
        for at in range(count)
    ]
    async with local_upstream() as upstream:
        for at in range(count):
            upstream.add(f"p{at}-1.0-py3-none-any.whl", b"PK %d" % at)
        await asyncio.to_thread(killed, "collect", tmp_path, upstream.url, count, number)
        done = read_manifest(tmp_path)
        assert [item.project for item in done] == [f"p{at}" for at in range(WRITTEN_EVERY)]
        asked = len(upstream.seen)
        async with Collector(tmp_path, upstream=upstream.url) as collector:
            items = await collector.collect(wanted, lambda _n, _of, _name: None)
        again = {path for path in upstream.paths()[asked:] if path.startswith("/simple/p")}
    assert again == {f"/simple/p{at}/" for at in range(WRITTEN_EVERY, count)}
    assert read_manifest(tmp_path) == items
    assert items[:WRITTEN_EVERY] == done
    assert [item.path(tmp_path).read_bytes() for item in items] == [
        b"PK %d" % at for at in range(count)
    ]
    assert not (tmp_path / "fetching").exists()
