"""The interpreter that boxes run, as a resolver and a wheel's tags see it.

Asked once of the interpreter itself; what follows from the answer (PEP 425 tags, PEP 508 markers)
is computed here, with explicit arguments, since the worker may run under another one.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
import structlog
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from models.errors import SandboxUnavailable, ValueInvalid
from models.evidence import Shortfall
from models.work import Target

EXECUTABLE = "/usr/bin/python3"
"""What boxes run (`analyzer.sandbox.layout.PYTHON`)."""
INTERPRETERS_MAX = 16
"""Interpreters of one machine that are asked; CPython has some six supported versions."""
_ANSWER_S = 30
"""Seconds the question may take; it takes 0.05."""
_QUESTION = """\
import json, os, platform, sys, sysconfig
v = sys.implementation.version
full = "%d.%d.%d" % v[:3] + ("" if v.releaselevel == "final" else v.releaselevel[0] + str(v.serial))
libc = os.confstr("CS_GNU_LIBC_VERSION") if "CS_GNU_LIBC_VERSION" in os.confstr_names else ""
print(json.dumps({
    "markers": {
        "implementation_name": sys.implementation.name,
        "implementation_version": full,
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": platform.python_version(),
        "python_version": "%d.%d" % sys.version_info[:2],
        "sys_platform": sys.platform,
    },
    "version": sys.version_info[:2],
    "platform": sysconfig.get_platform(),
    "libc": libc or "",
}))
"""
_LEGACY_MANYLINUX = {(2, 17): "manylinux2014", (2, 12): "manylinux2010", (2, 5): "manylinux1"}
"""PEP 600: the names that came before `manylinux_x_y`."""
_OLDEST_GLIBC_MINOR = {"x86_64": 5, "i686": 5}
"""PEP 513; every other architecture begins at 2.17 (PEP 599)."""
_OLDEST_GLIBC_MINOR_ELSE = 17
_PYTHON = re.compile(r"3\.(?P<minor>[0-9]{1,2})(?:\.(?P<micro>[0-9]{1,2}))?")


log = structlog.get_logger()


class _Answer(msgspec.Struct, forbid_unknown_fields=True):
    markers: dict[str, str]
    version: tuple[int, int]
    platform: str
    libc: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """An interpreter by what it supports. `executable` empty: the sandbox's usual one."""

    target: Target
    executable: str = ""

    @property
    def version(self) -> str:
        """The full version, such as `3.11.2`."""
        return self.target.markers["python_full_version"]

    @property
    def feature_version(self) -> tuple[int, int]:
        """Such as (3, 11)."""
        major, minor = self.target.markers["python_version"].split(".")[:2]
        return int(major), int(minor)

    @property
    def platform(self) -> str:
        """Such as `linux-x86_64`."""
        markers = self.target.markers
        return f"{markers['sys_platform']}-{markers['platform_machine']}"

    def runs_wheel(self, filename: str) -> bool:
        """Whether one of the wheel's tags is one of ours."""
        try:
            tags = parse_wheel_filename(filename)[3]
        except InvalidWheelFilename:
            return False
        return not {str(tag) for tag in tags}.isdisjoint(self.target.tags)

    def satisfies(self, requires_python: str) -> bool:
        """Whether `Requires-Python` admits us; what does not parse admits everybody, as in pip."""
        try:
            return SpecifierSet(requires_python).contains(self.version, prereleases=True)
        except InvalidSpecifier:
            return True


async def describe_interpreter(executable: str = EXECUTABLE) -> Interpreter:
    """Ask `executable` what it is. Raises SandboxUnavailable where it does not say."""
    try:
        process = await asyncio.create_subprocess_exec(
            executable,
            "-I",
            "-c",
            _QUESTION,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(_ANSWER_S):
            out, _ = await process.communicate()
        answer = msgspec.json.decode(out, type=_Answer)
    except (OSError, TimeoutError, msgspec.MsgspecError) as error:
        raise SandboxUnavailable(
            f"The interpreter {executable} does not say what it is.",
            next_step="Install python3 from the distribution; boxes run it.",
        ) from error
    return from_answer(
        answer.markers,
        version=answer.version,
        platform=answer.platform,
        libc=answer.libc,
        executable=executable,
    )


async def describe_interpreters(executables: Sequence[str]) -> tuple[Interpreter, ...]:
    """All that answer, the usual one first; none named: the usual one alone.

    Raises SandboxUnavailable where not even one says what it is.
    """
    found = []
    for executable in executables[:INTERPRETERS_MAX] or (EXECUTABLE,):
        try:
            found.append(await describe_interpreter(executable))
        except SandboxUnavailable as error:
            log.warning("interpreter_silent", executable=executable, error=str(error))
    if not found:
        raise SandboxUnavailable(
            "None of the sandbox's interpreters says what it is.",
            next_step="Install python3 from the distribution; boxes run it.",
        )
    return tuple(found)


def as_python(known: Interpreter, version: str) -> Interpreter:
    """The same platform with another CPython, such as `3.13` or `3.13.1`.

    Raises ValueInvalid where that is no version of Python 3.
    """
    match = _PYTHON.fullmatch(version.strip())
    if match is None:
        raise ValueInvalid(
            f"{version!r} is no version of Python 3.", next_step="Write it as 3.13 or 3.13.1."
        )
    minor, micro = int(match["minor"]), int(match["micro"] or 0)
    full = f"3.{minor}.{micro}"
    markers = {
        **known.target.markers,
        "implementation_version": full,
        "python_full_version": full,
        "python_version": f"3.{minor}",
    }
    platforms = list(dict.fromkeys(tag.rpartition("-")[2] for tag in known.target.tags))
    platforms = [platform for platform in platforms if platform != "any"]
    short = f"cp3{minor}"
    tags = [
        *cpython_tags(python_version=(3, minor), abis=[short], platforms=platforms),
        *compatible_tags(python_version=(3, minor), interpreter=short, platforms=platforms),
    ]
    return Interpreter(
        target=Target(markers=markers, tags=tuple(dict.fromkeys(str(tag) for tag in tags)))
    )


def choose_interpreter(
    known: Sequence[Interpreter], *, requires_python: str, wheel: str = ""
) -> Interpreter | Shortfall:
    """The first that runs an artifact (`wheel`: its filename), or why none does."""
    admitted = [one for one in known if one.satisfies(requires_python)]
    if not admitted:
        return Shortfall.INTERPRETER_MISSING
    fitting = [one for one in admitted if not wheel or one.runs_wheel(wheel)]
    return fitting[0] if fitting else Shortfall.WRONG_PLATFORM


def from_answer(
    markers: dict[str, str],
    *,
    version: tuple[int, int],
    platform: str,
    libc: str,
    executable: str = "",
) -> Interpreter:
    """Markers and tags of a CPython of `version` on `platform` with `libc` (`glibc 2.36`)."""
    short = f"cp{version[0]}{version[1]}"
    platforms = list(platform_tags(platform, libc))
    tags = [
        *cpython_tags(python_version=version, abis=[short], platforms=platforms),
        *compatible_tags(python_version=version, interpreter=short, platforms=platforms),
    ]
    return Interpreter(
        target=Target(markers=markers, tags=tuple(dict.fromkeys(str(tag) for tag in tags))),
        executable=executable,
    )


def platform_tags(platform: str, libc: str) -> Iterator[str]:
    """PEP 600 platform tags, best first; only the plain one where libc is not glibc."""
    plain = platform.replace("-", "_").replace(".", "_")
    architecture = plain.removeprefix("linux_")
    name, _, number = libc.partition(" ")
    major, _, minor = number.partition(".")
    if name == "glibc" and major == "2" and minor.isdigit() and plain != architecture:
        oldest = _OLDEST_GLIBC_MINOR.get(architecture, _OLDEST_GLIBC_MINOR_ELSE)
        for at in range(int(minor), oldest - 1, -1):
            yield f"manylinux_2_{at}_{architecture}"
            if (2, at) in _LEGACY_MANYLINUX:
                yield f"{_LEGACY_MANYLINUX[2, at]}_{architecture}"
    yield plain
