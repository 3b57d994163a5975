"""Tells of the laboratory in QUT-DV25's rows: the install route, the machine, the tracers, failed runs.

Each check is a function from a table to a Leak, or to None where the table lacks its columns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from models.research.leak_figures import Numbers, Share, asked_of_others, by_nearest, by_tokens
from models.research.leak_rows import ARCHIVE, AuditRow, AuditTable
from models.research.leaks import Cause, Leak, grade, labelled, sign
from models.research.qut import FEATURES
from models.research.qut_operations import OPERATIONS
from models.research.qut_values import Kind
from models.trace import Category

CALLS = tuple(OPERATIONS)
"""The six columns that count system calls."""
TCP = (
    "Local_IP_Address_Access",
    "Remote_IP_Address_Access",
    "Local_Port_Access",
    "Remote_Port_Access",
)
PROCESSES = tuple(feature.name for feature in FEATURES if feature.kind is Kind.PROCESSES)
PIP_FILE_CALLS = 5_000
"""File_Operations that `pip --version` alone needs: 5,603 in an empty environment of Python 3.11, 9,458
for an install that finds no file (`strace -f -c`, counted as OPERATIONS does)."""
FOUND_HERE = "It was found in the sample that is kept, so that only other rows are a test of it."
"""Said of tells that nobody told us of."""
PIP_PORTS = 2
"""Remote ports that an install has a use for: 443, and 80."""

OWN_TOOLS = "the tracers and the script around them"
MACHINE: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "own_tools": (
        OWN_TOOLS,
        ("opensnoop-", "filetop-", "tcpstates-", "strace", "pgrep", "clear", "sudo"),
    ),
    "browser": (
        "threads of a web browser",
        ("StreamT", "Classif~", "DOMCache", "sqldb:", "Indexed~", "glean."),
    ),
    "indexer": ("the desktop's file indexer", ("tracker-", "pool-tracker-")),
    "desktop": (
        "a desktop session and the system's services",
        ("gnome-", "nautilus", "baobab", "systemd-", "(ostnamed)"),
    ),
}
"""Who runs on the machine whatever is installed: id → (words, how its names begin).
The kernel cuts names at 15 characters."""


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
        examples=_named(table, shown),
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
        examples=[f"{row.package}: {' '.join(_listed(row))}" for row in _of(table, shown)],
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
        examples=_named(table, shown),
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
        examples=[f"{row.package}: {row.values['Time_Operations']}" for row in _of(table, shown)],
    )


def machine_names(table: AuditTable) -> Iterable[Leak]:
    """Rows that name what runs on the machine whatever is installed, kind by kind."""
    if not any(column in table.columns for column in PROCESSES):
        return
    for id_, (words, beginnings) in MACHINE.items():
        found = [sorted(set(_names(row, beginnings))) for row in table.rows]
        shown = [bool(names) for names in found]
        ranked = Counter(name for names in found for name in names)
        yield sign(
            table,
            shown,
            id_=f"tracers.{id_}",
            looked_for=f"process columns name {words}",
            says="No install runs these: the tracers watched the whole machine. Which of them were busy "
            "tells the day of the measurement.",
            category="Filetop",
            examples=[f"{name} ({count})" for name, count in _ranked(ranked)],
        )


def machine_names_alone(table: AuditTable, *, seed: int) -> Leak | None:
    """How far the names go that the machine has without the laboratory's own tools."""
    if not any(column in table.columns for column in PROCESSES):
        return None
    foreign = (one for kind, (_, found) in MACHINE.items() if kind != "own_tools" for one in found)
    tokens, alone = _asked_of_names(table, tuple(foreign), seed)
    return grade(
        table,
        alone,
        shown=[bool(found) for found in tokens],
        id_="tracers.names_alone",
        looked_for="only browser, indexer and desktop, by column; pip, tools and all else left out",
        says="Nothing of a package is in these words, though an install that is busier than they are can "
        "push them off the lists.",
        cause=Cause.LABORATORY,
        category="Filetop",
    )


def own_tools_alone(table: AuditTable, *, seed: int) -> Leak | None:
    """How far it goes to know which of the laboratory's tools were busiest."""
    if not any(column in table.columns for column in PROCESSES):
        return None
    tokens, alone = _asked_of_names(table, MACHINE["own_tools"][1], seed)
    return grade(
        table,
        alone,
        shown=[bool(found) for found in tokens],
        id_="tracers.own_tools_alone",
        looked_for="only which of the laboratory's tools are on the lists, by column",
        says="strace writes more where it sees more of an install, so that both the package and the moment "
        "of attaching it are in this.",
        category="Filetop",
    )


def _asked_of_names(
    table: AuditTable, beginnings: tuple[str, ...], seed: int
) -> tuple[list[frozenset[str]], Share]:
    tokens = [_placed(row, beginnings) for row in table.rows]
    known = labelled(table)
    return tokens, asked_of_others(by_tokens(tokens, known), known, seed=seed)


def foreign_traffic(table: AuditTable) -> Leak | None:
    """Rows with more remote ports than an install has a use for."""
    column = "Remote_Port_Access"
    if column not in table.columns:
        return None
    shown = [_count(row, column) > PIP_PORTS for row in table.rows]
    most = sorted(_of(table, shown), key=lambda row: -_count(row, column))
    return sign(
        table,
        shown,
        id_="tracers.traffic",
        looked_for=f"{column} is above {PIP_PORTS}",
        says="pip needs the ports 443 and 80. The rest is other traffic of the machine for the most part.",
        category="TCP",
        examples=[f"{row.package}: {row.values[column]} ports" for row in most],
    )


def same_traffic(table: AuditTable) -> Leak | None:
    """Rows of different packages whose four TCP counts are the same."""
    if not table.columns.issuperset(TCP):
        return None
    holders: dict[tuple[int, ...], list[AuditRow]] = {}
    for row in table.rows:
        numbers = tuple(_count(row, column) for column in TCP)
        if any(numbers):
            holders.setdefault(numbers, []).append(row)
    groups = {
        numbers: rows for numbers, rows in holders.items() if len({row.family for row in rows}) > 1
    }
    shown = [tuple(_count(row, column) for column in TCP) in groups for row in table.rows]
    return sign(
        table,
        shown,
        id_="tracers.same_traffic",
        looked_for="all four TCP counts equal those of another package",
        says="One stretch of traffic was written down for several packages: tcpstates was never stopped.",
        category="TCP",
        examples=[
            f"{'/'.join(map(str, numbers))}: {', '.join(row.package for row in rows)}"
            for numbers, rows in sorted(groups.items(), key=lambda one: -len(one[1]))
        ],
    )


def traffic_alone(table: AuditTable, *, seed: int) -> Leak | None:
    """How far the four TCP counts go."""
    if not table.columns.issuperset(TCP):
        return None
    known = labelled(table)
    return grade(
        table,
        asked_of_others(by_nearest(matrix(table, TCP), known), known, seed=seed),
        id_="tracers.traffic_alone",
        looked_for="the label of the row whose four TCP counts are nearest, of another family",
        says="These counts hold what the browser did in those minutes, and how many minutes they were.",
        category="TCP",
    )


def no_calls(table: AuditTable) -> Leak | None:
    """Rows without any file call: nothing ran, and the row has a label all the same."""
    if not table.columns.issuperset(CALLS):
        return None
    shown = [_count(row, "File_Operations") == 0 for row in table.rows]
    return sign(
        table,
        shown,
        id_="failed.no_calls",
        looked_for="File_Operations is zero",
        says="An interpreter cannot start without opening a file: strace saw no install there. The "
        "scripts looked at the exit status of `tee`, so that a failed install counted as done.",
        category="SysCall",
        examples=_named(table, shown),
    )


def less_than_pip(table: AuditTable) -> Leak | None:
    """Rows with fewer file calls than pip needs to print its version."""
    if not table.columns.issuperset(CALLS):
        return None
    shown = [_count(row, "File_Operations") < PIP_FILE_CALLS for row in table.rows]
    return sign(
        table,
        shown,
        id_="failed.less_than_pip",
        looked_for=f"File_Operations is below {PIP_FILE_CALLS:,}, what `pip --version` needs alone",
        says="strace was attached when pip already ran, or the install failed (or that machine's pip needs "
        "less than ours): the column tells what was missed, not what was done. "
        f"{FOUND_HERE}",
        category="SysCall",
        examples=[f"{row.package}: {row.values['File_Operations']}" for row in _of(table, shown)],
    )


def matrix(table: AuditTable, columns: Sequence[str]) -> Numbers:
    """Rows × columns of counts."""
    rows = [[_count(row, column) for column in columns] for row in table.rows]
    return np.array(rows, dtype=np.float64)


def count_columns(table: AuditTable) -> tuple[str, ...]:
    """Columns of counts that the table has, in the dataset's order."""
    counted = (feature.name for feature in FEATURES if feature.kind is Kind.COUNT)
    return tuple(name for name in counted if name in table.columns)


def category_of(column: str) -> str:
    """The published name of a column's part."""
    parts = {
        Category.OPENSNOOP: "Opensnoop",
        Category.TCP: "TCP",
        Category.FILETOP: "Filetop",
        Category.INSTALLATION: "Install",
        Category.SYSTEM_CALL: "SysCall",
        Category.PATTERN: "Pattern",
    }
    return parts[next(feature.category for feature in FEATURES if feature.name == column)]


def _count(row: AuditRow, column: str) -> int:
    value = row.values[column]
    return value if isinstance(value, int) else 0


def _listed(row: AuditRow) -> list[str]:
    value = row.values["Total_Dependencies"]
    return [str(one) for one in value] if isinstance(value, tuple) else []


def _itself(row: AuditRow) -> bool:
    own = _plain(ARCHIVE.sub("", row.package))
    names = [_plain(one) for one in _listed(row)]
    return any(name == own or name.rpartition("-")[0] == own for name in names)


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")


def _process_names(row: AuditRow, column: str) -> tuple[str, ...]:
    value = row.values.get(column, ())
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, tuple) else ()


def _names(row: AuditRow, beginnings: tuple[str, ...]) -> Iterable[str]:
    for column in PROCESSES:
        yield from (name for name in _process_names(row, column) if name.startswith(beginnings))


def _placed(row: AuditRow, beginnings: tuple[str, ...]) -> frozenset[str]:
    return frozenset(
        f"{column}:{name}"
        for column in PROCESSES
        for name in _process_names(row, column)
        if name.startswith(beginnings)
    )


def _of(table: AuditTable, shown: Sequence[bool]) -> list[AuditRow]:
    return [row for row, sign_ in zip(table.rows, shown, strict=True) if sign_]


def _named(table: AuditTable, shown: Sequence[bool]) -> list[str]:
    return [row.package for row in _of(table, shown)]


def _ranked(counter: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counter.items(), key=lambda one: (-one[1], one[0]))
