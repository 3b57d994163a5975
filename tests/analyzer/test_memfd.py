"""Sealed descriptors."""

from __future__ import annotations

import hashlib
import os

import pytest

from analyzer.memfd import SealedWriter, sealed
from analyzer.sandbox.inputs import require_sealed
from models.artifact import Sha256
from models.errors import UpstreamHashMismatch, UpstreamTooLarge

DATA = b"artifact"
DIGEST = Sha256(hashlib.sha256(DATA).hexdigest())


def test_sealed__nobody_can_change_it_any_more() -> None:
    descriptor = sealed(DATA, DIGEST)
    try:
        require_sealed(descriptor)
        assert os.pread(descriptor, 100, 0) == DATA
        with pytest.raises(OSError, match="not permitted"):
            os.pwrite(descriptor, b"x", 0)
    finally:
        os.close(descriptor)


def test_sealed__other_bytes_than_announced_are_refused() -> None:
    with pytest.raises(UpstreamHashMismatch):
        sealed(b"other", DIGEST)


def test_sealed_writer__stops_at_its_bound_and_closes_what_it_does_not_give() -> None:
    with SealedWriter("x", bytes_max=4) as writer:
        descriptor = writer._descriptor
        with pytest.raises(UpstreamTooLarge):
            writer.write(b"12345")

    with pytest.raises(OSError, match="Bad file"):
        os.fstat(descriptor)
