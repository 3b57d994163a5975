"""What tracing needs of a machine, and the command that provides each missing piece.

Looks only: nothing is mounted, loaded or installed. Standard library only.
"""

from __future__ import annotations

import gzip
import mmap
import os
import platform
import re
import subprocess
from pathlib import Path

from analyzer.trace import syscalls
from analyzer.trace.handover import PYTHON
from analyzer.trace.probes import TRACEFS_PLACES

KERNEL_MIN = (5, 8)
"""The first kernel with BPF ring buffers and CAP_BPF."""
IMPORT_S = 20
"""Seconds that importing bcc may take; 0.2 here, some seconds on a board with a slow card."""
TRACEPOINTS = (
    "raw_syscalls/sys_enter",
    "raw_syscalls/sys_exit",
    "signal/signal_generate",
    "task/task_newtask",
    "sched/sched_process_exec",
    "sched/sched_process_exit",
    "sock/inet_sock_set_state",
)
"""What program.c hangs on; a test compares."""
CONFIG_OPTIONS = ("CONFIG_BPF_SYSCALL", "CONFIG_BPF_EVENTS", "CONFIG_CGROUPS")
"""Kernel options without which nothing can be attached or told apart."""
CONFIG_NOT_NEEDED = ("CONFIG_DEBUG_INFO_BTF", "CONFIG_KPROBES", "CONFIG_UPROBE_EVENTS")
"""Options that other tracers ask for; Raspberry Pi OS has no BTF."""
_CAP_SYS_ADMIN, _CAP_PERFMON, _CAP_BPF = 21, 38, 39


def missing_pieces() -> list[tuple[str, str]]:
    """(what is missing, the command or step that provides it), empty where tracing should work."""
    checks = (_machine, _kernel_version, _kernel_config, _tracefs, _cgroup2, _capability, _bcc)
    return [found for check in checks for found in check()]


def facts() -> list[str]:
    """What is good to know of a machine where tracing works, or should: one sentence each."""
    return [
        f"system calls are named by the table for {platform.machine()}",
        config_fact(_read_config()),
        f"memory comes in pages of {mmap.PAGESIZE >> 10} KiB",
    ]


def config_fact(text: str) -> str:
    """What the kernel's configuration says; `text` empty: it is not to be found."""
    if not text:
        return "the kernel does not tell its configuration (try `modprobe configs`); attaching will"
    names = (*CONFIG_OPTIONS, *CONFIG_NOT_NEEDED)
    has = {name: bool(re.search(rf"^{name}=[ym]$", text, re.MULTILINE)) for name in names}
    needed = ", ".join(f"{name} {'on' if has[name] else 'OFF'}" for name in CONFIG_OPTIONS)
    rest = ", ".join(f"{name} {'on' if has[name] else 'off'}" for name in CONFIG_NOT_NEEDED)
    return f"the kernel has {needed}; not needed: {rest}"


def _machine() -> list[tuple[str, str]]:
    machine = platform.machine()
    if machine in syscalls.MACHINES:
        return []
    known = " or ".join(syscalls.MACHINES)
    return [(f"a system call table for {machine}", f"run the worker on {known}")]


def _kernel_version() -> list[tuple[str, str]]:
    release = platform.release()
    found = re.match(r"(\d+)\.(\d+)", release)
    if found and (int(found[1]), int(found[2])) >= KERNEL_MIN:
        return []
    wanted = ".".join(map(str, KERNEL_MIN))
    return [(f"Linux {wanted} or newer (this is {release})", "apt full-upgrade && reboot")]


def _kernel_config() -> list[tuple[str, str]]:
    """Nothing where the configuration is not to be found: attaching then tells."""
    text = _read_config()
    if not text:
        return []
    off = [
        option
        for option in CONFIG_OPTIONS
        if not re.search(rf"^{option}=[ym]$", text, re.MULTILINE)
    ]
    return [(f"{option} in the kernel", "install Debian's kernel for this board") for option in off]


def _read_config() -> str:
    try:
        return gzip.decompress(Path("/proc/config.gz").read_bytes()).decode("ascii", "replace")
    except OSError:
        pass
    try:
        return Path(f"/boot/config-{platform.release()}").read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return ""


def _offers_tracefs() -> bool:
    try:
        return "tracefs" in Path("/proc/filesystems").read_text(encoding="ascii").split()
    except OSError:
        return False


def _tracefs() -> list[tuple[str, str]]:
    try:
        mounted = [place / "events" for place in TRACEFS_PLACES if (place / "events").is_dir()]
        if not mounted and os.geteuid() == 0 and _offers_tracefs():
            return []  # the sandbox daemon mounts it for itself
        if not mounted:
            return [("tracefs", "mount -t tracefs tracefs /sys/kernel/tracing")]
        lacking = [name for name in TRACEPOINTS if not (mounted[0] / name / "id").exists()]
    except PermissionError:
        return [("permission to read tracefs", "start the sandbox daemon as root")]
    advice = "install a kernel with CONFIG_FTRACE and CONFIG_TRACEPOINTS"
    return [(f"the tracepoint {name}", advice) for name in lacking]


def _cgroup2() -> list[tuple[str, str]]:
    if re.search(
        r"^\S+ \S+ cgroup2 ", Path("/proc/mounts").read_text(encoding="utf-8"), re.MULTILINE
    ):
        return []
    return [("a cgroup v2 tree", "mount -t cgroup2 none /sys/fs/cgroup/unified")]


def _capability() -> list[tuple[str, str]]:
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    found = re.search(r"^CapEff:\s*([0-9a-f]+)", status, re.MULTILINE)
    held = int(found[1], 16) if found else 0
    has = {cap: bool(held >> cap & 1) for cap in (_CAP_SYS_ADMIN, _CAP_PERFMON, _CAP_BPF)}
    if has[_CAP_SYS_ADMIN] or (has[_CAP_PERFMON] and has[_CAP_BPF]):
        return []
    return [("CAP_BPF and CAP_PERFMON", "start the sandbox daemon as root")]


def _bcc() -> list[tuple[str, str]]:
    if not Path(PYTHON).exists():
        return [(PYTHON, "apt install python3 python3-bpfcc")]
    try:
        done = subprocess.run(
            [PYTHON, "-I", "-B", "-c", "import bcc"],
            capture_output=True,
            timeout=IMPORT_S,
            check=False,
            cwd="/",
        )
    except (OSError, subprocess.TimeoutExpired):
        return [(f"a working {PYTHON}", "apt install --reinstall python3 python3-bpfcc")]
    if done.returncode == 0:
        return []
    return [(f"bcc for {PYTHON}", "apt install python3-bpfcc")]
