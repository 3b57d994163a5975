"""What the files of an artifact hold, out of the reader's report, in a form that releases share. Pure."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from analyzer.clean import printable
from analyzer.inventory import ReaderReport
from models.contents import CODE_HASH_BYTES, CONTENTS_ITEMS_MAX, Contents

ITEM_CHARS_MAX = 300
"""Characters of one item (`models.phase.Text`)."""
_EXTENSION_TAG = re.compile(r"\.(?:cpython-|cp[0-9]|pypy|graalpy|abi[0-9])[^/]*?(?=\.(?:so|pyd)\Z)")
_LIBRARY_HASH = re.compile(r"-[0-9a-f]{8,}(?=\.|-|\Z)")
"""What auditwheel and delvewheel put into the names of libraries that they bring along."""
_LIBRARY_VERSION = re.compile(r"(?<=\.so)(?:\.[0-9]+)+\Z|(?<=[-_.])v?[0-9]+(?:\.[0-9]+)*(?=[.-])")


def contents_of(report: ReaderReport) -> Contents | None:
    """What the files hold; None where they were not read."""
    static = report.static
    if static is None:
        return None
    lists = {
        "sinks": static.sinks,
        "hosts": static.hosts,
        "binaries": {plain_path(path, report) for path in (*static.binaries, *report.native)},
        "hooks": _hooks(report),
        "requires": _projects(report.requires_dist),
    }
    kept = {name: _items(values) for name, values in lists.items()}
    return Contents(
        sinks=kept["sinks"],
        hosts=kept["hosts"],
        binaries=kept["binaries"],
        hooks=kept["hooks"],
        requires=kept["requires"],
        entropy_milli=static.entropy_milli,
        code_bytes=static.code_bytes,
        cut=bool(static.cut) or any(len(kept[n]) < len(set(lists[n])) for n in lists),
        code=_code(report.code),
    )


def plain_path(path: str, report: ReaderReport) -> str:
    """A path without what changes from release to release and from platform to platform."""
    if report.kind == "sdist":
        path = path.partition("/")[2] or path
    path = _EXTENSION_TAG.sub("", path)
    folder, slash, leaf = path.rpartition("/")
    leaf = _LIBRARY_VERSION.sub("", _LIBRARY_HASH.sub("", leaf))
    plain = f"{folder}{slash}{leaf}"
    return plain.replace(report.version, "") if len(report.version) > 2 else plain


def hashes_of(code: str) -> frozenset[bytes]:
    """The hashes in `Contents.code`; none where it is no base64 of whole hashes."""
    try:
        data = base64.b64decode(code, validate=True)
    except ValueError:
        return frozenset()
    if len(data) % CODE_HASH_BYTES:
        return frozenset()
    return frozenset(data[at : at + CODE_HASH_BYTES] for at in range(0, len(data), CODE_HASH_BYTES))


def _code(lines: Iterable[str]) -> str:
    hashes = sorted({bytes.fromhex(line[: 2 * CODE_HASH_BYTES]) for line in lines})
    return base64.b64encode(b"".join(hashes)).decode()


def _hooks(report: ReaderReport) -> set[str]:
    found = {f"start {_versionless(hook)}" for hook in report.start_hooks}
    found |= {f"{point.group} {point.name}" for point in report.entry_points}
    if report.build is not None:
        where = " in the archive" if report.build.in_tree else ""
        found.add(f"build {report.build.backend}{where}")
    return found


def _versionless(hook: str) -> str:
    """`demo-1.0-py3.12-nspkg.pth` of each release is one hook."""
    return re.sub(r"[0-9]+(?:\.[0-9]+)*", "N", hook)


def _projects(lines: Iterable[str]) -> set[str]:
    found = set()
    for line in lines:
        try:
            found.add(str(canonicalize_name(Requirement(line).name)))
        except InvalidRequirement:
            continue  # a finding of its own, of the reader
    return found


def _items(values: Iterable[str]) -> tuple[str, ...]:
    clean = {printable(value, ITEM_CHARS_MAX) for value in values}
    return tuple(sorted(clean))[:CONTENTS_ITEMS_MAX]
