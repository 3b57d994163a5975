"""A local folder of own wheels and sdists as an upstream: listed, hashed once, and copied when asked for.

Files lie in the folder itself or one level below it. What is no plain file (a link, a pipe) is not seen,
and nothing is unpacked here (invariant 5): metadata is announced where a `FILE.metadata` lies beside a
wheel (PEP 658), and else comes from the file's own analysis.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import stat
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BufferedReader
from itertools import islice
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import orjson
import structlog
from cachetools import LRUCache
from packaging.utils import NormalizedName

from models.artifact import IndexName, parse_filename, project_of
from models.errors import UpstreamNotFound, UpstreamUnavailable, ValueInvalid
from proxy.index.port import FetchedPage
from proxy.simple.negotiate import Format

LOG = structlog.get_logger()

ENTRIES_MAX = 100_000
"""Directory entries looked at; a larger collection wants an index of its own (devpi, pypiserver)."""
FOLDERS_MAX = 10_000
"""Folders one level below that are looked into."""
HASHES_MAX = 200_000
"""Digests kept in memory, by what a file's status says of it."""
REST_NS = 2_000_000_000
"""Nanoseconds after a folder's last change until its listing is kept; clocks of disks tick coarsely."""
FRESH_S = 2
"""Seconds that a page is believed before the folder is looked at again."""
METADATA_BYTES_MAX = 4 * 1024 * 1024
"""Bytes of one metadata file beside a wheel."""
METADATA_SUFFIX = ".metadata"
BASE = "https://folder.invalid/"
"""What stands before a file's place in its URL: a name that leads nowhere (RFC 2606), and is not asked."""

_FOLDER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,200}\Z")
_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK

_Identity = tuple[int, int, int, int]
"""Device, inode, size and time of change of a file."""


@dataclass(frozen=True, slots=True)
class _Listing:
    """The folder as it was read: the place of every distribution file by its project."""

    stamps: tuple[tuple[str, int], ...]
    """(folder below, time of change): of the folder itself and of each below it."""
    settled: bool
    """Whether all had come to rest: what changes within a tick of the clock leaves no other time."""
    places: Mapping[NormalizedName, tuple[str, ...]]


class FolderSource:
    """A PageSource over a folder, and what opens its files."""

    def __init__(
        self, name: IndexName, folder: Path, *, now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self.name = name
        self._folder = folder
        self._now_ns = now_ns
        self._lock = threading.Lock()
        self._listing: _Listing | None = None
        self._hashes: LRUCache[_Identity, str] = LRUCache(maxsize=HASHES_MAX)

    async def fetch(self, project: NormalizedName, *, etag: str = "") -> FetchedPage:
        """The page of a project. Raises UpstreamNotFound; UpstreamUnavailable for the whole folder."""
        return await asyncio.to_thread(self._fetch, project, etag)

    async def projects(self) -> tuple[str, ...]:
        """The names of all projects of which there is a file. Raises UpstreamUnavailable."""
        return tuple(sorted(await asyncio.to_thread(self._places)))

    def open(self, url: str) -> BufferedReader:
        """The file behind a URL of a page, to be read and closed. Blocks.

        Raises UpstreamNotFound where it is gone, or is no plain file any more.
        """
        place = unquote(urlsplit(url).path).removeprefix("/")
        try:
            return _open(self._folder, place)
        except (OSError, ValueInvalid) as error:
            raise UpstreamNotFound("The folder has no such file.") from error

    def _fetch(self, project: NormalizedName, etag: str) -> FetchedPage:
        places = self._places().get(project, ())
        if not places:
            raise UpstreamNotFound(f"The folder has no file of {project}.")
        files = [entry for place in places if (entry := self._entry(place)) is not None]
        if not files:
            raise UpstreamUnavailable(f"No file of {project} in the folder can be read.")
        meta = {"api-version": "1.1"}
        body = orjson.dumps({"meta": meta, "name": project, "files": files})
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        unchanged = etag == tag
        return FetchedPage(
            url=BASE,
            content_type=Format.JSON_V1.value,
            etag=tag,
            body=b"" if unchanged else body,
            max_age_s=FRESH_S,
            unchanged=unchanged,
        )

    def _entry(self, place: str) -> dict[str, object] | None:
        """A file as it stands on the page; None where it went meanwhile, or may not be read."""
        try:
            with _open(self._folder, place) as file:
                status = os.fstat(file.fileno())
                sha256 = self._hash(file, _identity(status))
        except (OSError, ValueInvalid) as error:
            LOG.warning("folder_file_not_read", place=place, error=type(error).__name__)
            return None
        uploaded = datetime.fromtimestamp(status.st_mtime_ns // 1_000_000_000, UTC)
        entry: dict[str, object] = {
            "filename": place.rpartition("/")[2],
            "url": BASE + quote(place),
            "hashes": {"sha256": sha256},
            "size": status.st_size,
            "upload-time": uploaded.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        metadata = self._metadata(place)
        if metadata is not None:
            entry["core-metadata"] = {"sha256": metadata}
        return entry

    def _hash(self, file: BufferedReader, identity: _Identity) -> str:
        """Its sha256, from memory where neither inode, size nor time of change is another."""
        with self._lock:
            known = self._hashes.get(identity)
        if known is not None:
            return known
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        if _identity(os.fstat(file.fileno())) != identity:
            raise OSError("it is being written")
        with self._lock:
            self._hashes[identity] = digest
        return digest

    def _metadata(self, place: str) -> str | None:
        if not place.endswith(".whl"):
            return None
        try:
            with _open(self._folder, place + METADATA_SUFFIX) as file:
                data = file.read(METADATA_BYTES_MAX + 1)
        except (OSError, ValueInvalid):
            return None
        return hashlib.sha256(data).hexdigest() if len(data) <= METADATA_BYTES_MAX else None

    def _places(self) -> Mapping[NormalizedName, tuple[str, ...]]:
        """The place of every distribution file; read anew where a folder's time of change is another."""
        try:
            kept = self._listing
            if kept is None or not kept.settled or self._stamps(kept) != kept.stamps:
                kept = self._listing = _read(self._folder, self._now_ns())
        except OSError as error:
            raise UpstreamUnavailable(
                f"The folder of {self.name} cannot be read ({error.strerror}).",
                next_step="Check that it is there, and that the proxy's user may read it.",
            ) from error
        return kept.places

    def _stamps(self, kept: _Listing) -> tuple[tuple[str, int], ...]:
        return tuple((below, (self._folder / below).stat().st_mtime_ns) for below, _ in kept.stamps)


def _read(folder: Path, now_ns: int) -> _Listing:
    """Look at the folder, and at those in it. Raises OSError where it cannot be read itself."""
    found: dict[NormalizedName, list[str]] = {}
    stamps = [("", folder.stat().st_mtime_ns)]
    left = ENTRIES_MAX
    below: list[str] = []
    for name, is_folder in _entries(folder, left):
        left -= 1
        if is_folder:
            below.append(name)
        else:
            _add(found, name, name)
    for number, name in enumerate(sorted(below)):
        if left <= 0 or number >= FOLDERS_MAX:
            LOG.warning("folder_too_large", folder=str(folder), entries_max=ENTRIES_MAX)
            break
        try:
            stamps.append((name, (folder / name).stat().st_mtime_ns))
            for filename, is_folder in _entries(folder / name, left):
                left -= 1
                if not is_folder:
                    _add(found, f"{name}/{filename}", filename)
        except OSError as error:
            LOG.warning("folder_not_read", folder=str(folder / name), error=error.strerror)
    newest = max(stamp for _, stamp in stamps)
    return _Listing(
        stamps=tuple(stamps),
        settled=newest < now_ns - REST_NS,
        places={project: tuple(sorted(places)) for project, places in found.items()},
    )


def _entries(folder: Path, entries_max: int) -> Iterator[tuple[str, bool]]:
    """(name, whether it is a folder) of plain files and folders with plain names."""
    with os.scandir(folder) as entries:
        for entry in islice(entries, max(0, entries_max)):
            if entry.is_dir(follow_symlinks=False):
                if _FOLDER_NAME.match(entry.name):
                    yield entry.name, True
            elif entry.is_file(follow_symlinks=False):
                yield entry.name, False


def _add(found: dict[NormalizedName, list[str]], place: str, filename: str) -> None:
    """Note a file whose name is that of a wheel or an sdist; anything else may lie there, too."""
    try:
        project = project_of(parse_filename(filename))
    except ValueInvalid:
        return
    if project is not None:
        found.setdefault(project, []).append(place)


def _open(folder: Path, place: str) -> BufferedReader:
    """A plain file at a place of a listing; no link is followed on the way. Raises OSError, ValueInvalid."""
    below, _, filename = place.rpartition("/")
    parse_filename(filename)
    if below and not _FOLDER_NAME.match(below):
        raise ValueInvalid("That is no place in the folder.")
    root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        at = os.open(below, _OPEN | os.O_DIRECTORY, dir_fd=root) if below else os.dup(root)
    finally:
        os.close(root)
    try:
        descriptor = os.open(filename, _OPEN, dir_fd=at)
    finally:
        os.close(at)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ValueInvalid("That is no plain file.")
    return os.fdopen(descriptor, "rb")


def _identity(status: os.stat_result) -> _Identity:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
