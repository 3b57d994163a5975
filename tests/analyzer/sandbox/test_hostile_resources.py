"""A box that wants more than its share: each limit, and the counter that says it was met."""

from __future__ import annotations

import re

import pytest

from analyzer.sandbox.stage import REPORT_BYTES_MAX
from analyzer.sandbox.supervise import OUTPUT_BYTES_MAX
from tests.analyzer.sandbox.hostile import Row, ids, outcome_of
from tests.analyzer.sandbox.lab import PIDS, Lab, until

pytestmark = pytest.mark.privileged

FORK = """
if HARNESS:
    import time
    made = 0
    try:
        while made < 1000:
            if os.fork() == 0:
                time.sleep(60)
            made += 1
    except OSError as error:
        print('forks', made, error.errno, flush=True)
    time.sleep(60)
"""
FORK_FAST = """
while HARNESS:
    try:
        os.fork()
    except OSError:
        pass
"""
THREADS = """
if HARNESS:
    import threading, time
    made = 0
    try:
        while made < 1000:
            threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
            made += 1
    except RuntimeError:
        print('no more threads', flush=True)
"""
MEMORY = """
kept = []
while HARNESS:
    kept.append(bytearray(16 << 20))
"""
MEMORY_TOGETHER = """
if HARNESS:
    import time
    for _ in range(20):
        if os.fork() == 0:
            kept = bytearray(os.urandom(1 << 20) * 40)
            time.sleep(60)
    time.sleep(60)
"""
MEMORY_SHARED = """
if HARNESS:
    import mmap
    kept = []
    while True:
        kept.append(mmap.mmap(-1, 16 << 20))
        kept[-1].write(b'x' * (16 << 20))
"""
FILL = """
if HARNESS:
    written = 0
    try:
        with open('PLACE/x', 'wb', buffering=0) as out:
            while written < 1 << 40:
                written += out.write(b'z' * (1 << 20))
    except OSError as error:
        print('filled', error.errno)
"""
FILES = """
if HARNESS:
    made = 0
    try:
        while made < 10_000_000:
            os.close(os.open(f'PLACE/{made}', os.O_CREAT | os.O_WRONLY))
            made += 1
    except OSError as error:
        print('files', error.errno)
"""
FOLDERS = """
if HARNESS:
    made = 0
    try:
        while made < 10_000_000:
            os.mkdir('d')
            os.chdir('d')
            made += 1
    except OSError as error:
        print('folders', error.errno)
"""
SPARSE = """
if HARNESS:
    try:
        os.truncate(os.open('/tmp/sparse', os.O_CREAT | os.O_RDWR), 1 << 40)
        print('ALLOWED')
    except OSError as error:
        print('sparse', error.errno)
"""
DESCRIPTORS = """
if HARNESS:
    kept = []
    try:
        while True:
            kept.append(os.dup(1))
    except OSError as error:
        print('descriptors', error.errno, len(kept))
"""
FLOOD = """
while HARNESS:
    os.write(NUMBER, b'A' * 65536)
"""
LOOP = """
while HARNESS:
    pass
"""
LOOP_TOGETHER = """
if HARNESS:
    for _ in range(8):
        if os.fork() == 0:
            break
    while True:
        pass
"""
SLEEP = """
if HARNESS:
    import time
    time.sleep(600)
"""
DEAF = """
if HARNESS:
    import signal, time
    for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    time.sleep(600)
"""
STOPPED = """
if HARNESS:
    import signal
    os.kill(os.getpid(), signal.SIGSTOP)
"""
ROWS = (
    Row(name="fork-bomb", code=FORK, ended="timeout", counter="pids_max_hits", budget_ms=2000),
    Row(
        name="fork-bomb-exponential",
        code=FORK_FAST,
        ended="timeout",
        counter="pids_max_hits",
        budget_ms=2000,
    ),
    Row(name="thread-bomb", code=THREADS, counter="pids_max_hits", says="no more threads"),
    Row(name="memory-bomb", code=MEMORY, ended="oom", counter="oom_kills"),
    Row(
        name="memory-bomb-in-many-processes",
        code=MEMORY_TOGETHER,
        ended="timeout",
        counter="oom_kills",
        budget_ms=4000,
    ),
    Row(name="memory-bomb-shared", code=MEMORY_SHARED, ended="oom", counter="oom_kills"),
    Row(name="fill-tmp", code=FILL.replace("PLACE", "/tmp"), says="filled 28"),  # noqa: S108
    Row(name="fill-shm", code=FILL.replace("PLACE", "/dev/shm"), says="filled 28"),  # noqa: S108
    Row(name="fill-home", code=FILL.replace("PLACE", "/home/dev"), says="filled 28"),
    Row(name="fill-own-prefix", code=FILL.replace("PLACE", "/env"), says="filled 28"),
    Row(name="fill-inodes", code=FILES.replace("PLACE", "/tmp"), says="files 28"),  # noqa: S108
    Row(name="fill-inodes-deep", code=FOLDERS, says="folders 28"),
    Row(name="file-of-a-terabyte", code=SPARSE, says="sparse 27"),
    Row(name="descriptors", code=DESCRIPTORS, says="descriptors 24"),
    Row(
        name="output-flood",
        code=FLOOD.replace("NUMBER", "1"),
        ended="output-flood",
        counter="output_bytes",
    ),
    Row(
        name="error-flood",
        code=FLOOD.replace("NUMBER", "2"),
        ended="output-flood",
        counter="output_bytes",
    ),
    Row(
        name="report-flood",
        code=FLOOD.replace("NUMBER", "3"),
        ended="timeout",
        truncated="report",
        budget_ms=3000,
    ),
    Row(name="endless-loop", code=LOOP, ended="timeout", counter="cpu_us", budget_ms=1500),
    Row(
        name="endless-loops",
        code=LOOP_TOGETHER,
        ended="timeout",
        counter="cpu_us",
        budget_ms=2500,
    ),
    Row(name="sleep", code=SLEEP, ended="timeout", budget_ms=1500),
    Row(name="deaf-to-signals", code=DEAF, ended="timeout", budget_ms=1500),
    Row(name="stopped", code=STOPPED, ended="timeout", budget_ms=1500),
)


@pytest.mark.parametrize("row", ROWS, ids=ids)
async def test_hostile__is_stopped_by_its_control(lab: Lab, row: Row) -> None:
    await outcome_of(lab, row)


BY_WAY = ("fork-bomb-exponential", "memory-bomb", "fill-tmp", "output-flood", "deaf-to-signals")


@pytest.mark.parametrize("row", [row for row in ROWS if row.name in BY_WAY], ids=ids)
async def test_hostile__is_stopped_without_user_namespaces(setpriv_lab: Lab, row: Row) -> None:
    await outcome_of(setpriv_lab, row)


async def test_fork_bomb__stays_below_the_limit(lab: Lab) -> None:
    _, phase = await outcome_of(lab, ROWS[0])

    forks = re.search(r"forks (\d+) 11", phase.output_tail)
    assert forks is not None
    assert int(forks[1]) < PIDS


async def test_floods__are_kept_within_their_bounds(lab: Lab) -> None:
    by_name = {row.name: row for row in ROWS}
    _, flooded = await outcome_of(lab, by_name["output-flood"])
    outcome, _ = await outcome_of(lab, by_name["report-flood"])

    assert OUTPUT_BYTES_MAX < flooded.counters["output_bytes"] < OUTPUT_BYTES_MAX + (1 << 20)
    assert len(outcome.blobs["report"]) == REPORT_BYTES_MAX


async def test_bomb__leaves_room_for_the_next_run(lab: Lab) -> None:
    await outcome_of(lab, ROWS[1])
    until(lambda: not lab.groups)

    _, phase = await outcome_of(lab, Row(name="next", code="print('well')", says="well"))
    assert phase.counters["pids_max_hits"] == 0
    assert phase.counters["oom_kills"] == 0
