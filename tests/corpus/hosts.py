"""Hosts: small benign archives that a recipe's files are grafted onto, and why others are not taken."""

from __future__ import annotations

import ast
import re
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Callable, Iterator, Mapping
from configparser import ConfigParser
from configparser import Error as ConfigError
from dataclasses import dataclass
from pathlib import Path

from models.research.manifest import HONEST
from tests.corpus.recipe import Kind
from tests.corpus.setup_file import setup_call
from tests.proofs.manifest import read_entries

BYTES_MAX = 2_000_000
"""Bytes of a host's archive, so that its own behaviour leaves time for what was grafted onto it."""
UNPACKED_MAX = 12_000_000
"""Bytes of all its files."""
MODULES_MAX = 60
"""Python files of a host; boxes import 150 submodules of a module at the most."""
REQUIRES_MAX = 4
"""Requirements that are not of an extra."""
NATIVE = (".so", ".dll", ".pyd", ".dylib", ".exe", ".a", ".o", ".c", ".cpp", ".pyx", ".rs", ".f")
OWN_NAME = re.compile(rb"importlib[._]metadata|pkg_resources|get_distribution")
"""A host that asks for its own version by its project's name would not find it: grafts are renamed."""
NOT_TOPS = frozenset(
    {"tests", "test", "docs", "doc", "examples", "example", "scripts", "benchmarks"}
)
HONEST_WORDS = frozenset({*(one.value for one in HONEST), "popular", "obscure"})
"""Populations of a corpus, and groups of the older lists, whose archives may be run."""
BUILD_TOOLS = frozenset({"setuptools", "wheel"})
"""What a host may need to be built with."""


class UnfitError(ValueError):
    """An archive that is no host; the text says why, in a few words that do not vary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """One benign archive, taken apart."""

    project: str
    kind: Kind
    files: Mapping[str, bytes]
    """Path → content; without dist-info, egg-info and PKG-INFO, and without an sdist's top folder."""
    info: Mapping[str, bytes]
    """Path below the dist-info folder → content; of an sdist its PKG-INFO alone."""
    top: str = ""
    """The package of a wheel whose `__init__` imports what is grafted; empty for an sdist."""
    requires: int = 0

    @property
    def modules(self) -> int:
        """Python files."""
        return sum(path.endswith(".py") for path in self.files)


def read_hosts(
    folder: Path, say: Callable[[str], None] = lambda _: None
) -> tuple[tuple[Host, ...], dict[str, int]]:
    """The hosts among a folder's archives, in the manifest's order, and reason → how many are none.

    What the manifest does not call honest is never opened: a graft is run, its host with it.
    """
    hosts: list[Host] = []
    unfit: dict[str, int] = {}
    entries = read_entries(folder)
    for number, entry in enumerate(entries, 1):
        try:
            if (entry.population or entry.group) not in HONEST_WORDS:
                raise UnfitError("not called honest")
            hosts.append(read_host(entry.path, entry.project, Kind(entry.kind)))
        except UnfitError as error:
            unfit[str(error)] = unfit.get(str(error), 0) + 1
        if not number % 100:
            say(f"{number} of {len(entries)} archives read, {len(hosts)} hosts")
    return tuple(hosts), unfit


def read_host(path: Path, project: str, kind: Kind) -> Host:
    """An archive as a host; UnfitError where it is none."""
    try:
        if path.stat().st_size > BYTES_MAX:
            raise UnfitError("too large")
        members = dict(_of_wheel(path) if kind is Kind.WHEEL else _of_sdist(path))
    except (OSError, zipfile.BadZipFile, tarfile.TarError, EOFError, UnicodeError) as error:
        raise UnfitError("not readable") from error
    if any(name.lower().endswith(NATIVE) for name in members):
        raise UnfitError("native files")
    if sum(map(len, members.values())) > UNPACKED_MAX:
        raise UnfitError("too large")
    host = _wheel_host(members, project) if kind is Kind.WHEEL else _sdist_host(members, project)
    if host.modules > MODULES_MAX:
        raise UnfitError("too many modules")
    if host.requires > REQUIRES_MAX:
        raise UnfitError("too many requirements")
    return host


def _of_wheel(path: Path) -> Iterator[tuple[str, bytes]]:
    if not path.name.endswith("-none-any.whl"):
        raise UnfitError("native files")
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.file_size > UNPACKED_MAX:
                raise UnfitError("too large")
            if not info.is_dir():
                yield info.filename, archive.read(info)


def _of_sdist(path: Path) -> Iterator[tuple[str, bytes]]:
    if not path.name.endswith(".tar.gz"):
        raise UnfitError("not readable")
    with tarfile.open(path, "r:gz") as archive:
        for member in archive:
            inner = member.name.removeprefix("./").partition("/")[2]
            if member.isdir() or not inner:
                continue
            file = archive.extractfile(member) if member.isreg() else None
            if file is None:
                raise UnfitError("links")
            if member.size > UNPACKED_MAX:
                raise UnfitError("too large")
            yield inner, file.read()


def _wheel_host(members: dict[str, bytes], project: str) -> Host:
    folders = {name.partition("/")[0] for name in members if ".dist-info/" in name}
    infos = [folder for folder in folders if folder.endswith(".dist-info")]
    if len(infos) != 1 or f"{infos[0]}/METADATA" not in members:
        raise UnfitError("not one dist-info")
    info = {
        name.removeprefix(f"{infos[0]}/"): data
        for name, data in members.items()
        if name.startswith(f"{infos[0]}/")
    }
    files = {name: data for name, data in members.items() if not name.startswith(f"{infos[0]}/")}
    if any(".data/" in name or name.endswith(".pth") for name in files):
        raise UnfitError("a data folder or a .pth")
    if any(name.endswith(".py") and OWN_NAME.search(data) for name, data in files.items()):
        raise UnfitError("asks for distributions by name")
    tops = sorted(
        {name.partition("/")[0] for name in files if re.fullmatch(r"[^/]+/__init__\.py", name)}
        - NOT_TOPS,
        key=lambda top: (-sum(name.startswith(f"{top}/") for name in files), top),
    )
    if not tops:
        raise UnfitError("no package at the top")
    check_module(files[f"{tops[0]}/__init__.py"])
    header = info["METADATA"].replace(b"\r\n", b"\n").partition(b"\n\n")[0].decode("latin-1")
    return Host(
        project=project,
        kind=Kind.WHEEL,
        files=files,
        info=info,
        top=tops[0],
        requires=sum(
            line.startswith("Requires-Dist:") and "extra" not in line
            for line in header.splitlines()
        ),
    )


def check_module(data: bytes) -> ast.Module:
    """A module that a line can be put into: UTF-8, and Python as we know it."""
    try:
        tree = ast.parse(data.decode("utf-8-sig"))
    except (SyntaxError, ValueError) as error:
        raise UnfitError("not our Python") from error
    if b"\r" in data.replace(b"\r\n", b"\n") or b"\f" in data:
        raise UnfitError("odd line ends")
    first_lines = [node.lineno for node in tree.body]
    if any(node.end_lineno in first_lines[at + 1 :] for at, node in enumerate(tree.body)):
        raise UnfitError("two statements in a line")
    return tree


def _sdist_host(members: dict[str, bytes], project: str) -> Host:
    if "PKG-INFO" not in members or "setup.py" not in members:
        raise UnfitError("no setup.py")
    _check_settings(members)
    tree = check_module(members["setup.py"])
    if members["setup.py"].startswith(b"\xef\xbb\xbf"):
        raise UnfitError("not our Python")
    if any(_imported(node) for node in ast.walk(tree)):
        raise UnfitError("setup.py imports more than setuptools")
    call = setup_call(tree)
    given = {keyword.arg for keyword in call.keywords} if call else set()
    if not {"name", "version"} <= given or not given & {"packages", "py_modules"} or None in given:
        raise UnfitError("setup.py does not name all itself")
    if given & {"ext_modules", "setup_requires", "use_2to3", "cmdclass", "use_scm_version"}:
        raise UnfitError("setup.py does more than to copy files")
    return Host(
        project=project,
        kind=Kind.SDIST,
        files={
            name: data
            for name, data in members.items()
            if name != "PKG-INFO" and ".egg-info/" not in name
        },
        info={"PKG-INFO": members["PKG-INFO"]},
    )


def _check_settings(members: dict[str, bytes]) -> None:
    """Unfit where pyproject.toml or setup.cfg names the project, or another tool to build it with."""
    try:
        project = tomllib.loads(members.get("pyproject.toml", b"").decode())
        config = ConfigParser(interpolation=None, strict=False)
        config.read_string(members.get("setup.cfg", b"").decode())
    except (ValueError, ConfigError) as error:
        raise UnfitError("not readable") from error
    system = project.get("build-system", {})
    needed = {re.split(r"[^A-Za-z0-9-]", line)[0].lower() for line in system.get("requires", ())}
    ours = str(system.get("build-backend", "setuptools")).startswith("setuptools")
    if not ours or not needed <= BUILD_TOOLS or "backend-path" in system:
        raise UnfitError("built by other tools")
    named = config.options("metadata") if config.has_section("metadata") else []
    if "project" in project or {"name", "version"} & set(named):
        raise UnfitError("setup.py does not name all itself")
    if config.has_option("options", "setup_requires"):
        raise UnfitError("built by other tools")


def _imported(node: ast.AST) -> bool:
    """Whether a node imports what is neither of the standard library nor of setuptools."""
    known = sys.stdlib_module_names | {"setuptools", "distutils"}
    if isinstance(node, ast.ImportFrom):
        module = (node.module or "").partition(".")[0]
        return node.level > 0 or module == "__future__" or module not in known
    if isinstance(node, ast.Import):
        return any(alias.name.partition(".")[0] not in known for alias in node.names)
    return False
