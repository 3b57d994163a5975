"""Calls that the box refuses, and that no package has a use for."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.view import RunView
from models.evidence import Severity
from models.trace import EventKind

DEFINITION = Definition(
    id="denied-calls",
    title="Calls that the box refuses were tried",
    rationale=(
        "Refused calls never happen, but they are seen (SANDBOX.md, 4). Those that other detectors "
        "name are left out, and those that glibc and the standard library try by themselves."
    ),
    severity=Severity.LOW,
    in_use=Severity.INFO,
    technique="T1106",
    techniques=("T26",),
    needs=frozenset({EventKind.DENIED}),
)
INJECTION = frozenset(
    {"ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "process_madvise", "kcmp"}
)
ESCAPE = frozenset(
    {
        *(
            "mount",
            "umount2",
            "pivot_root",
            "chroot",
            "unshare",
            "setns",
            "move_mount",
            "open_tree",
        ),
        *("fsopen", "fsmount", "fsconfig", "mount_setattr", "bpf", "init_module", "finit_module"),
        *("delete_module", "kexec_load", "kexec_file_load", "open_by_handle_at", "iopl", "ioperm"),
        *("reboot", "swapon", "swapoff", "acct", "sigsys", "perf_event_open", "userfaultfd"),
    }
)
"""Ways towards the host: namespaces, mounts, the kernel itself; `sigsys` is a foreign call table."""
EXPECTED = frozenset(
    {
        # glibc tries clone3 and falls back; the interpreter and allocators probe the others
        *("clone3", "rseq", "set_robust_list", "io_uring_setup", "get_mempolicy", "mbind"),
        *("set_mempolicy", "move_pages", "migrate_pages", "socket", "sched_setattr", "membarrier"),
        *("landlock_create_ruleset", "quotactl", "syslog"),
    }
)


def detect(run: RunView) -> Iterator[Match]:
    """One match for each call."""
    seen = set()
    for event in run.events(EventKind.DENIED):
        name = event.syscall
        if (event.phase, name) not in seen and name not in INJECTION | ESCAPE | EXPECTED:
            seen.add((event.phase, name))
            yield Match.of(event, run, what=name)
