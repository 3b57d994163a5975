"""From an upstream's bytes to a ProjectPage: strict where safety hangs on it, lenient elsewhere.

A page that is no page raises UpstreamInvalid. One malformed file entry never costs the others: it
is left out and counted in `skipped`.
"""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, TypeVar
from urllib.parse import unquote, urljoin, urlsplit

import msgspec
from bs4 import MarkupResemblesLocatorWarning, XMLParsedAsHTMLWarning
from msgspec import UNSET, UnsetType
from packaging.utils import NormalizedName, canonicalize_name
from pypi_simple import UnexpectedRepoVersionWarning, UnsupportedRepoVersionError
from pypi_simple.html import Link, RepositoryPage

from models.artifact import (
    PROJECT_CHARS_MAX,
    IndexName,
    Sha256,
    parse_filename,
    parse_project,
    parse_sha256,
)
from models.errors import UpstreamInvalid, ValueInvalid
from proxy.simple.page import NOWHERE, IndexFile, ProjectPage

TEXT_CHARS_MAX = 4000
"""Characters of a requires-python, yank reason, status or URL; longer ones are malformed (ours)."""
SPECIFIERS_MAX = 1_024
"""Texts of requires-python remembered as read: all files of a project share a handful of them."""
SIZE_BYTES_MAX = 2**53
"""Bytes a `size` may claim: the largest integer that every JSON reader keeps exact (RFC 8259, 6)."""

_PLAIN_URL = re.compile(
    r"https?://[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?/[A-Za-z0-9/._~+!=-]*\Z"
)
"""An absolute URL without anything odd, which most are: it needs no taking apart."""
_SHA256 = re.compile(r"[0-9a-fA-F]{64}\Z")
_HEX = re.compile(r"(?:[0-9a-f]{2}){4,128}\Z")
_ALGORITHMS = hashlib.algorithms_guaranteed
"""What a URL fragment may name; anything else there (`egg=`) is no hash (PEP 503)."""
_ALGORITHM = re.compile(r"[a-z0-9_]{1,32}\Z")
_API_VERSION = re.compile(r"1\.[0-9]{1,6}\Z")
_METADATA_KEYS = ("core-metadata", "dist-info-metadata", "data-dist-info-metadata")
_FILE_KEYS = frozenset(
    {"filename", "url", "hashes", "requires-python", "size", "upload-time", "yanked"}
    | {*_METADATA_KEYS, "data-core-metadata"}
)
"""Known keys, among them every spelling of PEP 658's that was ever served: an unchecked
announcement of metadata must not slip through as an unknown key."""
_NO_EXTRA: Mapping[str, Any] = {}
_NO_PROVENANCE: Mapping[str, Any] = {"provenance": None}
"""The unknown keys of nearly every file, once for all of them: never to be changed."""
_PAGE_KEYS = frozenset({"meta", "name", "files", "versions", "project-status"})

# Remarks of the libraries that help nobody here: a newer minor version is fine to read (PEP 629),
# and whether a body is a page is for us to say.
for _category in (
    UnexpectedRepoVersionWarning,
    MarkupResemblesLocatorWarning,
    XMLParsedAsHTMLWarning,
):
    warnings.filterwarnings("ignore", category=_category)


_Entry = TypeVar("_Entry")


class _Listed(msgspec.Struct, gc=False):
    """One entry of a project list; an object a name would take ten times the memory."""

    name: Any = None


class _ProjectList(msgspec.Struct):
    projects: list[_Listed | str | int | float | bool | list[Any] | None]


_LIST_DECODER = msgspec.json.Decoder(_ProjectList)


class _PlainFile(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A file's entry as PyPI writes it: what is of another type, or unknown here, is not plain."""

    filename: str
    url: str
    hashes: dict[str, str]
    requires_python: str | None = msgspec.field(name="requires-python", default=None)
    size: Annotated[int, msgspec.Meta(ge=0, le=SIZE_BYTES_MAX)] | None = None
    upload_time: str | None = msgspec.field(name="upload-time", default=None)
    yanked: bool | str = False
    core_metadata: dict[str, Any] | bool | UnsetType = msgspec.field(
        name="core-metadata", default=UNSET
    )
    data_dist_info_metadata: dict[str, Any] | bool | UnsetType = msgspec.field(
        name="data-dist-info-metadata", default=UNSET
    )
    """The same once more, for older clients; `core-metadata` is what counts (PEP 714). It is read all
    the same: a body may be kept as it came, and must be JSON throughout."""
    provenance: Any = UNSET


class _PlainPage(msgspec.Struct, forbid_unknown_fields=True):
    """A page as PyPI writes it."""

    meta: dict[str, Any]
    name: str
    files: list[_PlainFile]
    versions: Any = None
    project_status: Any = msgspec.field(name="project-status", default=None)
    alternate_locations: Any = msgspec.field(name="alternate-locations", default=UNSET)


_PLAIN_DECODER = msgspec.json.Decoder(_PlainPage)


_UNREADABLE = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)


class _Malformed(Exception):
    """This one entry is no use."""


def parse_json(
    body: bytes, base_url: str, *, project: NormalizedName, index: IndexName = NOWHERE
) -> ProjectPage:
    """A JSON project page (PEP 691) of `index`. `base_url` is where it came from, after redirects.

    Raises UpstreamInvalid for what is not a page of major version 1, or is another project's.
    """
    page = read_whole(body, project=project, index=index)
    return page or read_by_entry(body, base_url, project=project, index=index)


def read_whole(body: bytes, *, project: NormalizedName, index: IndexName) -> ProjectPage | None:
    """The page where nothing on it is odd: read in C, in a third of the time. None: something is.

    Says of every page what `read_by_entry` says, or nothing; a test compares.
    """
    try:
        plain = _PLAIN_DECODER.decode(body)
        if not _is_plain(plain, project):
            return None
        specifiers = {t: _requires_python(t) for t in {f.requires_python for f in plain.files}}
        files = tuple(_file_from_plain(file, specifiers, index) for file in plain.files)
        status, status_reason = _status(plain.project_status)
        alternate = plain.alternate_locations
        return ProjectPage(
            name=project,
            files=files,
            versions=_versions(plain.versions),
            status=status,
            status_reason=status_reason,
            api_version=_api_version(plain.meta.pop("api-version", None)),
            extra={} if alternate is UNSET else {"alternate-locations": alternate},
            extra_meta=plain.meta,
            index=index,
            portable=b"\\" not in body,
        )
    except (*_UNREADABLE, UpstreamInvalid, ValueInvalid, _Malformed):
        return None


def _is_plain(page: _PlainPage, project: NormalizedName) -> bool:
    """Whether each name, URL and digest is what it is when no more needs to be asked."""
    files = page.files
    names = [file.filename for file in files]
    urls = [file.url for file in files]
    ends = [f"/{name}" for name in names]
    return (
        canonicalize_name(page.name) == project
        and all(map(parse_filename, names))
        and all(map(_PLAIN_URL.match, urls))
        and all(map(str.endswith, urls, ends))
        and max(map(len, urls), default=0) <= TEXT_CHARS_MAX
        and all(len(file.hashes) == 1 for file in files)
        and all(parse_sha256(file.hashes.get("sha256", "")) for file in files)
    )


def _file_from_plain(
    file: _PlainFile, specifiers: Mapping[str | None, str | None], index: IndexName
) -> IndexFile:
    if file.core_metadata is UNSET and file.data_dist_info_metadata is not UNSET:
        raise _Malformed
    return IndexFile(
        filename=file.filename,
        url=file.url,
        sha256=Sha256(file.hashes["sha256"]),
        hashes=file.hashes,
        size=file.size,
        upload_time=_time(file.upload_time),
        requires_python=specifiers[file.requires_python],
        yanked=file.yanked is not False and _yanked(file.yanked),
        core_metadata=_digest_of(file.core_metadata),
        extra=_extra_of(file.provenance),
        index=index,
    )


def _extra_of(provenance: Any) -> Mapping[str, Any]:
    if provenance is None:
        return _NO_PROVENANCE
    return _NO_EXTRA if provenance is UNSET else {"provenance": provenance}


def read_by_entry(
    body: bytes, base_url: str, *, project: NormalizedName, index: IndexName
) -> ProjectPage:
    """`parse_json` of any page, one entry after the other: three times as long as `read_whole`."""
    document = _json_object(body)
    meta = document.get("meta")
    if not isinstance(meta, dict):
        raise UpstreamInvalid("The upstream's JSON page has no `meta`.")
    api_version = _api_version(meta.get("api-version"))
    stated = document.get("name")
    if not isinstance(stated, str) or canonicalize_name(stated) != project:
        raise UpstreamInvalid(f"The upstream's page for {project} is not a page of that project.")
    entries = document.get("files")
    if not isinstance(entries, list):
        raise UpstreamInvalid(f"The upstream's page for {project} has no list of files.")
    files, skipped = _collect(
        entries, lambda entry: _file_from_json(entry, base_url, index), project
    )
    status, status_reason = _status(document.get("project-status"))
    return ProjectPage(
        name=project,
        files=files,
        versions=_versions(document.get("versions")),
        status=status,
        status_reason=status_reason,
        api_version=api_version,
        extra={key: value for key, value in document.items() if key not in _PAGE_KEYS},
        extra_meta={key: value for key, value in meta.items() if key != "api-version"},
        skipped=skipped,
        index=index,
        portable=not skipped and b"\\" not in body and all(map(_stands, files, entries)),
    )


def parse_html(
    body: bytes, base_url: str, *, project: NormalizedName, index: IndexName = NOWHERE
) -> ProjectPage:
    """An HTML project page (PEP 503) of `index`; blocking, about a second for 10,000 links.

    Raises UpstreamInvalid for what is not a page of major version 1, and for a page without one
    link to a file that does not call itself a simple index: a login page must not pass for one.
    """
    try:
        # Without a base URL the library joins nothing, so that one bad link costs only itself.
        page = RepositoryPage.from_html(body)
    except (UnsupportedRepoVersionError, ValueError, RecursionError, AssertionError) as error:
        raise UpstreamInvalid(f"The upstream's HTML page for {project} cannot be read.") from error
    files, skipped = _collect(
        page.links, lambda link: _file_from_html(link, base_url, index), project
    )
    if not files and page.repository_version is None:
        raise UpstreamInvalid(f"The upstream's HTML page for {project} is not an index page.")
    meta = page.pypi_meta
    return ProjectPage(
        name=project,
        files=files,
        status=_line(meta.get("project-status", [""])[0]),
        status_reason=_line(meta.get("project-status-reason", [""])[0]),
        api_version=_api_version(page.repository_version or "1.0"),
        extra=_listed("alternate-locations", meta),
        extra_meta=_listed("tracks", meta),
        skipped=skipped,
        index=index,
    )


def parse_projects_json(body: bytes) -> tuple[str, ...]:
    """The names on a JSON project list (PEP 691), as they stand there. Raises UpstreamInvalid."""
    try:
        listed = _LIST_DECODER.decode(body).projects
    except _UNREADABLE as error:
        raise UpstreamInvalid("The upstream's project list has no list of projects.") from error
    names = (entry.name for entry in listed if isinstance(entry, _Listed))
    return tuple(name for name in names if isinstance(name, str) and _is_project(name))


def parse_projects_html(body: bytes) -> tuple[str, ...]:
    """The names on an HTML project list (PEP 503). Raises UpstreamInvalid."""
    try:
        page = RepositoryPage.from_html(body)
    except (UnsupportedRepoVersionError, ValueError, RecursionError, AssertionError) as error:
        raise UpstreamInvalid("The upstream's project list cannot be read.") from error
    return tuple(link.text for link in page.links if _is_project(link.text))


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        document = msgspec.json.decode(body)
    except _UNREADABLE as error:
        raise UpstreamInvalid("The upstream's JSON page cannot be read.") from error
    if not isinstance(document, dict):
        raise UpstreamInvalid("The upstream's JSON page is not an object.")
    return document


def _collect(
    entries: Iterable[_Entry], make: Callable[[_Entry], IndexFile], project: NormalizedName
) -> tuple[tuple[IndexFile, ...], int]:
    """The well-formed files and the number of malformed ones; UpstreamInvalid where all are."""
    files: list[IndexFile] = []
    skipped = 0
    for entry in entries:
        try:
            files.append(make(entry))
        except (_Malformed, ValueInvalid):
            skipped += 1
    if skipped and not files:
        raise UpstreamInvalid(f"The upstream's page for {project} lists no well-formed file.")
    return tuple(files), skipped


def _file_from_json(entry: Any, base_url: str, index: IndexName) -> IndexFile:
    if not isinstance(entry, dict):
        raise _Malformed
    filename = _filename(entry.get("filename"))
    hashes = _hashes(entry.get("hashes"))
    return IndexFile(
        filename=filename,
        url=_url(entry.get("url"), base_url, filename),
        sha256=Sha256(hashes["sha256"]) if "sha256" in hashes else None,
        hashes=hashes,
        size=_size(entry.get("size")),
        upload_time=_time(entry.get("upload-time")),
        requires_python=_requires_python(entry.get("requires-python")),
        yanked=_yanked(entry.get("yanked")),
        core_metadata=_core_metadata(entry),
        extra={key: entry[key] for key in entry if key not in _FILE_KEYS},
        index=index,
    )


def _file_from_html(link: Link, base_url: str, index: IndexName) -> IndexFile:
    filename = _filename(link.text)
    href, _, fragment = link.url.partition("#")
    pairs = (part.partition("=") for part in fragment.split("&"))
    hashes = _hashes({key: value for key, _, value in pairs if key in _ALGORITHMS})
    attributes = {name: value for name, value in link.attrs.items() if isinstance(value, str)}
    yanked = attributes.get("data-yanked")
    return IndexFile(
        filename=filename,
        url=_url(href, base_url, filename),
        sha256=Sha256(hashes["sha256"]) if "sha256" in hashes else None,
        hashes=hashes,
        requires_python=_requires_python(attributes.get("data-requires-python")),
        yanked=False if yanked is None else _yanked(yanked),
        core_metadata=_core_metadata_html(attributes),
        extra=_extra_html(attributes),
        index=index,
    )


def _stands(file: IndexFile, entry: Any) -> bool:
    """Whether its URL was whole, and its digests stood there as we spell them."""
    return bool(file.url == entry.get("url") and file.hashes == entry.get("hashes"))


def _filename(value: Any) -> str:
    if not isinstance(value, str):
        raise _Malformed
    return parse_filename(value)


def _url(value: Any, base_url: str, filename: str) -> str:
    """The absolute URL; it must be http(s), carry no credentials, and end in the filename."""
    if not isinstance(value, str) or len(value) > TEXT_CHARS_MAX or not value.isprintable():
        raise _Malformed
    if _PLAIN_URL.match(value) and value.endswith(f"/{filename}"):
        return value
    try:
        url = urljoin(base_url, value.partition("#")[0])
        parts = urlsplit(url)
        port_ok = parts.port is None or parts.port > 0
    except ValueError as error:
        raise _Malformed from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_ok:
        raise _Malformed
    if "@" in parts.netloc or unquote(parts.path.rpartition("/")[2]) != filename:
        raise _Malformed
    return url


def _hashes(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise _Malformed
    if len(value) == 1 and isinstance(digest := value.get("sha256"), str):
        return {"sha256": parse_sha256(digest.lower())}
    checked: dict[str, str] = {}
    for name, digest in value.items():
        if not _is_algorithm(name) or not isinstance(digest, str):
            raise _Malformed
        lowered = digest.lower()
        if not _HEX.match(lowered):
            raise _Malformed
        checked[name] = parse_sha256(lowered) if name == "sha256" else lowered
    return checked


def _size(value: Any) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= SIZE_BYTES_MAX:
        raise _Malformed
    return value


def _time(value: Any) -> datetime | None:
    """Aware UTC, or None: a time without an offset could mean any of 27 hours, so it is unknown."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None or moment.tzinfo is UTC:
            return moment if moment.tzinfo else None
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _requires_python(value: Any) -> str | None:
    """The specifier on one line; clients print it, so that control characters make it malformed."""
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > TEXT_CHARS_MAX:
        raise _Malformed
    return _one_specifier(value)


@lru_cache(maxsize=SPECIFIERS_MAX)
def _one_specifier(value: str) -> str | None:
    text = " ".join(value.split())
    if not text.isprintable():
        raise _Malformed
    return text or None


def _yanked(value: Any) -> bool | str:
    """PEP 592. An empty reason counts as yanked: whoever wrote the key at all meant something."""
    if value is None or isinstance(value, bool):
        return bool(value)
    if not isinstance(value, str):
        raise _Malformed
    return value[:TEXT_CHARS_MAX] or True


def _core_metadata(entry: Mapping[str, Any]) -> bool | str:
    for key in _METADATA_KEYS:
        if key in entry:
            return _digest_of(entry[key])
    return False


def _digest_of(announced: Any) -> bool | str:
    if isinstance(announced, dict):
        return _digest_or_true(announced.get("sha256"))
    return announced is True


def _core_metadata_html(attributes: Mapping[str, str]) -> bool | str:
    for key in _METADATA_KEYS[:2]:
        value = attributes.get(f"data-{key}")
        if value is not None:
            algorithm, _, digest = value.partition("=")
            if algorithm == "sha256":
                return _digest_or_true(digest)
            return value.lower() != "false"
    return False


def _digest_or_true(value: Any) -> bool | str:
    """The sha256; True (there, but not to be relied on) where it is none."""
    if isinstance(value, str) and _SHA256.match(value):
        return value.lower()
    return True


def _extra_html(attributes: Mapping[str, str]) -> dict[str, Any]:
    """PEP 503's signature mark and PEP 740's provenance URL, under their JSON names."""
    extra: dict[str, Any] = {}
    if "data-gpg-sig" in attributes:
        extra["gpg-sig"] = attributes["data-gpg-sig"].lower() == "true"
    if "data-provenance" in attributes:
        extra["provenance"] = attributes["data-provenance"]
    return extra


def _versions(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    lines = (text for text in value if isinstance(text, str) and text == _line(text) != "")
    return tuple(dict.fromkeys(lines))  # logically a set (PEP 700)


def _status(value: Any) -> tuple[str, str]:
    """PEP 792's (status, reason)."""
    if not isinstance(value, dict):
        return "", ""
    return _line(value.get("status")), _line(value.get("reason"))


def _line(value: Any) -> str:
    """The text where it is one printable line of bounded length; else nothing."""
    if not isinstance(value, str) or len(value) > TEXT_CHARS_MAX or not value.isprintable():
        return ""
    return value


def _listed(key: str, meta: Mapping[str, list[str]]) -> dict[str, Any]:
    return {key: list(meta[key])} if key in meta else {}


def _api_version(value: Any) -> str:
    """PEP 629: another major version must not be read."""
    if not isinstance(value, str) or not _API_VERSION.match(value):
        raise UpstreamInvalid("The upstream's page is not of simple API version 1.")
    return value


def _is_algorithm(name: str) -> bool:
    return bool(_ALGORITHM.match(name))


def _is_project(name: str) -> bool:
    if len(name) > PROJECT_CHARS_MAX:
        return False
    try:
        parse_project(name)
    except ValueInvalid:
        return False
    return True
