"""A box that will not end, or would end others: processes, signals, and what they leave behind."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from tests.analyzer.sandbox.hostile import Row, ids, outcome_of
from tests.analyzer.sandbox.lab import UID_BASE, Lab, output, until

pytestmark = pytest.mark.privileged

DAEMON = """
if HARNESS and os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        import time
        time.sleep(600)
    os._exit(0)
print('parent goes on')
"""
DAEMON_CLOSED = DAEMON.replace("os.setsid()", "os.setsid(); os.closerange(0, 64)")
DAEMON_CHAIN = """
if HARNESS and os.fork() == 0:
    import time
    while True:  # each lives a moment and has an heir
        if os.fork() > 0:
            os._exit(0)
        os.setsid()
        time.sleep(0.02)
print('parent goes on')
"""
KILL = """
if HARNESS:
    import signal
    for pid in (1, os.getppid()):
        try:
            os.kill(1, signal.SIGKILL)
        except OSError as error:
            print(1, error.errno)
    print('still here')
"""
KILL_ALL = """
if HARNESS:
    import signal
    os.kill(-1, signal.SIGKILL)
"""
KILL_RUNNER = """
if HARNESS:
    import signal
    os.kill(os.getppid(), signal.SIGKILL)
"""
KILL_OUTSIDE = """
if HARNESS:
    import signal
    hit = []
    for pid in range(2, 200_000):
        if pid in (os.getpid(), os.getppid()):
            continue
        try:
            os.kill(pid, signal.SIGKILL)
            hit.append(pid)
        except OSError:
            pass
    print('hit', hit)
"""
LEFTOVERS = """
if HARNESS:
    home = '/home/dev'
    os.symlink('/etc/shadow', f'{home}/shadow')
    os.symlink('/proc/1/root', f'{home}/root')
    os.symlink('loop', f'{home}/loop')
    os.mkfifo(f'{home}/fifo')
    import socket
    socket.socket(socket.AF_UNIX).bind(f'{home}/socket')
    with open(f'{home}/suid', 'w') as out:
        out.write('#!/bin/sh\\nid\\n')
    os.chmod(f'{home}/suid', 0o6777)
    deep = home
    for _ in range(200):
        deep += '/' + 'd' * 10
        os.mkdir(deep)
    os.mkdir(f'{home}/closed')
    open(f'{home}/closed/x', 'w').close()
    os.chmod(f'{home}/closed', 0)
    os.rename(f'{home}/project', f'{home}/moved')
    for name in (b'\\n', b'\\xff', b'-rf', b'x' * 255):
        open(os.path.join(home.encode(), name), 'w').close()
    os.chmod(home, 0)
    print('left')
"""
ROWS = (
    Row(name="daemon-outlives", code=DAEMON, says="parent goes on", reports="lingering"),
    Row(
        name="daemon-that-closed-all",
        code=DAEMON_CLOSED,
        says="parent goes on",
        reports="lingering",
    ),
    Row(
        name="daemon-of-many-generations",
        code=DAEMON_CHAIN,
        says="parent goes on",
        reports="lingering",
    ),
    Row(name="kill-the-first-process", code=KILL, says="still here"),
    Row(name="kill-everybody", code=KILL_ALL, ended="killed"),
    Row(name="kill-the-runner", code=KILL_RUNNER, ended="killed"),
    Row(name="kill-by-every-number", code=KILL_OUTSIDE, says="hit []"),
    Row(name="leftovers", code=LEFTOVERS, says="left"),
)


def _cells(lab: Lab) -> list[str]:
    """Folders of runs that are there."""
    return [path.name for path in lab.run_dir.glob("s[0-9]*") if path.is_dir()]


@pytest.mark.parametrize("row", ROWS, ids=ids)
async def test_hostile__ends_with_its_box(lab: Lab, row: Row) -> None:
    begun = time.monotonic()
    await outcome_of(lab, row)

    until(lambda: not lab.groups and not _cells(lab))
    # A pipe that a process holds open holds nobody up: it is the box's end that counts.
    assert time.monotonic() - begun < 25


BY_WAY = ("daemon-outlives", "kill-everybody", "kill-by-every-number", "leftovers")


@pytest.mark.parametrize("row", [row for row in ROWS if row.name in BY_WAY], ids=ids)
async def test_hostile__ends_without_user_namespaces(setpriv_lab: Lab, row: Row) -> None:
    await outcome_of(setpriv_lab, row)

    until(lambda: not setpriv_lab.groups and not _cells(setpriv_lab))


def _of_uid(uid: int) -> list[str]:
    """Processes with that uid on this machine, the dead among them."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if path.stat().st_uid == uid:
                found.append((path / "status").read_text().splitlines()[2])
        except OSError:
            continue
    return found


OWN_UID = UID_BASE - 150
"""Of the daemon below alone."""


@pytest.mark.parametrize(
    "code", [DAEMON, KILL_ALL, "while HARNESS: pass"], ids=["daemon", "kill-all", "loop"]
)
async def test_killed_box__leaves_no_dead_process_to_others(fresh_dir: str, code: str) -> None:
    """Its own first process is orphaned; process 1 of a container may never bury it."""
    made = Lab(Path(fresh_dir), uid_base=OWN_UID, trace=False)
    try:
        await made.run_code(code, budget_ms=2500)
        await asyncio.sleep(0.2)  # less than an init of the usual sort takes to look
        left = _of_uid(OWN_UID)
    finally:
        made.stop()
    assert left == []


NEIGHBOUR = """
import socket, time
name = '\\0reenact-neighbour'
if HARNESS and NUMBER == 1:
    tcp = socket.create_server(('0.0.0.0', 7777))
    local = socket.socket(socket.AF_UNIX)
    local.bind(name)
    local.listen()
    for place in ('/tmp', '/dev/shm', '/home/dev'):
        open(place + '/meeting', 'w').close()
    time.sleep(2.5)
    tcp.setblocking(False)
    local.setblocking(False)
    for listener in (tcp, local):
        try:
            listener.accept()
            print('MET')
        except BlockingIOError:
            print('nobody came')
elif HARNESS:
    time.sleep(1)
    print([p for p in ('/tmp', '/dev/shm', '/home/dev') if os.path.exists(p + '/meeting')])
    for address in ('127.0.0.1', '10.0.2.15', '10.0.2.16'):
        try:
            socket.create_connection((address, 7777), 1).sendall(b'hello')
        except OSError:
            pass
    try:
        socket.socket(socket.AF_UNIX).connect(name)
        print('MET')
    except OSError as error:
        print('alone', error.errno)
    seen = [p for p in os.listdir('/proc') if p.isdigit()]
    print('processes', len(seen))
"""


async def test_neighbours__that_run_at_once_do_not_meet(either_way: Lab) -> None:
    first, second = await asyncio.gather(
        either_way.run_code(NEIGHBOUR.replace("NUMBER", "1")),
        either_way.run_code(NEIGHBOUR.replace("NUMBER", "2")),
    )

    assert output(first).split("\n")[:2] == ["nobody came", "nobody came"]
    said = output(second)
    assert said.startswith("[]\nalone 111\n")
    assert int(said.split()[-1]) <= 4  # the box's first process, runner, its child for the module
