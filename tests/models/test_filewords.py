"""Words for what changed in files: ours for what code does, the files' own for the rest."""

from __future__ import annotations

from dataclasses import fields

import pytest

from analyzer.static.result import Reach, Sink
from models.canonical import Digest
from models.contents import ContentsChanges
from models.filewords import REACH_WORDS, SINK_WORDS, contents_groups

NOTHING = ContentsChanges(since="demo-1.0.tar.gz", evidence_digest=Digest("sha256:" + "0" * 64))


def test_words__there_are_some_for_everything_that_is_reported() -> None:
    assert set(SINK_WORDS) == {sink.value for sink in Sink}
    assert set(REACH_WORDS) == {reach.value for reach in Reach}


def test_contents_groups__nothing_new_is_nothing() -> None:
    assert contents_groups(NOTHING) == ()


@pytest.mark.parametrize(
    ("field", "value", "heading", "line", "when"),
    [
        (
            "sinks",
            ("build network",),
            "What its code does",
            "uses the network",
            "while it is built",
        ),
        ("sinks", ("elsewhere evil",), "What its code does", "does something else", ""),
        ("hosts", ("<b>.test",), "Hosts in code", "<b>.test", ""),
        ("hooks", ("start x.pth",), "Start, build and entry hooks", "start x.pth", ""),
        ("binaries", ("a.so",), "Programs and libraries", "a.so", ""),
        ("requires", ("six",), "Requirements", "six", ""),
        ("code_percent", 300, "Source", "300 % of its size before", ""),
        ("entropy_milli", 1200, "Source", "a text 1.2 bits a character more random", ""),
    ],
)
def test_contents_groups__each_kind_has_its_heading(
    field: str, value: object, heading: str, line: str, when: str
) -> None:
    known = {one.name: getattr(NOTHING, one.name) for one in fields(NOTHING)}
    (group,) = contents_groups(ContentsChanges(**{**known, field: value}))
    assert group.heading == heading
    assert [(told.value, told.when) for told in group.lines] == [(line, when)]
