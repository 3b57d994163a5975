"""Folders of archives with a list of them: what `honest` writes, and whoever brings malware along.

FOLDER/manifest.csv has a header; `kind`, `filename` and `sha256` are needed, `group` (popular,
obscure), `template` and `cluster` may be there. The file lies at FOLDER/<kind>/<filename>, or at
FOLDER/<sha256>/<filename> or FOLDER/<kind>/<sha256>/<filename> where names may meet. Rows without a
file, or with a `note`, are passed over.

Malware is drawn so that siblings do not count twice. *Template*: the set of digests of an archive's
Python files, each without comments and white space, its names, strings and numbers replaced by one sign
each; one archive is taken of a template. *Cluster*: templates that share such a file of 80 signs or
more, or a setup.py of over 400 bytes. A development set is of templates up to a day; a final one of
templates from after it of which neither the digests nor the setup.py came before, and is read once.
A wheel that a collection keeps under an sdist's name is renamed (the bytes stay): that is the
collector's doing, and would be the easiest sign of all.
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
    population: str = ""
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
    hashed = (folder / row["sha256"], folder / row["kind"] / row["sha256"])
    found = (place / row["filename"] for place in hashed)
    return Entry(
        path=next((path for path in found if path.exists()), named),
        sha256=row["sha256"],
        kind=row["kind"],
        project=row.get("project", ""),
        group=row.get("group", ""),
        population=row.get("population", ""),
        template=row.get("template", ""),
        cluster=row.get("cluster") or row["sha256"],
    )
