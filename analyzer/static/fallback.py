"""Sources that are no Python 3: read line by line by their words, where nothing can be parsed.

Old syntax, a missing comma, or a deliberate break: setup.py has to run somewhere, and so it is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from analyzer.static.frames import Event, Module
from analyzer.static.hosts import hosts_in
from analyzer.static.places import place_kinds
from analyzer.static.result import Reach, Sink
from analyzer.static.values import Mark

LINES_MAX = 5000
"""Lines of one source that are read so."""
LINE_CHARS_MAX = 3000
_SINKS = (
    (
        Sink.NETWORK,
        "urlopen",
        re.compile(
            r"\burlopen\s*\(|\burlretrieve\s*\(|\brequests\.(?:get|post|put|request)\s*\(|\.sendall\s*\(|\bHTTPS?Connection\s*\(|\.connect\s*\(\s*\(|gethostbyname\s*\("
        ),
    ),
    (
        Sink.PROCESS,
        "subprocess",
        re.compile(
            r"\bsubprocess\.\w+\s*\(|\bPopen\s*\(|\bos\.(?:system|popen|startfile|exec\w+)\s*\(|\bcall\s*\(\["
        ),
    ),
    (
        Sink.DYNAMIC,
        "builtins.exec",
        re.compile(r"(?<![\w.])(?:exec|eval)\s*\(|\bmarshal\.loads\s*\(|(?<![\w.])exec\s+[\w(\"']"),
    ),
)
_MARKS = (
    (
        Mark.DECODED,
        re.compile(
            r"b64decode|decompress|fromhex|unhexlify|rot_?13|Fernet|b85decode|b32decode|\.decode\(.(?:hex|base64)"
        ),
    ),
    (Mark.DOWNLOAD, re.compile(r"urlopen|requests\.get|urllib")),
    (
        Mark.HOST,
        re.compile(r"gethostname|getuser|getnode|platform\.node|os\.uname|getlogin|whoami|getfqdn"),
    ),
    (Mark.ENVIRON, re.compile(r"\bos\.environ\b(?![.\[])")),
)
_TEXT = re.compile(r"[\"']([^\"'\n]{4,600})[\"']")


def line_events(module: Module) -> Iterator[Event]:
    """Events of a source that does not parse. What is indented counts as called, but at build."""
    text = module.data[:1_000_000].decode("utf-8", "replace")
    for number, line in enumerate(text.splitlines()[:LINES_MAX], start=1):
        cut = line[:LINE_CHARS_MAX]
        bare = cut.lstrip()
        if not bare or bare.startswith("#"):
            continue
        inside = bare != cut and module.reach is not Reach.BUILD
        reach = Reach.CALL if inside and module.reach is not Reach.NOTHING else module.reach
        yield from _line(module, bare, number, reach)


def _line(module: Module, line: str, number: int, reach: Reach) -> Iterator[Event]:
    marks = frozenset(mark for mark, form in _MARKS if form.search(line))
    for sink, name, form in _SINKS:
        if form.search(line):
            # A call fetches by itself: what it fetches is not what it is given.
            given = marks - {Mark.DOWNLOAD} if sink is not Sink.DYNAMIC else marks
            yield _event(module, sink, name, number, reach, line, given)
    for found in _TEXT.finditer(line):
        for kind, _ in place_kinds(found[1]):
            yield _event(module, "place", kind, number, reach, found[1])
        for host in hosts_in(found[1]):
            yield _event(module, "host", host, number, reach, found[1])


def _event(
    module: Module,
    kind: str,
    name: str,
    line: int,
    reach: Reach,
    text: str,
    marks: frozenset[str] = frozenset(),
) -> Event:
    return Event(
        kind=kind, name=name, path=module.path, line=line, reach=reach, marks=marks, text=text
    )
