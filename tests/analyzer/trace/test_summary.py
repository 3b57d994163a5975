"""Map entries to records."""

from __future__ import annotations

import re
from pathlib import Path
from struct import Struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.trace import records, summary
from analyzer.trace.summary import OpenFile, Trigram

PROGRAM = (Path(records.__file__).parent / "program.c").read_text(encoding="utf-8")
SLOT = 3


def entry(slot: int, calls: tuple[int, int, int], count: int) -> tuple[bytes, bytes]:
    return summary.TRIGRAM.pack(slot, 1, 1, *calls, 0), summary.COUNT.pack(count)


def test_trigrams_of__are_those_of_the_slot_most_frequent_first() -> None:
    entries = [entry(SLOT, (1, 2, 3), 5), entry(4, (9, 9, 9), 50), entry(SLOT, (4, 5, 6), 7)]
    found = summary.trigrams_of(entries, SLOT)
    assert list(found.values()) == [
        Trigram(phase=1, lineage=1, calls=(4, 5, 6), count=7),
        Trigram(phase=1, lineage=1, calls=(1, 2, 3), count=5),
    ]
    assert list(found) == [entries[2][0], entries[0][0]]


def test_files_of__are_those_of_the_slot() -> None:
    mine = (summary.FILE_KEY.pack(77, 5), summary.FILE_BYTES.pack(10, 20, 1, 2, SLOT, 2, 1, 1))
    other = (summary.FILE_KEY.pack(78, 5), summary.FILE_BYTES.pack(1, 1, 1, 1, 9, 2, 1, 1))
    found = summary.files_of([other, mine], SLOT)
    assert found == {
        mine[0]: OpenFile(
            tgid=77,
            descriptor=5,
            phase=2,
            lineage=1,
            named=1,
            read_bytes=10,
            written_bytes=20,
            reads=1,
            writes=2,
        )
    }


def test_file_records__leave_out_what_moved_nothing() -> None:
    idle = OpenFile(1, 3, 1, 1, 1, 0, 0, 0, 0)
    busy = OpenFile(1, 4, 1, 1, 1, 9, 0, 1, 0)
    (made,) = summary.file_records([idle, busy], slot=SLOT, at_ns=5)
    header = records.parse_header(made)
    assert (header.type, header.tgid, header.slot, header.phase) == (14, 1, SLOT, 1)
    assert (header.arg0, header.arg1, header.arg2) == (4, 9, 0)
    assert summary.FILE_REST.unpack(made[records.HEADER.size :]) == (1, 0, 1, 1)


@given(st.tuples(*[st.integers(0, 511)] * 3))
def test_sequence_records__give_the_calls_back(calls: tuple[int, int, int]) -> None:
    (made,) = summary.sequence_records([Trigram(1, 1, calls, 2)], slot=SLOT, at_ns=5)
    header = records.parse_header(made)
    assert summary.calls_of(header.arg1) == calls
    assert (header.arg0, header.arg2, header.at_ns, header.slot) == (2, 1, 5, SLOT)


def test_sequence_records__are_bounded_for_each_phase_and_the_rest_is_counted() -> None:
    trigrams = [
        Trigram(phase, 1, (phase, at % 512, at // 512), 10_000 - at)
        for phase in (1, 3)
        for at in range(summary.SEQUENCES_MAX + 5)
    ]
    made = [records.parse_header(r) for r in summary.sequence_records(trigrams, slot=0, at_ns=0)]
    for phase in (1, 3):
        of_phase = [header for header in made if header.phase == phase]
        assert len(of_phase) == summary.SEQUENCES_MAX + 1
        assert summary.calls_of(of_phase[-1].arg1) is None
        assert of_phase[-1].result == 5
        assert sum(header.arg0 for header in of_phase) == sum(
            trigram.count for trigram in trigrams if trigram.phase == phase
        )


@pytest.mark.parametrize(
    ("name", "layout"),
    [
        ("trigram", summary.TRIGRAM),
        ("file_key", summary.FILE_KEY),
        ("file_bytes", summary.FILE_BYTES),
    ],
)
def test_layouts__are_those_of_the_program(name: str, layout: Struct) -> None:
    found = re.search(rf"struct {name} {{(.*?)}};", PROGRAM, re.DOTALL)
    assert found
    body = re.sub(r"/\*.*?\*/", "", found[1])
    sizes = re.findall(r"u(8|16|32|64) \w+(?:\[(\d+)\])?;", body)
    assert sum(int(bits) // 8 * int(times or 1) for bits, times in sizes) == layout.size
