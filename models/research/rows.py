"""The table that training reads: one row an artifact, what it is and where from, and its features."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from models.errors import ValueInvalid

COLUMNS = (
    "id",
    "label",
    "population",
    "group",
    "template",
    "technique",
    "phase",
    "kind",
    "date",
    "measured",
)
"""What stands before the features."""


class Population(StrEnum):
    """Where a row comes from; each is told apart in every figure."""

    POPULAR = "popular"
    """The most downloaded projects."""
    LONG_TAIL = "long-tail"
    """Drawn at random from the rest of the bundled list."""
    SIMILAR = "similar"
    """Honest projects whose names are like those of malicious ones (the QUT list)."""
    HARD = "hard"
    """Honest projects that do what malware does: installers, native builds, security tools."""
    TWIN = "twin"
    """A benign twin of a re-enactment, grafted onto an honest host: it carries every tell."""
    GRAFT = "graft"
    """An inert re-enactment, grafted onto an honest host: real behaviour, no real malicious code."""
    MALWARE = "malware"
    """A real malicious archive, read as bytes and never run: real code, no behaviour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One artifact. `values` are in the order of the table's features; NaN: not measured."""

    id: str
    """The first 16 digits of its sha256."""
    malicious: bool
    population: Population
    group: str
    """Rows of one group are not independent, so that no split parts them: the campaign of malware,
    the recipe of a graft and its twin, the project of an honest artifact."""
    template: str = ""
    """Recipe of a graft or twin, template of malware."""
    technique: str = ""
    phase: str = ""
    kind: str
    """`wheel` or `sdist`."""
    date: str = ""
    """Day of first sight (ISO), for splits by time; empty: not known."""
    measured: tuple[str, ...]
    """Layers that were measured, such as `metadata`, `behaviour`."""
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows under one list of features."""

    features: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def digest(self) -> str:
        """`sha256:…` of the table as text, however it was compressed."""
        return f"sha256:{hashlib.sha256(_text(self)).hexdigest()}"

    def column(self, name: str) -> tuple[float, ...]:
        """One feature of all rows. Raises ValueInvalid where there is none of that name."""
        if name not in self.features:
            raise ValueInvalid(f"The table has no feature {name!r}.")
        at = self.features.index(name)
        return tuple(row.values[at] for row in self.rows)


def write_table(table: Table, path: Path) -> None:
    """Write `path` (`.csv.gz`), the same bytes for the same table."""
    path.write_bytes(gzip.compress(_text(table), mtime=0))


def read_table(path: Path) -> Table:
    """Read what `write_table` wrote. Raises ValueInvalid with the line at which it fails."""
    try:
        text = gzip.decompress(path.read_bytes()).decode()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise ValueInvalid(
            f"{path} cannot be read as a table of features: {error}.",
            next_step="Make it again with `pratique research graph`.",
        ) from error
    lines = csv.reader(io.StringIO(text))
    header = next(lines, [])
    if tuple(header[: len(COLUMNS)]) != COLUMNS:
        raise ValueInvalid(f"{path}: its first line does not begin with {', '.join(COLUMNS)}.")
    features = tuple(header[len(COLUMNS) :])
    return Table(features=features, rows=tuple(_rows(lines, features, path)))


def _rows(lines: Iterable[Sequence[str]], features: Sequence[str], path: Path) -> Iterable[Row]:
    for number, line in enumerate(lines, start=2):
        if len(line) != len(COLUMNS) + len(features):
            raise ValueInvalid(f"{path}, line {number}: {len(line)} fields.")
        told = dict(zip(COLUMNS, line, strict=False))
        try:
            yield Row(
                id=told["id"],
                malicious={"0": False, "1": True}[told["label"]],
                population=Population(told["population"]),
                group=told["group"],
                template=told["template"],
                technique=told["technique"],
                phase=told["phase"],
                kind=told["kind"],
                date=told["date"],
                measured=tuple(told["measured"].split()),
                values=tuple(float(x) if x else math.nan for x in line[len(COLUMNS) :]),
            )
        except (ValueError, KeyError) as error:
            raise ValueInvalid(f"{path}, line {number}: {error}.") from error


def _text(table: Table) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow((*COLUMNS, *table.features))
    for row in table.rows:
        label = "1" if row.malicious else "0"
        told = (row.id, label, row.population.value, row.group, row.template, row.technique)
        more = (row.phase, row.kind, row.date, " ".join(row.measured))
        writer.writerow((*told, *more, *map(_number, row.values)))
    return out.getvalue().encode()


def _number(value: float) -> str:
    """The shortest text that reads back as `value`; empty for NaN."""
    if math.isnan(value):
        return ""
    return (
        str(int(value))
        if value.is_integer() and (value or math.copysign(1, value) > 0)
        else repr(value)
    )
