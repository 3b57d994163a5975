"""QUT-DV25's 36 features as one table: name, category, unit, meaning, and how each is computed.

The dataset (CC0) is that of "QUT-DV25: A Dataset for Dynamic Analysis of Next-Gen Software Supply
Chain Attacks" (arXiv 2505.13804). It can be read and reproduced here; docs/traces.md says why no
model should be trained on its labels.
"""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from models.categories import Categories, InstallationRow, PatternRow, Relation
from models.research.qut_operations import OPERATIONS
from models.research.qut_values import Kind, Value, transitions
from models.trace import Category

PACKAGE = "Package_Name"
LEVEL = "Level"
"""1: malicious, 0: benign, as the dataset labels them."""
TOP = 5
"""How many processes, and patterns, are named."""

DIRECTORIES: Mapping[str, str] = {
    "Root_DIR_Installation": "/root",
    "Temporary_DIR_Installation": "/tmp",  # noqa: S108 - a name
    "Home_DIR_Installation": "/home",
    "User_Access": "/usr",
    "Sys_Access": "/sys",
    "Etc_DIR_Installation": "/etc",
}
"""Column → what its paths begin with; a path is counted once."""

Compute = Callable[[Categories], Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One column."""

    name: str
    category: Category
    kind: Kind
    unit: str
    meaning: str
    compute: Compute


@dataclass(frozen=True, slots=True, kw_only=True)
class QutRow:
    """One package of the table. `level` None: it has no label."""

    package: str
    values: Mapping[str, Value]
    """By the name of the feature."""
    level: int | None = None


def row_of(package: str, categories: Categories, *, level: int | None = None) -> QutRow:
    """The 36 features of one run."""
    values = {feature.name: feature.compute(categories) for feature in FEATURES}
    return QutRow(package=package, values=values, level=level)


# ---- opensnoop, TCP ------------------------------------------------------------------------------


def _opened(column: str) -> Compute:
    return lambda found: sum(_directory(row.path) == column for row in found.opensnoop)


def _directory(path: str) -> str:
    for column, prefix in DIRECTORIES.items():
        if path.startswith(prefix):
            return column
    return "Other_DIR_Installation"


def _transitions(found: Categories) -> Value:
    return transitions(Counter(row.old for row in found.tcp))


def _local_addresses(found: Categories) -> Value:
    return len({row.local_address for row in found.tcp})


def _remote_addresses(found: Categories) -> Value:
    return len({row.remote_address for row in found.tcp})


def _local_ports(found: Categories) -> Value:
    return len({row.local_port for row in found.tcp})


def _remote_ports(found: Categories) -> Value:
    return len({row.remote_port for row in found.tcp})


# ---- filetop -------------------------------------------------------------------------------------


def _most(counts: Iterable[tuple[str, int]]) -> tuple[str, ...]:
    sums: Counter[str] = Counter()
    for process, count in counts:
        sums[process] += count
    return tuple(process for process, count in sums.most_common(TOP) if count)


def _readers(found: Categories) -> Value:
    return _most((row.process, row.reads) for row in found.filetop)


def _writers(found: Categories) -> Value:
    return _most((row.process, row.writes) for row in found.filetop)


def _most_read(found: Categories) -> Value:
    return _most((row.process, row.read_bytes // 1024) for row in found.filetop)


def _most_written(found: Categories) -> Value:
    return _most((row.process, row.written_bytes // 1024) for row in found.filetop)


def _accessing(found: Categories) -> Value:
    return _most((row.process, 1) for row in found.filetop)


# ---- installation --------------------------------------------------------------------------------


def _all_dependencies(found: Categories) -> Value:
    ours = (row for row in found.installation if row.relation is not Relation.BUILD)
    return tuple(f"{row.owner}-{row.version}" if row.version else row.owner for row in ours)


def _dependencies(*relations: Relation) -> Compute:
    return lambda found: tuple(
        _requirement(row) for row in found.installation if row.relation in relations
    )


def _requirement(row: InstallationRow) -> str:
    return row.requirement.replace(";", ",") or row.owner


# ---- system calls, patterns ----------------------------------------------------------------------


def _operations(column: str) -> Compute:
    names = OPERATIONS[column]
    return lambda found: sum(row.count for row in found.system_calls if row.name in names)


def frequencies(rows: Iterable[PatternRow], *, tagged: bool = False) -> list[tuple[str, int]]:
    """(trigram as the dataset writes it, how often), the most frequent first, then by text.

    `tagged`: those with what the first call failed with are told apart.
    """
    name = _tagged if tagged else _plain
    counts: Counter[str] = Counter()
    for row in rows:
        counts[name(row)] += row.count
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _pattern(rank: int, *, tagged: bool = False) -> Compute:
    def compute(found: Categories) -> Value:
        ordered = frequencies(found.patterns, tagged=tagged)
        return ordered[rank - 1][0] if rank <= len(ordered) else ""

    return compute


def _plain(row: PatternRow) -> str:
    return " -> ".join(row.calls)


def _tagged(row: PatternRow) -> str:
    tag = "no-error"
    if row.errno:
        tag = f"error={errno.errorcode.get(row.errno, row.errno)}"
    return f"{_plain(row)} -> {tag} -> no-fd"


# ---- the table -----------------------------------------------------------------------------------

_COUNTED_OPENS = [
    *((column, f"opens of paths that begin with `{p}`") for column, p in DIRECTORIES.items()),
    ("Other_DIR_Installation", "opens of any other path"),
]
_TCP: list[tuple[str, Kind, str, str, Compute]] = [
    (
        "State_Transition",
        Kind.TRANSITIONS,
        "changes of state by the state that is left",
        "changes",
        _transitions,
    ),
    (
        "Local_IP_Address_Access",
        Kind.COUNT,
        "distinct local addresses",
        "addresses",
        _local_addresses,
    ),
    (
        "Remote_IP_Address_Access",
        Kind.COUNT,
        "distinct remote addresses",
        "addresses",
        _remote_addresses,
    ),
    ("Local_Port_Access", Kind.COUNT, "distinct local ports", "ports", _local_ports),
    ("Remote_Port_Access", Kind.COUNT, "distinct remote ports", "ports", _remote_ports),
]
_FILETOP: list[tuple[str, str, Compute]] = [
    ("Read_Processes", "the five processes with the most reads", _readers),
    ("Write_Processes", "the five processes with the most writes", _writers),
    ("Read_Data_Transfer_Processes", "the five that read most (KiB)", _most_read),
    ("Write_Data_Transfer_Processes", "the five that wrote most (KiB)", _most_written),
    ("File_Access_Processes", "the five with the most lines of filetop", _accessing),
]
_INSTALLATION: list[tuple[str, str, Compute]] = [
    ("Total_Dependencies", "distributions installed beside it, `name-version`", _all_dependencies),
    (
        "Direct_Dependencies",
        "those that it requires, as it says (all of them, where what it says is not known)",
        _dependencies(Relation.DIRECT, Relation.UNKNOWN),
    ),
    ("Indirect_Dependencies", "those that others require", _dependencies(Relation.INDIRECT)),
]
_OPERATION_WORDS = {
    "File_Operations": "files and folders",
    "Network_Operations": "sockets",
    "Process_Management_Operations": "processes",
    "IO_Operations": "waiting for, controlling and moving input and output",
    "Time_Operations": "clocks and timers",
    "Security_Operations": "identity and permissions",
}

FEATURES: tuple[Feature, ...] = (
    *(
        Feature(
            name=name,
            category=Category.OPENSNOOP,
            kind=Kind.COUNT,
            unit="opens",
            meaning=f"{meaning}, failed ones too",
            compute=_opened(name),
        )
        for name, meaning in _COUNTED_OPENS
    ),
    *(
        Feature(
            name=name, category=Category.TCP, kind=kind, unit=unit, meaning=meaning, compute=compute
        )
        for name, kind, meaning, unit, compute in _TCP
    ),
    *(
        Feature(
            name=name,
            category=Category.FILETOP,
            kind=Kind.PROCESSES,
            unit="names",
            meaning=meaning,
            compute=compute,
        )
        for name, meaning, compute in _FILETOP
    ),
    *(
        Feature(
            name=name,
            category=Category.INSTALLATION,
            kind=Kind.REQUIREMENTS,
            unit="names",
            meaning=meaning,
            compute=compute,
        )
        for name, meaning, compute in _INSTALLATION
    ),
    *(
        Feature(
            name=name,
            category=Category.SYSTEM_CALL,
            kind=Kind.COUNT,
            unit="calls",
            meaning=f"calls about {_OPERATION_WORDS[name]}",
            compute=_operations(name),
        )
        for name in OPERATIONS
    ),
    *(
        Feature(
            name=f"Pattern_{rank}",
            category=Category.PATTERN,
            kind=Kind.PATTERN,
            unit="calls",
            meaning=f"the trigram of calls on one thread that is number {rank} in frequency",
            compute=_pattern(rank),
        )
        for rank in range(1, TOP + 1)
    ),
    *(
        Feature(
            name=f"Pattern_{TOP + rank}",
            category=Category.PATTERN,
            kind=Kind.PATTERN,
            unit="calls",
            meaning=f"number {rank} in frequency of trigrams with what the first call failed with",
            compute=_pattern(rank, tagged=True),
        )
        for rank in range(1, TOP + 1)
    ),
)
"""In the dataset's order."""

COLUMNS: tuple[str, ...] = (PACKAGE, *(feature.name for feature in FEATURES), LEVEL)
BY_NAME: Mapping[str, Feature] = {feature.name: feature for feature in FEATURES}
