"""What differs on arm64 boards, as far as it can be tried elsewhere: call numbers and page sizes."""

from __future__ import annotations

import os
import re
import struct
from pathlib import Path

import pytest

from analyzer.sandbox import seccomp
from analyzer.trace import loader, syscalls
from analyzer.trace.kernel import RING_BYTES
from analyzer.trace.ring import Ring, ring_bytes_valid

PAGES = (4096, 16_384, 65_536)
"""Bytes of a page: the usual, a Raspberry Pi 5's, and what some servers have."""
HEADER = Path("/usr/include/asm-generic/unistd.h")
"""The table that arm64 is built from; Debian's linux-libc-dev has it on every machine."""
ALIASES = {"fstatat": "newfstatat"}
"""asm-generic's names, and the ones that the call has where it is made."""

# Numbers of include/uapi/asm-generic/unistd.h (Linux 6.1) that a judgement or a refusal hangs on.
CHECKED = """
5 setxattr 17 getcwd 23 dup 24 dup3 25 fcntl 29 ioctl 33 mknodat 34 mkdirat 35 unlinkat 36 symlinkat
37 linkat 38 renameat 39 umount2 40 mount 41 pivot_root 45 truncate 48 faccessat 49 chdir 51 chroot
53 fchmodat 54 fchownat 56 openat 57 close 58 vhangup 60 quotactl 63 read 64 write 78 readlinkat
79 newfstatat 80 fstat 88 utimensat 89 acct 90 capget 91 capset 92 personality 93 exit 94 exit_group
97 unshare 98 futex 104 kexec_load 105 init_module 106 delete_module 112 clock_settime 116 syslog
117 ptrace 129 kill 130 tkill 131 tgkill 142 reboot 143 setregid 144 setgid 145 setreuid 146 setuid
147 setresuid 149 setresgid 154 setpgid 157 setsid 159 setgroups 161 sethostname 162 setdomainname
167 prctl 170 settimeofday 171 adjtimex 172 getpid 198 socket 199 socketpair 200 bind 201 listen
202 accept 203 connect 206 sendto 207 recvfrom 211 sendmsg 217 add_key 218 request_key 219 keyctl
220 clone 221 execve 222 mmap 224 swapon 225 swapoff 226 mprotect 238 migrate_pages 239 move_pages
241 perf_event_open 242 accept4 260 wait4 262 fanotify_init 263 fanotify_mark 264 name_to_handle_at
265 open_by_handle_at 266 clock_adjtime 268 setns 269 sendmmsg 270 process_vm_readv
271 process_vm_writev 272 kcmp 273 finit_module 276 renameat2 277 seccomp 278 getrandom
279 memfd_create 280 bpf 281 execveat 282 userfaultfd 291 statx 294 kexec_file_load 424
pidfd_send_signal 425 io_uring_setup 426 io_uring_enter 427 io_uring_register 428 open_tree
429 move_mount 430 fsopen 431 fsconfig 432 fsmount 433 fspick 434 pidfd_open 435 clone3 437 openat2
438 pidfd_getfd 439 faccessat2 442 mount_setattr 443 quotactl_fd 447 memfd_secret
"""


def checked() -> dict[str, int]:
    """Name to number."""
    words = CHECKED.split()
    return {name: int(number) for number, name in zip(words[::2], words[1::2], strict=True)}


def test_table__has_the_numbers_of_a_second_source() -> None:
    table = syscalls.numbers("aarch64")

    assert {name: table.get(name) for name in checked()} == checked()


def test_refusals__have_the_numbers_of_the_table() -> None:
    table = syscalls.numbers("aarch64")
    refused = {name: number for name, (number, _) in seccomp.denied_calls("aarch64").items()}
    arm = seccomp.MACHINES["aarch64"]

    wrong = {name: number for name, number in refused.items() if table.get(name, number) != number}
    assert wrong == {}
    assert set(refused) - set(table) <= {"lookup_dcookie", "nfsservctl"}  # gone from newer kernels
    assert (arm.clone, arm.socket, arm.ioctl) == tuple(
        table[name] for name in ("clone", "socket", "ioctl")
    )


def test_table__is_that_of_the_kernels_header_where_it_is_installed() -> None:
    """Where no header is installed, the checked numbers above are all that is compared."""
    text = HEADER.read_text() if HEADER.exists() else ""
    found = re.findall(r"^#define __NR(?:3264)?_(\w+)\s+(\d+)$", text, re.MULTILINE)
    table = syscalls.numbers("aarch64")
    numbers = {ALIASES.get(name, name): int(number) for name, number in reversed(found)}

    common = numbers.keys() & table.keys()
    assert {name: numbers[name] for name in common} == {name: table[name] for name in common}
    assert not numbers or len(common) > 280


@pytest.mark.parametrize("page", PAGES)
def test_ring__has_whole_pages_of_every_size(page: int) -> None:
    assert ring_bytes_valid(RING_BYTES, page)
    assert not ring_bytes_valid(page // 2, page)
    assert loader.ring_pages(RING_BYTES, page) * page == RING_BYTES


@pytest.mark.parametrize("page", PAGES)
def test_ring__is_read_where_a_kernel_with_such_pages_puts_it(page: int) -> None:
    """Consumer's page, producer's page, then the data twice: all at multiples of the page."""
    size = 2 * page
    descriptor = os.memfd_create("ring")
    try:
        os.truncate(descriptor, 2 * page + 2 * size)
        start = size - 16  # the second record wraps round
        first = struct.pack("<II", 8, 0) + b"recorded"
        second = struct.pack("<II", 12, 0) + b"wrapped here" + bytes(4)
        for copy in (0, size):
            for at, byte in enumerate(first + second):
                place = (start + at) % size
                os.pwrite(descriptor, bytes([byte]), 2 * page + copy + place)
        os.pwrite(descriptor, struct.pack("<Q", start), 0)
        os.pwrite(descriptor, struct.pack("<Q", start + len(first + second)), page)
        ring = Ring(descriptor, size, page)
        try:
            assert [record for _, record in ring.drain(0)] == [b"recorded", b"wrapped here"]
        finally:
            ring.close()
        assert struct.unpack("<Q", os.pread(descriptor, 8, 0))[0] == start + len(first + second)
    finally:
        os.close(descriptor)
