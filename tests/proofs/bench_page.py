"""The page of the proof `bench`: crowds, growth, first contacts and whole installs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_GROWTH, _COLD, _INSTALL = "growth of ", "cold ", "install "


def bench_page(record: dict[str, Any]) -> Iterator[str]:
    """From the record in docs/proofs."""
    yield "# Crowds, growth, first contacts, installs\n"
    yield f"What is to be shown: {record['claim']} Where it was not, the tables say *missed*.\n"
    yield (
        f"`{record['command']}`, commit {record['commit'][:12]}, {record['machine']}: {record['held']} of "
        f"{record['tried']} within their target. What is compared was measured turn by turn in one run; "
        "ratios are medians over the rounds. Requests by themselves are in [bench.md](../bench.md).\n"
    )
    missed = {failure["item"] for failure in record["failures"]}
    facts: Mapping[str, Mapping[str, str]] = record["facts"]
    yield "| What | Found | Within its target |"
    yield "|---|---|---|"
    for item, detail in record["details"].items():
        if not item.startswith((_GROWTH, _INSTALL)):
            yield f"| {item} | {detail} | {_word(item, missed)} |"
    yield "\n## Growth\n"
    yield "CPU a request, and in brackets the ratio to the smallest size in the same round.\n"
    for item, row in facts.items():
        if item.startswith(_GROWTH):
            yield from _growth(item, row, missed)
    yield "## First contacts\n"
    yield (
        "By one open connection each. *Again* is the same request once more: of a page and of bytes that "
        "are here.\n"
    )
    yield "| What | Direct ms | Pratique ms | More ms | Ratio | Again ms |"
    yield "|---|---:|---:|---:|---:|---:|"
    for item, row in facts.items():
        if item.startswith(_COLD):
            yield from (f"| {cells} |" for cells in row.values())
    yield "\n## Whole installs\n"
    yield (
        "What was resolved once is installed everywhere, without a cache of the client's and without its "
        "dependencies being looked for anew. *First* is a proxy's first install, before its rounds. "
        "*Cold and judged*: decisions stand, but neither a page nor a byte is here.\n"
    )
    for item, row in facts.items():
        if item.startswith(_INSTALL):
            yield f"### {item.removeprefix(_INSTALL)}: {row['set']} ({_word(item, missed)})\n"
            yield "| Through | Seconds | Of direct | First | Client CPU s | Server CPU s |"
            yield "|---|---:|---:|---:|---:|---:|"
            yield from (f"| {name} | {cells} |" for name, cells in row.items() if name != "set")
            yield ""


def _growth(item: str, row: Mapping[str, str], missed: set[str]) -> Iterator[str]:
    yield f"### {item.removeprefix(_GROWTH).capitalize()} ({_word(item, missed)})\n"
    yield "| Size | Small page | 11 KB wheel |"
    yield "|---:|---:|---:|"
    sizes = dict.fromkeys(int(key.split()[0]) for key in row)
    for size in sizes:
        yield f"| {size:,} | {row[f'{size} page']} | {row[f'{size} wheel']} |"
    yield ""


def _word(item: str, missed: set[str]) -> str:
    if item == "cold files":
        return "none is named"
    return "missed" if item in missed else "yes"
