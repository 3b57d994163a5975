"""Reads QUT-DV25's processed table: every mistake is told with its line and column."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence

from models.errors import DocumentInvalid, Problem
from models.research.qut import BY_NAME, COLUMNS, LEVEL, PACKAGE, QutRow
from models.research.qut_values import Value, parse

ROWS_MAX = 100_000
"""Rows of one table; the dataset has 14,271."""
PROBLEMS_MAX = 20
"""Mistakes that are told at once."""


class TableInvalid(DocumentInvalid):
    """A table of QUT-DV25 has mistakes; `problems` tells line and column of each."""


def read_rows(text: str, *, source: str = "The table") -> tuple[QutRow, ...]:
    """Rows of a table with all 38 columns, in any order. Raises TableInvalid."""
    return _read(text, source=source, names={name: name for name in COLUMNS}, whole=True)


def read_some(
    text: str, *, names: Mapping[str, str], source: str = "The table"
) -> tuple[QutRow, ...]:
    """Rows of a table that holds some of the features, perhaps under other names.

    `names`: its column → ours; columns that are not named are left out. Raises TableInvalid.
    """
    unknown = set(names.values()) - set(COLUMNS)
    if unknown:
        raise ValueError(f"there are no features {sorted(unknown)}")
    return _read(text, source=source, names=names, whole=False)


def _read(text: str, *, source: str, names: Mapping[str, str], whole: bool) -> tuple[QutRow, ...]:
    lines = csv.reader(io.StringIO(text), strict=True)
    problems: list[Problem] = []
    rows: list[QutRow] = []
    try:
        header = next(lines, [])
        _check_header(header, names=names, whole=whole, problems=problems)
        if not problems:
            for cells in lines:
                if len(rows) >= ROWS_MAX:
                    problems.append(
                        Problem(where=f"line {lines.line_num}", message="too many rows")
                    )
                    break
                row = _row(cells, header, names, lines.line_num, problems)
                if row is not None:
                    rows.append(row)
                if len(problems) >= PROBLEMS_MAX:
                    break
    except csv.Error as error:
        problems.append(Problem(where=f"line {lines.line_num}", message=f"is no CSV: {error}"))
    if problems:
        raise TableInvalid(
            source, tuple(problems), next_step="Compare it with the layout in docs/traces.md."
        )
    return tuple(rows)


def _check_header(
    header: Sequence[str], *, names: Mapping[str, str], whole: bool, problems: list[Problem]
) -> None:
    where = "line 1"
    problems.extend(
        Problem(where=where, message=f"column {name[:40]!r} is there twice")
        for name in sorted({name for name in header if header.count(name) > 1})
    )
    package = next((own for own, ours in names.items() if ours == PACKAGE), PACKAGE)
    wanted = list(names) if whole else [package]
    problems.extend(
        Problem(where=where, message=f"column {name!r} is missing")
        for name in wanted
        if name not in header
    )
    if whole:
        problems.extend(
            Problem(where=where, message=f"column {name[:40]!r} is not of this layout")
            for name in header
            if name not in names
        )


def _row(
    cells: Sequence[str],
    header: Sequence[str],
    names: Mapping[str, str],
    line: int,
    problems: list[Problem],
) -> QutRow | None:
    if len(cells) != len(header):
        message = f"has {len(cells)} cells, not {len(header)}"
        problems.append(Problem(where=f"line {line}", message=message))
        return None
    before = len(problems)
    ours = {names[own]: cell for own, cell in zip(header, cells, strict=True) if own in names}
    values = dict(_values(ours, line, problems))
    level = ours.get(LEVEL, "")
    if level not in ("", "0", "1"):
        _tell(problems, line, LEVEL, f"{level[:40]!r} is neither 0 nor 1")
    if not ours[PACKAGE]:
        _tell(problems, line, PACKAGE, "is empty")
    if len(problems) > before:
        return None
    return QutRow(package=ours[PACKAGE], values=values, level=int(level) if level else None)


def _values(
    cells: Mapping[str, str], line: int, problems: list[Problem]
) -> Iterator[tuple[str, Value]]:
    for name, cell in cells.items():
        feature = BY_NAME.get(name)
        if feature is None:
            continue
        try:
            yield name, parse(feature.kind, cell)
        except ValueError as error:
            _tell(problems, line, name, str(error))


def _tell(problems: list[Problem], line: int, column: str, message: str) -> None:
    problems.append(Problem(where=f"line {line}, column {column}", message=message))
