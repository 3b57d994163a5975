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

from models.artifact import ArtifactKind, parse_sha256
from models.errors import ValueInvalid
from models.research.rows import Population

MANIFEST = "manifest.csv"
EVIDENCE = "evidence"
TRACES = "traces"
ITEMS_MAX = 100_000
"""Artifacts of one corpus."""
LABEL = "label"
HONEST = frozenset({Population.POPULAR, Population.LONG_TAIL, Population.SIMILAR, Population.HARD})
MALICIOUS = frozenset({Population.GRAFT, Population.MALWARE})
RUN = HONEST | {Population.GRAFT, Population.TWIN}
"""What may be run: honest artifacts, and our own inert fixtures. Real malware is not, anywhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One artifact of a corpus, or in `note` why there is no file."""

    kind: ArtifactKind
    filename: str = ""
    sha256: str = ""
    """Empty where there is no file."""
    project: str
    population: Population
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
    def malicious(self) -> bool:
        """By its population, so that no list can say one thing twice and differently."""
        return self.population in MALICIOUS

    @property
    def key(self) -> tuple[str, str]:
        """What it is one of: project and kind for honest ones that were asked for, else its digest."""
        if self.population in HONEST:
            return (self.project, self.kind.value)
        return (self.sha256, "")

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
    items: list[Item] = []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            lines = csv.DictReader(file)
            for line in lines:
                if len(items) == ITEMS_MAX:
                    raise ValueInvalid(f"{path} has more than {ITEMS_MAX} lines.")
                items.append(_item(line, f"{path}, line {lines.line_num}"))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueInvalid(f"{path} cannot be read: {error}.") from error
    return tuple(items)


def write_manifest(folder: Path, items: Iterable[Item]) -> None:
    """Replace the manifest; a kill leaves the old one or the new one."""
    draft = folder / f"{MANIFEST}.new"
    with draft.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for item in items:
            writer.writerow(str(getattr(item, name)) for name in COLUMNS)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / MANIFEST)


def _item(line: dict[str, str | None], where: str) -> Item:
    told = {name: line.get(name) or "" for name in COLUMNS}
    try:
        population = Population(told["population"])
        if told["sha256"]:
            parse_sha256(told["sha256"])
        if "/" in told["filename"] or told["filename"].startswith("."):
            raise ValueInvalid(f"{told['filename']!r} is no filename")
        _check_label(line.get(LABEL), population)
        kind = ArtifactKind(told["kind"])
        return Item(**{**told, "kind": kind, "population": population})  # type: ignore[arg-type]
    except (ValueError, ValueInvalid) as error:
        raise ValueInvalid(f"{where}: {error}.") from error


def _check_label(label: str | None, population: Population) -> None:
    """A list may have a column `label`; one that contradicts the population is not to be trusted."""
    expected = "1" if population in MALICIOUS else "0"
    if label not in (None, expected):
        raise ValueInvalid(f"its label is {label!r}, and {population.value} stands for {expected}")
