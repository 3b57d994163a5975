"""A client's share of the queue."""

from __future__ import annotations

import hashlib

import pytest

from models.artifact import ArtifactRef, parse_ref
from models.errors import Overloaded
from proxy.web.share import SHARE_AGE_S, QueueShares


def ref(number: int) -> ArtifactRef:
    sha256 = hashlib.sha256(str(number).encode()).hexdigest()
    return parse_ref("pypi", "demo", sha256, f"demo-1.{number}-py3-none-any.whl")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_take__stops_one_client_and_no_other() -> None:
    shares = QueueShares(decided=lambda _: False, share_max=2)
    shares.take("mallory", ref(1))
    shares.take("mallory", ref(2))
    shares.take("mallory", ref(2))  # asking again costs nothing
    with pytest.raises(Overloaded):
        shares.take("mallory", ref(3))
    shares.take("alice", ref(3))


def test_take__what_is_decided_no_longer_counts() -> None:
    decided: set[ArtifactRef] = set()
    shares = QueueShares(decided=decided.__contains__, share_max=1)
    shares.take("alice", ref(1))
    with pytest.raises(Overloaded):
        shares.take("alice", ref(2))
    decided.add(ref(1))
    shares.take("alice", ref(2))


def test_take__what_is_old_no_longer_counts() -> None:
    clock = Clock()
    shares = QueueShares(decided=lambda _: False, share_max=1, monotonic_s=clock)
    shares.take("alice", ref(1))
    clock.now = SHARE_AGE_S - 1
    with pytest.raises(Overloaded):
        shares.take("alice", ref(2))
    clock.now = SHARE_AGE_S
    shares.take("alice", ref(2))
