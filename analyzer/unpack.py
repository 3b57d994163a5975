"""One bounded reader for wheels and sdists: members lazily, nothing on disk, no exception out of it.

What an archive does wrong is a `Flaw`; one that `refuses` ends the reading. Standard library
only, since this runs in the reader box.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from analyzer.unpacking import DEFAULT_BOUNDS, Bounds, Flaw, Member, Notes, Refused

_LOOK_BYTES = 64 * 1024
_FORMATS = (
    (b"PK", "it is a zip"),
    (b"\x1f\x8b", "it is a gzip"),
    (b"BZh", "it is a bzip2"),
    (b"\xfd7zXZ", "it is an xz"),
    (b"Rar!", "it is a rar"),
    (b"7z\xbc\xaf", "it is a 7z"),
    (b"MZ", "it is a Windows program"),
    (b"\x7fELF", "it is a Linux program"),
    (b"<", "it is a web page"),
)


class Archive:
    """A wheel or sdist. Iterate `members()` once; then `flaws` and `refused` are complete."""

    def __init__(
        self,
        file: BinaryIO,
        *,
        filename: str,
        size_bytes: int,
        bounds: Bounds = DEFAULT_BOUNDS,
    ) -> None:
        self._file = file
        self._filename = filename
        self.notes = Notes(bounds=bounds, packed_bytes=size_bytes)

    @property
    def flaws(self) -> tuple[Flaw, ...]:
        """What was wrong so far, at most FLAWS_MAX."""
        return tuple(self.notes.flaws)

    @property
    def refused(self) -> bool:
        """Whether something was wrong that keeps the artifact from being run."""
        return self.notes.refused

    def members(self) -> Iterator[Member]:
        """Every file and link, until the end or until the archive is refused. Never raises."""
        try:
            yield from self._members()
        except Refused:
            return
        except Exception as error:  # noqa: BLE001 - whatever a stdlib parser throws at hostile bytes
            self.notes.add("archive-unreadable", detail=f"{type(error).__name__}: {error}")

    def content(self, member: Member) -> Iterator[bytes]:
        """The content in pieces; ends early, with a flaw noted, where it cannot be read whole."""
        try:
            yield from member.open()
        except Refused:
            member.whole = False
        except Exception as error:  # noqa: BLE001 - as above
            member.whole = False
            self.notes.add("archive-unreadable", member.path, type(error).__name__)

    def _members(self) -> Iterator[Member]:
        # Imported here: a wheel needs no tarfile, an sdist seldom zipfile, and starts are counted.
        magic = self._file.read(4)
        self._file.seek(0)
        name = self._filename.lower()
        zipped, gzipped = name.endswith((".whl", ".zip")), name.endswith((".tar.gz", ".tgz"))
        if not zipped and not gzipped:
            raise self.notes.refuse("archive-unsupported", self._filename)
        is_zip, is_gzip = magic[:2] == b"PK", magic[:2] == b"\x1f\x8b"
        if not (is_zip or is_gzip):
            raise self.notes.refuse("archive-wrong-format", self._filename, self._format())
        if is_zip is not zipped:
            # It is never run, but what it holds is read all the same: pip would unpack it.
            self.notes.add("archive-renamed", self._filename, self._format())
        if is_zip:
            from analyzer.unpack_zip import zip_members  # noqa: PLC0415

            yield from zip_members(self._file, self.notes)
        else:
            from analyzer.unpack_tar import tar_members  # noqa: PLC0415

            yield from tar_members(self._file, self.notes)

    def _format(self) -> str:
        """What the file is instead, by its beginning and, for a zip, by the names at its end."""
        head = self._file.read(_LOOK_BYTES)
        self._file.seek(max(0, self._file.seek(0, 2) - _LOOK_BYTES))
        tail = self._file.read(_LOOK_BYTES)
        self._file.seek(0)
        if not head:
            return "it is empty"
        if b".dist-info/WHEEL" in tail and b"PK\x05\x06" in tail:
            return "it is a wheel"
        if b"EGG-INFO/" in tail and b"PK\x05\x06" in tail:
            return "it is an egg"
        return next(
            (words for magic, words in _FORMATS if head.startswith(magic)), "it is no archive"
        )
