"""What tracing needs of a machine."""

from __future__ import annotations

import pytest

from analyzer.trace.requirements import config_fact, facts, missing_pieces


@pytest.mark.privileged
def test_missing_pieces__nothing_where_the_tracer_loads(tracer: object) -> None:
    assert tracer is not None
    assert missing_pieces() == []


def test_missing_pieces__each_comes_with_what_to_do() -> None:
    """On whatever machine this runs: no crash, and no problem without a step."""
    for what, command in missing_pieces():
        assert what
        assert command


def test_facts__each_is_a_sentence() -> None:
    assert all(len(fact) > 20 for fact in facts())


def test_config_fact__tells_what_is_off_and_what_does_not_matter() -> None:
    said = config_fact("CONFIG_BPF_SYSCALL=y\n# CONFIG_BPF_EVENTS is not set\nCONFIG_CGROUPS=y\n")

    assert "CONFIG_BPF_SYSCALL on, CONFIG_BPF_EVENTS OFF" in said
    assert "not needed: CONFIG_DEBUG_INFO_BTF off" in said
    assert "modprobe configs" in config_fact("")
