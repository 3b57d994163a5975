"""Pages as bytes: JSON (PEP 691, 700, 714, 740, 792) and HTML (PEP 503, 592, 629, 658); all escaped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from itertools import islice
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from proxy.simple.negotiate import Format
from proxy.simple.page import IndexFile, ProjectPage

API_VERSION_BASE = "1.0"
"""PEP 629: what a page may call itself that lacks what PEP 700 makes mandatory."""
API_VERSION_SIZES = (1, 1)
"""PEP 700: from here on `versions` and every file's `size` are mandatory."""

API_VERSION_MAX = (1, 4)
"""PEP 792: the newest version whose promises we know, and so the newest that a page of ours states.
HTML stays there for good (PEP 833)."""
NAMES_PER_PART = 2_048
"""Names in one part of the project list: some 64 KiB."""

_ENCODER = msgspec.json.Encoder()


class _Digest(msgspec.Struct, gc=False):
    sha256: str


class _Entry(msgspec.Struct, gc=False, kw_only=True):
    """A file as JSON has it; a dict would take four times as long to make."""

    filename: str
    url: str
    hashes: Mapping[str, str]
    requires_python: str | None = msgspec.field(name="requires-python")
    yanked: bool | str
    size: int | UnsetType = UNSET
    upload_time: datetime | str | UnsetType = msgspec.field(name="upload-time", default=UNSET)
    core_metadata: _Digest | bool | UnsetType = msgspec.field(name="core-metadata", default=UNSET)


def render_project(page: ProjectPage, *, format: Format) -> bytes:  # noqa: A002 (the field's word)
    """A project page in one format."""
    return _project_json(page) if format is Format.JSON_V1 else _project_html(page)


def render_projects(names: Iterable[str], *, format: Format) -> bytes:  # noqa: A002 (as above)
    """The list of projects (PEP 503, 691), in the order given."""
    return b"".join(projects_parts(names, format=format))


def projects_parts(names: Iterable[str], *, format: Format) -> Iterator[bytes]:  # noqa: A002 (as above)
    """The same in parts of some 64 KiB, so that the whole, some 30 MB, need never be in memory."""
    form = _list_form(format)
    before = form.head
    rest = iter(names)
    while part := list(islice(rest, NAMES_PER_PART)):
        yield before + form.joint.join(map(form.name, part))
        before = form.joint
    yield (before if before is form.head else b"") + form.tail


def api_version_of(page: ProjectPage) -> str:
    """The version that `page` may state: upstream's own where we and the page keep its promises."""
    stated = tuple(int(part) for part in page.api_version.split(".")[:2] if part.isdigit())
    if stated >= API_VERSION_SIZES and any(file.size is None for file in page.files):
        return API_VERSION_BASE
    return _version(min(stated, API_VERSION_MAX))


def format_time(moment: datetime) -> str:
    """PEP 700's one form: `yyyy-mm-ddThh:mm:ss.ffffffZ`."""
    in_utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return in_utc.isoformat(timespec="microseconds")[:-6] + "Z"


def _project_json(page: ProjectPage) -> bytes:
    document: dict[str, Any] = {
        **page.extra,
        "meta": {**page.extra_meta, "api-version": api_version_of(page)},
        "name": page.name,
        "files": [_file_json(file) for file in page.files],
        "versions": list(page.versions),
    }
    if page.status:
        document["project-status"] = {"status": page.status}
        if page.status_reason:
            document["project-status"]["reason"] = page.status_reason
    return _ENCODER.encode(document)


def _file_json(file: IndexFile) -> _Entry | dict[str, Any]:
    stated = file.core_metadata
    entry = _Entry(
        filename=file.filename,
        url=file.url,
        hashes=file.hashes,
        requires_python=file.requires_python,
        yanked=file.yanked,
        size=UNSET if file.size is None else file.size,
        upload_time=UNSET if file.upload_time is None else _time_json(file.upload_time),
        core_metadata=(stated or UNSET) if isinstance(stated, bool) else _Digest(stated),
    )
    if not file.extra:
        return entry
    known: dict[str, Any] = msgspec.to_builtins(entry)
    return {**file.extra, **known}


def _time_json(moment: datetime) -> datetime | str:
    """What the encoder writes as `format_time` does, in a tenth of the time: all but whole seconds."""
    return moment if moment.tzinfo is UTC and moment.microsecond else format_time(moment)


def _project_html(page: ProjectPage) -> bytes:
    meta = _meta("repository-version", api_version_of(page))
    if page.status:
        meta += _meta("project-status", page.status)
    if page.status_reason:
        meta += _meta("project-status-reason", page.status_reason)
    for name, values in (
        ("tracks", page.extra_meta.get("tracks")),
        ("alternate-locations", page.extra.get("alternate-locations")),
    ):
        for value in values if isinstance(values, list) else ():
            meta += _meta(name, str(value))
    return _html(f"Links for {page.name}", meta, (_link(file) for file in page.files))


def _link(file: IndexFile) -> str:
    attributes = [("href", file.url + _fragment(file))]
    if file.requires_python is not None:
        attributes.append(("data-requires-python", file.requires_python))
    if file.is_yanked:
        attributes.append(("data-yanked", file.yanked if isinstance(file.yanked, str) else ""))
    if file.core_metadata is not False:
        # PEP 714: the new name, and the one that pip before 23.2 looks for.
        value = f"sha256={file.core_metadata}" if isinstance(file.core_metadata, str) else "true"
        attributes += [("data-core-metadata", value), ("data-dist-info-metadata", value)]
    if isinstance(file.extra.get("gpg-sig"), bool):
        attributes.append(("data-gpg-sig", "true" if file.extra["gpg-sig"] else "false"))
    if isinstance(file.extra.get("provenance"), str):
        attributes.append(("data-provenance", file.extra["provenance"]))
    listing = " ".join(f'{name}="{escape(value)}"' for name, value in attributes)
    return f"<a {listing}>{escape(file.filename)}</a><br>"


def _fragment(file: IndexFile) -> str:
    """PEP 503: `#<algorithm>=<hex>`; one hash only, the sha256 where there is one."""
    if file.sha256 is not None:
        return f"#sha256={file.sha256}"
    return next((f"#{name}={digest}" for name, digest in sorted(file.hashes.items())), "")


def _meta(name: str, content: str) -> str:
    return f'<meta name="pypi:{name}" content="{escape(content)}">\n'


def _html(title: str, meta: str, links: Iterable[str]) -> bytes:
    return "\n".join(_lines(title, meta, links)).encode("utf-8", errors="replace")


def _version(parts: tuple[int, ...]) -> str:
    return ".".join(map(str, parts))


def _project_name_json(name: str) -> bytes:
    return _ENCODER.encode({"name": name})


def _project_name_html(name: str) -> bytes:
    return f'<a href="{escape(name)}/">{escape(name)}</a><br>'.encode()


def _lines(title: str, meta: str, links: Iterable[str]) -> Iterator[str]:
    yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield f"{meta}<title>{escape(title)}</title>\n</head>\n<body>\n<h1>{escape(title)}</h1>"
    yield from links
    yield "</body>\n</html>\n"


@dataclass(frozen=True, slots=True)
class _ListForm:
    """What stands before, between and after the names of the project list."""

    head: bytes
    joint: bytes
    tail: bytes
    name: Callable[[str], bytes]


def _list_form(format_: Format) -> _ListForm:
    if format_ is Format.JSON_V1:
        meta = _ENCODER.encode({"api-version": API_VERSION_BASE})
        return _ListForm(b'{"meta":' + meta + b',"projects":[', b",", b"]}", _project_name_json)
    page = _html("Simple index", _meta("repository-version", API_VERSION_BASE), ())
    head, mark, tail = page.partition(b"</body>")
    return _ListForm(head, b"\n", b"\n" + mark + tail, _project_name_html)
