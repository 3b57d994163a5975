"""Folders of archives with a list of them: what `honest` writes, and whoever brings malware along.

FOLDER/manifest.csv has a header; `kind`, `filename` and `sha256` are needed, `group` (popular,
obscure), `template` and `cluster` may be there. The file lies at FOLDER/<kind>/<filename>, or at
FOLDER/<sha256>/<filename> where names may meet. Rows without a file, or with a `note`, are passed over.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

MANIFEST = "manifest.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One archive on disk; what a manifest does not tell is empty."""

    path: Path
    sha256: str
    kind: str
    """`wheel` or `sdist`."""
    project: str = ""
    group: str = ""
    template: str = ""
    cluster: str = ""
    """Archives of one cluster are not independent; its own sha256 where nothing else is known."""


def read_entries(folder: Path) -> list[Entry]:
    """The archives of a folder, in the order of its manifest."""
    with (folder / MANIFEST).open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["filename"] and not row.get("note")]
    return [_entry(folder, row) for row in rows]


def _entry(folder: Path, row: dict[str, str]) -> Entry:
    named = folder / row["kind"] / row["filename"]
    hashed = folder / row["sha256"] / row["filename"]
    return Entry(
        path=hashed if hashed.exists() else named,
        sha256=row["sha256"],
        kind=row["kind"],
        project=row.get("project", ""),
        group=row.get("group", ""),
        template=row.get("template", ""),
        cluster=row.get("cluster") or row["sha256"],
    )
