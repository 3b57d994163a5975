"""A corpus on disk: which artifacts it holds, what each is known to be, and what was found of it.

FOLDER/manifest.csv          one line an artifact, in the order in which they are taken
FOLDER/<kind>/<sha256>/<filename>   the artifact
FOLDER/evidence/<sha256>.json       what one analysis saw
FOLDER/traces/<sha256>.gz           its trace
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

from models.artifact import ArtifactKind, Sha256, parse_sha256
from models.errors import ValueInvalid
from models.research.rows import Population

MANIFEST = "manifest.csv"
EVIDENCE = "evidence"
TRACES = "traces"
ITEMS_MAX = 100_000
"""Artifacts of one corpus."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One artifact of a corpus, or in `note` why there is no file."""

    kind: ArtifactKind
    filename: str = ""
    sha256: str = ""
    """Empty where there is no file."""
    project: str
    population: Population
    malicious: bool = False
    group: str = ""
    """What must not be parted by a split; empty: the project."""
    template: str = ""
    technique: str = ""
    phase: str = ""
    date: str = ""
    host: str = ""
    """The honest project that a graft stands on."""
    note: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What it was asked for by: project and kind for honest ones, else its digest."""
        return (self.sha256, "") if self.template else (self.project, self.kind.value)

    def path(self, folder: Path) -> Path:
        """Where its bytes lie."""
        return folder / self.kind.value / self.sha256 / self.filename

    def evidence_path(self, folder: Path) -> Path:
        """Where its evidence lies, once there is one."""
        return folder / EVIDENCE / f"{self.sha256}.json"

    def trace_path(self, folder: Path) -> Path:
        """Where its trace lies, if it was run."""
        return folder / TRACES / f"{self.sha256}.gz"


COLUMNS = tuple(field.name for field in fields(Item))


def read_manifest(folder: Path) -> tuple[Item, ...]:
    """The items of a corpus; none where there is no manifest. Raises ValueInvalid with the line."""
    path = folder / MANIFEST
    if not path.exists():
        return ()
    with path.open(newline="", encoding="utf-8") as file:
        lines = csv.DictReader(file)
        items = tuple(_item(line, f"{path}, line {lines.line_num}") for line in lines)
    if len(items) > ITEMS_MAX:
        raise ValueInvalid(f"{path} has more than {ITEMS_MAX} lines.")
    return items


def write_manifest(folder: Path, items: Iterable[Item]) -> None:
    """Replace the manifest; a kill leaves the old one or the new one."""
    draft = folder / f"{MANIFEST}.new"
    with draft.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for item in items:
            writer.writerow(_text(getattr(item, name)) for name in COLUMNS)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / MANIFEST)


def _text(value: object) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


def _item(line: dict[str, str | None], where: str) -> Item:
    told = {name: value or "" for name, value in line.items() if name in COLUMNS}
    try:
        digest = told.get("sha256", "")
        named = told.get("filename", "")
        if digest:
            parse_sha256(digest)
        if "/" in named or named.startswith("."):
            raise ValueInvalid(f"{named!r} is no filename")
        label = told.get("malicious") or told.get("label") or (line.get("label") or "0")
        return Item(
            **{
                **told,
                "kind": ArtifactKind(told.get("kind", "")),
                "population": Population(told.get("population", "")),
                "malicious": {"0": False, "1": True}[label],
            }  # type: ignore[arg-type]
        )
    except (ValueError, KeyError, TypeError, ValueInvalid) as error:
        raise ValueInvalid(f"{where}: {error}.") from error


def digest_named(item: Item) -> Sha256:
    """Its digest, checked. Raises ValueInvalid where it has no file."""
    return parse_sha256(item.sha256)
