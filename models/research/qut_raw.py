"""The six raw files of QUT-DV25 in the columns of the tools that made them, written and read.

filetop, opensnoop and tcpstates are bcc's tools; the installation file is pip's output, the system
calls are as `strace -c` prints them. Patterns have no tool (the dataset keeps strace's logs and counts
afterwards), so that file is a plain list; strace's logs can be read too.

What we do not measure is not invented: no load average, no times of strace, no SKADDR but a number.
"""

from __future__ import annotations

import errno
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from models.categories import (
    Categories,
    FiletopRow,
    FileType,
    InstallationRow,
    OpensnoopRow,
    PatternRow,
    Relation,
    SystemCallRow,
    TcpRow,
)
from models.errors import Problem
from models.phase import Phase
from models.research.qut_reader import TableInvalid
from models.trace import Category

LINES_MAX = 2_000_000
"""Lines of one raw file; opensnoop's largest has some hundred thousand."""
NAME_CHARS = 32
"""Characters of a file name in filetop (DNAME_INLINE_LEN)."""
PROBLEMS_MAX = 20
NAMES: Mapping[Category, str] = {
    Category.FILETOP: "QUT-DV25_Filetop_Traces/{}_filetop_trace.txt",
    Category.INSTALLATION: "QUT-DV25_Installation_Traces/{}_install_log.txt",
    Category.OPENSNOOP: "QUT-DV25_Opensnoop_Traces/{}_opensnoop_trace.txt",
    Category.TCP: "QUT-DV25_TCP_Traces/{}_tcptraces.txt",
    Category.SYSTEM_CALL: "QUT-DV25_SystemCall_Traces/{}_systemcall_trace.txt",
    Category.PATTERN: "QUT-DV25_Pattern_Traces/{}_pattern_trace.txt",
}
"""Folder and file of each category; `{}` stands for the package."""

_COLUMNS: Mapping[Category, tuple[tuple[str, str], ...]] = {
    Category.FILETOP: (
        ("TID", r"(?P<pid>\d+)"),
        ("COMM", r"(?P<comm>.+?)"),
        ("READS", r"(?P<reads>\d+)"),
        ("WRITES", r"(?P<writes>\d+)"),
        ("R_Kb", r"(?P<read_kb>\d+)"),
        ("W_Kb", r"(?P<written_kb>\d+)"),
        ("T", r"(?P<type>[RSO])(?: (?P<file>.*))?"),
    ),
    Category.OPENSNOOP: (
        ("PID", r"(?P<pid>\d+)"),
        ("COMM", r"(?P<comm>.+?)"),
        ("FD", r"(?P<fd>-?\d+)"),
        ("ERR", r"(?P<err>\d+)(?: (?P<path>.*))?"),
    ),
    Category.TCP: (
        ("SKADDR", r"(?P<socket>[0-9a-f]+)"),
        ("C-PID", r"(?P<pid>\d+)"),
        ("C-COMM", r"(?P<comm>.+?)"),
        ("LADDR", r"(?P<laddr>[0-9a-f.:]+)"),
        ("LPORT", r"(?P<lport>\d+)"),
        ("RADDR", r"(?P<raddr>[0-9a-f.:]+)"),
        ("RPORT", r"(?P<rport>\d+)"),
        ("OLDSTATE", r"(?P<old>[A-Z0-9_]+)"),
        ("->", r"->"),
        ("NEWSTATE", r"(?P<new>[A-Z0-9_]+)"),
        ("MS", r"(?P<ms>\d+\.\d+)"),
    ),
    Category.SYSTEM_CALL: (
        ("% time", r"\s*[\d.]+"),
        ("seconds", r"[\d.]+"),
        ("usecs/call", r"\d+"),
        ("calls", r"(?P<calls>\d+)"),
        ("syscall", r"(?:(?P<errors>\d+)\s+)?(?P<name>[a-z_]\w*)"),
    ),
    Category.PATTERN: (
        ("COUNT", r"\s*(?P<count>\d+)"),
        ("CALLS", r"(?P<calls>\w+ -> \w+ -> \w+)"),
        ("->", "->"),
        ("ERROR", r"(?:no-error|error=(?P<error>\w+))"),
        ("->", "->"),
        ("FD", "no-fd"),
    ),
}
"""Columns of a row, and what stands in them; white space lies between."""
_BETWEEN = r"\s+"
_ROWS = {
    category: re.compile(_BETWEEN.join(pattern for _, pattern in columns))
    for category, columns in _COLUMNS.items()
}
_BEGINNINGS = {
    category: [
        re.compile(_BETWEEN.join(pattern for _, pattern in columns[: count + 1]) + r"(?=\s|\Z)")
        for count in range(len(columns))
    ]
    for category, columns in _COLUMNS.items()
}
"""The first column, the first two …: to tell in which one a row goes wrong."""
_COLLECTING = re.compile(r"Collecting (?P<what>\S+)(?: \(from (?P<by>[^)]*)\))?")
_STRACE = re.compile(
    r"(?:\[pid\s+\d+\] )?(?:[\d:.]+ )?(?P<name>[a-z_]\w*)\(.*?(?:= -1 (?P<error>E[A-Z]+) .*)?"
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ERRNO = {name: number for number, name in errno.errorcode.items()}


# ---- writing -------------------------------------------------------------------------------------


def write_raw(package: str, artifact: str, categories: Categories) -> dict[str, str]:
    """File name → text, of all six. `artifact`: its filename, which pip's output names."""
    texts = {
        Category.FILETOP: _filetop(categories.filetop),
        Category.INSTALLATION: _installation(package, artifact, categories.installation),
        Category.OPENSNOOP: _opensnoop(categories.opensnoop),
        Category.TCP: _tcp(categories.tcp),
        Category.SYSTEM_CALL: _system_calls(categories.system_calls),
        Category.PATTERN: _patterns(categories.patterns),
    }
    name = safe_name(package)
    return {
        NAMES[category].format(name): "".join(f"{line}\n" for line in lines)
        for category, lines in texts.items()
    }


def safe_name(package: str) -> str:
    """A package as part of a file name: it may hold anything, so what is no name becomes `_`."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", package).lstrip(".")[:200] or "_"


def _filetop(rows: Iterable[FiletopRow]) -> Iterator[str]:
    yield "Tracing... Output every 5 secs. Hit Ctrl-C to end"
    yield ""
    yield f"{'TID':6} {'COMM':16} {'READS':6} {'WRITES':6} {'R_Kb':7} {'W_Kb':7} T FILE"
    for row in rows:
        name = PurePosixPath(row.path).name or row.path
        name = name if len(name) <= NAME_CHARS else f"{name[: NAME_CHARS - 3]}..."
        yield (
            f"{row.pid:<6d} {_word(row.process):16} {row.reads:<6d} {row.writes:<6d} "
            f"{row.read_bytes // 1024:<7d} {row.written_bytes // 1024:<7d} {row.type.value} {_text(name)}"
        ).rstrip()


def _opensnoop(rows: Iterable[OpensnoopRow]) -> Iterator[str]:
    yield f"{'PID':6} {'COMM':16} {'FD':>4} {'ERR':>3} PATH"
    for row in rows:
        yield (
            f"{row.pid:<6d} {_word(row.process):16} {row.descriptor:4d} {row.errno:3d} {_text(row.path)}"
        )


def _tcp(rows: Iterable[TcpRow]) -> Iterator[str]:
    yield (
        f"{'SKADDR':16} {'C-PID':5} {'C-COMM':10} {'LADDR':15} {'LPORT':5} {'RADDR':15} {'RPORT':5} "
        f"{'OLDSTATE':11} -> {'NEWSTATE':11} MS"
    )
    for row in rows:
        yield (
            f"{row.socket:<16x} {row.pid:<5d} {_word(row.process)[:10]:10} {row.local_address:15} "
            f"{row.local_port:<5d} {row.remote_address:15} {row.remote_port:<5d} {row.old:11} "
            f"-> {row.new:11} {row.lasted_us / 1000:.3f}"
        )


def _installation(package: str, artifact: str, rows: Iterable[InstallationRow]) -> Iterator[str]:
    ours = [row for row in rows if row.relation is not Relation.BUILD]
    yield f"Processing ./{_text(artifact)}"
    for row in ours:
        chain = (
            f"unknown->{_word(package)}" if row.relation is Relation.INDIRECT else _word(package)
        )
        what = "".join((row.requirement or row.owner).split(";")[0].split())
        yield f"Collecting {_text(what)} (from {chain})"
    names = [f"{_word(row.owner)}-{_word(row.version or '0')}" for row in ours]
    yield f"Successfully installed {' '.join(names)}".rstrip()


def _system_calls(rows: Iterable[SystemCallRow]) -> Iterator[str]:
    ruler = f"{'-' * 6} {'-' * 11} {'-' * 11} {'-' * 9} {'-' * 9} {'-' * 16}"
    calls: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    for row in rows:
        calls[row.name] += row.count
        errors[row.name] += row.errors
    yield f"{'% time':>6} {'seconds':>11} {'usecs/call':>11} {'calls':>9} {'errors':>9} syscall"
    yield ruler
    for name, count in calls.most_common():
        failed = str(errors[name] or "")
        yield f"{0:6.2f} {0:11.6f} {0:11d} {count:9d} {failed:>9} {name}"
    yield ruler
    yield f"{100:6.2f} {0:11.6f} {0:11d} {calls.total():9d} {errors.total() or '':>9} total"


def _patterns(rows: Iterable[PatternRow]) -> Iterator[str]:
    counts: Counter[tuple[tuple[str, str, str], int]] = Counter()
    for row in rows:
        counts[row.calls, row.errno] += row.count
    for (calls, number), count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        tag = f"error={errno.errorcode.get(number, number)}" if number else "no-error"
        yield f"{count:9d}  {' -> '.join(calls)} -> {tag} -> no-fd"


def _text(text: str) -> str:
    """Text of the package's own making, on one line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _word(text: str) -> str:
    return "_".join(_text(text).split()) or "_"


# ---- reading -------------------------------------------------------------------------------------


def read_raw(package: str, texts: Mapping[Category, str]) -> Categories:
    """Rows of raw files; all of phase P1, and charged to the package, since the files say neither.

    Headers and lines that do not begin as a row does are passed over, as the tools print such
    between. Raises TableInvalid, naming file and line, where a row is not of its tool's columns.
    """
    lines = {category: texts.get(category, "").split("\n", LINES_MAX) for category in Category}
    problems: list[Problem] = []
    for category, all_lines in lines.items():
        if len(all_lines) > LINES_MAX:
            problems.append(_problem(category, str(LINES_MAX), "too many lines"))
    found = Categories(
        filetop=tuple(map(_filetop_row, _matches(Category.FILETOP, lines, problems))),
        installation=tuple(_installation_rows(package, lines[Category.INSTALLATION])),
        opensnoop=tuple(map(_opensnoop_row, _matches(Category.OPENSNOOP, lines, problems))),
        tcp=tuple(map(_tcp_row, _matches(Category.TCP, lines, problems))),
        system_calls=tuple(
            _call_row(match)
            for match in _matches(Category.SYSTEM_CALL, lines, problems)
            if match["name"] != "total"
        ),
        patterns=tuple(map(_pattern_row, _matches(Category.PATTERN, lines, problems))),
    )
    if problems:
        raise TableInvalid(f"The traces of {package}", tuple(problems[:PROBLEMS_MAX]))
    return found


def read_strace(logs: Iterable[str]) -> tuple[tuple[SystemCallRow, ...], tuple[PatternRow, ...]]:
    """Calls and trigrams out of `strace -ff` logs, one log for each thread."""
    counts: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    trigrams: Counter[tuple[tuple[str, str, str], int]] = Counter()
    for log in logs:
        calls = [
            (match["name"], _ERRNO.get(match["error"] or "", 0))
            for line in log.split("\n", LINES_MAX)[:LINES_MAX]
            if (match := _STRACE.fullmatch(line))
        ]
        counts.update(name for name, _ in calls)
        failed.update(name for name, number in calls if number)
        for (first, number), (second, _), (third, _) in zip(
            calls, calls[1:], calls[2:], strict=False
        ):
            trigrams[(first, second, third), number] += 1
    return (
        tuple(
            SystemCallRow(phase=Phase.INSTALL, name=name, count=count, errors=failed[name])
            for name, count in counts.most_common()
        ),
        tuple(
            PatternRow(phase=Phase.INSTALL, calls=calls, errno=number, count=count)
            for (calls, number), count in trigrams.most_common()
        ),
    )


def _matches(
    category: Category, lines: Mapping[Category, list[str]], problems: list[Problem]
) -> Iterator[re.Match[str]]:
    for number, line in enumerate(lines[category][:LINES_MAX], start=1):
        match = _ROWS[category].fullmatch(line.rstrip())
        if match:
            yield match
        elif _is_row(category, line):
            column = _wrong_column(category, line.rstrip())
            where = f"{number}, column {column}"
            problems.append(_problem(category, where, f"{line[:80]!r} is not of its columns"))


def _wrong_column(category: Category, line: str) -> str:
    """The first column with which the beginning of a line does not match any more."""
    names = [name for name, _ in _COLUMNS[category]]
    for name, beginning in zip(names, _BEGINNINGS[category], strict=True):
        if not beginning.match(line):
            return name
    return names[-1]


def _is_row(category: Category, line: str) -> bool:
    """Whether a line begins as a row does: with a number, or a socket's hexadecimal one."""
    first, _, rest = line.strip().partition(" ")
    if category is Category.TCP:
        return bool(rest) and bool(re.fullmatch(r"[0-9a-f]+", first))
    if category is Category.SYSTEM_CALL:
        return bool(re.fullmatch(r"[\d.]+", first))
    return first.isdigit()


def _problem(category: Category, line: str, message: str) -> Problem:
    return Problem(where=f"{category.value}, line {line}", message=message)


def _filetop_row(match: re.Match[str]) -> FiletopRow:
    return FiletopRow(
        phase=Phase.INSTALL,
        pid=int(match["pid"]),
        process=match["comm"],
        reads=int(match["reads"]),
        writes=int(match["writes"]),
        read_bytes=1024 * int(match["read_kb"]),
        written_bytes=1024 * int(match["written_kb"]),
        type=FileType(match["type"]),
        path=match["file"] or "",
    )


def _opensnoop_row(match: re.Match[str]) -> OpensnoopRow:
    return OpensnoopRow(
        phase=Phase.INSTALL,
        pid=int(match["pid"]),
        process=match["comm"],
        descriptor=int(match["fd"]),
        errno=int(match["err"]),
        path=match["path"] or "",
    )


def _tcp_row(match: re.Match[str]) -> TcpRow:
    return TcpRow(
        phase=Phase.INSTALL,
        socket=int(match["socket"], 16),
        pid=int(match["pid"]),
        process=match["comm"],
        local_address=match["laddr"],
        local_port=int(match["lport"]),
        remote_address=match["raddr"],
        remote_port=int(match["rport"]),
        old=match["old"],
        new=match["new"],
        lasted_us=round(1000 * float(match["ms"])),
    )


def _call_row(match: re.Match[str]) -> SystemCallRow:
    return SystemCallRow(
        phase=Phase.INSTALL,
        name=match["name"],
        count=int(match["calls"]),
        errors=int(match["errors"] or 0),
    )


def _pattern_row(match: re.Match[str]) -> PatternRow:
    first, second, third = match["calls"].split(" -> ")
    return PatternRow(
        phase=Phase.INSTALL,
        calls=(first, second, third),
        errno=_errno(match["error"]),
        count=int(match["count"]),
    )


def _errno(tag: str | None) -> int:
    if not tag:
        return 0
    return int(tag) if tag.isdigit() else _ERRNO.get(tag, 0)


def _installation_rows(package: str, lines: Iterable[str]) -> Iterator[InstallationRow]:
    """Pip's own words: what it collected and why, and which versions it then installed."""
    collected: dict[str, tuple[str, Relation]] = {}
    versions: dict[str, tuple[str, str]] = {}
    for line in lines:
        match = _COLLECTING.match(line.strip())
        name = _NAME.match(match["what"]) if match else None
        if match and name and match["by"] is not None:
            relation = Relation.INDIRECT if "->" in match["by"] else Relation.DIRECT
            collected[_canonical(name[0])] = (match["what"], relation)
        if line.startswith("Successfully installed "):
            for word in line.split()[2:]:
                project, _, version = word.rpartition("-")
                versions[_canonical(project)] = (project, version)
    for project in dict.fromkeys([*collected, *versions]):
        if project == _canonical(package):
            continue
        requirement, relation = collected.get(project, ("", Relation.UNKNOWN))
        name_and_version = versions.get(project, (project, ""))
        yield InstallationRow(
            owner=name_and_version[0],
            version=name_and_version[1],
            relation=relation,
            requirement=requirement,
        )


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
