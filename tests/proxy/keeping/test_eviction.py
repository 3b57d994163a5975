"""Room is made by what nobody wanted for longest; the last copy and what is pinned stays."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from models.artifact import Sha256
from proxy.artifacts.folder import FolderArtifacts
from proxy.keeping.eviction import Evictor

NOW = datetime(2026, 6, 1, tzinfo=UTC)
BOUND = 10_000


class Bytes:
    """What a store would say."""

    def __init__(self) -> None:
        self.needed: set[Sha256] = set()
        self.fetched: dict[Sha256, datetime] = {}

    async def bytes_needed(self, as_of: datetime) -> frozenset[Sha256]:
        assert as_of == NOW
        return frozenset(self.needed)

    async def last_fetched(self, sha256s: Sequence[Sha256]) -> Mapping[Sha256, datetime]:
        return {one: self.fetched[one] for one in sha256s if one in self.fetched}


class House:
    def __init__(self, folder: Path) -> None:
        self.store = Bytes()
        self.artifacts = FolderArtifacts(folder, bytes_max=BOUND)

    def put(self, name: str, *, days: float, size: int = 1_000) -> Sha256:
        data = name.encode().ljust(size, b".")
        sha256 = Sha256(hashlib.sha256(data).hexdigest())
        with self.artifacts.begin(size) as partial:
            partial.write(data)
            path = partial.keep(sha256)
        at = (NOW - timedelta(days=days)).timestamp()
        os.utime(path, (at, at))
        return sha256

    def evictor(self, *, unused_days: int = 0) -> Evictor:
        return Evictor(self.store, self.artifacts, clock=lambda: NOW, unused_days=unused_days)

    def has(self, *files: Sha256) -> list[bool]:
        return [self.artifacts.path(file) is not None for file in files]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def test_evict__nothing_goes_while_there_is_room(house: House) -> None:
    files = [house.put(str(number), days=number + 1) for number in range(8)]
    evicted = await house.evictor().evict()
    assert (evicted.files, all(house.has(*files))) == (0, True)


async def test_evict__what_was_wanted_longest_ago_goes_until_it_is_enough(house: House) -> None:
    files = [house.put(str(number), days=number + 1) for number in range(9)]
    house.store.fetched[files[8]] = NOW - timedelta(days=0.5)
    evicted = await house.evictor().evict()
    assert (evicted.files, evicted.size_bytes) == (1, 1_000)
    assert house.has(*files) == [True] * 7 + [False, True], "the oldest was fetched since"
    assert house.artifacts.used_bytes() == 8_000


async def test_evict__what_must_stay_stays_and_is_told(house: House) -> None:
    files = [house.put(str(number), days=number + 1) for number in range(10)]
    house.store.needed = set(files)
    with capture_logs() as logs:
        evicted = await house.evictor().evict()
    assert all(house.has(*files))
    assert (evicted.pinned_bytes, evicted.short_bytes) == (10_000, 2_000)
    assert [line["event"] for line in logs] == ["artifacts_fill_the_disk"]


async def test_evict__what_came_or_was_fetched_just_now_stays(house: House) -> None:
    files = [house.put(str(number), days=0.01) for number in range(9)]
    old = house.put("old", days=9)
    house.store.fetched[old] = NOW - timedelta(minutes=5)
    assert (await house.evictor().evict()).files == 0
    assert all(house.has(*files, old))


async def test_evict__by_age_though_there_is_room(house: House) -> None:
    old, young, pinned = (
        house.put("old", days=31),
        house.put("young", days=29),
        house.put("pinned", days=90),
    )
    house.store.needed = {pinned}
    assert (await house.evictor(unused_days=30).evict()).files == 1
    assert house.has(old, young, pinned) == [False, True, True]


async def test_evict__what_others_wrote_into_the_folder_counts(
    house: House, tmp_path: Path
) -> None:
    other = House(tmp_path)
    for number in range(9):
        other.put(str(number), days=number + 1)
    assert house.artifacts.used_bytes() == 0
    assert (await house.evictor().evict()).files == 1


async def test_evict__a_stranger_in_the_folder_is_left_alone(house: House, tmp_path: Path) -> None:
    for number in range(9):
        house.put(str(number), days=number + 1)
    stranger = tmp_path / "zz" / "notes.txt"
    stranger.parent.mkdir()
    stranger.write_text("not ours")
    assert (await house.evictor().evict()).files == 1
    assert stranger.exists()
