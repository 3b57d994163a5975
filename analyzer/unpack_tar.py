"""Members of a gzip'd tar, streamed once and forwards through a decompressor with bounds."""

from __future__ import annotations

import stat
import tarfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from analyzer.unpacking import CHUNK_BYTES, LINK_BYTES_MAX, Member, NameBook, Notes, link_leaves

_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_BLOCK = tarfile.BLOCKSIZE
_HEADER_BYTES_MAX = 1024 * 1024
"""Bytes of one extension header (PAX records, GNU long name); POSIX sets no bound, names are < 5 KiB."""
_SIZE_FIELD = slice(124, 136)
_TYPE_FIELD = slice(156, 157)
_EXTENSIONS = frozenset((b"x", b"g", b"X", b"L", b"K"))
"""Types of header blocks that speak of the next member (`g`: of all that follow)."""
_PAX = frozenset((b"x", b"g", b"X"))
_PAX_OF_ALL = frozenset((b"path", b"linkpath", b"size"))
"""PAX fields that make no sense for all members at once: one header would rename the others."""


class _Gunzip:
    """A forward-only view of the tar inside a gzip, as `tarfile` wants to read it."""

    def __init__(self, file: BinaryIO, notes: Notes) -> None:
        self._file = file
        self._notes = notes
        self._inflate = zlib.decompressobj(_GZIP_WINDOW)
        self._ready = b""
        self._at = 0
        self._packed = b""
        self._position = 0
        self._ended = False
        self.last = b""
        """What the last `read` gave; tarfile does not say why it stopped."""
        self.extensions: list[tuple[bytes, bytes]] = []
        """(type, content) of the extension headers since they were last taken."""
        self._extension = b""

    def tell(self) -> int:
        return self._position

    def seek(self, position: int, whence: int = 0) -> int:
        if whence or position < self._position:
            raise tarfile.StreamError("the tar is read forwards only")
        while self._position < position:
            if not self.take(min(CHUNK_BYTES, position - self._position)):
                break
        return self._position

    def read(self, size: int = -1) -> bytes:
        """What tarfile reads: headers, and the content of extension headers."""
        piece = self.take(size)
        if self._extension:
            self.extensions.append((self._extension, piece))
            self._extension = b""
        elif size == _BLOCK and piece[_TYPE_FIELD] in _EXTENSIONS:
            self._extension = piece[_TYPE_FIELD]
        return piece

    def take(self, size: int) -> bytes:
        """The next bytes, whatever they are."""
        if not 0 <= size <= _HEADER_BYTES_MAX + _BLOCK:
            raise self._notes.refuse("archive-too-large", detail="tar extension header")
        while len(self._ready) - self._at < size and not self._ended:
            self._fill()
        self.last = self._ready[self._at : self._at + size]
        self._at += len(self.last)
        self._position += len(self.last)
        return self.last

    def _fill(self) -> None:
        packed = self._packed or self._file.read(CHUNK_BYTES)
        piece = self._inflate.decompress(packed, CHUNK_BYTES)
        if not packed and not piece and not self._inflate.eof:
            raise EOFError("the gzip stream ends early")
        self._notes.count(len(piece), "")
        self._ready = self._ready[self._at :] + piece
        self._at = 0
        self._packed = self._inflate.unconsumed_tail
        if self._inflate.eof:
            self._next_stream()

    def _next_stream(self) -> None:
        """After one gzip member: another one (RFC 1952 allows it), zero padding, or foreign bytes."""
        rest = self._inflate.unused_data or self._file.read(CHUNK_BYTES)
        while rest and not rest.strip(b"\0"):
            rest = self._file.read(CHUNK_BYTES)
        rest = rest.lstrip(b"\0")
        if rest.startswith(b"\x1f\x8b"):
            self._inflate = zlib.decompressobj(_GZIP_WINDOW)
            self._packed = rest
            return
        if rest:
            self._notes.add("archive-trailing-bytes")
        self._ended = True


def tar_members(file: BinaryIO, notes: Notes) -> Iterator[Member]:
    """Every file and link, in the order of the stream."""
    stream = _Gunzip(file, notes)
    book = NameBook(notes, repeats=True)
    links: set[str] = set()
    archive = tarfile.TarFile(
        fileobj=stream,  # type: ignore[arg-type]  # it has what TarFile uses: read, seek, tell
        mode="r",
        encoding="utf-8",
        errors="surrogateescape",
    )
    while (info := archive.next()) is not None:
        archive.members = []  # type: ignore[attr-defined]  # else every header stays in memory
        _check_extensions(stream, info, notes)
        path = book.enter(info.name, folder=info.isdir())
        if path is None or info.isdir():
            continue
        member = _member(stream, info, path, notes)
        if member is None:
            continue
        if member.link is not None:
            links.add(path)
        if path in notes.repeated and path in links:
            notes.add("archive-duplicate", path)
        yield member
    _check_end(stream, notes)


def _member(stream: _Gunzip, info: tarfile.TarInfo, path: str, notes: Notes) -> Member | None:
    if info.isdev() or not (info.isreg() or info.issym() or info.islnk()):
        notes.add("archive-device", path)
        return None
    if info.issparse() or any(key.startswith("GNU.sparse") for key in info.pax_headers):
        raise notes.refuse("archive-sparse", path)
    if "size" in info.pax_headers and _size_in_header(stream.last) != info.size:
        raise notes.refuse("archive-size-override", path)
    if info.mode & (stat.S_ISUID | stat.S_ISGID):
        notes.add("archive-setuid", path)
    if info.issym() or info.islnk():
        target = info.linkname
        if len(target) > LINK_BYTES_MAX or link_leaves(path, target, from_root=info.islnk()):
            notes.add("archive-link-outside", path, target)
        notes.add("archive-link", path)
        return Member(path=path, size_bytes=0, link=target)
    if info.size > notes.bounds.member_bytes:
        raise notes.refuse("archive-member-too-large", path)
    return Member(
        path=path, size_bytes=info.size, mode=info.mode, open=lambda: _pieces(stream, info.size)
    )


def _size_in_header(block: bytes) -> int | None:
    """The size that the ustar block itself states; None where it does not fit there.

    Readers that do not know PAX go by it, so another size in PAX shows them other members. Some
    tools write the same size twice.
    """
    try:
        return int(block[_SIZE_FIELD].strip(b"\0 ") or b"0", 8)
    except ValueError:
        return None  # base 256, for what is larger than 8 GiB (beyond the bound on members)


def _check_extensions(stream: _Gunzip, info: tarfile.TarInfo, notes: Notes) -> None:
    """Each field of a member is stated once: of two, readers take the first or the last."""
    seen: list[bytes] = []
    for kind, content in stream.extensions:
        keys = list(_pax_keys(content)) if kind in _PAX else [kind]
        if kind == b"g" and not _PAX_OF_ALL.isdisjoint(keys):
            notes.add("archive-header-twice", info.name, "for all members")
        seen += keys if kind != b"g" else []
    stream.extensions.clear()
    if len(set(seen)) != len(seen):
        notes.add("archive-header-twice", info.name)


def _pax_keys(content: bytes) -> Iterator[bytes]:
    """The keywords of PAX records, `length keyword=value\\n` each (POSIX.1-2001), while they parse."""
    at = 0
    while at < len(content) and content[at : at + 1].isdigit():
        length, _, rest = content[at : at + _HEADER_BYTES_MAX].partition(b" ")
        if not length.isdigit() or len(length) > 8 or int(length) == 0:
            return
        yield rest.partition(b"=")[0]
        at += int(length)


def _pieces(stream: _Gunzip, size: int) -> Iterator[bytes]:
    left = size
    while left:
        piece = stream.take(min(CHUNK_BYTES, left))
        if not piece:
            raise EOFError("the tar ends inside a member")
        left -= len(piece)
        yield piece


def _check_end(stream: _Gunzip, notes: Notes) -> None:
    """Behind the end mark only zeros may follow: some readers go on there, and find other members."""
    if stream.last.strip(b"\0"):
        notes.add("archive-unreadable", detail="a tar header does not parse")
        return
    while piece := stream.take(CHUNK_BYTES):
        if piece.strip(b"\0"):
            notes.add("archive-hidden-member" if b"ustar" in piece else "archive-hidden-bytes")
            return
