"""The soak proof's own measures: a leak of each kind is named, and noise is no slope."""

from __future__ import annotations

from dataclasses import replace

from tests.proofs.holdings import Holdings, slope

BEFORE = Holdings(
    processes=2,
    namespaces=("net:[1]",),
    mounts=(),
    groups=(),
    descriptors=("pipe:", "socket:"),
    threads=2,
    files=("/run/x/daemon.lock",),
)


def test_beyond__names_what_leaked_and_nothing_else() -> None:
    after = replace(BEFORE, processes=3, descriptors=("pipe:", "pipe:", "socket:"))

    assert BEFORE.beyond(BEFORE) == ""
    assert after.beyond(BEFORE) == "processes: 2 → 3; descriptors more: ['pipe:']"
    assert replace(BEFORE, files=()).beyond(BEFORE) == "files less: ['/run/x/daemon.lock']"


def test_slope__is_bytes_a_run() -> None:
    assert slope([100 + 7 * run for run in range(50)]) == 7
    assert slope([5, 5, 5, 5]) == 0
    assert slope([1]) == 0
    assert abs(slope([1000, 1100] * 100)) < 1
