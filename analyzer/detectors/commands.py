"""What a command line does, as far as its words tell: shells, downloaders, harmless questions."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh", "ash", "busybox", "fish", "csh", "tcsh"})
DOWNLOADERS = frozenset(
    {
        *("curl", "wget", "aria2c", "axel", "lwp-download", "lynx", "w3m", "ftp", "tftp", "sftp"),
        *(
            "scp",
            "rsync",
            "nc",
            "ncat",
            "netcat",
            "nc.openbsd",
            "nc.traditional",
            "socat",
            "telnet",
        ),
        *("ssh", "openssl"),
    }
)
HARMLESS = frozenset(
    {
        # ctypes.util.find_library, platform, uuid and os of the standard library
        *("ldconfig", "ldconfig.real", "gcc", "cc", "ld", "objdump", "dump", "uname", "file"),
        *("collect2", "lto-wrapper", "ld.bfd", "ld.gold", "real-ld"),  # which gcc -t starts
        *("ifconfig", "ip", "arp", "netstat", "lscpu", "getconf", "lsb_release", "locale"),
        # what libraries ask on import: terminal size, time zone, version control, accelerators
        *("stty", "tput", "git", "hg", "nvidia-smi", "rocm-smi", "which", "true", "false", "test"),
        *("ldd", "readelf", "pkg-config", "sysctl", "hostname"),
    }
)
"""Programs that libraries start to ask something of the system, and that fetch and change nothing."""
TOOLCHAIN = re.compile(
    r"(?:[a-z0-9_]+-linux-gnu-)?"
    r"(?:g?cc|g\+\+|c\+\+|cpp|clang(?:\+\+)?|gfortran|f95|as|ar|ranlib|strip|ld(?:\.\w+)?|collect2|cc1"
    r"|cc1plus|f951|lto1|lto-wrapper|make|gmake|cmake|ctest|ninja|meson|rustc|cargo|go|nvcc|m4|autoconf"
    r"|libtool|swig|patchelf|install|cp|mv)(?:-[0-9.]+)?\Z"
)
"""Compilers, linkers and build tools: what they write may well be run by a build."""
_DECORATION = re.compile(r"\A[a-z0-9_]+-linux-gnu(?:eabihf)?-|-[0-9.]+\Z")
"""What Debian puts around the name of a compiler: `x86_64-linux-gnu-gcc-12`."""
_OPERATORS = re.compile(r"[;|&`$<>()\n]")
_QUIET = re.compile(r"[0-9]?>\s*/dev/null|2>&1|</dev/null|\|\|\s*true\b")


def program(path: str, argv: Sequence[str] = ()) -> str:
    """The bare name of a program."""
    return (path or (argv[0] if argv else "")).rpartition("/")[2]


def is_shell(path: str, argv: Sequence[str] = ()) -> bool:
    """Whether a shell is started."""
    return program(path, argv) in SHELLS


def shell_text(argv: Sequence[str]) -> str:
    """The text after `-c`; empty where there is none."""
    for index, argument in enumerate(argv[1:], start=1):
        if argument.startswith("-") and not argument.startswith("--") and "c" in argument:
            return argv[index + 1] if len(argv) > index + 1 else ""
    return ""


def is_harmless_question(path: str, argv: Sequence[str]) -> bool:
    """Whether a command only asks the system something: plainly one harmless program."""
    if not is_shell(path, argv):
        return _DECORATION.sub("", program(path, argv)) in HARMLESS
    text = _QUIET.sub(" ", shell_text(argv))
    if not text or _OPERATORS.search(text):
        return False
    try:
        words = shlex.split(text)
    except ValueError:
        return False
    return bool(words) and program(words[0]) in HARMLESS


def names_downloader(path: str, argv: Sequence[str]) -> bool:
    """Whether a downloader is started, itself or by a shell's text."""
    if program(path, argv) in DOWNLOADERS:
        return True
    words = re.split(r"[\s;|&`$()'\"]+", shell_text(argv)) if is_shell(path, argv) else ()
    return any(word.rpartition("/")[2] in DOWNLOADERS for word in words)
