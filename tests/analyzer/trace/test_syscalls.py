"""The tables of system calls."""

from __future__ import annotations

import pytest

from analyzer.trace import syscalls

# Numbers that are well known and differ, from the manual pages of both architectures.
KNOWN = [
    ("x86_64", "read", 0),
    ("x86_64", "open", 2),
    ("x86_64", "connect", 42),
    ("x86_64", "execve", 59),
    ("x86_64", "openat", 257),
    ("x86_64", "newfstatat", 262),
    ("x86_64", "perf_event_open", 298),
    ("x86_64", "bpf", 321),
    ("x86_64", "fchmodat2", 452),
    ("aarch64", "openat", 56),
    ("aarch64", "read", 63),
    ("aarch64", "newfstatat", 79),
    ("aarch64", "connect", 203),
    ("aarch64", "execve", 221),
    ("aarch64", "mmap", 222),
    ("aarch64", "perf_event_open", 241),
    ("aarch64", "bpf", 280),
    ("aarch64", "renameat", 38),
    ("aarch64", "fchmodat2", 452),
]


@pytest.mark.parametrize(("machine", "name", "number"), KNOWN)
def test_numbers__are_those_of_the_architecture(machine: str, name: str, number: int) -> None:
    assert syscalls.numbers(machine)[name] == number
    assert syscalls.name_of(number, machine) == name


@pytest.mark.parametrize("machine", syscalls.MACHINES)
def test_numbers__are_unique_and_below_the_reserved_ones(machine: str) -> None:
    table = syscalls.numbers(machine)
    assert len(set(table.values())) == len(table)
    assert max(table.values()) < syscalls.SYSNO_SIGSYS


@pytest.mark.parametrize("machine", syscalls.MACHINES)
def test_numbers__from_424_on_are_common_to_all_architectures(machine: str) -> None:
    shared = {name: n for name, n in syscalls.numbers("x86_64").items() if n >= 424}
    assert shared.items() <= syscalls.numbers(machine).items()


def test_numbers__refuses_an_architecture_without_a_table() -> None:
    with pytest.raises(KeyError):
        syscalls.numbers("riscv64")


def test_name_of__an_unknown_number_is_other() -> None:
    assert syscalls.name_of(5000) == syscalls.NAME_OTHER
    assert syscalls.name_of(syscalls.SYSNO_SIGSYS) == syscalls.NAME_SIGSYS


def test_meanings__each_name_exists_somewhere() -> None:
    anywhere = set().union(*(syscalls.numbers(machine) for machine in syscalls.MACHINES))
    assert set(syscalls.MEANINGS) <= anywhere


@pytest.mark.parametrize("machine", syscalls.MACHINES)
@pytest.mark.parametrize(
    "name",
    [
        *("openat", "connect", "execve", "unlinkat", "renameat2", "linkat", "fchmodat", "bind"),
        *("read", "pread64", "readv", "preadv", "preadv2", "close", "close_range", "dup", "dup3"),
        *("write", "pwrite64", "writev", "pwritev", "pwritev2", "sendfile", "splice", "socket"),
        *("copy_file_range", "memfd_create", "accept4"),
    ],
)
def test_meanings__what_a_judgement_needs_is_there_everywhere(machine: str, name: str) -> None:
    assert syscalls.numbers(machine)[name] in syscalls.meanings(machine)


@pytest.mark.parametrize("meaning", syscalls.MEANINGS.values(), ids=list(syscalls.MEANINGS))
def test_meanings__name_arguments_that_a_call_can_have(meaning: syscalls.Meaning) -> None:
    assert 0 <= meaning.first <= 5
    assert 0 <= meaning.second <= 5
    assert len(meaning.packed()) == 4
