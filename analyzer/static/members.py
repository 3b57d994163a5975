"""Members that are no Python source: what each is, whether its name owns up to it, who names it.

What nothing of the package names is only there; what its code names, it may open, load or run.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import replace
from importlib.util import MAGIC_NUMBER, source_hash
from pathlib import PurePosixPath

from analyzer.static.kind import Level, StaticKind
from analyzer.static.looks import ARCHIVES, EXECUTABLES, MEDIA, TEXT, Seen
from analyzer.static.result import ITEMS_MAX, MATCHES_MAX, Match, Reach, StaticReport

NAMED_MAX = 40
"""Members of one artifact that are looked for in its sources."""
NAMED_BYTES_MAX = 24 * 1024 * 1024
"""Bytes of sources in which they are looked for, smallest files first."""
NAME_CHARS_MIN = 4
"""Shorter names stand in any text."""
ONE_ID_MAX = 20
"""Matches of one detector that are told; a package with fifty launchers has one habit."""
ALL_MAX = 60
"""Matches about members of one artifact, so that those about its code have room beside them."""
_ASIDE = re.compile(
    r"(?:^|/)(?:tests?|testing|testdata|docs?|examples?|samples?|benchmarks?|fixtures?|data_tests)/"
)
_TAGGED = re.compile(r"\.(?:cpython-|cp[0-9]|pypy|graalpy|abi[0-9])[^/]*\Z")
_RUNTIMES = {
    "node": "node",
    "node.exe": "node",
    "bun": "bun",
    "bun.exe": "bun",
    "deno": "deno",
    "deno.exe": "deno",
}
_CHECKED = 0b10
_HASHED = 0b01

_REACHED = (Reach.BUILD, Reach.START, Reach.IMPORT, Reach.MODULE, Reach.CALL)
_ANY: dict[Reach, Level] = dict.fromkeys(_REACHED, "low")
_HIGH: dict[Reach, Level] = dict.fromkeys(_REACHED, "high")

MEMBER_KINDS: dict[str, StaticKind] = {
    "executable-disguised": StaticKind(
        title="An executable lies under the name of a text or a picture",
        levels={**_HIGH, Reach.CALL: "medium"},
        technique="T1036.008",
        rationale=(
            "Nobody names a program icon.png or readme.txt by mistake (T12, T10). Test data of "
            "tools that parse executables does it, aside from what is installed."
        ),
    ),
    "executable-appended": StaticKind(
        title="An executable lies inside or behind a picture, a sound or a font",
        levels={**_HIGH, Reach.CALL: "medium"},
        technique="T1027.003",
        rationale=(
            "Media that carry a program are how payloads pass a look at file names (T12). No "
            "encoder writes a whole ELF or PE header into a picture."
        ),
    ),
    "executable-unexpected": StaticKind(
        title="An executable lies in a package that calls itself pure Python, or in an sdist",
        levels={
            Reach.BUILD: "medium",
            Reach.START: "medium",
            Reach.IMPORT: "medium",
            Reach.MODULE: "low",
            Reach.CALL: "low",
        },
        technique="T1027.009",
        rationale=(
            "Sources build programs, they do not bring them (T09, T10). Launchers (setuptools, "
            "distlib) and vendored tools do, so only what the build names weighs more."
        ),
    ),
    "runtime-shipped": StaticKind(
        title="The package brings another language's runtime or programs for one",
        levels={**_ANY, Reach.BUILD: "medium", Reach.START: "medium"},
        technique="T1059",
        rationale=(
            "Worms of 2025 ran a bundled or fetched bun (T10). nodejs-bin, pyright and Java "
            "bridges bring runtimes as their trade, on use and not at build."
        ),
    ),
    "script-foreign": StaticKind(
        title="The package's code names a script for Windows that lies beside it",
        levels={
            Reach.BUILD: "high",
            Reach.START: "high",
            Reach.IMPORT: "medium",
            Reach.MODULE: "low",
        },
        technique="T1059.001",
        rationale=(
            "A PowerShell, VBScript or HTA file that setup.py names runs outside of what reads "
            "Python. Windows tools of honest projects lie aside, or are named on use."
        ),
    ),
    "script-named": StaticKind(
        title="The package's code names a shell or batch script that lies beside it",
        levels=_ANY,
        technique="T1059.004",
        rationale=(
            "It runs outside of what reads Python. Completions, activators and the configuring of "
            "vendored libraries do so as well, at build too."
        ),
    ),
    "bytecode-without-source": StaticKind(
        title="A module comes as bytecode alone",
        levels={
            Reach.BUILD: "medium",
            Reach.START: "high",
            Reach.IMPORT: "medium",
            Reach.MODULE: "medium",
        },
        technique="T1027",
        rationale=(
            "Whoever reads the package reads nothing (T14; fshec2 in 2023). Closed-source "
            "products do it too, so it is never high by itself but in a start hook."
        ),
    ),
    "bytecode-differs": StaticKind(
        title="Bytecode that is used unchecked is not of the source beside it",
        levels=_HIGH,
        technique="T1036",
        rationale=(
            "Python runs an unchecked hash-based pyc (PEP 552) without a look at the source, so "
            "one whose hash is another source's runs what nobody can read (T14)."
        ),
    ),
    "bytecode-unchecked": StaticKind(
        title="Bytecode that is used unchecked lies beside a source, and nobody can compare them",
        levels={Reach.IMPORT: "medium"},
        technique="T1036",
        rationale=(
            "As above, for another Python than the one that reads here. Build systems of "
            "distributions write such files; wheels have no use for them."
        ),
    ),
    "bytecode-shipped": StaticKind(
        title="Compiled modules lie beside their sources",
        levels={Reach.IMPORT: "low", Reach.MODULE: "low", Reach.CALL: "info"},
        rationale=(
            "Its header can say what the source says and its code something else (T14). Honest "
            "wheels that were packed by hand bring __pycache__ along."
        ),
    ),
    "native-shadows-source": StaticKind(
        title="A native module takes the place of a source of the same name",
        levels={Reach.IMPORT: "low", Reach.MODULE: "low"},
        technique="T1574",
        rationale=(
            "Python imports the native one, readers read the other (T14). mypyc and Cython ship "
            "both, and leave their mark in it; one without such a mark is told here."
        ),
    ),
    "archive-inside": StaticKind(
        title="An archive lies in the package, and its code names it",
        levels={**_ANY, Reach.START: "medium"},
        technique="T1027",
        rationale=(
            "What is unpacked later was not read now. Data sets, ensurepip's wheels and the "
            "JavaScript of jsii's packages, which setup.py lists, are honest."
        ),
    ),
    "data-opaque": StaticKind(
        title="The package's code names a data file of random or encoded bytes",
        levels={
            Reach.BUILD: "medium",
            Reach.START: "medium",
            Reach.IMPORT: "low",
            Reach.MODULE: "low",
        },
        technique="T1027.013",
        rationale=(
            "Encrypted payloads have no structure that compresses (T12). Models, word lists and "
            "keys look the same, so it weighs only where the build or a start hook names it."
        ),
    ),
}


def with_members(
    report: StaticReport,
    seen: Iterable[Seen],
    sources: Mapping[str, bytes],
    *,
    top: str,
    pure: bool,
    paths: Container[str],
) -> StaticReport:
    """The report with what members are beside what code does. Never raises on what they hold.

    `top`: the folder of an sdist, empty for a wheel. `pure`: nothing says that it brings native
    parts. `paths`: all files of the artifact.
    """
    kept = tuple(seen)
    found = _matches(kept, sources, top=top, pure=pure, paths=paths)
    told = found[:ALL_MAX]
    room = MATCHES_MAX - len(told)
    binaries = sorted({one.path for one in kept if one.kind in EXECUTABLES or one.inside})
    return replace(
        report,
        matches=(*report.matches[:room], *told),
        more=report.more + max(0, len(report.matches) - room) + len(found) - len(told),
        binaries=tuple(binaries[:ITEMS_MAX]),
        cut=(*report.cut, *(("binaries",) if len(binaries) > ITEMS_MAX else ())),
    )


def _matches(
    seen: tuple[Seen, ...],
    sources: Mapping[str, bytes],
    *,
    top: str,
    pure: bool,
    paths: Container[str],
) -> tuple[Match, ...]:
    """What is to be said, at most ONE_ID_MAX of one id, the most eager first."""
    named = _Named(seen, sources, top)
    found: dict[str, list[Match]] = {}
    for one in seen:
        for match in _of(one, sources, named, pure=pure, paths=paths):
            found.setdefault(match.id, []).append(match)
    return tuple(
        match
        for matches in found.values()
        for match in sorted(matches, key=lambda m: _ORDER.index(m.reach))[:ONE_ID_MAX]
    )


_ORDER = [reach.value for reach in Reach]


class _Named:
    """Which members the sources name, and the most eager source that does."""

    def __init__(self, seen: tuple[Seen, ...], sources: Mapping[str, bytes], top: str) -> None:
        leaves = {PurePosixPath(one.path).name for one in seen if one.kind != "bytecode"}
        asked = sorted(leaf for leaf in leaves if len(leaf) >= NAME_CHARS_MIN)[:NAMED_MAX]
        self._reach: dict[str, str] = {}
        self._top = top
        if not asked:
            return
        left = NAMED_BYTES_MAX
        wanted = {leaf: leaf.encode("utf-8", "replace") for leaf in asked}
        for path, data in sorted(sources.items(), key=lambda item: len(item[1])):
            left -= len(data)
            if left < 0 or not wanted:
                break
            if _ASIDE.search(path):
                continue
            reach = self._reach_of(path)
            for leaf, text in wanted.items():
                if text in data and self._sooner(reach, self._reach.get(leaf)):
                    self._reach[leaf] = reach

    def reach(self, path: str) -> str:
        """Of a member: by whom it is named, wherever it lies; else `nothing` aside, `call` elsewhere."""
        unnamed = Reach.NOTHING if _ASIDE.search(path) else Reach.CALL
        return self._reach.get(PurePosixPath(path).name, unnamed)

    def by_code(self, path: str) -> bool:
        """Whether code names it."""
        return PurePosixPath(path).name in self._reach

    def _reach_of(self, path: str) -> str:
        if path in (f"{self._top}/setup.py", "setup.py"):
            return Reach.BUILD
        return Reach.IMPORT if path.endswith("/__init__.py") else Reach.MODULE

    @staticmethod
    def _sooner(one: str, than: str | None) -> bool:
        return than is None or _ORDER.index(one) < _ORDER.index(than)


def _of(
    one: Seen,
    sources: Mapping[str, bytes],
    named: _Named,
    *,
    pure: bool,
    paths: Container[str],
) -> Iterator[Match]:
    path, reach = PurePosixPath(one.path), named.reach(one.path)
    if one.kind == "bytecode":
        yield from _bytecode(one, sources, paths)
    elif one.kind in EXECUTABLES:
        yield from _executable(one, path, reach, pure=pure)
        yield from _shadow(one, path, paths, reach)
    elif one.inside:
        yield _match("executable-appended", one, reach, one.inside)
    elif one.kind == "script" and named.by_code(one.path):
        told = "script-named" if one.flavour in ("shell", "batch") else "script-foreign"
        yield _match(told, one, reach, one.flavour)
    elif one.flavour == "jar":
        yield _match("runtime-shipped", one, reach, "jar")
    elif one.kind in ARCHIVES and named.by_code(one.path):
        yield _match("archive-inside", one, reach, one.kind)
    elif one.weight and named.by_code(one.path):
        yield _match("data-opaque", one, reach, one.weight)


def _executable(one: Seen, path: PurePosixPath, reach: str, *, pure: bool) -> Iterator[Match]:
    runtime = _RUNTIMES.get(path.name.lower(), one.flavour)
    if path.suffix.lower() in MEDIA | TEXT:
        yield _match("executable-disguised", one, reach, one.kind)
    elif runtime:
        yield _match("runtime-shipped", one, reach, runtime)
    elif pure:
        yield _match("executable-unexpected", one, reach, one.kind)


def _shadow(one: Seen, path: PurePosixPath, paths: Container[str], reach: str) -> Iterator[Match]:
    """A native module beside `x.py`: the finder of extensions is asked first."""
    stem = _TAGGED.sub("", path.name.rsplit(".", 1)[0]).partition(".")[0]
    is_module = path.suffix in (".so", ".pyd")
    if is_module and not one.made_by and str(path.with_name(f"{stem}.py")) in paths:
        told = Reach.NOTHING if reach == Reach.NOTHING else Reach.IMPORT
        yield _match("native-shadows-source", one, told, one.kind)


def _bytecode(one: Seen, sources: Mapping[str, bytes], paths: Container[str]) -> Iterator[Match]:
    path = PurePosixPath(one.path)
    if _ASIDE.search(one.path):
        return
    cached = path.parent.name == "__pycache__"
    folder = path.parent.parent if cached else path.parent
    source = str(folder / f"{path.name.partition('.')[0]}.py")
    if source not in paths:
        # In __pycache__ Python passes by what has no source (PEP 3147).
        yield _match("bytecode-without-source", one, Reach.NOTHING if cached else Reach.IMPORT, "")
        return
    flags = int.from_bytes(one.header[4:8], "little")
    if len(one.header) == 16 and flags & _HASHED and not flags & _CHECKED:
        # The hash is keyed with the magic number: only the same minor version makes the same.
        known = one.header[:4] == MAGIC_NUMBER and source in sources
        if not known:
            yield _match("bytecode-unchecked", one, Reach.IMPORT, "unchecked")
            return
        if one.header[8:16] != source_hash(sources[source]):
            yield _match("bytecode-differs", one, Reach.IMPORT, "unchecked")
            return
    # Beside its source, and not in __pycache__, a pyc is never imported.
    yield _match("bytecode-shipped", one, Reach.IMPORT if cached else Reach.CALL, "")


def _match(finding: str, one: Seen, reach: str, what: str) -> Match:
    return Match(id=finding, reach=str(reach), path=one.path, what=what)
