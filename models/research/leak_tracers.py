"""Tells of the tracers in QUT-DV25's rows: they watched the whole machine, and were never stopped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from models.research.leak_figures import Share, asked_of_others, by_nearest, by_tokens
from models.research.leak_rows import AuditRow, AuditTable, count_of, matrix
from models.research.leaks import Cause, Leak, grade, labelled, ranked, showing, sign
from models.research.qut import FEATURES
from models.research.qut_values import Kind

TCP = (
    "Local_IP_Address_Access",
    "Remote_IP_Address_Access",
    "Local_Port_Access",
    "Remote_Port_Access",
)
PROCESSES = tuple(feature.name for feature in FEATURES if feature.kind is Kind.PROCESSES)
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


def machine_names(table: AuditTable) -> Iterable[Leak]:
    """Rows that name what runs on the machine whatever is installed, kind by kind."""
    if not any(column in table.columns for column in PROCESSES):
        return
    for id_, (words, beginnings) in MACHINE.items():
        found = [sorted(set(_names(row, beginnings))) for row in table.rows]
        shown = [bool(names) for names in found]
        held = Counter(name for names in found for name in names)
        yield sign(
            table,
            shown,
            id_=f"tracers.{id_}",
            looked_for=f"process columns name {words}",
            says="No install runs these: the tracers watched the whole machine. Which of them were busy "
            "tells the day of the measurement.",
            category="Filetop",
            examples=[f"{name} ({count})" for name, count in ranked(held)],
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
    shown = [count_of(row, column) > PIP_PORTS for row in table.rows]
    most = sorted(showing(table, shown), key=lambda row: -count_of(row, column))
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
        numbers = tuple(count_of(row, column) for column in TCP)
        if any(numbers):
            holders.setdefault(numbers, []).append(row)
    groups = {
        numbers: rows for numbers, rows in holders.items() if len({row.family for row in rows}) > 1
    }
    shown = [tuple(count_of(row, column) for column in TCP) in groups for row in table.rows]
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


def _process_names(row: AuditRow, column: str) -> tuple[str, ...]:
    value = row.values.get(column, ())
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, tuple) else ()
