"""Machines that cannot limit by control groups: what stands in, run where those trees are hidden.

Each daemon here lives in a mount namespace of its own whose /sys/fs/cgroup is another machine's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.analyzer.sandbox.hostile import Row, outcome_of
from tests.analyzer.sandbox.lab import PIDS, Lab, lines, until

pytestmark = pytest.mark.privileged

HIDE = "mount -t tmpfs none /sys/fs/cgroup"
BIND = "mkdir -p {names}; for name in {names}; do mount --bind /mnt/$name $name; done"


def _only(*names: str) -> str:
    """Only those trees, where they are on a hybrid machine."""
    bind = BIND.format(names=" ".join(names))
    return f"mount --rbind /sys/fs/cgroup /mnt; {HIDE}; cd /sys/fs/cgroup; {bind}; cd /; umount -l /mnt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One way to find /sys/fs/cgroup."""

    set_up: str
    traced: bool
    memory: bool
    pids: bool


MACHINES = {
    "none": Machine(set_up=HIDE, traced=False, memory=False, pids=False),
    "v1": Machine(set_up=_only("memory", "pids", "cpu"), traced=False, memory=True, pids=True),
    "v2-without-controllers": Machine(
        set_up="mount -t cgroup2 none /sys/fs/cgroup", traced=True, memory=False, pids=False
    ),
    "raspberry-pi-as-it-comes": Machine(
        set_up=_only("unified", "pids", "cpu"), traced=True, memory=False, pids=True
    ),
}


@pytest.fixture(params=MACHINES)
def machine(request: pytest.FixtureRequest) -> str:
    """The name of one."""
    return str(request.param)


@pytest.fixture(params=["userns", "setpriv"])
def odd_lab(request: pytest.FixtureRequest, machine: str, fresh_dir: str) -> Iterator[Lab]:
    """A daemon on it, for both ways into a box."""
    if not Path("/sys/fs/cgroup/unified/cgroup.procs").exists() and machine != "none":
        pytest.skip("the trees that this hides in part are those of a hybrid machine")
    chosen = MACHINES[machine]
    before = ("/usr/bin/unshare", "-m", "/bin/sh", "-ec", f'{chosen.set_up}; exec "$@"', "sh")
    made = Lab(
        Path(fresh_dir), before=before, trace=chosen.traced, way=request.param, uid_base=63_600
    )
    yield made
    assert made.stop() == (0, "")


MEMORY = """
kept = []
if HARNESS:
    try:
        while True:
            kept.append(bytearray(16 << 20))
    except MemoryError:
        print('enough at', len(kept) * 16, 'MiB')
"""
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
LINGER = """
if HARNESS and os.fork() == 0:
    os.setsid()
    import time
    time.sleep(600)
"""


async def test_memory_bomb__meets_the_group_or_the_address_limit(
    odd_lab: Lab, machine: str
) -> None:
    memory = MACHINES[machine].memory
    row = (
        Row(name="memory", code=MEMORY, ended="oom", counter="oom_kills")
        if memory
        else Row(name="memory", code=MEMORY, says="enough at ")
    )
    _, phase = await outcome_of(odd_lab, row)

    if not memory:  # twice the limit of 256 MiB, less what the interpreter maps
        assert 256 <= int(phase.output_tail.split()[2]) < 512


async def test_fork_bomb__meets_the_group_or_the_process_limit(odd_lab: Lab, machine: str) -> None:
    row = Row(
        name="forks",
        code=FORK,
        says="forks ",
        counter="pids_max_hits" if MACHINES[machine].pids else "",
        ended="timeout",
        budget_ms=2000,
    )
    _, phase = await outcome_of(odd_lab, row)

    _, made, error = phase.output_tail.split()
    assert int(made) < PIDS
    assert error == "11"


async def test_box__ends_whole_and_is_traced_where_there_is_a_v2_tree(
    odd_lab: Lab, machine: str
) -> None:
    outcome, phase = await outcome_of(
        odd_lab, Row(name="linger", code=LINGER, reports="lingering", budget_ms=20_000)
    )

    assert any(line["kind"] == "module" and line["ok"] for line in lines(outcome, "report"))
    until(lambda: not [path for path in odd_lab.run_dir.glob("s[0-9]*") if path.is_dir()])
    assert bool(phase.syscalls) is MACHINES[machine].traced
