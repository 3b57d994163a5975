"""What is fuzzed: each target takes any bytes, and raises where a law of ours does not hold.

A target holds its code to more than not crashing: bounds, and that one side takes what the other
wrote. Whatever a campaign finds lands in `corpus/`, and `test_corpus` replays it without atheris.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from analyzer import metadata
from analyzer.advisories.match import in_range, matched
from analyzer.advisories.meaning import findings_of as advisory_findings
from analyzer.advisories.parse import parse_json, parse_yaml
from analyzer.advisories.record import Advisory, Event, EventKind, Range, Refused
from analyzer.confusion.findings import findings_of, signals_of
from analyzer.confusion.index import NameIndex, popular_names
from analyzer.confusion.lookalike import LOOKALIKES_MAX
from analyzer.confusion.owned import owned_lookalikes
from analyzer.confusion.weighing import About, weigh
from analyzer.flaws import FLAWS
from analyzer.inventory import METADATA_BYTES_MAX, REPORT_BYTES_MAX
from analyzer.reader import encode_report, read_artifact
from analyzer.report import parse_report, report_findings, report_signals
from analyzer.unpacking import Bounds
from models.artifact import ArtifactRef, IndexName, Sha256
from models.canonical import digest_of
from tests.analyzer.archives import make_zip

CORPUS = Path(__file__).parent / "corpus"
"""One folder for each target."""

WHEEL = "reenact_demo-1.0-py3-none-any.whl"
SDIST = "reenact_demo-1.0.tar.gz"
AS_OF = datetime(2026, 11, 26, tzinfo=UTC)
BOUNDS = Bounds(
    members=200, member_bytes=1 << 20, total_bytes=4 << 20, ratio_floor_bytes=1 << 18, depth=10
)
"""Small, so that every bound is met, and no input takes long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One function of bytes."""

    name: str
    run: Callable[[bytes], None]
    bytes_max: int = 4096
    """Of one input; a campaign makes none that are longer."""


# -- archives --------------------------------------------------------------------------------------


def read_archive(data: bytes) -> None:
    """The first byte says what the rest is; the worker must take whatever the reader reports."""
    filename, archive = _archive(data)
    kind = "wheel" if filename == WHEEL else "sdist"
    report = read_artifact(
        io.BytesIO(archive), filename=filename, kind=kind, size_bytes=len(archive), bounds=BOUNDS
    )
    blob = encode_report(report)
    assert len(blob) <= REPORT_BYTES_MAX
    parsed = parse_report(blob, filename=filename, kind=kind)
    assert parsed is not None, "the worker refuses a report of our own reader"
    for finding in report_findings(parsed, python=(3, 11)):
        digest_of(finding)
    for signal in report_signals(parsed):
        digest_of(signal)


def _archive(data: bytes) -> tuple[str, bytes]:
    mode, rest = data[:1], data[1:]
    match (mode[0] if mode else 0) % 4:
        case 0:
            return WHEEL, rest
        case 1:
            return SDIST, rest
        case 2:  # the compression is ours, so that a campaign may change the tar inside
            return SDIST, gzip.compress(rest, compresslevel=0, mtime=0)
        case _:
            return WHEEL, make_zip(dict(_members(rest)), compression=0)


def _members(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Members of a zip, each a name and its content with a NUL between, 0xFF between two."""
    for piece in data.split(b"\xff")[:50]:
        name, _, content = piece.partition(b"\0")
        text = name.decode("latin-1").strip("\0")
        if text:
            yield text, content


# -- statements ------------------------------------------------------------------------------------


def read_statements(data: bytes) -> None:
    """The first byte says which of an artifact's own statements the rest is."""
    noted: list[str] = []

    def note(flaw: str, path: str, detail: str) -> None:
        noted.append(flaw)
        assert isinstance(path, str)
        assert isinstance(detail, str)

    mode, rest = data[:1], data[1 : METADATA_BYTES_MAX + 1]
    match (mode[0] if mode else 0) % 8:
        case 0:
            core = metadata.read_core_metadata(rest, note)
            metadata.check_identity(
                core, name="reenact-demo", version="1.0", folder="reenact_demo-1.0", note=note
            )
            metadata.check_requirements(core.requires_dist, "direct-url-dependency", note)
        case 1:
            lines = rest.decode("utf-8", "replace").splitlines()
            kept = metadata.check_requirements(lines, "direct-url-dependency", note)
            assert set(kept) <= set(lines)
        case 2:
            pyproject, _, setup_cfg = rest.partition(b"\0\0")
            metadata.read_build_system(pyproject, setup_cfg, note)
        case 3:
            metadata.read_requires_txt(rest)
        case 4:
            metadata.read_entry_points(rest)
        case 5:
            metadata.read_wheel_tags(rest)
        case 6:
            paths = rest.decode("utf-8", "surrogateescape").split("\n")[:200]
            suffixes = (".cpython-311-x86_64-linux-gnu.so", ".abi3.so", ".so")
            metadata.top_level_modules(paths, suffixes)
            metadata.foreign_modules(paths, suffixes)
            metadata.start_hooks(dict.fromkeys(paths, b"import x\n"))
        case _:
            files = {"reenact_demo/__init__.py": ("0" * 64, 0), "other.py": ("1" * 64, 3)}
            metadata.check_record(rest, files, "reenact_demo-1.0.dist-info", note)
    assert set(noted) <= set(FLAWS)


# -- names -----------------------------------------------------------------------------------------


def classify_name(data: bytes) -> None:
    """Any text is a name; behind a line break stands a pattern of owned names."""
    text = data.decode("utf-8", "replace")
    name, _, pattern = text.partition("\n")
    index: NameIndex = popular_names()
    found = index.lookalikes(name)
    assert len(found) <= LOOKALIKES_MAX
    assert len({one.target for one in found}) == len(found)
    found += owned_lookalikes(name, [pattern])
    weighed = [weigh(one, About(age_days=1, releases=1), About()) for one in found]
    for finding in findings_of(weighed):
        digest_of(finding)
    for signal in signals_of(weighed, owned_digest=""):
        digest_of(signal)
    if name.isascii():
        assert index.lookalikes(name) == index.lookalikes(name.swapcase())


# -- advisories ------------------------------------------------------------------------------------


def match_advisory(data: bytes) -> None:
    """The first byte says what the rest is: a record in JSON or YAML behind a version, or events."""
    mode, rest = data[:1], data[1:]
    head, _, body = rest.partition(b"\0")
    version = head.decode("utf-8", "replace")[:80]
    match (mode[0] if mode else 0) % 3:
        case 0:
            _match(parse_json(body), version)
        case 1:
            _match(parse_yaml(body), version)
        case _:
            _match_events(body.decode("utf-8", "replace"), version)


def _match(read: Advisory | Refused, version: str) -> None:
    if isinstance(read, Refused):
        assert read.why
        return
    digest_of(read.summary)
    for affected in read.affected[:20]:
        listed = sorted(affected.versions)[:5]
        for one in (version, *listed):
            by = matched(read, affected.project, one, Sha256("0" * 64))
            assert one not in listed or by is not None, "a listed version is affected"
            filename = f"{affected.project.replace('-', '_')}-1.0-py3-none-any.whl"
            ref = ArtifactRef(
                index=IndexName("pypi"),
                project=affected.project,
                filename=filename,
                sha256=Sha256("0" * 64),
            )
            for finding in advisory_findings([read], ref, AS_OF):
                digest_of(finding)


def _match_events(text: str, version: str) -> None:
    """Lines such as `fixed 1.2`; in what order they stand makes no difference."""
    events = tuple(
        Event(kind=EventKind(kind), version=at[:80])
        for line in text.splitlines()[:30]
        for kind, _, at in [line.partition(" ")]
        if kind in set(EventKind) and at
    )
    ways = {in_range(Range(events=order), version) for order in (events, events[::-1])}
    assert len(ways) == 1, "the order of events decides"


TARGETS: Mapping[str, Target] = {
    target.name: target
    for target in (
        Target(name="archive", run=read_archive, bytes_max=8192),
        Target(name="metadata", run=read_statements),
        Target(name="advisory", run=match_advisory),
        Target(name="names", run=classify_name, bytes_max=300),
    )
}


def corpus_of(name: str) -> list[Path]:
    """The kept inputs of a target, by name."""
    return sorted(path for path in (CORPUS / name).iterdir() if path.is_file())
