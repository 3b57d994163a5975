"""The tracer: boxes, phases, counts, accounts, attaching."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Iterator

import pytest

from analyzer.trace import bpf
from analyzer.trace.kernel import Tracer
from analyzer.trace.records import SLOTS_MAX
from models.phase import Phase
from models.trace import EventKind
from tests.analyzer.trace.boxes import CHILD_S, Box, cgroup_root

OPEN_MANY = "[call('openat', -100, b'/none/many', 0) for _ in range(2000)]"


@pytest.fixture
def small_ring() -> Iterator[Tracer]:
    """A tracer whose ring is one page: a few dozen records."""
    tracer = Tracer.load(ring_bytes=mmap.PAGESIZE)
    yield tracer
    tracer.close()


# ---- boxes and phases ------------------------------------------------------------------------


@pytest.mark.privileged
def test_open_box__nothing_is_recorded_before_a_phase_begins(
    make_box: Callable[[int], Box],
) -> None:
    box = make_box(3)
    box.run("pass")
    assert box.events() == []
    assert box.tracer.syscalls(3) == {}


@pytest.mark.privileged
def test_open_box__nothing_outside_the_cgroup_is_recorded(box: Box) -> None:
    box.join = lambda: None  # type: ignore[method-assign]  # a child that stays outside
    box.run("call('openat', -100, b'/none/stranger', 0)")
    assert box.events() == []


@pytest.mark.privileged
@pytest.mark.parametrize("slot", [-1, SLOTS_MAX])
def test_open_box__a_slot_out_of_range_is_refused(tracer: Tracer, slot: int) -> None:
    with pytest.raises(ValueError, match="slot"):
        tracer.open_box(cgroup_id=1, slot=slot)


@pytest.mark.privileged
def test_open_box__a_slot_in_use_is_refused(box: Box) -> None:
    with pytest.raises(ValueError, match="in use"):
        box.tracer.open_box(cgroup_id=1, slot=box.slot)


@pytest.mark.privileged
@pytest.mark.parametrize("method", ["syscalls", "denied", "account", "account_by_type"])
def test_slot__that_is_not_open_has_no_answers(tracer: Tracer, method: str) -> None:
    with pytest.raises(ValueError, match="not open"):
        getattr(tracer, method)(9)


@pytest.mark.privileged
def test_begin_phase__arming_skips_the_execs_before(make_box: Callable[[int], Box]) -> None:
    box = make_box(1)
    box.begin(arm_at_exec=2)
    box.run(
        "call('openat', -100, b'/none/before', 0); os.execv('/bin/ls', ['ls', '/none/after'])",
        code=2,
    )
    events = box.events()
    assert [(event.kind, event.path) for event in events[:1]] == [(EventKind.EXEC, "/bin/ls")]
    paths = {event.path for event in events}
    assert "/none/after" in paths
    assert "/none/before" not in paths
    assert "prctl" not in box.tracer.syscalls(1)


@pytest.mark.privileged
def test_begin_phase__events_and_counts_belong_to_their_phase(box: Box) -> None:
    box.run("call('openat', -100, b'/none/p1', 0); [call('getppid') for _ in range(5)]")
    assert box.tracer.syscalls(1)["getppid"] == 5
    box.begin(3)
    assert box.tracer.syscalls(1) == {}
    box.run("call('openat', -100, b'/none/p3', 0); [call('getppid') for _ in range(7)]")
    assert box.tracer.syscalls(1)["getppid"] == 7
    phases = {event.path: event.phase for event in box.events() if event.path.startswith("/none")}
    assert phases == {"/none/p1": Phase.INSTALL, "/none/p3": Phase.IMPORT}


@pytest.mark.privileged
def test_slots__two_boxes_at_once_do_not_mix(make_box: Callable[[int], Box]) -> None:
    boxes = [make_box(4), make_box(15)]
    for box in boxes:
        box.begin(2)
    script = """
        sys.stdin.readline()
        for _ in range(500):
            call("openat", -100, ("/none/slot" + sys.argv[1]).encode(), 0)
    """
    children = [box.start(script, str(box.slot)) for box in boxes]
    outputs = [child.communicate("go\n", timeout=CHILD_S) for child in children]
    assert [child.returncode for child in children] == [0, 0], outputs
    records: dict[int, list[bytes]] = {}
    for slot, record in boxes[0].tracer.drain():
        records.setdefault(slot, []).append(record)
    for box, child in zip(boxes, children, strict=True):
        box.records = records
        opened = [event for event in box.events(EventKind.OPEN) if "/none/slot" in event.path]
        assert {event.path for event in opened} == {f"/none/slot{box.slot}"}
        assert {event.pid for event in box.events()} == {child.pid}
        assert len(opened) == 500
        account = box.tracer.account(box.slot)
        assert account["emitted"] == account["received"] == len(records[box.slot])


@pytest.mark.privileged
def test_slots__a_slot_that_is_used_again_begins_empty(make_box: Callable[[int], Box]) -> None:
    former = make_box(6)
    former.begin()
    former.run(OPEN_MANY)
    former.tracer.close_box(6)
    former.tracer.open_box(cgroup_id=former.cgroup_id, slot=6)
    assert former.tracer.drain() == []
    account = former.tracer.account(6)
    assert (account["emitted"], account["received"], account["dropped"]) == (0, 0, 0)
    former.begin()
    assert former.tracer.syscalls(6) == {}


# ---- accounts --------------------------------------------------------------------------------


@pytest.mark.privileged
def test_account__everything_emitted_is_received(box: Box) -> None:
    box.run(OPEN_MANY)
    events = box.events()
    account = box.tracer.account(box.slot)
    assert account["emitted"] == account["received"] == len(box.records[box.slot])
    assert account["dropped"] == account["map_overflows"] == 0
    assert account["recursion_misses"] >= 0
    assert box.tracer.account_by_type(box.slot).emitted["open"] == sum(
        event.kind is EventKind.OPEN for event in events
    )


@pytest.mark.privileged
def test_account__what_a_full_ring_drops_is_counted_by_type(small_ring: Tracer) -> None:
    cgroup = cgroup_root() / f"pratique-test-drops-{os.getpid()}"
    cgroup.mkdir()
    box = Box(small_ring, 0, cgroup)
    small_ring.open_box(cgroup_id=box.cgroup_id, slot=0)
    box.begin()
    box.run(OPEN_MANY)
    box.drain()
    account = small_ring.account(0)
    by_type = small_ring.account_by_type(0)
    assert 0 < account["emitted"] == account["received"] < 200
    assert account["dropped"] > 1900
    assert by_type.emitted["open"] + by_type.dropped["open"] == small_ring.syscalls(0)["openat"]
    box.close()


@pytest.mark.privileged
def test_account__drops_can_be_simulated(make_box: Callable[[int], Box]) -> None:
    box = make_box(5)
    box.begin(drops_to_simulate=10)
    box.run(OPEN_MANY)
    box.drain()
    account = box.tracer.account(5)
    assert account["dropped"] == 10
    assert account["emitted"] == account["received"]


# ---- attaching -------------------------------------------------------------------------------


@pytest.mark.privileged
def test_idle__detaches_and_a_new_box_wakes(make_box: Callable[[int], Box]) -> None:
    box = make_box(7)
    tracer = box.tracer
    awake = []
    tracer.idle()  # a box is open: this does nothing
    awake.append(tracer.awake)
    tracer.close_box(7)
    awake.append(tracer.awake)
    tracer.idle()
    awake.append(tracer.awake)
    tracer.open_box(cgroup_id=box.cgroup_id, slot=7)
    awake.append(tracer.awake)
    assert awake == [True, True, False, True]
    box.begin()
    box.run("call('openat', -100, b'/none/awake', 0)")
    assert [event for event in box.events() if event.path == "/none/awake"]


@pytest.mark.privileged
def test_wake__threads_that_ended_unseen_are_forgotten(make_box: Callable[[int], Box]) -> None:
    """A thread that was in a call when the probes went away must not leave its mark behind."""
    box = make_box(8)
    box.begin()
    child = box.start("print(flush=True); sys.stdin.readline()")
    assert child.stdout is not None
    child.stdout.readline()
    maps = box.tracer._maps
    assert len(bpf.keys(maps._fds["threads"], maps._threads)) == 1
    box.tracer.close_box(8)
    box.tracer.idle()
    child.communicate("\n", timeout=CHILD_S)
    assert len(bpf.keys(maps._fds["threads"], maps._threads)) == 1
    box.tracer.open_box(cgroup_id=box.cgroup_id, slot=8)
    assert bpf.keys(maps._fds["threads"], maps._threads) == []


@pytest.mark.privileged
def test_events__flow_when_the_loader_is_gone(small_ring: Tracer) -> None:
    """`load` waits for the loader's end; its descriptors live on here alone."""
    cgroup = cgroup_root() / f"pratique-test-gone-{os.getpid()}"
    cgroup.mkdir()
    box = Box(small_ring, 2, cgroup)
    small_ring.open_box(cgroup_id=box.cgroup_id, slot=2)
    box.begin(arm_at_exec=0)
    with box.start("pass") as child:
        child.communicate(timeout=CHILD_S)
    assert box.events(EventKind.EXEC)
    box.close()


# ---- without privileges ----------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 5000, 3 << 20])
def test_load__a_ring_that_the_kernel_would_refuse_is_refused_before(size: int) -> None:
    with pytest.raises(ValueError, match="power of two"):
        Tracer.load(ring_bytes=size)
