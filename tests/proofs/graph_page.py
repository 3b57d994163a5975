"""The page of the proof `graph-injected`: recall and false alarms by kind and by depth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def injected_page(record: dict[str, Any]) -> Iterator[str]:
    """From the record in docs/proofs."""
    yield "# Injected dependencies\n"
    yield f"{record['claim']}\n"
    yield (
        f"`{record['command']}`, commit {record['commit'][:12]}: {record['held']} of "
        f"{record['tried']} held. Trees are recorded shapes of real projects (`tests/graph/trees.json`); "
        "each is asked about before, with the risky dependency, and with a benign one in its place.\n"
    )
    rows = list(record["facts"].values())
    for heading, key in (("Kind", "kind"), ("Depth", "depth")):
        yield f"| {heading} | Found | of | False alarms |"
        yield "|---|---:|---:|---:|"
        for value in sorted({row[key] for row in rows}):
            these = [row for row in rows if row[key] == value]
            found = sum(row["found"] == "True" for row in these)
            false = sum(row["false"] == "True" for row in these)
            yield f"| {value} | {found} | {len(these)} | {false} |"
        yield ""
    yield (
        "What this does not show: rules and injections are of one hand, so that this says that the rules "
        "hold in trees of every shape, not that they are the right ones. The twins are old, popular or "
        "approved. A project that a maintainer "
        "split off last week and needs from today is brand-new as well, and is held as such until "
        "somebody allows it or it is a week old."
    )
