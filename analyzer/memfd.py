"""Bytes on their way into a box: written once into a sealed memfd, checked, never on a disk."""

from __future__ import annotations

import hashlib
import os
from typing import Self

from analyzer.sandbox.inputs import seal
from models.artifact import Sha256
from models.errors import UpstreamHashMismatch, UpstreamTooLarge

_COPY_BYTES = 1 << 20


class SealedWriter:
    """Takes pieces, then gives the sealed descriptor. Use as a context manager.

    The descriptor belongs to the caller once `finish` gave it; without that it is closed.
    """

    def __init__(self, name: str, *, bytes_max: int) -> None:
        self._descriptor = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        self._digest = hashlib.sha256()
        self._bytes_max = bytes_max
        self.size_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)

    def write(self, piece: bytes) -> None:
        """Append. Raises UpstreamTooLarge beyond the bound."""
        self.size_bytes += len(piece)
        if self.size_bytes > self._bytes_max:
            raise UpstreamTooLarge(f"More than {self._bytes_max} bytes came for one file.")
        self._digest.update(piece)
        view = memoryview(piece)
        while view:
            view = view[os.write(self._descriptor, view) :]

    @property
    def sha256(self) -> Sha256:
        """The digest of what was written so far."""
        return Sha256(self._digest.hexdigest())

    def finish(self, sha256: Sha256) -> int:
        """The sealed descriptor. Raises UpstreamHashMismatch unless the bytes have that digest."""
        if self._digest.hexdigest() != sha256:
            raise UpstreamHashMismatch(
                "A file does not have the sha256 it was announced with.",
                next_step="The proxy verifies before it sends; look at what stands between.",
            )
        seal(self._descriptor)
        descriptor, self._descriptor = self._descriptor, -1
        return descriptor


def sealed(data: bytes, sha256: Sha256, *, name: str = "file") -> int:
    """A sealed descriptor holding `data`, which must have that digest."""
    with SealedWriter(name, bytes_max=len(data)) as writer:
        writer.write(data)
        return writer.finish(sha256)


def sealed_copy(source: int, *, bytes_max: int, name: str = "file") -> tuple[int, Sha256, int]:
    """A sealed copy of what a descriptor holds from its start: (descriptor, sha256, bytes).

    Raises UpstreamTooLarge beyond `bytes_max`: what is read must be what was hashed, so a file that
    somebody writes to meanwhile is copied first.
    """
    with SealedWriter(name, bytes_max=bytes_max) as writer:
        offset = 0
        while piece := os.pread(source, _COPY_BYTES, offset):
            writer.write(piece)
            offset += len(piece)
        sha256 = writer.sha256
        return writer.finish(sha256), sha256, offset
