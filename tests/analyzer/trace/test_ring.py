"""The reading end of a ring buffer, on a file that is laid out as the kernel lays out the map."""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator

import pytest

from analyzer.trace.ring import Ring, ring_bytes_valid

PAGE = mmap.PAGESIZE
SIZE = PAGE
BUSY, DISCARD = 1 << 31, 1 << 30


class Producer:
    """Writes as the kernel does: positions in the second page, the data twice behind it."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.position = 0
        os.truncate(fd, 2 * PAGE + 2 * SIZE)

    def put(self, record: bytes, flags: int = 0) -> None:
        body = struct.pack("<II", len(record) | flags, 0) + record
        body += bytes(-len(body) % 8)
        for at, byte in enumerate(body):
            place = (self.position + at) % SIZE
            for copy in (0, SIZE):
                os.pwrite(self.fd, bytes([byte]), 2 * PAGE + copy + place)
        self.position += len(body)
        os.pwrite(self.fd, struct.pack("<Q", self.position), PAGE)

    @property
    def consumed(self) -> int:
        return int(struct.unpack("<Q", os.pread(self.fd, 8, 0))[0])


@pytest.fixture
def producer() -> Iterator[Producer]:
    fd = os.memfd_create("ring")
    yield Producer(fd)
    os.close(fd)


@pytest.fixture
def ring(producer: Producer) -> Iterator[Ring]:
    ring = Ring(producer.fd, SIZE)
    yield ring
    ring.close()


def test_drain__an_empty_ring_gives_nothing(ring: Ring) -> None:
    assert ring.drain(0) == []


def test_drain__gives_each_record_once_with_its_tag(producer: Producer, ring: Ring) -> None:
    producer.put(b"one")
    producer.put(b"three!!!!")
    assert ring.drain(1) == [(ord("n"), b"one"), (ord("h"), b"three!!!!")]
    assert ring.drain(1) == []
    assert producer.consumed == producer.position


def test_drain__stops_before_a_record_that_is_being_written(producer: Producer, ring: Ring) -> None:
    producer.put(b"done")
    after = producer.position
    producer.put(b"busy", BUSY)
    producer.put(b"next")
    assert [record for _, record in ring.drain(0)] == [b"done"]
    assert producer.consumed == after


def test_drain__leaves_out_what_was_discarded(producer: Producer, ring: Ring) -> None:
    producer.put(b"gone", DISCARD)
    producer.put(b"here")
    assert [record for _, record in ring.drain(0)] == [b"here"]


def test_drain__a_record_that_wraps_round_is_whole(producer: Producer, ring: Ring) -> None:
    record = bytes(range(250)) * 6
    for _ in range(8):
        producer.put(record)
        assert ring.drain(0) == [(0, record)]
    assert producer.position > 2 * SIZE


@pytest.mark.parametrize(
    ("size", "valid"),
    [(PAGE, True), (8 << 20, True), (PAGE // 2, False), (3 * PAGE, False), (0, False)],
)
def test_ring_bytes_valid__a_power_of_two_in_whole_pages(size: int, valid: bool) -> None:
    assert ring_bytes_valid(size) is valid
