"""A corpus is fetched once, told honestly, and joined with other folders without loss."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from models.artifact import ArtifactKind
from models.errors import ValueInvalid
from models.research.choosing import Wanted
from models.research.manifest import Item, read_manifest, write_manifest
from models.research.rows import Population
from proxy.research.corpus import FAILED, Collector, join
from tests.proxy.index.local import LocalUpstream, answer, local_upstream

WHEEL = "demo-1.0-py3-none-any.whl"
DATA = b"PK wheel"


def want(project: str, kind: ArtifactKind = ArtifactKind.WHEEL) -> Wanted:
    return Wanted(project=project, kind=kind, population=Population.POPULAR)


async def collected(upstream: LocalUpstream, folder: Path, *wanted: Wanted) -> tuple[Item, ...]:
    async with Collector(folder, upstream=upstream.url) as collector:
        return await collector.collect(wanted, lambda _n, _of, _name: None)


async def test_collect__takes_the_newest_file_of_the_kind(tmp_path: Path) -> None:
    async with local_upstream() as upstream:
        upstream.add("demo-0.9-py3-none-any.whl", b"old")
        sha256 = upstream.add(WHEEL, DATA)
        upstream.add("demo-1.1.tar.gz", b"newer, another kind")
        (item,) = await collected(upstream, tmp_path, want("demo"))
    assert (item.filename, item.sha256, item.date) == (WHEEL, sha256, "2024-01-02")
    assert item.path(tmp_path).read_bytes() == DATA
    assert read_manifest(tmp_path) == (item,)


async def test_collect__says_why_there_is_no_file(tmp_path: Path) -> None:
    async with local_upstream() as upstream:
        upstream.add(WHEEL, DATA)
        upstream.add("broken-1.0-py3-none-any.whl", DATA)
        upstream.always["/files/broken-1.0-py3-none-any.whl"] = answer(status=404)
        items = await collected(
            upstream, tmp_path, want("nobody"), want("demo", ArtifactKind.SDIST), want("broken")
        )
    assert [item.note.split(":")[0] for item in items] == [
        "no such project",
        "no sdist for this machine",
        FAILED,
    ]
    assert not any(item.sha256 for item in items)


async def test_collect__does_not_ask_again_for_what_it_has(tmp_path: Path) -> None:
    async with local_upstream() as upstream:
        upstream.add(WHEEL, DATA)
        first = await collected(upstream, tmp_path, want("demo"))
        asked = len(upstream.seen)
        assert await collected(upstream, tmp_path, want("demo")) == first
        assert len(upstream.seen) == asked


async def test_collect__tries_again_what_failed(tmp_path: Path) -> None:
    async with local_upstream() as upstream:
        upstream.add(WHEEL, DATA)
        path = f"/files/{WHEEL}"
        upstream.always[path] = answer(status=404)
        (failed,) = await collected(upstream, tmp_path, want("demo"))
        del upstream.always[path]
        (item,) = await collected(upstream, tmp_path, want("demo"))
    assert failed.note.startswith(FAILED)
    assert item.sha256


def a_graft(number: int, population: Population = Population.GRAFT) -> Item:
    return Item(
        kind=ArtifactKind.WHEEL,
        filename="reenact_x-1.0-py3-none-any.whl",
        sha256=hashlib.sha256(str(number).encode()).hexdigest(),
        project="reenact-x",
        population=population,
        template="reenact-x",
    )


def data_of(item: Item) -> bytes:
    """The number whose digest it has."""
    return next(d for d in (b"1", b"2") if hashlib.sha256(d).hexdigest() == item.sha256)


def folder_of(path: Path, *items: Item) -> Path:
    for item in items:
        item.path(path).parent.mkdir(parents=True)
        item.path(path).write_bytes(data_of(item))
    write_manifest(path, items)
    return path


async def test_join__adds_what_is_new_and_keeps_it_when_collecting_goes_on(tmp_path: Path) -> None:
    other = folder_of(tmp_path / "other", a_graft(1), a_graft(2))
    mine = tmp_path / "mine"
    mine.mkdir()
    async with local_upstream() as upstream:
        upstream.add(WHEEL, DATA)
        (item,) = await collected(upstream, mine, want("demo"))
        assert join(mine, other) == 2
        assert join(mine, other) == 0
        await collected(upstream, mine, want("demo"))
    assert read_manifest(mine) == (item, a_graft(1), a_graft(2))
    assert a_graft(1).path(mine).read_bytes() == b"1"


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    return folder


def test_join__refuses_a_folder_that_lacks_a_file(tmp_path: Path, mine: Path) -> None:
    other = folder_of(tmp_path / "other", a_graft(1))
    a_graft(1).path(other).unlink()
    with pytest.raises(ValueInvalid, match="cannot be read"):
        join(mine, other)
    with pytest.raises(ValueInvalid, match="no manifest"):
        join(mine, tmp_path)


def test_join__refuses_other_bytes_than_the_manifest_says(tmp_path: Path, mine: Path) -> None:
    other = folder_of(tmp_path / "other", a_graft(1))
    a_graft(1).path(other).write_bytes(b"something else")
    with pytest.raises(ValueInvalid, match="other bytes"):
        join(mine, other)
    assert not a_graft(1).path(mine).exists()
    assert read_manifest(mine) == ()


def test_join__follows_no_link_and_leaves_what_it_points_to(tmp_path: Path, mine: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"1")
    secret.chmod(0o600)
    other = folder_of(tmp_path / "other", a_graft(1))
    a_graft(1).path(other).unlink()
    a_graft(1).path(other).symlink_to(secret)
    with pytest.raises(ValueInvalid, match="cannot be read"):
        join(mine, other)
    assert secret.stat().st_mode & 0o777 == 0o600


def test_join__leaves_the_files_of_others_as_they_were(tmp_path: Path, mine: Path) -> None:
    other = folder_of(tmp_path / "other", a_graft(1))
    a_graft(1).path(other).chmod(0o640)
    join(mine, other)
    assert a_graft(1).path(other).stat().st_mode & 0o777 == 0o640
    assert a_graft(1).path(other).stat().st_nlink == 1


def test_join__bytes_that_one_calls_malware_and_the_other_honest_are_refused(
    tmp_path: Path, mine: Path
) -> None:
    """On what they are called hangs whether they are run."""
    assert join(mine, folder_of(tmp_path / "a", a_graft(1, Population.POPULAR))) == 1
    with pytest.raises(ValueInvalid, match="is malware in"):
        join(mine, folder_of(tmp_path / "b", a_graft(1, Population.MALWARE)))


def test_join__a_draft_that_a_kill_left_is_replaced_and_not_written_into(
    tmp_path: Path, mine: Path
) -> None:
    """It may be read-only already, and then whoever is not root could never go on."""
    other = folder_of(tmp_path / "other", a_graft(1))
    target = a_graft(1).path(mine)
    target.parent.mkdir(parents=True)
    draft = target.with_name(f"{target.name}.new")
    draft.write_bytes(b"half")
    draft.chmod(0o444)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.hardlink_to(draft)
    assert join(mine, other) == 1
    assert target.read_bytes() == b"1"
    assert elsewhere.read_bytes() == b"half"
    assert not draft.exists()
