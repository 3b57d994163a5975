"""What changed in a release's files, as people read it: our phrases, and the files' own words beside them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from models.acts import ActGroup, ActLine
from models.contents import ContentsChanges

SINK_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "network": "uses the network",
        "process": "starts programs",
        "dynamic": "runs code that it makes up",
        "credentials": "touches places of secrets",
        "persistence": "writes start-up hooks",
        "native": "loads native code",
        "site": "writes to installed packages",
    }
)
REACH_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "build": "while it is built",
        "start": "at interpreter start",
        "import": "on import",
        "module": "on import of a module",
        "call": "when it is called",
        "nothing": "in tests or documentation",
    }
)
SOURCE_GREW_PERCENT = 150
"""From here on growth of the source is worth a line: half as much again."""


def contents_groups(changes: ContentsChanges) -> tuple[ActGroup, ...]:
    """What is new, by kind, what weighs most first; empty: nothing is."""
    groups = (
        ("What its code does", tuple(map(_sink, changes.sinks))),
        ("Hosts in code", _plain(changes.hosts)),
        ("Start, build and entry hooks", _plain(changes.hooks)),
        ("Programs and libraries", _plain(changes.binaries)),
        ("Requirements", _plain(changes.requires)),
        ("Source", _source(changes)),
    )
    return tuple(ActGroup(heading=heading, lines=lines) for heading, lines in groups if lines)


def _sink(pair: str) -> ActLine:
    reach, _, sink = pair.partition(" ")
    return ActLine(
        value=SINK_WORDS.get(sink, "does something else"), when=REACH_WORDS.get(reach, "")
    )


def _plain(values: tuple[str, ...]) -> tuple[ActLine, ...]:
    return tuple(ActLine(value=value, when="") for value in values)


def _source(changes: ContentsChanges) -> tuple[ActLine, ...]:
    lines = []
    if changes.code_percent >= SOURCE_GREW_PERCENT:
        lines.append(ActLine(value=f"{changes.code_percent} % of its size before", when=""))
    if changes.entropy_milli >= 500:
        rise = changes.entropy_milli / 1000
        lines.append(ActLine(value=f"a text {rise:.1f} bits a character more random", when=""))
    return tuple(lines)
