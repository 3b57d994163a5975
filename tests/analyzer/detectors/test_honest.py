"""What honest packages do, against all detectors at once: nothing that would hold one of them back.

Each row is one habit of a well known project, with the worst severity that it may meet. LOW is seen
and costs little; MEDIUM is what a person is told of (it caps a release at MONITOR).
"""

from __future__ import annotations

import pytest

from analyzer.detectors.catalog import run_detectors
from models.evidence import Severity
from models.phase import Phase
from models.trace import Event, EventKind
from tests.analyzer.detectors.acts import asks_for_route, detached, lists, looks_at, renames
from tests.analyzer.detectors.runs import (
    BUILD,
    HOME,
    P1,
    P2,
    P3,
    P4,
    P5,
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

TMP = "/tmp"  # noqa: S108 - a path in a box
PIP = f"{TMP}/pip-req-build-k3v1"
THREAD = 0x00010000


def threads(number: int) -> list[Event]:
    return [event(EventKind.FORK, flags=THREAD, result=300 + n) for n in range(number)]


def atomic(path: str, phase: Phase = P3) -> list[Event]:
    """A file that is written under another name first."""
    return [writes(f"{path}.tmp", phase), renames(f"{path}.tmp", path, phase)]


def compiles(source: str, made: str) -> list[Event]:
    """A compiler in a build, and the linker that it starts."""
    return [
        writes(source, P1),
        forks(120, P1),
        execs("/usr/bin/x86_64-linux-gnu-gcc", "gcc", source, "-o", made, phase=P1, pid=120),
        forks(121, P1, pid=120),
        execs("/usr/bin/x86_64-linux-gnu-ld.bfd", "ld", "-o", made, phase=P1, pid=121),
        writes(made, P1, pid=121),
    ]


def uploads(phase: Phase) -> list[Event]:
    line = "tcp POST /legacy/ HTTP/1.1"
    return [talks(canaries=("pypi",), phase=phase, host="upload.test", detail=line)]


def formats(path: str) -> list[Event]:
    return [reads(path, P4), writes(path, P4)]


QUIET: list[tuple[str, list[Event]]] = [
    (
        "numpy: processors, huge pages, threads of a linear algebra library",
        [
            reads("/proc/cpuinfo"),
            reads("/sys/devices/system/cpu/possible"),
            reads("/sys/kernel/mm/transparent_hugepage/enabled"),
            reads("/proc/self/maps"),
            event(EventKind.MMAP_EXEC, syscall="mmap", flags=5),
            *threads(8),
        ],
    ),
    ("matplotlib: asks for fonts", [execs("/usr/bin/fc-list", "fc-list", "--format=%{file}\n")]),
    ("matplotlib: its cache", [*atomic(f"{HOME}/.cache/matplotlib/fontlist-v390.json")]),
    (
        "torch: libraries, accelerators, shared memory",
        [
            shell("/sbin/ldconfig -p 2>/dev/null"),
            execs("/usr/bin/nvidia-smi", "nvidia-smi", "-L", result=-2),
            execs("/usr/bin/which", "which", "nvcc"),
            event(EventKind.MEMFD, path="torch_shm"),
            event(EventKind.MMAP_EXEC, syscall="mprotect", flags=7),
            looks_at("/dev/nvidia0"),
        ],
    ),
    ("llvmlite, numba: code made at run time", [event(EventKind.MMAP_EXEC, flags=7)]),
    ("numba: its cache beside the module", [*atomic(f"{SITE}/demo/__pycache__/f-9.py311.1.nbc")]),
    (
        "joblib, loky, ray: limits of a container",
        [
            reads("/proc/self/cgroup"),
            reads("/sys/fs/cgroup/cpu.max"),
            reads("/proc/meminfo"),
            reads("/proc/self/status"),
        ],
    ),
    ("joblib: a resource tracker that ends with its parent", detached(setsid=False, ends=True)),
    (
        "multiprocessing: spawn",
        [execs("/env/bin/python", "python", "-c", "from multiprocessing …")],
    ),
    (
        "psutil: all processes",
        [
            *(reads(f"/proc/{n}/{name}") for n in range(20) for name in ("stat", "cmdline")),
            reads("/proc/net/tcp"),
            reads("/proc/self/status"),
        ],
    ),
    ("gevent, uvloop: loops, children", [calls("socket", 1, 1, 0, result=5), *threads(2)]),
    (
        "scapy: routes, raw sockets that are refused",
        [reads("/proc/net/route"), reads("/proc/net/if_inet6"), denied("socket")],
    ),
    (
        "PyQt, dbus: local sockets and the machine's id",
        [
            event(EventKind.CONNECT, path="/run/user/1000/bus", detail="unix", result=-2),
            reads("/etc/machine-id"),
            looks_at("/dev/dri/card0"),
        ],
    ),
    ("tzlocal: the zone", [reads("/etc/timezone"), reads("/etc/localtime")]),
    ("uuid: the hardware address", [execs("/usr/sbin/ip", "ip", "link"), execs("/sbin/ifconfig")]),
    ("platform, distro", [reads("/etc/os-release"), execs("/usr/bin/uname", "uname", "-p")]),
    ("setuptools_scm, versioneer: the version", [execs("/usr/bin/git", "git", "describe")]),
    ("setuptools, coverage, editable installs: start hooks", [reads(f"{SITE}/a_hook.py", P2)]),
    ("truststore, certifi: certificates", [reads("/etc/ssl/certs/ca-certificates.crt")]),
    ("python-decouple: settings that are not there", [reads(f"{HOME}/.env", result=-2)]),
    ("black, platformdirs: its cache", [writes(f"{HOME}/.cache/black/24.1.0/x.pickle")]),
    ("a second import finds its cache", [reads(f"{HOME}/.cache/x"), reads(f"{HOME}/.cache/x", P5)]),
    ("socket.getfqdn: the machine's own name", [asks("ws-0417"), asks("ws-0417", P5)]),
    ("glibc: routing probes of a lookup", [asks_for_route("203.0.113.7", 0)]),
    ("cffi: a C module", compiles(f"{TMP}/x/_cffi.c", f"{TMP}/x/_cffi.so")),
    (
        "meson: its sanity check is run",
        [
            *compiles(f"{PIP}/sanity.c", f"{PIP}/meson-private/sanitycheckc.exe"),
            execs(f"{PIP}/meson-private/sanitycheckc.exe", phase=P1),
        ],
    ),
    (
        "autoconf: configure and what it wrote",
        [
            execs("/bin/sh", "sh", f"{PIP}/configure", phase=P1),
            writes(f"{PIP}/config.status", P1),
            execs("/bin/sh", "/bin/sh", f"{PIP}/config.status", phase=P1),
            execs("/usr/bin/make", "make", "-j2", phase=P1),
        ],
    ),
    (
        "pythran, cython, generated code: a script of the build's own tree",
        [
            writes(f"{PIP}/build/gen.py", P1),
            execs("/env/bin/python", "python", f"{PIP}/build/gen.py", phase=P1),
        ],
    ),
    (
        "cargo: a build script is linked, named and run",
        [
            forks(120, P1),
            execs("/usr/bin/cargo", "cargo", "build", phase=P1, pid=120),
            event(EventKind.LINK, P1, pid=120, path=f"{PIP}/a-9f", path2=f"{PIP}/build-script"),
            execs(f"{PIP}/build-script", phase=P1, pid=120),
        ],
    ),
    ("cmake FetchContent: git's sample hooks", [writes(f"{PIP}/x/.git/hooks/update.sample", P1)]),
    ("wheel, setuptools: a start hook in the build tree", [writes(f"{PIP}/build/lib/a.pth", P1)]),
    (
        "auditd-like noise of the interpreter",
        [denied("clone3"), denied("io_uring_setup"), denied("mbind"), denied("get_mempolicy")],
    ),
    ("ipython: its profile", [writes(f"{HOME}/.ipython/profile_default/startup/README", P4)]),
]

LITTLE: list[tuple[str, list[Event]]] = [
    ("matplotlib: its settings folder", [writes(f"{HOME}/.config/matplotlib/matplotlibrc")]),
    ("wandb, jupyter: settings", [writes(f"{HOME}/.config/wandb/settings")]),
    ("PyExecJS: is there a JavaScript", [execs("/usr/bin/node", "node", result=-2)]),
    ("gevent: looks its own site up", [asks("gevent.test")]),
    ("dask, ray: which address is mine", [asks_for_route("8.8.8.8", 80)]),
    (
        "ffmpeg and tesseract wrappers: the version",
        [execs("/usr/bin/tesseract", "tesseract", "-v")],
    ),
    ("sentry, ddtrace: a crash handler reads itself", [reads("/proc/self/status")]),
    (
        "py-cpuinfo, machineid: what machine is this",
        [reads("/sys/class/dmi/id/product_uuid"), reads("/proc/1/cgroup"), looks_at("/.dockerenv")],
    ),
    # in use
    ("pre-commit install", [writes(f"{HOME}/project/.git/hooks/pre-commit", P4)]),
    ("boto3: a client is made", [touches("aws", phase=P4), asks("s3.amazonaws.com", P4)]),
    (
        "boto3: knows each service by name",
        [asks(f"service{n}.eu-central-1.amazonaws.com", P4) for n in range(40)],
    ),
    (
        "google-auth, boto3: the metadata service",
        [
            asks("metadata.google.internal", P4),
            connects("169.254.169.254", 80, P4),
            talks("169.254.169.254", canaries=("role",), phase=P4),
        ],
    ),
    ("discord.py, python-telegram-bot", [talks(host="api.telegram.org", phase=P4)]),
    ("web3: a node", [talks(host="mainnet.infura.io", detail="tcp POST /v3/x", phase=P4)]),
    ("flask run, jupyter lab: a server", [lists("0.0.0.0", P4)]),
    ("celery, ray start: a daemon", [calls("setsid", phase=P4, result=PIP.count("x"))]),
    ("a command line's settings", [writes(f"{HOME}/.config/demo/config.toml", P4)]),
    ("git wrappers, fabric, invoke: shells", [shell("git status | head", P4), shell("ls", P4)]),
    ("dotenv: settings", [touches("env", phase=P4)]),
    ("nmap wrappers: the ports of one host", [connects("10.0.0.5", n, P4) for n in range(1, 40)]),
    (
        "pycurl, psycopg: native connections",
        [reads(f"{SITE}/a.so", P4), connects("203.0.113.7", phase=P4)],
    ),
]

WATCHED: list[tuple[str, list[Event]]] = [
    (
        "kubernetes: the cluster in its settings",
        [talks(canaries=("kube",), phase=P4, host="k8s.corp.example")],
    ),
    (
        "boto3: its key's id in a signature",
        [talks(canaries=("aws",), phase=P4, host="sts.amazonaws.com")],
    ),
    (
        "PyGithub: the token in the environment",
        [talks(canaries=("token",), phase=P4, host="api.github.com")],
    ),
    (
        "any SDK: the key that it is given",
        [talks(canaries=("argument",), phase=P4, host="api.test", detail="tcp POST /v1")],
    ),
    ("telemetry on import", [asks("stats.test"), *[connects("203.0.113.7")]]),
    ("click, typer: installs completions", [writes(f"{HOME}/.bashrc", P4)]),
    ("debugpy, py-spy: another process", [denied("ptrace", P4), reads("/proc/17/mem", P4)]),
    ("playwright install, pyright: a runtime", [execs(f"{HOME}/.cache/x/node", "node", phase=P4)]),
    ("twine upload, hatch publish", [touches("pypi", phase=P4), *uploads(P4)]),
    ("an agent's own init", [writes(f"{HOME}/project/AGENTS.md", P4)]),
    ("fsspec: three clouds", [touches(kind, phase=P4) for kind in ("aws", "kube", "npm")]),
    (
        "a formatter on the project",
        [act for n in range(12) for act in formats(f"{HOME}/project/{n}.py")],
    ),
    ("an update checker, weeks later", [reads("/x"), asks("updates.test", P5)]),
    ("ddtrace: its own memory, on import", [denied("process_vm_readv")]),
    ("a build that fetches its sources", [execs("/usr/bin/curl", "curl", "-O", "x", phase=P1)]),
]


def worst(events: list[Event]) -> tuple[Severity | None, list[str]]:
    findings, _ = run_detectors(run_of(events))
    assert [found.id for found in findings if found.proof] == []
    ranks = list(Severity)
    worst = max((found.severity for found in findings), key=ranks.index, default=None)
    return worst, [f"{found.id} {found.severity}" for found in findings]


@pytest.mark.parametrize(("habit", "events"), QUIET, ids=[row[0] for row in QUIET])
def test_honest__gives_nothing(habit: str, events: list[Event]) -> None:
    severity, found = worst(events)

    assert severity in (None, Severity.INFO), (habit, found)


@pytest.mark.parametrize(("habit", "events"), LITTLE, ids=[row[0] for row in LITTLE])
def test_honest__gives_little(habit: str, events: list[Event]) -> None:
    severity, found = worst(events)

    assert severity in (None, Severity.INFO, Severity.LOW), (habit, found)


@pytest.mark.parametrize(("habit", "events"), WATCHED, ids=[row[0] for row in WATCHED])
def test_honest__is_watched_at_most(habit: str, events: list[Event]) -> None:
    severity, found = worst(events)

    assert severity is Severity.MEDIUM, (habit, found)


def test_honest__the_build_of_these_tests_is_charged() -> None:
    """A table of honest builds is worth nothing where their events are taken for pip's."""
    view = run_of([writes("/x", P1)])

    assert view.processes[P1, BUILD].owner == ""
    assert [path for _, path in view.written()] == ["/x"]
