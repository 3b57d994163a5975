"""Layout and framing of trace records."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.trace import handover, loader, maps, records, requirements, syscalls

PROGRAM = (Path(records.__file__).parent / "program.c").read_text(encoding="utf-8")

DEFINES = [
    ("RECORD_BYTES", records.RECORD_BYTES_MAX),
    ("PATH_BYTES", records.PATH_BYTES),
    ("ADDRESS_BYTES", records.ADDRESS_BYTES),
    ("ARGS_MAX", records.ARGS_MAX),
    ("ARG_BYTES", records.ARG_BYTES),
    ("SLOTS_MAX", records.SLOTS_MAX),
    ("TYPES_MAX", records.TYPES_MAX),
    ("HEADER_BYTES", records.HEADER.size),
    ("SYSCALLS_MAX", maps.COUNTS_MAX),
    ("SYSNO_OTHER", syscalls.SYSNO_OTHER),
    ("SYSNO_SIGSYS", syscalls.SYSNO_SIGSYS),
]


@pytest.mark.parametrize(("name", "value"), DEFINES)
def test_constants__are_those_of_the_program(name: str, value: int) -> None:
    found = re.search(rf"^#define {name} (\d+)", PROGRAM, re.MULTILINE)
    assert found
    assert int(found[1]) == value


@pytest.mark.parametrize(
    ("prefix", "twin"),
    [
        ("TYPE", records.RecordType),
        ("FLAG", records.RecordFlag),
        ("CLASS", syscalls.CallClass),
    ],
)
def test_enums__are_those_of_the_program(prefix: str, twin: type[records.RecordType]) -> None:
    code = re.sub(r"/\*.*?\*/", "", PROGRAM, flags=re.DOTALL)
    found = {name: int(n) for name, n in re.findall(rf"\b{prefix}_(\w+) = (\d+),", code)}
    assert found == {member.name: member.value for member in twin}


def test_options__are_those_of_the_program() -> None:
    found = {name: int(n) for name, n in re.findall(r"\bOPTION_(\w+) = (\d+),", PROGRAM)}
    assert found == {o.name: o.value for o in syscalls.CallOption if o.value}


def test_maps__are_those_of_the_program() -> None:
    declared = re.findall(r"^BPF_\w+\((\w+),", PROGRAM, re.MULTILINE)
    assert set(loader.MAPS) == set(declared) - {"scratch", "blank"}


def test_tracepoints__are_those_that_the_doctor_looks_for() -> None:
    hooked = re.findall(r"^TRACEPOINT_PROBE\((\w+), (\w+)\)", PROGRAM, re.MULTILINE)
    assert {f"{category}/{event}" for category, event in hooked} == set(requirements.TRACEPOINTS)


def test_handover__takes_as_many_descriptors_as_there_are() -> None:
    assert len(loader.MAPS) + len(requirements.TRACEPOINTS) <= handover.DESCRIPTORS_MAX


def test_slot_offset__is_where_the_header_holds_the_slot() -> None:
    record = records.HEADER.pack(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14)
    assert record[records.SLOT_OFFSET] == 12 == records.parse_header(record).slot
    assert records.parse_header(record).phase == 13


@given(
    st.lists(st.binary(min_size=records.HEADER.size, max_size=records.RECORD_BYTES_MAX), max_size=5)
)
def test_iter_records__gives_back_what_was_framed(parts: list[bytes]) -> None:
    assert list(records.iter_records(records.frame(parts))) == parts


@pytest.mark.parametrize("cut", [1, 3, 4, 10, 59])
def test_iter_records__a_trace_that_was_cut_is_refused(cut: int) -> None:
    blob = records.frame([bytes(records.HEADER.size)])
    with pytest.raises(records.RecordInvalid):
        list(records.iter_records(blob[:cut]))


@pytest.mark.parametrize("length", [0, records.HEADER.size - 1, records.RECORD_BYTES_MAX + 1])
def test_iter_records__a_length_out_of_bounds_is_refused(length: int) -> None:
    blob = records.RECORD_LENGTH.pack(length) + bytes(length)
    with pytest.raises(records.RecordInvalid):
        list(records.iter_records(blob))
