"""Which system calls each of QUT-DV25's six operation columns counts."""

from __future__ import annotations

from collections.abc import Mapping

OPERATIONS: Mapping[str, frozenset[str]] = {
    "File_Operations": frozenset(
        (
            *("access", "chdir", "close", "creat", "dup", "dup2", "dup3", "faccessat"),
            *("faccessat2", "fchdir", "fdatasync", "fstat", "fstatfs", "fsync", "ftruncate"),
            *("getcwd", "getdents", "getdents64", "link", "linkat", "lseek", "lstat", "mkdir"),
            *("mkdirat", "mknod", "mknodat", "newfstatat", "open", "openat", "openat2"),
            *("pread64", "pwrite64", "read", "readlink", "readlinkat", "rename", "renameat"),
            *("renameat2", "rmdir", "stat", "statfs", "statx", "symlink", "symlinkat"),
            *("truncate", "unlink", "unlinkat", "utimensat", "write"),
        )
    ),
    "Network_Operations": frozenset(
        (
            *("accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt"),
            *("listen", "recvfrom", "recvmmsg", "recvmsg", "sendmmsg", "sendmsg", "sendto"),
            *("setsockopt", "shutdown", "socket", "socketpair"),
        )
    ),
    "Process_Management_Operations": frozenset(
        (
            *("clone", "clone3", "execve", "execveat", "exit", "exit_group", "fork", "getpgid"),
            *("getpgrp", "getpid", "getppid", "gettid", "kill", "pidfd_open", "setpgid"),
            *("setsid", "tgkill", "tkill", "vfork", "wait4", "waitid"),
        )
    ),
    "IO_Operations": frozenset(
        (
            *("copy_file_range", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_wait"),
            *("eventfd2", "fcntl", "flock", "ioctl", "poll", "ppoll", "preadv", "preadv2"),
            *("pselect6", "pwritev", "pwritev2", "readv", "select", "sendfile", "splice"),
            *("writev",),
        )
    ),
    "Time_Operations": frozenset(
        (
            *("alarm", "clock_getres", "clock_gettime", "clock_nanosleep", "gettimeofday"),
            *("nanosleep", "setitimer", "time", "timer_create", "timer_delete", "timer_settime"),
            *("timerfd_create", "timerfd_settime", "times"),
        )
    ),
    "Security_Operations": frozenset(
        (
            *("capget", "capset", "chmod", "chown", "fchmod", "fchmodat", "fchmodat2", "fchown"),
            *("fchownat", "getegid", "geteuid", "getgid", "getgroups", "getresgid", "getresuid"),
            *("getuid", "lchown", "prctl", "ptrace", "seccomp", "setgid", "setgroups"),
            *("setregid", "setresgid", "setresuid", "setreuid", "setuid", "umask"),
        )
    ),
}
"""Column → calls. The dataset names examples and no list; this one is ours, holds all of its examples,
and no call twice."""
