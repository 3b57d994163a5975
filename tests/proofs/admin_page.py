"""The page of the proof `admin`: how long each page, list and query takes, the slowest first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def admin_page(record: dict[str, Any]) -> Iterator[str]:
    """From the record in docs/proofs."""
    yield "# Pages and queries at size\n"
    yield f"{record['claim']}\n"
    yield (
        f"`{record['command']}`, commit {record['commit'][:12]}, {record['machine']}: {record['held']} of "
        f"{record['tried']} held. Requests come one after the other, each about a file that chance picks; "
        "client and server share a process, and other work on the machine counts too. The store is made "
        "by `tests/proofs/estate.py`; the first file has some six of a hundred fetches.\n"
    )
    yield "| What | Median ms | p95 ms | Target ms |"
    yield "|---|---:|---:|---:|"
    told = record["facts"].items()
    for item, row in sorted(told, key=lambda pair: -float(pair[1]["median"])):
        yield f"| {item} | {row['median']} | {row['p95']} | {row['target']} |"
    for failure in record["failures"]:
        if failure["item"] not in record["facts"]:
            yield f"\n- `{failure['item']}`: {failure['detail']}"
