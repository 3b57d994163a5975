"""What an approved file needs is brought in before it is asked for, and nothing of any other file is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from models.artifact import ArtifactRef
from models.canonical import Digest, digest_of, digest_of_bytes
from models.evidence import Analyzer, Evidence, Layer
from models.work import Priority
from policies.modes import Mode
from proxy.facts import gather
from proxy.nextneeds import NAMES_MAX
from proxy.web.lookahead import FILE_BYTES_MAX, FILES_AT_ONCE, PAGES_AT_ONCE, PAGES_WAITING_MAX
from tests.proxy.web.decided import INDEX, denied, held, served, until
from tests.proxy.web.house import House, open_house, path_of, unavailable

WHEEL = "demo-1.0-py3-none-any.whl"
SDIST = "demo-1.0.tar.gz"
DEP = "dep-1.0-py3-none-any.whl"


def described(*needs: str) -> bytes:
    lines = "".join(f"Requires-Dist: {need}\n" for need in needs)
    return f"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n{lines}\n".encode()


def publish(
    house: House, *needs: str, filename: str = WHEEL, data: bytes = b"wheel"
) -> ArtifactRef:
    ref = house.upstream.publish(filename, data, core_metadata="0" * 64)
    house.upstream.metadata_of[filename] = described(*needs)
    return ref


async def settled() -> None:
    """Whatever a request began has begun."""
    await until(lambda: not any(task.get_name() == "lookahead" for task in asyncio.all_tasks()))


def counted(house: House, what: str, outcome: str) -> float:
    labels = {"what": what, "outcome": outcome}
    return house.door.metrics.registry.get_sample_value("pratique_prefetches_total", labels) or 0.0


async def metadata(house: House, ref: ArtifactRef) -> int:
    return (await house.get(f"{path_of(ref)}.metadata")).status


@pytest.mark.parametrize("score", [90, 70], ids=["approve", "monitor"])
async def test_metadata__brings_the_pages_of_what_it_requires_once(
    house: House, score: int
) -> None:
    ref = publish(house, "Dep>=1", "other; extra == 'x'", "third; os_name == 'nt'")
    house.upstream.publish(DEP, b"dep")
    await house.decide(served(ref, score=score))
    for _ in range(3):
        assert await metadata(house, ref) == 200
        await settled()
    assert house.upstream.asked_ahead == ["dep", "third"]
    assert (counted(house, "page", "fetched"), counted(house, "page", "absent")) == (1, 1)
    assert await house.store.jobs() == (), "nothing is analysed that nobody asked for"
    assert "dep-1.0-py3-none-any.whl" not in house.upstream.fetched


async def test_metadata__the_pages_were_asked_before_the_client_asks(house: House) -> None:
    ref = publish(house, "dep")
    house.upstream.publish(DEP, b"dep")
    await house.decide(served(ref))
    house.upstream.may_fetch.clear()  # the page of dep is slow to come
    assert await metadata(house, ref) == 200, "and the answer does not wait for it"
    await until(lambda: house.upstream.asked_ahead == ["dep"])
    house.upstream.may_fetch.set()
    await settled()


@pytest.mark.parametrize("decide", [held, denied, None])
async def test_metadata__of_a_file_that_is_not_approved_brings_nothing(
    house: House, decide: Callable[..., object] | None
) -> None:
    ref = publish(house, "dep")
    house.upstream.publish(DEP, b"dep")
    if decide is not None:
        await house.decide(decide(ref))  # type: ignore[arg-type]
    assert await metadata(house, ref) == (403 if decide else 200)
    await settled()
    assert house.upstream.asked_ahead == []
    assert counted(house, "page", "fetched") == 0


async def test_metadata__what_only_a_mode_lets_through_brings_nothing(tmp_path: Path) -> None:
    async with open_house(tmp_path, index_modes={INDEX: Mode.OBSERVE}) as house:
        ref = publish(house, "dep")
        house.upstream.publish(DEP, b"dep")
        await house.decide(held(ref))
        assert await metadata(house, ref) == 200
        await settled()
        assert house.upstream.asked_ahead == []


async def test_metadata__brings_bytes_back_and_the_request_that_follows_joins(house: House) -> None:
    ref = publish(house)
    await house.decide(served(ref))
    house.upstream.may_fetch.clear()
    assert await metadata(house, ref) == 200
    request = asyncio.create_task(house.get(path_of(ref)))
    await asyncio.sleep(0.05)
    house.upstream.may_fetch.set()
    assert (await request).body == b"wheel"
    await settled()
    assert counted(house, "file", "fetched") == 1


async def test_metadata__bytes_at_hand_are_not_counted(house: House) -> None:
    ref = publish(house)
    await house.decide(served(ref))
    await house.get(path_of(ref))
    assert house.upstream.fetched == [WHEEL]
    assert await metadata(house, ref) == 200
    await settled()
    assert house.upstream.fetched == [WHEEL]
    assert sum(counted(house, "file", one) for one in ("fetched", "at_hand", "busy")) == 0


async def test_metadata__large_bytes_and_those_of_unknown_size_stay_where_they_are(
    house: House,
) -> None:
    large = publish(house, data=b"large")
    unknown = publish(house, filename="demo-2.0-py3-none-any.whl", data=b"unknown")
    page = house.upstream.pages["demo"]
    sizes = {WHEEL: FILE_BYTES_MAX + 1, unknown.filename: None}
    files = tuple(msgspec.structs.replace(file, size=sizes[file.filename]) for file in page.files)
    house.upstream.pages["demo"] = replace(page, files=files)
    for ref in (large, unknown):
        await house.decide(served(ref))
        assert await metadata(house, ref) == 200
    await settled()
    assert house.upstream.fetched == []
    assert counted(house, "file", "no_room") == 2


async def test_metadata__no_bytes_come_back_onto_a_disk_that_is_rather_full(house: House) -> None:
    house.folder._bytes_max = 100  # the smallest that the settings take is 1 MiB
    filler = house.upstream.publish("filler-1.0-py3-none-any.whl", b"x" * 79)
    await house.upstream.ensure(filler)
    ref = publish(house)
    await house.decide(served(ref))
    assert await metadata(house, ref) == 200
    await settled()
    assert not house.folder.path(ref.sha256)
    assert counted(house, "file", "no_room") == 1


async def test_metadata__few_files_come_back_at_once(house: House) -> None:
    house.upstream.may_fetch.clear()
    for number in range(FILES_AT_ONCE + 3):
        name = f"demo-{number}.0-py3-none-any.whl"
        ref = publish(house, filename=name, data=name.encode())
        await house.decide(served(ref))
        assert await metadata(house, ref) == 200
    assert counted(house, "file", "busy") == 3
    house.upstream.may_fetch.set()
    await settled()
    assert counted(house, "file", "fetched") == FILES_AT_ONCE


async def test_metadata__what_finds_no_place_is_dropped(house: House) -> None:
    files = (PAGES_AT_ONCE + PAGES_WAITING_MAX) // NAMES_MAX + 2
    refs = []
    for number in range(files):
        name = f"demo-{number}.0-py3-none-any.whl"
        needs = [f"need-{number}-{place}" for place in range(NAMES_MAX)]
        ref = publish(house, *needs, filename=name, data=name.encode())
        await house.decide(served(ref))
        await house.upstream.ensure(ref)
        refs.append(ref)
    house.upstream.may_fetch.clear()
    for ref in refs:
        assert await metadata(house, ref) == 200
    room = PAGES_AT_ONCE + PAGES_WAITING_MAX
    await until(lambda: counted(house, "page", "busy") == files * NAMES_MAX - room)
    assert len(house.upstream.asked_ahead) == PAGES_AT_ONCE
    house.upstream.may_fetch.set()
    await settled()
    assert len(house.upstream.asked_ahead) == room


async def test_metadata__a_failing_upstream_is_nobodys_failure(house: House) -> None:
    ref = publish(house, "dep")
    await house.decide(served(ref))
    assert (await house.get(path_of(ref))).status == 200
    house.upstream.ahead_fault = unavailable()
    assert await metadata(house, ref) == 200
    await settled()
    assert counted(house, "page", "failed") == 1


async def test_sdist__its_bytes_bring_the_pages_that_our_reading_names(house: House) -> None:
    ref = house.upstream.publish(SDIST, b"sdist")
    wheel = house.upstream.publish(WHEEL, b"wheel")
    for one in (ref, wheel):
        await house.decide(served(one, evidence=await read(house, one, described("dep"))))
    assert (await house.get(path_of(wheel))).status == 200
    await settled()
    assert house.upstream.asked_ahead == [], "who takes a wheel unread works from a lock"
    for _ in range(2):
        assert (await house.get(path_of(ref))).status == 200
        await settled()
    assert house.upstream.asked_ahead == ["dep"]


async def test_sdist__of_which_nothing_is_known_brings_nothing(house: House) -> None:
    ref = house.upstream.publish(SDIST, b"sdist")
    await house.decide(served(ref))
    assert (await house.get(path_of(ref))).status == 200
    await settled()
    assert house.upstream.asked_ahead == []


async def test_setting__turns_it_off(tmp_path: Path) -> None:
    async with open_house(tmp_path, prefetch=False) as house:
        ref = publish(house, "dep")
        await house.decide(served(ref))
        assert await metadata(house, ref) == 200
        await settled()
        assert (house.upstream.asked_ahead, house.upstream.fetched) == ([], [])


async def test_close__ends_what_is_under_way(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        ref = publish(house, "dep")
        await house.decide(served(ref))
        house.upstream.may_fetch.clear()
        assert await metadata(house, ref) == 200
        await until(lambda: house.upstream.asked_ahead == ["dep"])
    await settled()


async def read(house: House, ref: ArtifactRef, data: bytes) -> Digest:
    """An analysis that found `data` as the metadata of a file; the digest of its evidence."""
    now = house.clock.now
    facts = gather(house.upstream.pages[ref.project], ref, now)
    await house.store.enqueue(ref, size_bytes=5, facts=facts, priority=Priority.FILE, now=now)
    assert await house.store.lease(worker="box-1", lease_id=ref.sha256, now=now)
    evidence = Evidence(
        sha256=ref.sha256,
        filename=ref.filename,
        size_bytes=5,
        analyzer=Analyzer(version="1", python="3.11", platform="linux", worker="box-1"),
        observed_at=now,
        duration_ms=1,
        layers=(Layer.METADATA,),
        metadata_digest=digest_of_bytes(data),
    )
    blobs = [(digest_of_bytes(data), data)]
    await house.store.complete(ref.sha256, worker="box-1", evidence=evidence, blobs=blobs, now=now)
    return digest_of(evidence)
