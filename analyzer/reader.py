"""The reader: runs inside a box without network, reads one artifact, prints one JSON document.

The artifact's bytes are hostile and this process may fall to them; whoever receives the report
treats it so (`report.parse_report`). Imports are few, since the start is part of every analysis.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.machinery
import json
import os
import re
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    parse_sdist_filename,
    parse_wheel_filename,
)

from analyzer import metadata
from analyzer.clean import printable
from analyzer.codedigest import MAGIC_BYTES, TextHash, is_code, is_native, wheel_code_digest
from analyzer.inventory import (
    CODE_FILES_MAX,
    METADATA_BYTES_MAX,
    MODULES_MAX,
    NAME_CHARS_MAX,
    NAMES_MAX,
    REPORT_BYTES_MAX,
    REQUIREMENT_CHARS_MAX,
    REQUIREMENTS_MAX,
    BuildSystem,
    Counts,
    EntryPoint,
    ReaderReport,
    RecordCheck,
)
from analyzer.static.looks import Look, Looks
from analyzer.static.members import with_members
from analyzer.static.reading import read_static
from analyzer.static.result import StaticReport
from analyzer.static.sources import Layout, Sources
from analyzer.unpack import Archive
from analyzer.unpacking import DEFAULT_BOUNDS, Bounds, Member

REPORT_FD = 3
"""The descriptor the sandbox reads the report from; standard output where it is not open."""
KEPT_BYTES = 64 * 1024
"""Bytes of a start hook or small metadata file that are kept to look into."""
_TEXTS = (".py", ".pyw", ".pth", ".start")
"""Files whose text is compared with the sibling's; scripts and entry points are written by builds."""
_BUILT = re.compile(r"(?:[^/]+\.dist-info/WHEEL|EGG-INFO/(?:PKG-INFO|not-zip-safe|zip-safe))\Z")
RECORD_BYTES_MAX = 32 * 1024 * 1024
"""Bytes of RECORD: 100,000 members at 300 bytes."""


def main(argv: list[str]) -> int:
    """`main([path, kind])`, kind `wheel` or `sdist`: write the report; 0 unless we ourselves fail."""
    path, kind = Path(argv[0]), argv[1]
    with path.open("rb") as file:
        report = read_artifact(file, filename=path.name, kind=kind, size_bytes=path.stat().st_size)
    document = encode_report(report)
    try:
        os.fstat(REPORT_FD)
        out = REPORT_FD
    except OSError:
        out = sys.stdout.fileno()
    while document:
        document = document[os.write(out, document) :]
    return 0


def encode_report(report: ReaderReport) -> bytes:
    """The report as one JSON document of at most REPORT_BYTES_MAX."""
    fields = asdict(report)
    document = json.dumps(fields, separators=(",", ":")).encode()
    if len(document) > REPORT_BYTES_MAX:
        fields |= {"metadata": "", "requires_dist": (), "entry_points": (), "native": ()}
        fields |= {"static": None, "code": ()}
        fields["cut"] = (*report.cut, "report")
        document = json.dumps(fields, separators=(",", ":")).encode()
    return document


def read_artifact(
    file: BinaryIO, *, filename: str, kind: str, size_bytes: int, bounds: Bounds = DEFAULT_BOUNDS
) -> ReaderReport:
    """Read one artifact to its end, or to where it is refused."""
    archive = Archive(file, filename=filename, size_bytes=size_bytes, bounds=bounds)
    stock = _take_stock(archive, kind)
    describe = _describe_wheel if kind == "wheel" else _describe_sdist
    return describe(stock, archive, filename)


@dataclass(slots=True)
class _Stock:
    """Everything one pass over the members gathers."""

    files: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Path → (hex sha256, size)."""
    kept: dict[str, bytes | None] = field(default_factory=dict)
    """Content of the files that are looked into; None: too long to keep."""
    code: dict[str, str] = field(default_factory=dict)
    """Path → digest of each code file of a wheel, of text without regard to its line ends."""
    texts: dict[str, str] = field(default_factory=dict)
    """Path → digest of each Python file's text, of wheels and sdists alike."""
    native: set[str] = field(default_factory=set)
    """Paths of executables and libraries, by their first bytes."""
    sources: Sources = field(default_factory=Sources)
    """Python sources, for static reading."""
    looks: Looks = field(default_factory=Looks)
    """What is no Python source, as far as it matters."""
    links: int = 0
    cut: list[str] = field(default_factory=list)

    def cap(self, name: str, values: tuple[str, ...], limit: int, chars: int) -> tuple[str, ...]:
        """At most `limit` printable values; a longer value is left out, never shortened."""
        kept = tuple(value for value in values if len(value) <= chars)[:limit]
        if len(kept) != len(values):
            self.cut.append(name)
        return tuple(printable(value, chars) for value in kept)


def _take_stock(archive: Archive, kind: str) -> _Stock:
    stock = _Stock()
    for member in archive.members():
        if member.link is not None:
            stock.links += 1
            continue
        limit = _keep_bytes(member.path, kind)
        source = stock.sources.keep_bytes(member.path)
        counts = kind == "wheel" and is_code(member.path)
        legible = counts or bool(source)
        text = TextHash() if legible and not member.path.lower().endswith(".pyc") else None
        look = stock.looks.begin(member.path)
        digest, size, kept, head = _consume(archive, member, max(limit, source), text, look)
        if not member.whole:
            continue
        if look is not None:
            stock.looks.end(look)
        if counts:
            stock.code[member.path] = text.hexdigest() if text else digest
        if text is not None and size and _is_text(member.path):
            stock.texts[member.path] = text.hexdigest()
        if is_native(head):
            stock.native.add(member.path)
        if member.path in stock.files:
            same = stock.files[member.path][0] == digest
            archive.notes.add("archive-repeated" if same else "archive-duplicate", member.path)
        stock.files[member.path] = (digest, size)
        if limit:
            stock.kept[member.path] = kept if size <= limit else None
        if source:
            stock.sources.add(member.path, kept if size <= source else None, size)
    return stock


def _consume(
    archive: Archive, member: Member, limit: int, text: TextHash | None, look: Look | None
) -> tuple[str, int, bytes | None, bytes]:
    """(hex sha256, size, content, first bytes) — the content only where it fits `limit`."""
    digest, size, head = hashlib.sha256(), 0, b""
    pieces: list[bytes] = []
    for piece in archive.content(member):
        digest.update(piece)
        size += len(piece)
        if text is not None:
            text.update(piece)
        if look is not None:
            look.feed(piece)
        if len(head) < MAGIC_BYTES:
            head += piece[:MAGIC_BYTES]
        if size <= limit:
            pieces.append(piece)
    return digest.hexdigest(), size, b"".join(pieces) if size <= limit else None, head


def _keep_bytes(path: str, kind: str) -> int:
    """How much of a member is worth keeping: nothing of most."""
    parts = PurePosixPath(path).parts
    name = parts[-1]
    if kind == "sdist":
        if name == "PKG-INFO" and len(parts) <= 4:
            return METADATA_BYTES_MAX
        top = len(parts) == 2 and name in ("pyproject.toml", "setup.cfg", "setup.py")
        egg = len(parts) <= 4 and parts[-2:-1] and parts[-2].endswith(".egg-info")
        return METADATA_BYTES_MAX if top or (egg and name == "requires.txt") else 0
    if len(parts) == 2 and parts[0].endswith(".dist-info"):
        wanted = {"METADATA": METADATA_BYTES_MAX, "RECORD": RECORD_BYTES_MAX}
        return wanted.get(name, KEPT_BYTES if name in ("WHEEL", "entry_points.txt") else 0)
    landed = metadata.site_path(path) or metadata.lands_in_site(path)
    hook = landed is not None and landed.endswith((".pth", ".start")) and "/" not in landed
    return KEPT_BYTES if hook else 0


def _describe_wheel(stock: _Stock, archive: Archive, filename: str) -> ReaderReport:
    note = archive.notes.add
    folders = sorted(
        {path.split("/")[0] for path in stock.files if path.split("/")[0].endswith(".dist-info")}
    )
    if len(folders) > 1:
        note("metadata-several", folders[1])
    folder = folders[0] if folders else ""
    core, raw = _core(stock, f"{folder}/METADATA", archive)
    if raw is None and not archive.refused:
        note("metadata-missing")
    tags = metadata.read_wheel_tags(stock.kept.get(f"{folder}/WHEEL") or b"")
    if raw is not None:
        _check_wheel_identity(core, filename, folder, tags, note)
    landed = {metadata.site_path(path): path for path in stock.files}
    astray = sorted(path for path in stock.files if metadata.lands_in_site(path))
    if astray:
        note("data-into-site", astray[0], f"{len(astray)} file(s)")
    hooks = metadata.start_hooks(
        {site: stock.kept.get(path) for site, path in landed.items() if site is not None}
    )
    _note_hooks(hooks, note)
    suffixes = tuple(importlib.machinery.EXTENSION_SUFFIXES)
    modules = metadata.top_level_modules(stock.files, suffixes)
    record = _check_record(stock, folder, archive)
    entry_points = metadata.read_entry_points(stock.kept.get(f"{folder}/entry_points.txt") or b"")
    requires = metadata.check_requirements(core.requires_dist, "direct-url-dependency", note)
    return _report(
        stock,
        archive,
        filename,
        kind="wheel",
        core=core,
        requires_dist=requires,
        modules=stock.cap("modules", modules, MODULES_MAX, NAME_CHARS_MAX),
        start_hooks=stock.cap("start_hooks", hooks, NAMES_MAX, NAME_CHARS_MAX),
        entry_points=_cap_entry_points(stock, entry_points),
        tags=stock.cap("tags", tags, NAMES_MAX, NAME_CHARS_MAX),
        record=record,
        metadata=base64.b64encode(raw or b"").decode(),
        code_digest=""
        if archive.refused or stock.links
        else wheel_code_digest(stock.code, native=stock.native),
        static=_static(
            stock, kind="wheel", core=core, hooks=hooks, entry_points=entry_points, tags=tags
        ),
    )


def _static(
    stock: _Stock,
    *,
    kind: str,
    core: metadata.CoreMetadata,
    top: str = "",
    hooks: tuple[str, ...] = (),
    entry_points: tuple[EntryPoint, ...] = (),
    tags: tuple[str, ...] = (),
) -> StaticReport:
    landed = {metadata.site_path(path): path for path in stock.files}
    kept = {hook: stock.kept.get(landed.get(hook, "")) for hook in hooks}
    layout = Layout(
        kind=kind,
        top=top,
        name=core.name,
        version=core.version,
        hooks=tuple((hook, content) for hook, content in kept.items() if content),
        entry_points=tuple((point.group, point.target) for point in entry_points),
        pyproject=stock.kept.get(f"{top}/pyproject.toml") or b"",
        setup_cfg=stock.kept.get(f"{top}/setup.cfg") or b"",
    )
    return with_members(
        read_static(stock.sources, layout),
        stock.looks.seen,
        stock.sources.files,
        top=top,
        pure=kind == "sdist" or all(tag.endswith("-none-any") for tag in tags),
        paths=stock.files,
    )


def _describe_sdist(stock: _Stock, archive: Archive, filename: str) -> ReaderReport:
    note = archive.notes.add
    tops = sorted({path.split("/")[0] for path in stock.files})
    top = tops[0] if len(tops) == 1 else _likeliest_top(tops, filename)
    core, raw = _core(stock, f"{top}/PKG-INFO", archive)
    built = _built(stock.files)
    if built:
        note("sdist-is-built", built, "")
        top = ""
    elif raw is None and not archive.refused:
        note("metadata-missing-sdist")
    elif raw is not None:
        try:
            name, version = parse_sdist_filename(filename)
            metadata.check_identity(core, name=name, version=str(version), folder="", note=note)
        except InvalidSdistFilename:
            note("archive-unsupported", filename)
    build = metadata.read_build_system(
        stock.kept.get(f"{top}/pyproject.toml"), stock.kept.get(f"{top}/setup.cfg"), note
    )
    requires = core.requires_dist or _egg_requires(stock)
    requires = metadata.check_requirements(requires, "direct-url-dependency", note)
    build_requires = metadata.check_requirements(
        build.requires, "direct-url-build-requirement", note
    )
    return _report(
        stock,
        archive,
        filename,
        kind="sdist",
        core=core,
        requires_dist=requires,
        build=BuildSystem(
            backend=printable(build.backend),
            requires=stock.cap(
                "build_requires", build_requires, REQUIREMENTS_MAX, REQUIREMENT_CHARS_MAX
            ),
            in_tree=build.in_tree,
            stated=build.stated,
            assumed=build.assumed,
        ),
        static=_static(stock, kind="wheel" if built else "sdist", core=core, top=top),
    )


def _report(
    stock: _Stock,
    archive: Archive,
    filename: str,
    *,
    kind: str,
    core: metadata.CoreMetadata,
    requires_dist: tuple[str, ...],
    **rest: object,
) -> ReaderReport:
    native = tuple(sorted(p for p in stock.files if p.endswith(metadata.NATIVE_SUFFIXES)))
    notes = archive.notes
    requires = stock.cap("requires_dist", requires_dist, REQUIREMENTS_MAX, REQUIREMENT_CHARS_MAX)
    shown_native = stock.cap("native", native, NAMES_MAX, NAME_CHARS_MAX)
    return ReaderReport(
        filename=filename,
        kind=kind,
        refused=archive.refused,
        flaws=archive.flaws,
        counts=Counts(
            members=len(stock.files) + stock.links,
            unpacked_bytes=sum(size for _, size in stock.files.values()),
            python_files=sum(path.endswith(".py") for path in stock.files),
            native_files=len(native),
            bytecode_files=sum(path.endswith(".pyc") for path in stock.files),
            links=stock.links,
            foreign_modules=metadata.foreign_modules(
                stock.files, tuple(importlib.machinery.EXTENSION_SUFFIXES)
            ),
            flaws=len(notes.flaws) + notes.more,
        ),
        name=printable(core.name),
        version=printable(core.version),
        requires_python=printable(core.requires_python),
        licence=printable(core.licence),
        requires_dist=requires,
        native=shown_native,
        code=_code(stock),
        cut=tuple(stock.cut),
        **rest,  # type: ignore[arg-type]  # each caller passes fields of its own kind
    )


def _core(stock: _Stock, path: str, archive: Archive) -> tuple[metadata.CoreMetadata, bytes | None]:
    raw = stock.kept.get(path)
    if raw is None:
        if path in stock.files:
            archive.notes.add("metadata-too-large", path)
        return metadata.CoreMetadata(), None
    return metadata.read_core_metadata(raw, archive.notes.add), raw


def _check_wheel_identity(
    core: metadata.CoreMetadata,
    filename: str,
    folder: str,
    tags: tuple[str, ...],
    note: metadata.Note,
) -> None:
    try:
        name, version, _, stated = parse_wheel_filename(filename)
    except InvalidWheelFilename:
        note("archive-unsupported", filename, "")
        return
    metadata.check_identity(core, name=name, version=str(version), folder=folder, note=note)
    if tags and not any(metadata.tag_covers(text, tag) for text in tags for tag in stated):
        note("wheel-tags-differ", folder, ", ".join(tags[:5]))


def _check_record(stock: _Stock, folder: str, archive: Archive) -> RecordCheck:
    path = f"{folder}/RECORD"
    content = stock.kept.get(path)
    if content is None:
        if not archive.refused:
            archive.notes.add("record-missing", path)
        return RecordCheck()
    return metadata.check_record(content, stock.files, path, archive.notes.add)


def _note_hooks(hooks: tuple[str, ...], note: metadata.Note) -> None:
    for hook in hooks:
        note("start-hook" if hook.endswith((".pth", ".start")) else "site-customisation", hook, "")


def _cap_entry_points(
    stock: _Stock, entry_points: tuple[EntryPoint, ...]
) -> tuple[EntryPoint, ...]:
    if len(entry_points) > NAMES_MAX:
        stock.cut.append("entry_points")
    return tuple(
        EntryPoint(
            group=printable(point.group), name=printable(point.name), target=printable(point.target)
        )
        for point in entry_points[:NAMES_MAX]
    )


def _egg_requires(stock: _Stock) -> tuple[str, ...]:
    for path, content in stock.kept.items():
        if path.endswith(".egg-info/requires.txt") and content is not None:
            return metadata.read_requires_txt(content)
    return ()


def _code(stock: _Stock) -> tuple[str, ...]:
    """What an artifact's Python files are, for comparison with its sibling's; all, or none."""
    told = {path: digest for path, digest in stock.texts.items() if len(path) <= NAME_CHARS_MAX}
    if len(told) < len(stock.texts) or len(told) > CODE_FILES_MAX:
        return ()
    return tuple(f"{digest[:16]} {printable(path)}" for path, digest in told.items())


def _is_text(path: str) -> bool:
    """Whether a file's text is compared; the first line of scripts is written by the build."""
    return path.lower().endswith(_TEXTS) and ".data/scripts/" not in path


def _built(paths: Iterable[str]) -> str:
    """The member that only wheels and eggs have, at the place where they have it; else empty."""
    return next((path for path in paths if _BUILT.match(path)), "")


def _likeliest_top(tops: list[str], filename: str) -> str:
    """The folder that is named like the file; sdists ought to have that one alone."""
    stem = filename.removesuffix(".tar.gz").removesuffix(".zip")
    return stem if stem in tops else (tops[0] if tops else "")
