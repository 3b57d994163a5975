"""Tables that the leak audit looks at, read from QUT-DV25's own layouts or from the sample that is kept.

A layout is known by its first line: the 38 columns of the processed table, the numbers kept here, or
the list of packages that were chosen.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.errors import Problem
from models.research import qut_sample
from models.research.qut import FEATURES, LEVEL, PACKAGE
from models.research.qut_reader import ROWS_MAX, TableInvalid, read_rows, read_some
from models.research.qut_values import Kind, Value

SAMPLE = ("rows.csv", "numbers.csv", "packages.csv.gz")
"""What is kept, the most telling first."""
FILE_BYTES_MAX = 500_000_000
"""Of one table, unpacked; the published one has about 34 MB."""
NAME_CHARS_MAX = 200

NUMBERS: Mapping[str, str] = {
    "name": PACKAGE,
    "level": LEVEL,
    "root": "Root_DIR_Installation",
    "tmp": "Temporary_DIR_Installation",
    "home": "Home_DIR_Installation",
    "user": "User_Access",
    "sys": "Sys_Access",
    "etc": "Etc_DIR_Installation",
    "other": "Other_DIR_Installation",
    "local_ips": "Local_IP_Address_Access",
    "remote_ips": "Remote_IP_Address_Access",
    "local_ports": "Local_Port_Access",
    "remote_ports": "Remote_Port_Access",
    "file_ops": "File_Operations",
    "net_ops": "Network_Operations",
    "proc_ops": "Process_Management_Operations",
    "io_ops": "IO_Operations",
    "time_ops": "Time_Operations",
    "sec_ops": "Security_Operations",
    "top1_reader": "Read_Processes",
    "top1_writer": "Write_Processes",
}
"""Columns of the numbers kept here → the dataset's. The two last hold the first name only."""
FLAGS: Mapping[str, str] = {
    "has_total": "Total_Dependencies",
    "has_direct": "Direct_Dependencies",
    "has_indirect": "Indirect_Dependencies",
}
"""Columns that say whether a list is filled, 1 or 0."""
PACKAGES = (
    ("Malicious Package Name", "Malicious Package Version", True),
    ("Benign Package Name", "Benign Package Version", False),
)

ARCHIVE = re.compile(r"\.(?:tar\.(?:gz|bz2|xz)|tgz|zip|whl|egg)$", re.IGNORECASE)
"""How the name of a local archive ends."""
_VERSION = re.compile(r"-\d[^-]*(?:-py[0-9].*)?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One package, as a table tells of it."""

    package: str
    malicious: bool
    version: str = ""
    """Where the table has a column for it."""
    values: Mapping[str, Value]
    """By the dataset's name of the column; what the table does not hold is not there."""
    filled: Mapping[str, bool]
    """By the dataset's name of a column that holds text: whether it has any."""

    @property
    def family(self) -> str:
        """Releases, and names that differ in digits and marks alone, are one family."""
        return family_of(self.package)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditTable:
    """Rows under one layout. `columns`: the dataset's columns whose values every row has."""

    source: str
    layout: str
    """`rows`, `numbers` or `packages`."""
    rows: tuple[AuditRow, ...]
    columns: frozenset[str]

    @property
    def labels(self) -> tuple[bool, ...]:
        """Whether each row is malicious."""
        return tuple(row.malicious for row in self.rows)

    @property
    def families(self) -> tuple[str, ...]:
        """Each row's family."""
        return tuple(row.family for row in self.rows)


def family_of(package: str) -> str:
    """`11Cent-999.0.1.tar.gz` → `cent`: what is left without suffix, version, digits and marks."""
    bare = _VERSION.sub("", ARCHIVE.sub("", package))
    letters = "".join(char for char in bare.lower() if char.isalpha())
    return letters or bare.lower() or package.lower()


def count_of(row: AuditRow, column: str) -> int:
    """A column of counts; 0 where it holds something else."""
    value = row.values[column]
    return value if isinstance(value, int) else 0


def matrix(table: AuditTable, columns: Sequence[str]) -> npt.NDArray[np.float64]:
    """Rows × columns of counts."""
    rows = [[count_of(row, column) for column in columns] for row in table.rows]
    return np.array(rows, dtype=np.float64)


def count_columns(table: AuditTable) -> tuple[str, ...]:
    """Columns of counts that the table has, in the dataset's order."""
    counted = (feature.name for feature in FEATURES if feature.kind is Kind.COUNT)
    return tuple(name for name in counted if name in table.columns)


def read_sample() -> tuple[AuditTable, ...]:
    """The tables that are kept: 14 verbatim rows, 78 rows of numbers, the list of packages."""
    folder = files(qut_sample)
    return tuple(
        parse_table(_unpacked(folder.joinpath(name).read_bytes()), source=name) for name in SAMPLE
    )


def read_audited(path: Path) -> AuditTable:
    """A table of any layout, plain or `.gz`. Raises TableInvalid."""
    try:
        text = _unpacked(path.read_bytes())
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise _invalid(path.name, "the file", f"cannot be read: {error}") from error
    return parse_table(text, source=path.name)


def parse_table(text: str, *, source: str) -> AuditTable:
    """The table of a text, by what its first line says. Raises TableInvalid."""
    header = next(csv.reader(io.StringIO(text)), [])
    if PACKAGES[0][0] in header:
        table = _packages(text, source)
    elif PACKAGE in header:
        table = _whole(text, source)
    elif "name" in header and "level" in header:
        table = _numbers(text, source)
    else:
        known = f"{PACKAGE}, name and level, or {PACKAGES[0][0]!r}"
        raise _invalid(source, "line 1", f"has no columns of a known layout ({known})")
    sides = {row.malicious for row in table.rows}
    if len(sides) < 2:
        raise _invalid(
            source, "the rows", "are not of both labels, so that nothing can be compared"
        )
    return table


def _unpacked(packed: bytes) -> str:
    if packed[:2] != b"\x1f\x8b":
        return packed.decode()
    with gzip.GzipFile(fileobj=io.BytesIO(packed)) as stream:
        plain = stream.read(FILE_BYTES_MAX + 1)
    if len(plain) > FILE_BYTES_MAX:
        raise OSError(f"more than {FILE_BYTES_MAX} bytes unpacked")
    return plain.decode()


def _whole(text: str, source: str) -> AuditTable:
    rows = tuple(
        AuditRow(
            package=row.package,
            malicious=bool(row.level),
            values=row.values,
            filled={
                feature.name: bool(row.values[feature.name])
                for feature in FEATURES
                if feature.kind is not Kind.COUNT
            },
        )
        for row in read_rows(text, source=source)
        if row.level is not None
    )
    columns = frozenset(feature.name for feature in FEATURES)
    return AuditTable(source=source, layout="rows", rows=rows, columns=columns)


def _numbers(text: str, source: str) -> AuditTable:
    header = next(csv.reader(io.StringIO(text)), [])
    names = {own: ours for own, ours in NUMBERS.items() if own in header}
    rows = tuple(
        AuditRow(package=row.package, malicious=bool(row.level), values=row.values, filled=flags)
        for row, flags in zip(
            read_some(text, names=names, source=source), _flags(text), strict=True
        )
        if row.level is not None
    )
    columns = frozenset(names.values()) - {PACKAGE, LEVEL}
    return AuditTable(source=source, layout="numbers", rows=rows, columns=columns)


def _flags(text: str) -> Iterator[Mapping[str, bool]]:
    for line in csv.DictReader(io.StringIO(text)):
        yield {ours: line[own] == "1" for own, ours in FLAGS.items() if own in line}


def _packages(text: str, source: str) -> AuditTable:
    rows: list[AuditRow] = []
    for line in csv.DictReader(io.StringIO(text)):
        rows.extend(_listed(line))
        if len(rows) > ROWS_MAX:
            raise _invalid(source, "the list", "has too many rows")
    return AuditTable(source=source, layout="packages", rows=tuple(rows), columns=frozenset())


def _listed(line: Mapping[str, str | None]) -> Iterable[AuditRow]:
    for name, version, malicious in PACKAGES:
        package = (line.get(name) or "")[:NAME_CHARS_MAX]
        if package:
            told = (line.get(version) or "")[:NAME_CHARS_MAX]
            yield AuditRow(package=package, malicious=malicious, version=told, values={}, filled={})


def _invalid(source: str, where: str, message: str) -> TableInvalid:
    return TableInvalid(
        source,
        (Problem(where=where, message=message),),
        next_step="Name QUT-DV25's processed table or its list of packages (docs/leak-audit.md).",
    )
