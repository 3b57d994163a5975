"""Profiles: what a release did, told alike by every run of it."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.lineage import DEPENDENCIES
from analyzer.placeholders import PATHS_MAX
from analyzer.profile import Subject, bounded, profile_of
from models.behaviour import ACTS_MAX, Act, ActKind
from models.phase import Phase
from models.trace import Event, EventKind
from tests.analyzer.detectors.runs import (
    HOME,
    P1,
    P2,
    P3,
    PLANTED,
    SITE,
    asks,
    calls,
    connects,
    denied,
    event,
    execs,
    reads,
    shell,
    talks,
    touches,
    writes,
)

TMP = "/tmp/"  # noqa: S108 - a name in a box
SUBJECT = Subject(project="demo", version="1.0", start_hooks=())
P4, P5 = Phase.USE, Phase.WAIT


def fresh(path: str) -> Event:
    return replace(writes(path), flags=os.O_RDWR | os.O_CREAT | os.O_EXCL)


def acts(*events: Event, subject: Subject = SUBJECT, **more: Any) -> list[tuple[str, str, str]]:
    found = profile_of(list(events), subject=subject, planted=PLANTED, **more)
    return [(act.kind.value, act.phase.value, act.value) for act in found.acts]


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ([asks("Evil.Test")], [("host", "P3", "evil.test")]),
        ([asks("box")], []),
        ([asks("printer.local")], []),
        ([talks("203.0.113.7")], [("host", "P3", "203.0.113.7")]),
        ([connects("203.0.113.7")], [("host", "P3", "203.0.113.7")]),
        ([connects("127.0.0.1")], []),
        ([connects("203.0.113.7", 53)], []),
        ([talks("18.4.5.6", host="evil.test"), connects("18.4.5.6")], [("host", "P3", "evil.test")]),
        ([asks("evil.test"), connects("18.4.5.6")], [("host", "P3", "evil.test")]),
        ([connects("18.4.5.6")], [("host", "P3", "18.4.5.6")]),
        ([execs("/usr/bin/curl", "curl", "x")], [("executable", "P3", "curl")]),
        ([execs("/usr/bin/x86_64-linux-gnu-gcc-12")], [("executable", "P3", "x86_64-linux-gnu-gcc-12")]),
        ([execs("/env/bin/python3.11", phase=P4)], [("executable", "P4", "python")]),
        ([execs(f"{TMP}tmpab12cd34/run")], [("executable", "P3", f"{TMP}tmp<random>/run")]),
        ([execs("/usr/local/bin/git", "git", result=-2)], [("executable", "P3", "git")]),
        ([shell("uname -m 2>/dev/null")], [("executable", "P3", "uname")]),
        ([shell("id; uname")], [("executable", "P3", "sh")]),
        ([writes(f"{HOME}/.config/demo-1.0.ini")], [("written", "P3", "~/.config/demo-<version>.ini")]),
        ([writes("/etc/cron.d/x", result=-13)], [("written", "P3", "/etc/cron.d/x")]),
        ([writes("/etc/none/x", result=-2)], []),
        ([writes(f"{SITE}/demo/cache.txt")], []),
        ([writes("/deps/site-packages/x.py")], []),
        ([writes("/dev/null"), writes("/dev/tty"), writes("/proc/self/comm")], []),
        ([writes(f"{HOME}/__pycache__/x.pyc")], []),
        ([writes(f"{TMP}pip-req-build-x1/build/a", P1)], []),
        ([writes(f"{TMP}tmpab12cd34/output.json", P1)], []),
        ([fresh(f"{TMP}abcdefgh")], [("written", "P3", f"{TMP}<random>")]),
        ([writes(f"{TMP}abcdefgh")], [("written", "P3", f"{TMP}abcdefgh")]),
        ([reads(f"{HOME}/.bashrc")], []),
        ([event(EventKind.UNLINK, path=f"{HOME}/x")], [("written", "P3", "~/x")]),
        ([event(EventKind.PATH, syscall="mkdir", path=f"{HOME}/d")], [("written", "P3", "~/d")]),
        ([event(EventKind.PATH, syscall="stat", path=f"{HOME}/d")], []),
        (
            [event(EventKind.RENAME, path=f"{HOME}/a", path2=f"{HOME}/b")],
            [("written", "P3", "~/a"), ("written", "P3", "~/b")],
        ),
        ([touches("aws")], [("decoy", "P3", "aws-key")]),
        ([touches("aws", "modify", P5)], [("decoy", "P5", "aws-key changed")]),
        ([denied("ptrace")], [("call", "P3", "ptrace")]),
        ([denied("clone3")], []),
        ([calls("setsid")], [("call", "P3", "setsid")]),
        ([calls("dup2", 3, 0)], []),
        ([event(EventKind.MEMFD, syscall="memfd_create")], [("call", "P3", "memfd_create")]),
        ([reads("/proc/12/mem")], [("call", "P3", "proc-mem")]),
        (
            [event(EventKind.TCP, detail="CLOSE>LISTEN", address="0.0.0.0", port=4444)],
            [("listens", "P3", "4444")],
        ),
        (
            [event(EventKind.TCP, detail="CLOSE>LISTEN", address="0.0.0.0", port=45123)],
            [("listens", "P3", "<port>")],
        ),
        ([event(EventKind.TCP, detail="CLOSE>LISTEN", address="127.0.0.1", port=80)], []),
    ],
)  # fmt: skip
def test_profile_of__each_act_by_kind_phase_and_value(
    seen: list[Event], expected: list[tuple[str, str, str]]
) -> None:
    assert acts(*seen) == expected


def test_profile_of__only_what_the_artifact_did_counts() -> None:
    theirs = replace(execs("/usr/bin/curl"), owner=DEPENDENCIES)
    assert acts(theirs) == []


def test_profile_of__what_dependencies_do_alone_is_left_out() -> None:
    both = [asks("telemetry.test", P2), asks("evil.test")]
    assert acts(*both, alone=[asks("telemetry.test", P2)]) == [("host", "P3", "evil.test")]


def test_profile_of__what_either_of_two_runs_saw_happened() -> None:
    once, twice = asks("once.test"), asks("twice.test")
    found = profile_of([once, twice], [twice], subject=SUBJECT, planted=PLANTED)
    assert [act.value for act in found.acts] == ["once.test", "twice.test"]


def test_profile_of__a_flood_of_files_hides_no_program() -> None:
    flood = [writes(f"{HOME}/{number:04}/f") for number in range(PATHS_MAX + 9)]
    found = profile_of([*flood, execs(f"{TMP}run")], subject=SUBJECT)
    assert Act(kind=ActKind.EXECUTABLE, phase=P3, value=f"{TMP}run") in found.acts
    assert found.left_out > 0


def test_profile_of__start_hooks_are_the_readers_or_what_pip_installed() -> None:
    wheel = replace(SUBJECT, start_hooks=("demo-1.0.pth",))
    assert acts(subject=wheel) == [("start-hook", "P2", "demo-<version>.pth")]
    installed = replace(writes(f"{SITE}/x.start", P1), owner="box:pip")
    module = replace(writes(f"{SITE}/demo/y.pth", P1), owner="box:pip")
    sdist = replace(SUBJECT, start_hooks=None)
    assert acts(installed, module, subject=sdist) == [("start-hook", "P2", "x.start")]
    assert acts(installed, subject=SUBJECT) == []


def _many() -> list[Event]:
    return [
        talks("18.4.5.6", host="a.test"),
        talks("18.4.5.6", host="b.test"),
        connects("18.4.5.6"),
        execs("/usr/bin/curl"),
        writes(f"{HOME}/x"),
        event(EventKind.LINK, syscall="symlink", path="/etc", path2=f"{HOME}/link"),
        event(EventKind.LINK, syscall="symlink", path="/var", path2=f"{HOME}/link"),
        writes(f"{HOME}/link/passwd"),
        touches("aws"),
        denied("mount"),
        asks("c.test"),
    ]


@given(st.randoms(use_true_random=False))
def test_profile_of__the_order_within_one_moment_makes_no_difference(rng: random.Random) -> None:
    moment = [replace(seen, at_us=5) for seen in _many()]
    expected = acts(*moment)
    rng.shuffle(moment)
    assert acts(*moment) == expected
    assert len(expected) >= 9


@given(st.permutations(range(6)), st.integers(1, 9))
def test_profile_of__a_run_seen_twice_is_a_run_seen_once(order: Sequence[int], times: int) -> None:
    seen = [asks(f"h{number}.test") for number in order]
    assert acts(*seen * times) == acts(*sorted(seen, key=lambda one: one.host))


def test_bounded__no_kind_crowds_out_another_and_what_is_left_out_is_counted() -> None:
    noise = [Act(kind=ActKind.EXECUTABLE, phase=P3, value=f"x{n}") for n in range(3 * ACTS_MAX)]
    act = Act(kind=ActKind.WRITTEN, phase=P3, value="~/.bashrc")
    profile = bounded([*noise, act])
    assert act in profile.acts
    assert len(profile.acts) == ACTS_MAX
    assert profile.left_out == len(noise) + 1 - ACTS_MAX
    assert list(profile.acts) == sorted(profile.acts)
