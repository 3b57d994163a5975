"""What is read is told, whatever is done to the path meanwhile; what is only looked at is not."""

from __future__ import annotations

from typing import Any

import pytest

from analyzer.sandbox.client import RunOutcome
from analyzer.sandbox.watch import SAME_EVENTS_MAX
from tests.analyzer.sandbox.lab import Lab, lines, output

pytestmark = pytest.mark.privileged


def touched(outcome: RunOutcome) -> set[tuple[str, str]]:
    return {(line["path"], line["event"]) for line in lines(outcome, "decoys")}


async def run(lab: Lab, code: str, **request: Any) -> RunOutcome:
    guarded = "".join(f"    {line}\n" for line in code.strip().splitlines())
    return await lab.run_code("if HARNESS:\n" + guarded, **request)


RACE = """
import ctypes, threading
libc = ctypes.CDLL(None, use_errno=True)
secret, other = b'/home/dev/.ssh/id_rsa\\0', b'/home/dev/project\\0\\0\\0\\0\\0'
path = ctypes.create_string_buffer(secret, len(secret))
ready = True
def flip():
    while ready:
        ctypes.memmove(path, other, len(secret))
        ctypes.memmove(path, secret, len(secret))
thread = threading.Thread(target=flip)
thread.start()
read = 0
for attempt in range(20_000):
    number = libc.open(path, 0)
    if number >= 0:
        try:
            read += len(os.read(number, 10))
        except IsADirectoryError:
            pass
        os.close(number)
    if read and attempt > 500:
        break
ready = False
thread.join()
print('read', read > 0)
"""


async def test_read__behind_a_path_that_a_thread_swaps_is_told(lab: Lab) -> None:
    outcome = await run(lab, RACE)

    assert "read True" in output(outcome)
    assert {("/home/dev/.ssh/id_rsa", event) for event in ("open", "access")} <= touched(outcome)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("open('/home/dev/.netrc').read()", {"open", "access"}),
        (
            "os.link('/home/dev/.netrc', '/home/dev/x'); open('/home/dev/x').read()",
            {"open", "access"},
        ),
        ("os.symlink('/home/dev/.netrc', '/tmp/x'); open('/tmp/x').read()", {"open", "access"}),
        ("os.rename('/home/dev/.netrc', '/tmp/../home/dev/y')", {"move"}),
        ("os.remove('/home/dev/.netrc')", {"delete"}),
        ("open('/home/dev/.netrc', 'a').write('x')", {"open", "modify"}),
        (
            "import mmap\nf = open('/home/dev/.netrc')\nmmap.mmap(f.fileno(), 0, prot=1)[:9]",
            {"open"},
        ),
    ],
)
async def test_decoy__what_is_done_to_it_is_told(lab: Lab, code: str, expected: set[str]) -> None:
    outcome = await run(lab, code)

    assert {event for path, event in touched(outcome) if path == "/home/dev/.netrc"} == expected


async def test_decoy__a_look_at_folders_and_sizes_is_no_read(lab: Lab) -> None:
    code = """
print(sorted(os.listdir('/home/dev/.ssh')))
for folder, _, files in os.walk('/home/dev'):
    for name in files:
        os.stat(os.path.join(folder, name))
        os.access(os.path.join(folder, name), os.R_OK)
"""
    outcome = await run(lab, code)

    assert "id_rsa" in output(outcome)
    assert touched(outcome) == set()


async def test_decoys__each_file_is_watched(lab: Lab) -> None:
    code = """
for folder, _, files in os.walk('/home/dev'):
    for name in files:
        with open(os.path.join(folder, name), 'rb') as source:
            source.read(1)
"""
    outcome = await run(lab, code)

    planted = {canary.path for canary in outcome.result.canaries if canary.path}
    assert {path for path, event in touched(outcome) if event == "access"} == planted
    assert len(planted) >= 40


async def test_decoy__a_loop_over_one_leaves_room_for_another(lab: Lab) -> None:
    code = """
for _ in range(20_000):
    with open('/home/dev/.netrc', 'rb', buffering=0) as source:
        source.read(1)
open('/home/dev/.pypirc').read()
"""
    outcome = await run(lab, code, budget_ms=60_000)

    told = [(line["path"], line["event"]) for line in lines(outcome, "decoys")]
    assert told.count(("/home/dev/.netrc", "open")) == SAME_EVENTS_MAX
    assert ("/home/dev/.pypirc", "access") in told
