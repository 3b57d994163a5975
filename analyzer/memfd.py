"""Bytes on their way into a box: written once into a sealed memfd, checked, never on a disk."""

from __future__ import annotations

import hashlib
import os
from typing import Self

from analyzer.sandbox.inputs import seal
from models.artifact import Sha256
from models.errors import UpstreamHashMismatch, UpstreamTooLarge


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
