"""What tracing needs of a machine."""

from __future__ import annotations

import pytest

from analyzer.trace.requirements import missing_pieces


@pytest.mark.privileged
def test_missing_pieces__nothing_where_the_tracer_loads(tracer: object) -> None:
    assert tracer is not None
    assert missing_pieces() == []


def test_missing_pieces__each_comes_with_what_to_do() -> None:
    """On whatever machine this runs: no crash, and no problem without a step."""
    for what, command in missing_pieces():
        assert what
        assert command
