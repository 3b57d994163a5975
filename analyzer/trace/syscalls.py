"""System calls by architecture: their numbers, and what their arguments mean to the program.

The numbers stand in `syscalls_<machine>.txt` beside this file, written out and not taken from the
machine's headers, which a machine without a compiler does not have.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from functools import cache
from pathlib import Path

MACHINES = ("x86_64", "aarch64")
"""Architectures with a table, as `platform.machine()` calls them."""
SYSNO_OTHER = 511
"""Stands for every number that the program does not count apart (program.c)."""
SYSNO_SIGSYS = 510
"""Stands for a call that seccomp answered with SIGSYS: its number is not known (program.c)."""
NAME_OTHER = "other"
NAME_SIGSYS = "sigsys"


class CallClass(IntEnum):
    """What the arguments of a call mean; the twin of `enum call_class` in program.c."""

    NONE = 0
    OPEN = 1
    PATH = 2
    PAIR = 3
    ADDRESS = 4
    MESSAGE = 5
    EXEC = 6
    ARGUMENTS = 7
    MEMORY = 8
    LEAVE = 9
    READ = 10
    WRITE = 11
    COPY = 12
    CLOSE = 13
    CLOSE_RANGE = 14


class CallOption(IntFlag):
    """How a call differs from its class; the twin of `enum call_option` in program.c."""

    NONE = 0
    SKIP_EMPTY = 1
    HOW = 2
    INET_ONLY = 4
    CREATES = 8
    GIVES = 16
    COPIES = 32


@dataclass(frozen=True, slots=True)
class Meaning:
    """Class of a call, and the indices of the two arguments that the class speaks of."""

    call_class: CallClass
    first: int = 0
    second: int = 1
    options: CallOption = CallOption.NONE

    def packed(self) -> bytes:
        """As `struct call` in program.c."""
        return bytes((self.call_class, self.first, self.second, self.options))


_ARGUMENTS = Meaning(CallClass.ARGUMENTS)
_SOCKET = Meaning(CallClass.ARGUMENTS, options=CallOption.GIVES)
_DUPLICATE = Meaning(CallClass.ARGUMENTS, options=CallOption.GIVES | CallOption.COPIES)
_READ = Meaning(CallClass.READ)
_WRITE = Meaning(CallClass.WRITE)
_STAT_AT = Meaning(CallClass.PATH, 1, 3, CallOption.SKIP_EMPTY)

_BY_ARGUMENTS = (
    "listen",
    # other processes
    *("ptrace", "kill", "tkill", "tgkill", "rt_sigqueueinfo", "pidfd_open", "pidfd_getfd"),
    *("pidfd_send_signal", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp"),
    # identity and privilege
    *("setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid"),
    *("setfsgid", "setgroups", "capset", "prctl", "personality", "seccomp"),
    *("landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"),
    # leaving the session or the namespace
    *("setsid", "setpgid", "unshare", "setns", "clone3"),
    # the kernel itself
    *("bpf", "perf_event_open", "init_module", "finit_module", "kexec_load", "kexec_file_load"),
    *("keyctl", "add_key", "request_key", "userfaultfd", "io_uring_setup", "reboot", "iopl"),
    *("ioperm", "modify_ldt", "sethostname", "setdomainname", "settimeofday", "clock_settime"),
    *("open_by_handle_at", "fanotify_init", "inotify_init", "inotify_init1", "memfd_secret"),
    # what becomes clear only with the descriptor's path
    *("fchown", "fchmod", "fchdir"),
)

MEANINGS: dict[str, Meaning] = {
    "open": Meaning(CallClass.OPEN, 0, 1, CallOption.GIVES),
    "openat": Meaning(CallClass.OPEN, 1, 2, CallOption.GIVES),
    "openat2": Meaning(CallClass.OPEN, 1, 2, CallOption.HOW | CallOption.GIVES),
    "creat": Meaning(CallClass.OPEN, 0, 1, CallOption.GIVES),
    # bytes, and when a descriptor's account ends
    **dict.fromkeys(("read", "pread64", "readv", "preadv", "preadv2"), _READ),
    **dict.fromkeys(("write", "pwrite64", "writev", "pwritev", "pwritev2"), _WRITE),
    "sendfile": Meaning(CallClass.COPY, 1, 0),
    "copy_file_range": Meaning(CallClass.COPY, 0, 2),
    "splice": Meaning(CallClass.COPY, 0, 2),
    "close": Meaning(CallClass.CLOSE),
    "close_range": Meaning(CallClass.CLOSE_RANGE, 0, 1),
    # sockets and descriptors: a reverse shell is socket, connect, dup2, exec
    **dict.fromkeys(("socket", "accept", "accept4"), _SOCKET),
    **dict.fromkeys(("dup", "dup2", "dup3"), _DUPLICATE),
    # what is removed, made or changed
    "unlink": Meaning(CallClass.PATH, 0, 1),
    "unlinkat": Meaning(CallClass.PATH, 1, 2),
    "rmdir": Meaning(CallClass.PATH, 0, 1),
    "mkdir": Meaning(CallClass.PATH, 0, 1),
    "mkdirat": Meaning(CallClass.PATH, 1, 2),
    "mknod": Meaning(CallClass.PATH, 0, 1),
    "mknodat": Meaning(CallClass.PATH, 1, 2),
    "truncate": Meaning(CallClass.PATH, 0, 1),
    "chmod": Meaning(CallClass.PATH, 0, 1),
    "fchmodat": Meaning(CallClass.PATH, 1, 2),
    "fchmodat2": Meaning(CallClass.PATH, 1, 2),
    "chown": Meaning(CallClass.PATH, 0, 1),
    "lchown": Meaning(CallClass.PATH, 0, 1),
    "fchownat": Meaning(CallClass.PATH, 1, 2),
    "utime": Meaning(CallClass.PATH, 0, 1),
    "utimes": Meaning(CallClass.PATH, 0, 1),
    "futimesat": Meaning(CallClass.PATH, 1, 2),
    "utimensat": Meaning(CallClass.PATH, 1, 3, CallOption.SKIP_EMPTY),
    "setxattr": Meaning(CallClass.PATH, 0, 1),
    "lsetxattr": Meaning(CallClass.PATH, 0, 1),
    "setxattrat": Meaning(CallClass.PATH, 1, 2),
    # where it looks, stands, or is mounted
    "chdir": Meaning(CallClass.PATH, 0, 1),
    "chroot": Meaning(CallClass.PATH, 0, 1),
    "umount2": Meaning(CallClass.PATH, 0, 1),
    "swapon": Meaning(CallClass.PATH, 0, 1),
    "acct": Meaning(CallClass.PATH, 0, 1),
    "open_tree": Meaning(CallClass.PATH, 1, 2),
    "statfs": Meaning(CallClass.PATH, 0, 1),
    "inotify_add_watch": Meaning(CallClass.PATH, 1, 2),
    "name_to_handle_at": Meaning(CallClass.PATH, 1, 4, CallOption.SKIP_EMPTY),
    "readlink": Meaning(CallClass.PATH, 0, 1),
    "readlinkat": Meaning(CallClass.PATH, 1, 3, CallOption.SKIP_EMPTY),
    "access": Meaning(CallClass.PATH, 0, 1),
    "faccessat": Meaning(CallClass.PATH, 1, 2),
    "faccessat2": Meaning(CallClass.PATH, 1, 2),
    "stat": Meaning(CallClass.PATH, 0, 1),
    "lstat": Meaning(CallClass.PATH, 0, 1),
    "newfstatat": _STAT_AT,
    "statx": Meaning(CallClass.PATH, 1, 2, CallOption.SKIP_EMPTY),
    "memfd_create": Meaning(CallClass.PATH, 0, 1, CallOption.GIVES),
    # two paths
    "rename": Meaning(CallClass.PAIR, 0, 1),
    "renameat": Meaning(CallClass.PAIR, 1, 3),
    "renameat2": Meaning(CallClass.PAIR, 1, 3),
    "link": Meaning(CallClass.PAIR, 0, 1),
    "linkat": Meaning(CallClass.PAIR, 1, 3),
    "symlink": Meaning(CallClass.PAIR, 0, 1),
    "symlinkat": Meaning(CallClass.PAIR, 0, 2),
    "mount": Meaning(CallClass.PAIR, 0, 1),
    "move_mount": Meaning(CallClass.PAIR, 1, 3),
    "pivot_root": Meaning(CallClass.PAIR, 0, 1),
    # addresses
    "connect": Meaning(CallClass.ADDRESS, 1, 2),
    "bind": Meaning(CallClass.ADDRESS, 1, 2),
    "sendto": Meaning(CallClass.ADDRESS, 4, 5, CallOption.INET_ONLY),
    "sendmsg": Meaning(CallClass.MESSAGE, 1, 1, CallOption.INET_ONLY),
    "sendmmsg": Meaning(CallClass.MESSAGE, 1, 1, CallOption.INET_ONLY),
    # processes and memory
    "execve": Meaning(CallClass.EXEC, 0, 1),
    "execveat": Meaning(CallClass.EXEC, 1, 2),
    "exit": Meaning(CallClass.LEAVE),
    "exit_group": Meaning(CallClass.LEAVE),
    "mmap": Meaning(CallClass.MEMORY, 0, 1, CallOption.CREATES),
    "mprotect": Meaning(CallClass.MEMORY),
    "pkey_mprotect": Meaning(CallClass.MEMORY),
    **dict.fromkeys(_BY_ARGUMENTS, _ARGUMENTS),
}
"""Calls that become events, or bytes of a descriptor; every other call is only counted. A name that
an architecture does not have is skipped there."""


def numbers(machine: str = "") -> dict[str, int]:
    """Name to number on `machine` (default: this one). Raises KeyError where there is no table."""
    return _read_numbers(machine or platform.machine())


@cache
def _read_numbers(machine: str) -> dict[str, int]:
    if machine not in MACHINES:
        raise KeyError(machine)
    text = (Path(__file__).parent / f"syscalls_{machine}.txt").read_text(encoding="ascii")
    lines = (line.split() for line in text.splitlines() if not line.startswith("#"))
    return {name: int(number) for number, name in lines}


@cache
def names(machine: str = "") -> dict[int, str]:
    """Number to name on `machine`, with the two numbers that stand for something else."""
    by_number = {number: name for name, number in numbers(machine).items()}
    return by_number | {SYSNO_OTHER: NAME_OTHER, SYSNO_SIGSYS: NAME_SIGSYS}


def name_of(number: int, machine: str = "") -> str:
    """The name of a call; `other` for a number that no table holds."""
    return names(machine).get(number, NAME_OTHER)


def meanings(machine: str = "") -> dict[int, Meaning]:
    """Number to meaning on `machine`, for the program's `calls` map."""
    table = numbers(machine)
    return {table[name]: meaning for name, meaning in MEANINGS.items() if name in table}
