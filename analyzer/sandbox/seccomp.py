"""The system calls that a box may not make, as a classic BPF program for x86_64 and aarch64.

A deny list: packages are ordinary programs, and an allow list would break tomorrow's libc. What is
refused is what an ordinary program has no use for and what has been the way out of containers, or
what would blind the tracer (io_uring, another system call table). Each refusal is visible to the
tracer as a denied call; a call through another table kills the caller (SIGSYS).

Sources: Docker's default profile and systemd's @-groups for the selection; numbers from the
kernel's `syscall_64.tbl` and `asm-generic/unistd.h`; measured in SANDBOX-style tests beside this.
"""

from __future__ import annotations

import errno
import platform
import struct
from dataclasses import dataclass

_LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_IF_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_IF_AT_LEAST = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_IF_ANY_BIT = 0x45  # BPF_JMP | BPF_JSET | BPF_K
_RETURN = 0x06  # BPF_RET | BPF_K
_KILL_PROCESS = 0x80000000
_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_OFFSET_NUMBER = 0
_OFFSET_ARCH = 4
_OFFSET_ARG0 = 16
_OFFSET_ARG1 = 24
_X32_BIT = 0x40000000

INSTRUCTIONS_MAX = 4096
"""BPF_MAXINSNS of the kernel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What differs between the machines that we know."""

    audit_arch: int
    column: int
    clone: int
    socket: int
    ioctl: int


MACHINES = {
    "x86_64": Machine(audit_arch=0xC000003E, column=0, clone=56, socket=41, ioctl=16),
    "aarch64": Machine(audit_arch=0xC00000B7, column=1, clone=220, socket=198, ioctl=29),
}

# name: (number on x86_64, number on aarch64); None: that machine has no such call.
_PERM: dict[str, tuple[int | None, int | None]] = {
    # other processes' memory and descriptors
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    # mounts and namespaces
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "setns": (308, 268),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    # the kernel itself
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "syslog": (103, 116),
    "vhangup": (153, 58),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    # wide attack surface, no use to a package
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "personality": (135, 92),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
    "lookup_dcookie": (212, 18),
    "nfsservctl": (180, 42),
}

# Refused as if the kernel were too old: their callers have a fall-back (or none is wanted).
_NOSYS: dict[str, tuple[int | None, int | None]] = {
    # would do I/O past the tracer's sight
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    # its flags lie behind a pointer, where a filter cannot look; glibc falls back to clone
    "clone3": (435, 435),
    # the new mount calls
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "statmount": (457, 457),
    "listmount": (458, 458),
}

_CLONE_NEW_ANY = (
    0x10000000 | 0x00020000 | 0x20000000 | 0x40000000 | 0x04000000 | 0x08000000 | 0x02000000
)
"""CLONE_NEWUSER, NEWNS, NEWPID, NEWNET, NEWUTS, NEWIPC, NEWCGROUP."""
_FAMILIES_ALLOWED = (1, 2, 10, 16)
"""AF_UNIX, AF_INET, AF_INET6, AF_NETLINK (glibc asks it for addresses); not AF_ALG, AF_VSOCK …"""
_TIOCSTI = 0x5412
_TIOCLINUX = 0x541C


_Instruction = tuple[int, int, int, int]


def _refuse(number: int, error: int) -> list[_Instruction]:
    return [(_IF_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ERRNO | error)]


def _arch_check(machine: Machine) -> list[_Instruction]:
    check: list[_Instruction] = [
        (_LOAD, 0, 0, _OFFSET_ARCH),
        (_IF_EQUAL, 1, 0, machine.audit_arch),
        (_RETURN, 0, 0, _KILL_PROCESS),
        (_LOAD, 0, 0, _OFFSET_NUMBER),
    ]
    if machine.column == 0:
        check += [(_IF_AT_LEAST, 0, 1, _X32_BIT), (_RETURN, 0, 0, _KILL_PROCESS)]
    return check


def _argument_checks(machine: Machine) -> list[_Instruction]:
    """Clone with namespace flags, sockets of odd families, typing into terminals."""
    families: list[_Instruction] = [
        (_IF_EQUAL, len(_FAMILIES_ALLOWED) - index, 0, family)
        for index, family in enumerate(_FAMILIES_ALLOWED)
    ]
    return [
        (_IF_EQUAL, 0, 4, machine.clone),
        (_LOAD, 0, 0, _OFFSET_ARG0),
        (_IF_ANY_BIT, 0, 1, _CLONE_NEW_ANY),
        (_RETURN, 0, 0, _ERRNO | errno.EPERM),
        (_LOAD, 0, 0, _OFFSET_NUMBER),
        (_IF_EQUAL, 0, len(families) + 3, machine.socket),
        (_LOAD, 0, 0, _OFFSET_ARG0),
        *families,
        (_RETURN, 0, 0, _ERRNO | errno.EAFNOSUPPORT),
        (_LOAD, 0, 0, _OFFSET_NUMBER),
        (_IF_EQUAL, 0, 4, machine.ioctl),
        (_LOAD, 0, 0, _OFFSET_ARG1),
        (_IF_EQUAL, 1, 0, _TIOCSTI),
        (_IF_EQUAL, 0, 1, _TIOCLINUX),
        (_RETURN, 0, 0, _ERRNO | errno.EPERM),
    ]


def denied_calls(machine: str | None = None) -> dict[str, tuple[int, int]]:
    """Name → (number, errno) of every call that this machine's filter refuses whatever it is given."""
    column = MACHINES[machine or platform.machine()].column
    found: dict[str, tuple[int, int]] = {}
    for table, error in ((_PERM, errno.EPERM), (_NOSYS, errno.ENOSYS)):
        for name, numbers in table.items():
            number = numbers[column]
            if number is not None:
                found[name] = (number, error)
    return found


def box_filter(machine: str | None = None) -> bytes:
    """The program for boxes as `struct sock_filter[]`, the form that `bwrap --seccomp` reads."""
    known = MACHINES[machine or platform.machine()]
    program = _arch_check(known)
    for number, error in denied_calls(machine).values():
        program += _refuse(number, error)
    program += _argument_checks(known)
    program.append((_RETURN, 0, 0, _ALLOW))
    return assemble(program)


_EXECS = {"execve": (59, 221), "execveat": (322, 281), "fork": (57, None), "vfork": (58, None)}


def sinkhole_filter(machine: str | None = None) -> bytes:
    """The program for the sinkhole: as for boxes, and it starts no programs or processes."""
    known = MACHINES[machine or platform.machine()]
    program = _arch_check(known)
    for number, error in denied_calls(machine).values():
        program += _refuse(number, error)
    for starter in _EXECS.values():
        exec_number = starter[known.column]
        if exec_number is not None:
            program += _refuse(exec_number, errno.EPERM)
    program += _argument_checks(known)
    program.append((_RETURN, 0, 0, _ALLOW))
    return assemble(program)


def assemble(program: list[_Instruction]) -> bytes:
    """`struct sock_filter[]` of the instructions."""
    return b"".join(struct.pack("HBBI", *instruction) for instruction in program)
