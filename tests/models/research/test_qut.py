"""The 36 features, each from rows that were made for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.trace import syscalls
from models.categories import (
    Categories,
    FiletopRow,
    InstallationRow,
    OpensnoopRow,
    PatternRow,
    Relation,
    SystemCallRow,
    TcpRow,
)
from models.phase import Phase
from models.research import qut_sample
from models.research.qut import BY_NAME, COLUMNS, DIRECTORIES, FEATURES, row_of
from models.research.qut_operations import OPERATIONS
from models.research.qut_values import Value, render
from models.trace import Category

ROWS = Path(qut_sample.__file__).parent / "rows.csv"
P1 = Phase.INSTALL
SCRATCH = "/tmp"  # noqa: S108 - a path in a box


def opened(path: str) -> OpensnoopRow:
    return OpensnoopRow(phase=P1, pid=1, process="pip", descriptor=3, path=path)


def tcp(old: str, new: str, *, local: tuple[str, int], remote: tuple[str, int]) -> TcpRow:
    return TcpRow(
        phase=P1,
        socket=1,
        pid=1,
        process="pip",
        local_address=local[0],
        local_port=local[1],
        remote_address=remote[0],
        remote_port=remote[1],
        old=old,
        new=new,
    )


def moved(process: str, reads: int, writes: int, read_kb: int, written_kb: int) -> FiletopRow:
    return FiletopRow(
        phase=P1,
        pid=1,
        process=process,
        reads=reads,
        writes=writes,
        read_bytes=1024 * read_kb,
        written_bytes=1024 * written_kb,
        path="/x",
    )


def pattern(*calls: str, count: int, errno: int = 0) -> PatternRow:
    first, second, third = calls
    return PatternRow(phase=P1, calls=(first, second, third), count=count, errno=errno)


def required(name: str, relation: Relation, requirement: str = "") -> InstallationRow:
    return InstallationRow(owner=name, version="1.0", relation=relation, requirement=requirement)


RUN = Categories(
    opensnoop=tuple(
        map(
            opened,
            (
                *(
                    "/root/.ssh",
                    f"{SCRATCH}/a",
                    f"{SCRATCH}/b",
                    "/home/dev",
                    "/usr/lib/x",
                    "/sys/y",
                ),
                *("/etc/passwd", "/proc/1", "relative", "/env/lib"),
            ),
        )
    ),
    tcp=(
        tcp("CLOSE", "SYN_SENT", local=("10.0.2.15", 0), remote=("203.0.113.7", 443)),
        tcp("SYN_SENT", "ESTABLISHED", local=("10.0.2.15", 4242), remote=("203.0.113.7", 443)),
        tcp("CLOSE", "SYN_SENT", local=("10.0.2.15", 0), remote=("203.0.113.8", 80)),
    ),
    filetop=(moved("pip", 5, 1, 10, 9), moved("sh", 7, 0, 0, 0), moved("pip", 5, 1, 10, 9)),
    installation=(
        required("urllib3", Relation.INDIRECT),
        required("elastic-transport", Relation.DIRECT, "elastic-transport<9,>=8.13"),
        required("setuptools", Relation.BUILD),
    ),
    system_calls=tuple(
        SystemCallRow(phase=P1, name=name, count=count)
        for name, count in [
            *(("openat", 5), ("read", 2), ("connect", 3), ("execve", 1), ("ioctl", 4)),
            *(("clock_gettime", 6), ("getuid", 7), ("brk", 100)),
        ]
    ),
    patterns=(
        pattern("read", "read", "read", count=9),
        pattern("openat", "fstat", "read", count=7),
        pattern("openat", "fstat", "read", count=5, errno=2),
        pattern("close", "read", "read", count=1),
    ),
)
EXPECTED: dict[str, Value] = {
    "Root_DIR_Installation": 1,
    "Temporary_DIR_Installation": 2,
    "Home_DIR_Installation": 1,
    "User_Access": 1,
    "Sys_Access": 1,
    "Etc_DIR_Installation": 1,
    "Other_DIR_Installation": 3,
    "State_Transition": (("CLOSE -> ->", 2), ("SYN_SENT -> ->", 1)),
    "Local_IP_Address_Access": 1,
    "Remote_IP_Address_Access": 2,
    "Local_Port_Access": 2,
    "Remote_Port_Access": 2,
    "Read_Processes": ("pip", "sh"),
    "Write_Processes": ("pip",),
    "Read_Data_Transfer_Processes": ("pip",),
    "Write_Data_Transfer_Processes": ("pip",),
    "File_Access_Processes": ("pip", "sh"),
    "Total_Dependencies": ("urllib3-1.0", "elastic-transport-1.0"),
    "Direct_Dependencies": ("elastic-transport<9,>=8.13",),
    "Indirect_Dependencies": ("urllib3",),
    "File_Operations": 7,
    "Network_Operations": 3,
    "Process_Management_Operations": 1,
    "IO_Operations": 4,
    "Time_Operations": 6,
    "Security_Operations": 7,
    "Pattern_1": "openat -> fstat -> read",
    "Pattern_2": "read -> read -> read",
    "Pattern_3": "close -> read -> read",
    "Pattern_4": "",
    "Pattern_5": "",
    "Pattern_6": "read -> read -> read -> no-error -> no-fd",
    "Pattern_7": "openat -> fstat -> read -> no-error -> no-fd",
    "Pattern_8": "openat -> fstat -> read -> error=ENOENT -> no-fd",
    "Pattern_9": "close -> read -> read -> no-error -> no-fd",
    "Pattern_10": "",
}


def test_features__are_36_in_the_order_of_the_dataset() -> None:
    assert len(FEATURES) == len(BY_NAME) == 36
    assert ",".join(COLUMNS) == ROWS.read_text(encoding="utf-8").splitlines()[0]
    assert {feature.category for feature in FEATURES} == set(Category)


@pytest.mark.parametrize("name", EXPECTED)
def test_feature__is_computed_from_its_category(name: str) -> None:
    assert BY_NAME[name].compute(RUN) == EXPECTED[name]


@pytest.mark.parametrize("feature", FEATURES, ids=[feature.name for feature in FEATURES])
def test_feature__of_a_run_that_did_nothing_can_be_written(feature: object) -> None:
    value = BY_NAME[feature.name].compute(Categories())  # type: ignore[attr-defined]
    assert render(BY_NAME[feature.name].kind, value) in ("0", "", "{}")  # type: ignore[attr-defined]


def test_row_of__holds_all_of_them() -> None:
    row = row_of("demo-1.0", RUN, level=0)
    assert row.values == EXPECTED
    assert (row.package, row.level) == ("demo-1.0", 0)


def test_expected__names_every_feature() -> None:
    assert list(EXPECTED) == [feature.name for feature in FEATURES]


def test_directories__no_prefix_hides_another() -> None:
    prefixes = list(DIRECTORIES.values())
    assert not [(a, b) for a in prefixes for b in prefixes if a != b and b.startswith(a)]


def test_operations__no_call_counts_twice_and_each_exists_somewhere() -> None:
    every = [name for names in OPERATIONS.values() for name in names]
    assert len(every) == len(set(every))
    anywhere = set().union(*(syscalls.numbers(machine) for machine in syscalls.MACHINES))
    assert set(every) <= anywhere


@pytest.mark.parametrize(
    ("column", "examples"),
    [
        ("File_Operations", "openat newfstatat unlink write read"),
        ("Network_Operations", "socket bind connect"),
        ("Process_Management_Operations", "clone fork execve"),
        ("IO_Operations", "ioctl poll"),
        ("Time_Operations", "clock_gettime time"),
        ("Security_Operations", "getuid setuid chmod"),
    ],
)
def test_operations__hold_the_examples_that_the_dataset_gives(column: str, examples: str) -> None:
    assert set(examples.split()) <= OPERATIONS[column]
