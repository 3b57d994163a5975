"""The filter, run by an interpreter of our own for both machines."""

from __future__ import annotations

import errno
import struct

import pytest

from analyzer.sandbox import seccomp
from analyzer.sandbox.seccomp import MACHINES

ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
CLONE_NEWUSER, SIGCHLD, THREAD_FLAGS = 0x10000000, 17, 0x3D0F00


def run(program: bytes, number: int, arch: int, arguments: tuple[int, ...] = ()) -> int:
    """What the kernel would answer (struct seccomp_data: nr, arch, ip, args[6])."""
    data = struct.pack("<iIQ6Q", number, arch, 0, *(arguments + (0,) * 6)[:6])
    steps = [struct.unpack_from("HBBI", program, at) for at in range(0, len(program), 8)]
    place = accumulator = 0
    while True:
        code, if_true, if_false, constant = steps[place]
        place += 1
        if code == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, constant)
        elif code == 0x06:
            return int(constant)
        else:
            holds = {
                0x15: accumulator == constant,
                0x35: accumulator >= constant,
                0x45: bool(accumulator & constant),
            }[code]
            place += if_true if holds else if_false


@pytest.mark.parametrize("machine", sorted(MACHINES))
class TestFilter:
    def ask(self, machine: str, number: int, *arguments: int) -> int:
        known = MACHINES[machine]
        return run(seccomp.box_filter(machine), number, known.audit_arch, arguments)

    def test_filter__refuses_each_call_of_the_tables(self, machine: str) -> None:
        for name, (number, error) in seccomp.denied_calls(machine).items():
            assert self.ask(machine, number) == ERRNO | error, name

    def test_filter__lets_all_other_calls_by(self, machine: str) -> None:
        refused = {number for number, _ in seccomp.denied_calls(machine).values()}
        known = MACHINES[machine]
        for number in set(range(470)) - refused - {known.clone, known.socket, known.ioctl}:
            assert self.ask(machine, number) == ALLOW, number

    def test_filter__kills_calls_by_another_table(self, machine: str) -> None:
        for arch in (0x40000003, 0x40000028, 0):
            assert run(seccomp.box_filter(machine), 0, arch) == KILL

    def test_filter__lets_threads_and_forks_by_but_no_namespaces(self, machine: str) -> None:
        clone = MACHINES[machine].clone
        assert self.ask(machine, clone, SIGCHLD) == ALLOW
        assert self.ask(machine, clone, THREAD_FLAGS) == ALLOW
        for bit in (0x10000000, 0x20000, 0x20000000, 0x40000000, 0x4000000, 0x8000000, 0x2000000):
            assert self.ask(machine, clone, bit | SIGCHLD) == ERRNO | errno.EPERM

    def test_filter__lets_four_families_of_sockets_by(self, machine: str) -> None:
        number = MACHINES[machine].socket
        allowed = {f for f in range(64) if self.ask(machine, number, f) == ALLOW}
        assert allowed == {1, 2, 10, 16}
        assert self.ask(machine, number, 38) == ERRNO | errno.EAFNOSUPPORT

    def test_filter__lets_no_one_type_into_terminals(self, machine: str) -> None:
        ioctl = MACHINES[machine].ioctl
        assert self.ask(machine, ioctl, 0, 0x5412) == ERRNO | errno.EPERM
        assert self.ask(machine, ioctl, 0, 0x541C) == ERRNO | errno.EPERM
        assert self.ask(machine, ioctl, 0, 0x5401) == ALLOW

    def test_sinkhole__starts_no_programs(self, machine: str) -> None:
        arch = MACHINES[machine].audit_arch
        column = MACHINES[machine].column
        program = seccomp.sinkhole_filter(machine)
        for numbers in seccomp._EXECS.values():
            number = numbers[column]
            if number is not None:
                assert run(program, number, arch) == ERRNO | errno.EPERM

    def test_filter__is_within_the_kernels_bound(self, machine: str) -> None:
        assert len(seccomp.box_filter(machine)) // 8 < seccomp.INSTRUCTIONS_MAX


def test_filter__x32_calls_kill() -> None:
    assert run(seccomp.box_filter("x86_64"), 0x40000000 | 39, 0xC000003E) == KILL


def test_clone_newuser__is_among_the_flags() -> None:
    assert seccomp._CLONE_NEW_ANY & CLONE_NEWUSER
