"""Kernel calls that Python 3.11's standard library does not offer, by ctypes. No policy here."""

from __future__ import annotations

import ctypes
import os

CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000
CLONE_NEWUSER = 0x10000000
MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_REMOUNT = 0x20
MS_BIND = 0x1000
MS_REC = 0x4000
MS_SLAVE = 0x80000
MNT_DETACH = 0x2
UMOUNT_NOFOLLOW = 0x8
PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_NO_NEW_PRIVS = 38
PR_SET_SECCOMP = 22
PR_SET_CHILD_SUBREAPER = 36
SECCOMP_MODE_FILTER = 2
IN_NONBLOCK = 0x800
IN_CLOEXEC = 0x80000

_LIBC = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def unshare(flags: int) -> None:
    """Give the calling thread new namespaces."""
    _checked(_LIBC.unshare(ctypes.c_int(flags)), "unshare")


def setns(descriptor: int, flags: int) -> None:
    """Move the calling thread into the namespace that `descriptor` names."""
    _checked(_LIBC.setns(ctypes.c_int(descriptor), ctypes.c_int(flags)), "setns")


def mount(source: str, target: str, fstype: str, flags: int, data: str = "") -> None:
    """Mount, see its manual page; `fstype` and `data` may be empty."""
    result = _LIBC.mount(
        source.encode(),
        target.encode(),
        fstype.encode() or None,
        ctypes.c_ulong(flags),
        data.encode() or None,
    )
    _checked(result, f"mount {target}")


def unmount(target: str) -> None:
    """Take a mount away at once; what is still open keeps it alive unseen until it is closed."""
    flags = ctypes.c_int(MNT_DETACH | UMOUNT_NOFOLLOW)
    _checked(_LIBC.umount2(target.encode(), flags), f"umount {target}")


def prctl(option: int, first: int = 0, second: int = 0) -> None:
    """Set a property of this process; up to two arguments."""
    zero = ctypes.c_ulong(0)
    result = _LIBC.prctl(
        ctypes.c_int(option), ctypes.c_ulong(first), ctypes.c_ulong(second), zero, zero
    )
    _checked(result, "prctl")


class _FilterProgram(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def install_filter(program: bytes) -> None:
    """Put the calling process under a seccomp filter (struct sock_filter[]), for good."""
    buffer = ctypes.create_string_buffer(program, len(program))
    header = _FilterProgram(len(program) // 8, ctypes.addressof(buffer))
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(header))


def inotify_init() -> int:
    """A new inotify descriptor, non-blocking and closed on exec."""
    return _checked(_LIBC.inotify_init1(ctypes.c_int(IN_NONBLOCK | IN_CLOEXEC)), "inotify_init1")


def inotify_add(descriptor: int, path: str, mask: int) -> int:
    """Watch the inode at `path`; returns the watch's number."""
    result = _LIBC.inotify_add_watch(ctypes.c_int(descriptor), path.encode(), ctypes.c_uint32(mask))
    return _checked(result, f"inotify_add_watch {path}")


def bpf(command: int, attributes: ctypes.Array[ctypes.c_char], *, number: int) -> int:
    """One call to the BPF subsystem; `number` is the system call's number on this machine."""
    result = _LIBC.syscall(
        ctypes.c_long(number),
        ctypes.c_int(command),
        ctypes.byref(attributes),
        ctypes.c_uint(ctypes.sizeof(attributes)),
    )
    return _checked(result, f"bpf command {command}")
