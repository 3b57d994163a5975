"""The reading end of a BPF ring buffer, by mmap: records are sliced out, nothing is called per event.

The producer (the kernel) writes a header of 8 bytes, whose first word holds the length and two
flags, then the record, rounded up to 8. The data area is mapped twice in a row, so that a record
that wraps round is still one slice.
"""

from __future__ import annotations

import ctypes
import mmap
import struct
import threading

_POSITION = struct.Struct("<Q")
_HEADER_BYTES = 8
_BUSY = 1 << 31
_DISCARD = 1 << 30
_LENGTH = _DISCARD - 1


def ring_bytes_valid(size: int, page: int = mmap.PAGESIZE) -> bool:
    """Whether the kernel takes a ring of `size` bytes: a power of two, in whole pages."""
    return size >= page and size & (size - 1) == 0


class Ring:
    """One consumer of one ring buffer. Not for several threads at a time.

    `page`: bytes of the kernel's page, 16 KiB on a Raspberry Pi 5; another one than this machine's
    only in tests.
    """

    def __init__(self, fd: int, size: int, page: int = mmap.PAGESIZE) -> None:
        self._mask = size - 1
        self._data_offset = page
        self._consumer_page = mmap.mmap(fd, page, mmap.MAP_SHARED)
        # The producer's page and the data, read-only: the kernel refuses anything else.
        self._producer = mmap.mmap(
            fd, page + 2 * size, mmap.MAP_SHARED, mmap.PROT_READ, offset=page
        )
        self._words = memoryview(self._producer).cast("I")
        self._consumed = ctypes.c_uint64.from_buffer(self._consumer_page)
        self._fence = threading.Lock()

    def drain(self, tag_offset: int) -> list[tuple[int, bytes]]:
        """Every record that is complete, oldest first, each with its byte at `tag_offset`."""
        begin = self._consumed.value
        (end,) = _POSITION.unpack_from(self._producer, 0)
        if begin == end:
            return []
        # Headers may not be read from before the producer's position was (weakly ordered CPUs).
        self._order_memory()
        start = self._data_offset + (begin & self._mask)
        spans, taken = self._complete(start, start + end - begin)
        # … nor records from before their header said that they are complete.
        self._order_memory()
        data = self._producer[start : start + taken]
        records = [(data[first + tag_offset], data[first:last]) for first, last in spans]
        self._order_memory()
        self._consumed.value = begin + taken
        return records

    def _complete(self, start: int, stop: int) -> tuple[list[tuple[int, int]], int]:
        """Spans of complete records, relative to `start`, and the bytes that they take up."""
        spans: list[tuple[int, int]] = []
        words = self._words
        at = start
        while at < stop:
            word = words[at >> 2]
            if word & _BUSY:
                break
            first = at + _HEADER_BYTES
            last = first + (word & _LENGTH)
            if not word & _DISCARD:
                spans.append((first - start, last - start))
            at = (last + 7) & ~7
        return spans, at - start

    def _order_memory(self) -> None:
        """Taking and giving a lock are atomic operations that no load or store passes."""
        with self._fence:
            pass

    def close(self) -> None:
        """Gives the mappings back."""
        del self._consumed
        self._words.release()
        self._consumer_page.close()
        self._producer.close()
