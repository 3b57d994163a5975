"""A word reaches all others and not its speaker; a peer that is away costs nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from proxy.peers import Peers
from tests.proxy.web.decided import until


class Ear:
    """A process among three."""

    def __init__(self, folder: Path, number: int) -> None:
        self.looks = 0
        self.workers: list[str] = []
        self.peers = Peers(folder, number=number, processes=3)
        self.peers.listen(look=self.look, heard=self.workers.append)

    def look(self) -> None:
        self.looks += 1


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@asynccontextmanager
async def ears(folder: Path, *numbers: int) -> AsyncIterator[list[Ear]]:
    all_ = [Ear(folder, number) for number in numbers]
    for ear in all_:
        ear.peers.start()
    try:
        yield all_
    finally:
        for ear in all_:
            ear.peers.close()


async def test_look__is_heard_by_all_others_once(tmp_path: Path) -> None:
    async with ears(tmp_path, 0, 1, 2) as (one, two, three):
        for _ in range(100):
            one.peers.look()
        await until(lambda: bool(two.looks and three.looks))
        await asyncio.sleep(0.01)
        assert (one.looks, two.looks, three.looks) == (0, 1, 1)


async def test_heard__has_the_workers_name(tmp_path: Path) -> None:
    async with ears(tmp_path, 0, 2) as (one, three):
        one.peers.heard("pi-4")
        await until(lambda: bool(three.workers))
        assert three.workers == ["pi-4"]


async def test_look__a_peer_that_was_killed_and_came_back_hears_again(tmp_path: Path) -> None:
    async with ears(tmp_path, 0) as (one,):
        (tmp_path / "peer-1.sock").touch()  # what a killed one left
        one.peers.look()
        await asyncio.sleep(0.01)
        async with ears(tmp_path, 1) as (two,):
            one.peers.look()
            await until(lambda: two.looks == 1)


async def test_start__alone_there_is_no_socket(tmp_path: Path) -> None:
    peers = Peers(tmp_path, number=0, processes=1)
    peers.start()
    peers.look()
    assert names_in(tmp_path) == []


async def test_hear__what_is_no_word_is_passed_over(tmp_path: Path) -> None:
    async with ears(tmp_path, 0, 1) as (one, two):
        one.peers._say(b"\xff\x00")
        one.peers.look()
        await until(lambda: two.looks == 1)
        assert two.workers == []
