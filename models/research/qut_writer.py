"""Writes QUT-DV25's processed table, and all files of one run in the dataset's layout."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from models.categories import Categories
from models.research.qut import BY_NAME, COLUMNS, LEVEL, PACKAGE, QutRow, row_of
from models.research.qut_raw import write_raw
from models.research.qut_values import empty, render

TABLE = "QUT-DV25.csv"
"""The name of the table beside the raw files."""


def write_rows(rows: Iterable[QutRow]) -> str:
    """The table: 38 columns in the dataset's order, quoted where it must be, lines end in LF."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([_cell(row, column) for column in COLUMNS])
    return text.getvalue()


def write_run(
    package: str, artifact: str, categories: Categories, *, level: int | None = None
) -> dict[str, str]:
    """File name → text: the six raw files, and the table with this one row."""
    files = write_raw(package, artifact, categories)
    return files | {TABLE: write_rows([row_of(package, categories, level=level)])}


def _cell(row: QutRow, column: str) -> str:
    if column == PACKAGE:
        return row.package
    if column == LEVEL:
        return "" if row.level is None else str(row.level)
    feature = BY_NAME[column]
    return render(feature.kind, row.values.get(column, empty(feature.kind)))
