"""Members of a zip, checked against what a reader of local headers would see.

Installers disagree about odd zips: some trust the central directory (pip), some stream local
headers (CVE-2025-54368 in uv). So both must tell one story: same names, sizes and methods, each
byte of the file in exactly one member, nothing between them.
"""

from __future__ import annotations

import stat
import struct
import zipfile
from collections.abc import Iterator
from typing import BinaryIO

from analyzer.unpacking import CHUNK_BYTES, LINK_BYTES_MAX, Member, NameBook, Notes, link_leaves

# APPNOTE.TXT 6.3.10, sections 4.3.7 (local file header), 4.3.14-16 (end records), 4.4.4 (flags).
_LOCAL = struct.Struct("<4sHHHHHIIIHH")
_END = struct.Struct("<4s4H2IH")
_END64 = struct.Struct("<4sQ2H2I4Q")
_LOCAL_MAGIC = b"PK\x03\x04"
_END_MAGIC = b"PK\x05\x06"
_END64_MAGIC = b"PK\x06\x06"
_END_SEARCH_BYTES = _END.size + 65535
"""The end record, and the longest comment that may follow it."""
_FLAG_ENCRYPTED = 0x0001 | 0x0040 | 0x2000
_FLAG_DESCRIPTOR = 0x0008
_FLAG_UTF8 = 0x0800
_DESCRIPTOR_BYTES = (12, 16, 20, 24)
_EXTRA_UNICODE_PATH = 0x7075
_SIZE_ELSEWHERE = 0xFFFFFFFF


def zip_members(file: BinaryIO, notes: Notes) -> Iterator[Member]:
    """Every member in the order of the central directory, which is checked before the first."""
    _check_end(file, notes)
    with zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
        if len(infos) > notes.bounds.members:
            raise notes.refuse("archive-too-many-members")
        _check_layout(file, infos, archive.start_dir, notes)
        book = NameBook(notes)
        for info in infos:
            folder = info.filename.endswith("/")
            path = book.enter(info.orig_filename, folder=folder)
            member = _member(archive, info, path, notes) if path and not folder else None
            if member is not None:
                yield member


def _member(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: str, notes: Notes
) -> Member | None:
    mode = info.external_attr >> 16
    if info.flag_bits & _FLAG_ENCRYPTED:
        notes.add("archive-encrypted", path)
        return None
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        notes.add("archive-unusual-compression", path)
        return None
    if info.file_size > notes.bounds.member_bytes:
        raise notes.refuse("archive-member-too-large", path)
    kind = stat.S_IFMT(mode)
    if kind in (stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK):
        notes.add("archive-device", path)
        return None
    if mode & (stat.S_ISUID | stat.S_ISGID):
        notes.add("archive-setuid", path)
    if kind == stat.S_IFLNK:
        return _link(archive, info, path, notes)
    return Member(
        path=path, size_bytes=info.file_size, mode=mode, open=lambda: _pieces(archive, info, notes)
    )


def _link(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: str, notes: Notes) -> Member:
    with archive.open(info) as stream:
        content = stream.read(LINK_BYTES_MAX + 1)
    if not content:
        notes.add("archive-link-empty", path)
        return Member(
            path=path,
            size_bytes=info.file_size,
            mode=0,
            open=lambda: _pieces(archive, info, notes),
        )
    target = content.decode("utf-8", "surrogateescape")
    if len(target) > LINK_BYTES_MAX or link_leaves(path, target, from_root=False):
        notes.add("archive-link-outside", path, target)
    notes.add("archive-link", path)
    return Member(path=path, size_bytes=info.file_size, link=target)


def _pieces(archive: zipfile.ZipFile, info: zipfile.ZipInfo, notes: Notes) -> Iterator[bytes]:
    with archive.open(info) as stream:
        while piece := stream.read(CHUNK_BYTES):
            notes.count(len(piece), info.filename)
            yield piece


def _check_end(file: BinaryIO, notes: Notes) -> None:
    """Bound the central directory before zipfile reads it whole; note bytes after the end."""
    size = file.seek(0, 2)
    tail_at = max(0, size - _END_SEARCH_BYTES)
    file.seek(tail_at)
    tail = file.read(_END_SEARCH_BYTES)
    at = tail.rfind(_END_MAGIC)
    if at < 0 or len(tail) - at < _END.size:
        raise notes.refuse("archive-unreadable", detail="no end of central directory")
    _, _, _, _, count, directory_bytes, _, comment_bytes = _END.unpack_from(tail, at)
    end = tail_at + at + _END.size + comment_bytes
    if end != size or comment_bytes:
        notes.add("archive-trailing-bytes", detail=f"{size - end + comment_bytes} bytes")
    before = tail.rfind(_END64_MAGIC, 0, at)
    if before >= 0 and at - before >= _END64.size:
        record = _END64.unpack_from(tail, before)
        count, directory_bytes = max(count, record[7]), max(directory_bytes, record[8])
    if directory_bytes != _SIZE_ELSEWHERE and directory_bytes > notes.bounds.directory_bytes:
        raise notes.refuse("archive-too-large", detail="central directory")
    if count != 0xFFFF and count > notes.bounds.members:
        raise notes.refuse("archive-too-many-members")
    file.seek(0)


def _check_layout(
    file: BinaryIO, infos: list[zipfile.ZipInfo], directory_at: int, notes: Notes
) -> None:
    """Every local header agrees with its central twin, and members lie edge to edge."""
    position = 0
    for index, info in enumerate(sorted(infos, key=lambda item: item.header_offset)):
        gap = info.header_offset - position
        if gap < 0:
            raise notes.refuse("archive-members-overlap", info.filename)
        if gap > 0:
            _note_gap(file, position, gap, first=index == 0, notes=notes)
        data_at = _check_local(file, info, notes)
        position = data_at + info.compress_size
        if info.flag_bits & _FLAG_DESCRIPTOR:
            position += _descriptor_bytes(file, position, info)
    if position > directory_at:
        raise notes.refuse("archive-members-overlap")
    if position < directory_at:
        _note_gap(file, position, directory_at - position, first=not infos, notes=notes)


def _check_local(file: BinaryIO, info: zipfile.ZipInfo, notes: Notes) -> int:
    """Where the member's data begins. Raises Refused where the two headers disagree."""
    file.seek(info.header_offset)
    raw = file.read(_LOCAL.size)
    if len(raw) < _LOCAL.size or not raw.startswith(_LOCAL_MAGIC):
        raise notes.refuse("archive-confusion", info.filename, "no local header")
    _, _, flags, method, _, _, crc, packed, unpacked, name_len, extra_len = _LOCAL.unpack(raw)
    name = file.read(name_len).decode("utf-8" if flags & _FLAG_UTF8 else "cp437", "replace")
    extra = file.read(extra_len)
    if name != info.orig_filename or flags & _FLAG_UTF8 != info.flag_bits & _FLAG_UTF8:
        raise notes.refuse("archive-confusion", info.filename, f"local name {name}")
    if _has_second_name(extra) or _has_second_name(info.extra):
        raise notes.refuse("archive-confusion", info.filename, "a second name in extra")
    if method != info.compress_type or (flags ^ info.flag_bits) & (
        _FLAG_ENCRYPTED | _FLAG_DESCRIPTOR
    ):
        raise notes.refuse("archive-confusion", info.filename, "method or flags")
    stated = (crc, packed, unpacked)
    central = (info.CRC, info.compress_size, info.file_size)
    for mine, theirs in zip(stated, central, strict=True):
        deferred = bool(flags & _FLAG_DESCRIPTOR) and mine == 0
        if mine != theirs and not deferred and mine != _SIZE_ELSEWHERE:
            raise notes.refuse("archive-confusion", info.filename, "size or checksum")
    return info.header_offset + _LOCAL.size + int(name_len) + int(extra_len)


def _descriptor_bytes(file: BinaryIO, at: int, info: zipfile.ZipInfo) -> int:
    """Length of the data descriptor: with or without signature, 32 or 64 bit sizes."""
    file.seek(at)
    raw = file.read(max(_DESCRIPTOR_BYTES))
    for signature in (b"PK\x07\x08", b""):
        for form in ("<III", "<IQQ"):
            wanted = signature + struct.pack(
                form, info.CRC, info.compress_size & _mask(form), info.file_size & _mask(form)
            )
            if raw.startswith(wanted):
                return len(wanted)
    return 0


def _mask(form: str) -> int:
    return 0xFFFFFFFF if form == "<III" else 0xFFFFFFFFFFFFFFFF


def _note_gap(file: BinaryIO, at: int, size: int, *, first: bool, notes: Notes) -> None:
    file.seek(at)
    head = file.read(min(size, CHUNK_BYTES))
    if _LOCAL_MAGIC in head:
        raise notes.refuse("archive-hidden-member", detail=f"at byte {at}")
    notes.add("archive-prefix-bytes" if first else "archive-hidden-bytes", detail=f"{size} bytes")


def _has_second_name(extra: bytes) -> bool:
    """Whether the Info-ZIP Unicode Path field (0x7075) is there: some readers follow it."""
    at = 0
    while at + 4 <= len(extra):
        field, length = struct.unpack_from("<HH", extra, at)
        if field == _EXTRA_UNICODE_PATH:
            return True
        at += 4 + length
    return False
