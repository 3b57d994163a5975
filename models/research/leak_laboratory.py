"""Tells of the laboratory in QUT-DV25's rows: the install route, the machine, failed runs.

Each check is a function from a table to a Leak, or to None where the table lacks its columns.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from models.research.leak_figures import asked_of_others, by_tokens
from models.research.leak_rows import ARCHIVE, AuditRow, AuditTable, count_of
from models.research.leaks import Leak, grade, labelled, named, showing, sign
from models.research.qut_operations import OPERATIONS

CALLS = tuple(OPERATIONS)
"""The six columns that count system calls."""
PIP_FILE_CALLS = 5_000
"""File_Operations that `pip --version` alone needs: 5,603 in an empty environment of Python 3.11, 9,458
for an install that finds no file (`strace -f -c`, counted as OPERATIONS does)."""
FOUND_HERE = "It was found in the sample that is kept, so that only other rows are a test of it."
"""Said of tells that nobody told us of."""


def archive_name(table: AuditTable) -> Leak | None:
    """Packages that are named as files: they were installed from an archive on disk."""
    shown = [bool(ARCHIVE.search(row.package)) for row in table.rows]
    if table.layout == "packages":
        return None
    return sign(
        table,
        shown,
        id_="route.archive_name",
        looked_for="Package_Name ends as an archive's file name does",
        says="Those rows were installed from a file on disk, the others by name from the index. The "
        "column is no feature; it proves the two routes, whose traces the other columns hold.",
        examples=named(table, shown),
    )


def names_itself(table: AuditTable) -> Leak | None:
    """Rows whose list of installed distributions holds the package itself."""
    if "Total_Dependencies" not in table.columns:
        return None
    shown = [_itself(row) for row in table.rows]
    return sign(
        table,
        shown,
        id_="route.names_itself",
        looked_for="Total_Dependencies names the package itself",
        says="It looks as if the package was taken out of pip's last line by its name, which fails where "
        "that is the name of a file.",
        category="Install",
        examples=[f"{row.package}: {' '.join(_listed(row))}" for row in showing(table, shown)],
    )


def total_without_direct(table: AuditTable) -> Leak | None:
    """Rows with dependencies in all, and none of their own."""
    columns = ("Total_Dependencies", "Direct_Dependencies")
    if not all(column in row.filled for row in table.rows for column in columns):
        return None
    shown = [row.filled[columns[0]] and not row.filled[columns[1]] for row in table.rows]
    return sign(
        table,
        shown,
        id_="route.total_without_direct",
        looked_for="Total_Dependencies is filled, Direct_Dependencies is not",
        says="Something was installed that nobody required: it is the package itself.",
        category="Install",
        examples=named(table, shown),
    )


def socket_calls(table: AuditTable, *, seed: int) -> Leak | None:
    """The exact number of socket calls of packages without dependencies, where others have the same."""
    column = "Network_Operations"
    lists = ("Direct_Dependencies", "Indirect_Dependencies")
    alone = tuple(row for row in table.rows if not any(row.filled.get(name) for name in lists))
    if column not in table.columns or len({row.malicious for row in alone}) < 2:
        return None
    part = replace(table, rows=alone)
    holders: dict[object, set[str]] = {}
    for row in alone:
        holders.setdefault(row.values[column], set()).add(row.family)
    tokens = [
        frozenset([str(row.values[column])] if len(holders[row.values[column]]) > 1 else [])
        for row in alone
    ]
    known = labelled(part)
    ranked = Counter((row.values[column], row.malicious) for row in alone)
    return grade(
        part,
        asked_of_others(by_tokens(tokens, known), known, seed=seed),
        shown=[bool(found) for found in tokens],
        id_="route.socket_calls",
        looked_for="packages without dependencies: the exact value of Network_Operations, where packages of "
        "other names have it too",
        says="One number in many unrelated packages is pip's own: whether it asked the index, and for a wheel "
        f"or an sdist. {FOUND_HERE}",
        category="SysCall",
        examples=[
            f"{value}: {count} {'malicious' if malicious else 'benign'}"
            for (value, malicious), count in sorted(
                ranked.items(), key=lambda one: (-one[1], str(one[0]))
            )
        ],
    )


def clock_calls(table: AuditTable) -> Leak | None:
    """Rows in which the clock was read by system call."""
    if "Time_Operations" not in table.columns:
        return None
    shown = [row.values["Time_Operations"] != 0 for row in table.rows]
    return sign(
        table,
        shown,
        id_="machine.clock_calls",
        looked_for="Time_Operations is not zero",
        says="A Linux process reads the clock without a system call, unless the machine's clock source "
        "forbids it. Then pip's progress bar does so thousands of times, where something is downloaded. "
        f"Machine and route show here, not the package. {FOUND_HERE}",
        category="SysCall",
        examples=[
            f"{row.package}: {row.values['Time_Operations']}" for row in showing(table, shown)
        ],
    )


def no_calls(table: AuditTable) -> Leak | None:
    """Rows without any file call: nothing ran, and the row has a label all the same."""
    if not table.columns.issuperset(CALLS):
        return None
    shown = [count_of(row, "File_Operations") == 0 for row in table.rows]
    return sign(
        table,
        shown,
        id_="failed.no_calls",
        looked_for="File_Operations is zero",
        says="An interpreter cannot start without opening a file: strace saw no install there. The "
        "scripts looked at the exit status of `tee`, so that a failed install counted as done.",
        category="SysCall",
        examples=named(table, shown),
    )


def less_than_pip(table: AuditTable) -> Leak | None:
    """Rows with fewer file calls than pip needs to print its version."""
    if not table.columns.issuperset(CALLS):
        return None
    shown = [count_of(row, "File_Operations") < PIP_FILE_CALLS for row in table.rows]
    return sign(
        table,
        shown,
        id_="failed.less_than_pip",
        looked_for=f"File_Operations is below {PIP_FILE_CALLS:,}, where `pip --version` alone made 5,603 here",
        says="strace was attached when pip already ran, or the install failed (or that machine's pip needs "
        "less than ours): the column tells what was missed, not what was done. "
        f"{FOUND_HERE}",
        category="SysCall",
        examples=[
            f"{row.package}: {row.values['File_Operations']}" for row in showing(table, shown)
        ],
    )


def _listed(row: AuditRow) -> list[str]:
    value = row.values["Total_Dependencies"]
    return [str(one) for one in value] if isinstance(value, tuple) else []


def _itself(row: AuditRow) -> bool:
    own = _plain(ARCHIVE.sub("", row.package))
    names = [_plain(one) for one in _listed(row)]
    return any(name == own or name.rpartition("-")[0] == own for name in names)


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")
