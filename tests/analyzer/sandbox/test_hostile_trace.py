"""A box that would blind, flood or lie to those who watch it: what is counted nevertheless."""

from __future__ import annotations

import pytest

from analyzer.completeness import Seen, shortfalls_of
from analyzer.observations import LINES_MAX, RunnerWord, read_runner
from analyzer.sandbox.client import RunOutcome
from analyzer.sandbox.tracing import EVENTS_STORED_MAX
from analyzer.trace.decode import decode_trace
from models.evidence import Shortfall
from models.trace import EventKind
from tests.analyzer.sandbox.hostile import Row, ids, outcome_of
from tests.analyzer.sandbox.lab import GUARD, Lab, lines, wheel

pytestmark = pytest.mark.privileged

OPENS = 300_000
FLOOD = f"""
if HARNESS:
    for _ in range({OPENS}):
        try:
            os.close(os.open('/nonexistent', os.O_RDONLY))
        except OSError:
            pass
    print('opened')
"""


def _shortfalls(outcome: RunOutcome, runner: RunnerWord, lost: int = 0) -> tuple[Shortfall, ...]:
    seen = Seen(result=outcome.result, runner=runner, asked=("P1", "P3"), lost_lines=lost, raced=0)
    return shortfalls_of(seen)


async def test_event_flood__is_counted_whole_and_stored_to_the_bound(lab: Lab) -> None:
    outcome, phase = await outcome_of(
        lab, Row(name="flood", code=FLOOD, says="opened", truncated="trace", budget_ms=60_000)
    )

    account = outcome.result.account
    assert phase.syscalls["openat"] >= OPENS
    assert account["emitted"] >= OPENS
    assert account["received"] + account["dropped"] >= account["emitted"]
    assert account["stored"] <= EVENTS_STORED_MAX
    assert Shortfall.EVENTS_FLOODED in _shortfalls(outcome, read_runner(outcome.blobs["report"]))


RACE = """
import ctypes, threading
libc = ctypes.CDLL(None, use_errno=True)
if HARNESS:
    decoy, other = b'/home/dev/.ssh/id_ed25519', b'/home/dev/.nothing/here_1'
    buffer = ctypes.create_string_buffer(other, 64)
    done = False

    def flip():
        while not done:
            ctypes.memmove(buffer, decoy, len(decoy))
            ctypes.memmove(buffer, other, len(other))

    thread = threading.Thread(target=flip)
    thread.start()
    opened = 0
    for _ in range(30_000):
        descriptor = libc.open(buffer, 0)
        if descriptor >= 0:
            opened += bool(os.read(descriptor, 1))
            os.close(descriptor)
    done = True
    thread.join()
    print('opened some', opened > 0)
"""


async def test_race__is_flagged_and_the_decoy_read_is_seen_from_outside(lab: Lab) -> None:
    outcome, _ = await outcome_of(
        lab, Row(name="race", code=RACE, says="opened some True", budget_ms=60_000)
    )

    events = decode_trace(outcome.blobs["trace"], outcome.result.phases)
    assert any(event.raced for event in events if event.kind is EventKind.OPEN)
    touched = {(line["path"], line["event"]) for line in lines(outcome, "decoys")}
    assert ("/home/dev/.ssh/id_ed25519", "open") in touched
    assert ("/home/dev/.ssh/id_ed25519", "access") in touched


DEEP = "'[' * 30_000 + ']' * 30_000"
FORGED = (
    '\'{"kind":"coverage","modules_found":1,"modules_run":1,"modules_left":0,"timeouts":0}\\\\n\''
)
REPORTS = (
    Row(name="nothing-but-nul", code="if HARNESS:\n    os.write(3, bytes(60_000) + b'\\n')\n"),
    Row(name="no-end", code="if HARNESS:\n    os.write(3, b'x' * 60_000)\n"),
    Row(name="deep", code=f"if HARNESS:\n    os.write(3, ({DEEP} + '\\n').encode())\n"),
    Row(name="no-text", code="if HARNESS:\n    os.write(3, b'\\xff\\xfe\\n' * 1000)\n"),
    Row(
        name="numbers-without-end",
        code='if HARNESS:\n    os.write(3, b\'{"kind":"lingering","processes":\' + b"9" * 9000'
        " + b'}\\n')\n",
    ),
    Row(
        name="many-lines",
        code='if HARNESS:\n    for _ in range(3000):\n        os.write(3, b\'{"kind":"module",'
        '"name":"x","ok":true}\\n\' * 10)\n',
    ),
    Row(name="closed", code="if HARNESS:\n    os.close(3)\n"),
)


@pytest.mark.parametrize("row", REPORTS, ids=ids)
async def test_hostile_report__is_bounded_and_what_was_lost_is_a_shortfall(
    lab: Lab, row: Row
) -> None:
    outcome, _ = await outcome_of(lab, row)
    word = read_runner(outcome.blobs["report"])

    assert len(word.modules) <= LINES_MAX
    assert word.lost or row.name == "closed"
    expected = {Shortfall.REPORT_TRUNCATED} if word.lost else set()
    assert expected <= set(_shortfalls(outcome, word))


async def test_forged_coverage__does_not_hide_a_module_that_ended_its_process(lab: Lab) -> None:
    code = f"{GUARD}if HARNESS:\n    os.write(3, {FORGED}.encode())\n    os._exit(0)\n"
    outcome = await lab.run(wheel("reenact_case", {"reenact_case.py": code}), phases=("P1", "P3"))

    assert _shortfalls(outcome, read_runner(outcome.blobs["report"]))
