"""What a command line does, as far as its words tell: shells, downloaders, harmless questions."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from analyzer.boxpaths import absolute

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
        *(
            "ldd",
            "readelf",
            "pkg-config",
            "sysctl",
            "hostname",
            "rocminfo",
            "rocm_agent_enumerator",
        ),
        # fonts (matplotlib), time zones and displays (PyQt, tkinter)
        *("fc-list", "fc-match", "fc-cache", "timedatectl", "xdpyinfo", "xrandr", "dircolors"),
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
_MACHINE = ("/usr/", "/bin/", "/sbin/", "/lib/", "/lib64/", "/opt/")
"""Where boxes show the machine, read-only."""
COMMAND_CHARS_MAX = 600
"""Characters of a command line that are searched: the tracer keeps 224 of each argument, and whoever
writes it must not decide how long we look."""
_DECORATION = re.compile(r"\A[a-z0-9_]+-linux-gnu(?:eabihf)?-|-[0-9.]+\Z")
"""What Debian puts around the name of a compiler: `x86_64-linux-gnu-gcc-12`."""
_OPERATORS = re.compile(r"[;|&`$<>()\n]")
_QUIET = re.compile(r"[0-9]?>\s*/dev/null|2>&1|</dev/null|\|\|\s*true\b")


_FETCHES = r"(?:curl|wget|fetch|aria2c|lwp-download)"
_RUNS = r"(?:sudo\s+)?(?:\S*/)?(?:(?:ba|da|z|k|a)?sh|python[\d.]*|perl|node|ruby|php)"
_PIPED = re.compile(
    rf"\b{_FETCHES}\b[^;\n]*\|\s*{_RUNS}\b"
    rf"|\b{_RUNS}\s+(?:-c\s+)?[\"']?(?:\$\(|<\(|`)\s*{_FETCHES}\b"
    rf"|\b(?:eval|source|\.)\s+[\"']?(?:\$\(|<\(|`)\s*{_FETCHES}\b"
)
"""`curl … | sh`, `sh -c "$(curl …)"`, `bash <(curl …)`: what is fetched is run unseen."""
_REVERSE = re.compile(
    r"/dev/(?:tcp|udp)/[^\s/]+/\d+"
    r"|\b(?:nc|ncat|netcat)\b.*\s(?:-[a-zA-Z]*[ec]|--(?:sh-)?exec)\b"
    r"|\bsocat\b.*\b(?:exec|system):.*\b(?:tcp|udp|openssl|sctp)\w*[:-]"
    r"|\bsocat\b.*\b(?:tcp|udp|openssl|sctp)\w*[:-].*\b(?:exec|system):"
    r"|\bmkfifo\b.*\bsh\b.*\b(?:nc|ncat|netcat|telnet|openssl)\b"
    r"|\bsocket\b.*\b(?:dup2|pty\.spawn)\b"
    r"|\bfsockopen\b.*\b(?:exec|proc_open|system)\b"
    r"|\bTCPSocket\b.*\bexec\b|\bSocket\b.*\bSTDIN\b.*\bexec\b",
    re.IGNORECASE | re.DOTALL,
)
"""The one-liners that reverse shells are written in (bash, netcat, socat, Python, PHP, Ruby, Perl)."""
_TELLS = re.compile(
    r"(?:nc|ncat|netcat|socat|telnet)(?:\.\w+)?\Z|python|perl|ruby|php|lua|node|awk"
)
"""Beginnings of the programs beside shells whose command line may hold such a line."""
LOADER = re.compile(r"ld-linux[\w.-]*\.so|ld-[\d.]+\.so|ld-musl")
"""The dynamic loader, which executes the file that it is given."""
_INTERPRETER = re.compile(r"(?:python|pypy|perl|ruby|php|lua|node|deno|bun)[\d.]*\Z")
_RUN_BY_TEXT = re.compile(
    r"(?:(?:\A|[;&|(`])\s*|(?<!\S)\.\s+|\b(?:exec|nohup|setsid|sudo|env|then|do|source|sh|bash|dash|zsh"
    r"|python[\d.]*|perl)\s+)(?P<path>/[^\s;&|()'\"`<>$]+)"
)
"""Absolute paths that a shell's text executes or sources."""
_HIDDEN = re.compile(
    r"\b(?:exec|eval|compile|__import__)\s*\(.*(?:b(?:16|32|64|85)decode|decompress|fromhex|unhexlify|marshal"
    r"|urlopen|urlretrieve|requests|httpx|Fernet|rot_?13|codecs\.decode|bytes\s*\(\s*\[)"
    r"|(?:b(?:32|64|85)decode|decompress|urlopen|marshal\.loads)\s*\(.*\b(?:exec|eval)\s*\("
    r"|\bbase(?:32|64)\s+(?:-d|-D|--decode)\b[^|]*\|\s*(?:\S*/)?(?:(?:ba|da|z|k|a)?sh|python[\d.]*|perl)\b"
    r"|\b(?:xxd\s+-r|openssl\s+enc\s.*-d)\b.*\|\s*(?:\S*/)?(?:(?:ba|da|z)?sh|python[\d.]*)\b"
    r"|\s-(?:e|enc|encodedcommand)\s+[A-Za-z0-9+/=]{40,}",
    re.IGNORECASE | re.DOTALL,
)
"""Code that is decoded or fetched and run in one breath."""
_CODE_OPTIONS = ("-c", "-e", "-r", "-enc", "-EncodedCommand", "-e64")
_INSTALLS = re.compile(
    r"(?:\A|[;&|(]\s*|\bsudo\s+)(?:\S*/)?(?:(?:python[\d.]*\s+(?:-\w+\s+)*-m\s+)?pip[\d.]*|uv(?:\s+pip)?"
    r"|pipx|npm|pnpm|yarn|gem|conda|mamba|apt|apt-get|apk|dnf|yum|brew|go|cargo)\s+(?:-\S+\s+)*"
    r"(?:install|add|get|download)\b"
    r"|(?:\A|[;&|(]\s*)(?:\S*/)?git\s+(?:-\S+\s+)*(?:clone|fetch|pull|submodule\s+update)\b"
)
"""Package managers and git, where they bring something new."""
_WITH_VALUE = ("-W", "-X", "-o", "-O", "--rcfile", "--init-file")
"""Options of interpreters and shells that take the next word."""


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


def command_text(path: str, argv: Sequence[str]) -> str:
    """What a command line says to do: the text for a shell, else the program's name and its arguments."""
    words = shell_text(argv) if is_shell(path, argv) else " ".join((program(path, argv), *argv[1:]))
    return words[:COMMAND_CHARS_MAX]


def is_harmless_question(path: str, argv: Sequence[str], *, result: int = 0) -> bool:
    """Whether a command only asks the system something: plainly one harmless program of the machine.

    A program that was run (`result` 0) from anywhere else is not what its name says; one that is
    only looked for there is (a search through PATH).
    """
    if not is_shell(path, argv):
        named = _DECORATION.sub("", program(path, argv)) in HARMLESS
        return named and (result < 0 or _is_machines(path))
    text = _QUIET.sub(" ", shell_text(argv))
    if not text or _OPERATORS.search(text):
        return False
    try:
        words = shlex.split(text)
    except ValueError:
        return False
    return bool(words) and program(words[0]) in HARMLESS and _is_machines(words[0])


def _is_machines(path: str) -> bool:
    """Whether a program is one of the machine's, or is left to a search through PATH."""
    return "/" not in path or absolute(path).startswith(_MACHINE)


def names_downloader(path: str, argv: Sequence[str]) -> bool:
    """Whether a downloader is started, itself or by a shell's text."""
    if program(path, argv) in DOWNLOADERS:
        return True
    words = re.split(r"[\s;|&`$()'\"]+", shell_text(argv)) if is_shell(path, argv) else ()
    return any(word.rpartition("/")[2] in DOWNLOADERS for word in words)


def pipes_into_shell(path: str, argv: Sequence[str]) -> bool:
    """Whether a shell's text fetches something and runs it at once."""
    return is_shell(path, argv) and _PIPED.search(shell_text(argv)) is not None


def opens_reverse_shell(path: str, argv: Sequence[str]) -> bool:
    """Whether a command line is one of the known ways to hand a shell to a peer."""
    if not is_shell(path, argv) and not _TELLS.match(program(path, argv)):
        return False
    return _REVERSE.search(command_text(path, argv)) is not None


def scripts_of(path: str, argv: Sequence[str]) -> tuple[str, ...]:
    """The files, as written on the command line, that a shell, interpreter or loader is told to run."""
    name = program(path, argv)
    if is_shell(path, argv) and shell_text(argv):
        return tuple(found["path"] for found in _RUN_BY_TEXT.finditer(shell_text(argv)))
    if is_shell(path, argv) or _INTERPRETER.match(name) or LOADER.match(name):
        words = iter(argv[1:])
        for word in words:
            if word in ("-c", "-m", "-e"):
                return ()
            if word in _WITH_VALUE:
                next(words, None)
            elif not word.startswith("-"):
                return (word,)
    return ()


def hides_code(path: str, argv: Sequence[str]) -> bool:
    """Whether a command line holds code that decodes or fetches what it then runs."""
    name = program(path, argv)
    told = is_shell(path, argv) or _INTERPRETER.match(name) or name in ("pwsh", "powershell")
    if not told or (not any(option in argv for option in _CODE_OPTIONS) and not shell_text(argv)):
        return False
    return _HIDDEN.search(" ".join((name, *argv[1:]))[:COMMAND_CHARS_MAX]) is not None


def installs(path: str, argv: Sequence[str]) -> bool:
    """Whether a package manager, or git, is told to bring something new."""
    return _INSTALLS.search(command_text(path, argv)) is not None
