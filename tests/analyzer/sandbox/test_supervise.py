"""The watch over one box ends when it has to, whatever the box does meanwhile."""

from __future__ import annotations

import os
import socket
import time

import pytest

from analyzer.sandbox import supervise
from analyzer.sandbox.spawner import Child
from analyzer.sandbox.supervise import Report, Supervision, Surroundings


def test_watch__a_box_that_keeps_its_report_full_still_runs_out_of_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reply, theirs = socket.socketpair()
    out, out_in = os.pipe()
    report_in, writer = os.pipe()
    os.set_blocking(writer, False)
    reads = 0

    def read(descriptor: int) -> bytes:
        """What a pipe gives whose other end is always faster than we are."""
        nonlocal reads
        if descriptor != report_in:
            return b""
        reads += 1
        assert reads < 10_000, "nobody looked at the clock"
        if child.status is not None:
            return b""
        return b"x" * 4096

    def kill() -> None:
        child.status = -9

    os.write(writer, b"x")
    child = Child(reply=reply)
    report = Report(limit=10_000)
    monkeypatch.setattr(supervise, "_read", read)
    ended = Supervision(
        child,
        out=out,
        report_in=report_in,
        report=report,
        deadline=time.monotonic() + 0.01,
        kill=kill,
        surroundings=Surroundings(stops={}),
    ).watch()

    assert ended.how == "timeout"
    assert (report.size, report.truncated) == (10_000, True)
    for number in (out, out_in, report_in, writer, report.descriptor):
        os.close(number)
    reply.close()
    theirs.close()
