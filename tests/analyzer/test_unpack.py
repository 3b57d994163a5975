"""The bounded reader: every hostile archive gives its flaw, and none an exception."""

from __future__ import annotations

import gzip
import io
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.flaws import FLAWS
from analyzer.unpack import Archive
from analyzer.unpacking import DEFAULT_BOUNDS, FLAWS_MAX, Bounds
from tests.analyzer.archives import (
    EPOCH,
    make_sdist,
    make_tar,
    make_wheel,
    make_zip,
    odd_member,
    plain_member,
)

SMALL = replace(
    DEFAULT_BOUNDS,
    members=5,
    member_bytes=100_000,
    total_bytes=200_000,
    ratio_floor_bytes=50_000,
    ratio=20,
    depth=4,
    name_chars=60,
    segment_chars=30,
)
WHEEL = "reenact_demo-1.0-py3-none-any.whl"
SDIST = "reenact_demo-1.0.tar.gz"


def read(
    data: bytes, filename: str = WHEEL, bounds: Bounds = DEFAULT_BOUNDS
) -> tuple[dict[str, bytes], Archive]:
    """Everything an archive gives: content by path, and the archive with its flaws."""
    archive = Archive(io.BytesIO(data), filename=filename, size_bytes=len(data), bounds=bounds)
    files = {member.path: b"".join(archive.content(member)) for member in archive.members()}
    return files, archive


def ids(archive: Archive) -> set[str]:
    return {flaw.id for flaw in archive.flaws}


def test_members__of_honest_archives_are_all_there_without_a_flaw() -> None:
    for data, filename, path in (
        (make_wheel({"a/b.py": "x = 1"}), WHEEL, "a/b.py"),
        (make_sdist({"a/b.py": "x = 1"}), SDIST, "reenact_demo-1.0/a/b.py"),
        (
            make_zip({"reenact_demo-1.0/a/b.py": b"x = 1"}),
            "reenact_demo-1.0.zip",
            "reenact_demo-1.0/a/b.py",
        ),
    ):
        files, archive = read(data, filename)
        assert files[path] == b"x = 1"
        assert archive.flaws == ()
        assert not archive.refused


def zip_with(change: Callable[[zipfile.ZipInfo], None], name: str = "a.py") -> bytes:
    info = zipfile.ZipInfo(name, EPOCH)
    change(info)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(info, b"content")
    return buffer.getvalue()


def mode(bits: int) -> Callable[[zipfile.ZipInfo], None]:
    def change(info: zipfile.ZipInfo) -> None:
        info.external_attr = bits << 16

    return change


def link_zip(target: bytes) -> bytes:
    info = zipfile.ZipInfo("a/link", EPOCH)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(info, target)
    return buffer.getvalue()


def twice(first: str, second: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(first, b"one")
        with pytest.warns(UserWarning, match="Duplicate") if first == second else nothing():
            archive.writestr(second, b"two")
    return buffer.getvalue()


class nothing:  # noqa: N801 - stands where pytest.warns does
    def __enter__(self) -> None: ...
    def __exit__(self, *exc: object) -> None: ...


def local_name_differs() -> bytes:
    data = bytearray(make_zip({"good.py": b"x"}))
    data[30:37] = b"evil.py"
    return bytes(data)


def central_size_differs() -> bytes:
    data = bytearray(make_zip({"good.py": b"x" * 100}, zipfile.ZIP_STORED))
    struct.pack_into("<I", data, 22, 50)
    return bytes(data)


def hidden_member() -> bytes:
    """A local member that the central directory does not list, between two that it does."""
    whole = make_zip({"a.py": b"one", "b.py": b"two"}, zipfile.ZIP_STORED)
    hidden = make_zip({"c.py": b"three"}, zipfile.ZIP_STORED)
    hidden = hidden[: hidden.index(b"PK\x01\x02")]
    return insert(whole, whole.index(b"PK\x03\x04", 4), hidden, moved=1)


def insert(data: bytes, at: int, extra: bytes, *, moved: int) -> bytes:
    """`data` with bytes inserted before its last `moved` members, all offsets put right."""
    end = data.index(b"PK\x05\x06")
    directory = data.index(b"PK\x01\x02")
    out = bytearray(data[:at] + extra + data[at:])
    entries = [i for i in range(len(out)) if out[i : i + 4] == b"PK\x01\x02"]
    for entry in entries[len(entries) - moved :]:
        offset = struct.unpack_from("<I", out, entry + 42)[0]
        struct.pack_into("<I", out, entry + 42, offset + len(extra))
    struct.pack_into("<I", out, end + len(extra) + 16, directory + len(extra))
    return bytes(out)


def hidden_bytes() -> bytes:
    data = make_zip({"a.py": b"x"})
    return insert(data, data.index(b"PK\x01\x02"), b"hidden!", moved=0)


def make_prefixed() -> bytes:
    buffer = io.BytesIO(b"PK is how this begins")
    buffer.seek(0, 2)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("a.py", b"x")
    return buffer.getvalue()


def unicode_path_field() -> bytes:
    def change(info: zipfile.ZipInfo) -> None:
        info.extra = struct.pack("<HHBI", 0x7075, 12, 1, 0) + b"evil.py"

    return zip_with(change)


def encrypted() -> bytes:
    data = bytearray(make_zip({"a.py": b"x"}))
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(magic) + offset] |= 1
    return bytes(data)


def pax_size(stated: str) -> bytes:
    info, data = plain_member("reenact_demo-1.0/a.py", b"x" * 600)
    info.pax_headers = {"size": stated}
    return make_tar([(info, data)])


def pax_twice(*records: bytes, kind: bytes = tarfile.XHDTYPE) -> bytes:
    """A tar whose first header block is a PAX one with these records."""
    info, data = plain_member("pax", b"".join(records))
    info.type = kind
    tar = gzip.decompress(make_tar([(info, data), plain_member("reenact_demo-1.0/a.py", b"x")]))
    return gzip.compress(tar)


def behind_the_end(extra: bytes) -> bytes:
    tar = gzip.decompress(make_sdist({"a.py": "x"}))
    return gzip.compress(tar + extra)


def bad_header() -> bytes:
    tar = bytearray(gzip.decompress(make_sdist({"a.py": "x", "b.py": "y"})))
    tar[1024 + 148] ^= 0xFF  # the second member's checksum
    return gzip.compress(bytes(tar))


HOSTILE: list[tuple[str, str, Callable[[], bytes]]] = [
    ("archive-traversal", WHEEL, lambda: make_zip({"../a.py": b""})),
    ("archive-traversal", WHEEL, lambda: make_zip({"a/../../b.py": b""})),
    ("archive-traversal", WHEEL, lambda: make_zip({"a\\..\\b.py": b""})),
    ("archive-absolute-name", WHEEL, lambda: make_zip({"/etc/passwd": b""})),
    ("archive-name-invalid", WHEEL, lambda: make_zip({"C:/a.py": b""})),
    ("archive-name-backslash", WHEEL, lambda: make_zip({"a\\b.py": b""})),
    ("archive-name-unprintable", WHEEL, lambda: make_zip({"a\u202e.py": b""})),
    ("archive-name-too-long", WHEEL, lambda: make_zip({"a" * 31: b""})),
    ("archive-name-too-long", WHEEL, lambda: make_zip({"aaaaaaaa/" * 8: b""})),
    ("archive-too-deep", WHEEL, lambda: make_zip({"a/b/c/d/e": b""})),
    ("archive-duplicate", WHEEL, lambda: twice("a.py", "a.py")),
    ("archive-name-collision", WHEEL, lambda: twice("a.py", "A.py")),
    ("archive-name-collision", WHEEL, lambda: twice("caf\u00e9.py", "cafe\u0301.py")),
    ("archive-name-conflict", WHEEL, lambda: twice("a", "a/b.py")),
    ("archive-name-conflict", WHEEL, lambda: twice("a/b.py", "a")),
    ("archive-device", WHEEL, lambda: zip_with(mode(stat.S_IFCHR | 0o600))),
    ("archive-setuid", WHEEL, lambda: zip_with(mode(stat.S_IFREG | stat.S_ISUID | 0o755))),
    ("archive-link-outside", WHEEL, lambda: link_zip(b"../../etc/passwd")),
    ("archive-link-outside", WHEEL, lambda: link_zip(b"/etc/passwd")),
    ("archive-link", WHEEL, lambda: link_zip(b"../inside")),
    ("archive-link-empty", WHEEL, lambda: link_zip(b"")),
    ("archive-confusion", WHEEL, local_name_differs),
    ("archive-confusion", WHEEL, central_size_differs),
    ("archive-confusion", WHEEL, unicode_path_field),
    ("archive-hidden-member", WHEEL, hidden_member),
    ("archive-hidden-bytes", WHEEL, hidden_bytes),
    ("archive-prefix-bytes", WHEEL, make_prefixed),
    ("archive-trailing-bytes", WHEEL, lambda: make_zip({"a.py": b"x"}) + b"after"),
    ("archive-encrypted", WHEEL, encrypted),
    ("archive-unusual-compression", WHEEL, lambda: make_zip({"a": b"x"}, zipfile.ZIP_LZMA)),
    ("archive-too-many-members", WHEEL, lambda: make_zip({f"{n}": b"" for n in range(6)})),
    ("archive-member-too-large", WHEEL, lambda: make_zip({"a": b"\0" * 100_001})),
    ("archive-bomb", WHEEL, lambda: make_zip({"a": b"\0" * 90_000})),
    (
        "archive-too-large",
        WHEEL,
        lambda: make_zip({f"{n}": bytes(range(256)) * 300 for n in range(3)}, zipfile.ZIP_STORED),
    ),
    ("archive-renamed", WHEEL, lambda: make_sdist({})),
    ("archive-renamed", SDIST, lambda: make_wheel({})),
    ("archive-wrong-format", WHEEL, lambda: b"\x7fELF"),
    ("archive-unsupported", "reenact_demo-1.0.exe", lambda: b"MZ"),
    ("archive-unreadable", WHEEL, lambda: make_zip({"a": b"x"})[:-10]),
    ("archive-unreadable", SDIST, lambda: make_sdist({"a.py": "x"})[:-20]),
    ("archive-unreadable", SDIST, lambda: gzip.compress(b"no tar" * 300)),
    ("archive-unreadable", SDIST, bad_header),
    ("archive-traversal", SDIST, lambda: make_tar([plain_member("a/../../b")])),
    ("archive-absolute-name", SDIST, lambda: make_tar([plain_member("/a")])),
    (
        "archive-link-outside",
        SDIST,
        lambda: make_tar([odd_member("a/b", tarfile.SYMTYPE, "../../c")]),
    ),
    ("archive-link-outside", SDIST, lambda: make_tar([odd_member("a/b", tarfile.LNKTYPE, "../c")])),
    ("archive-link", SDIST, lambda: make_tar([odd_member("a/b", tarfile.LNKTYPE, "c")])),
    ("archive-device", SDIST, lambda: make_tar([odd_member("a", tarfile.CHRTYPE)])),
    ("archive-device", SDIST, lambda: make_tar([odd_member("a", tarfile.FIFOTYPE)])),
    (
        "archive-name-conflict",
        SDIST,
        lambda: make_tar([odd_member("a", tarfile.SYMTYPE, "b"), plain_member("a/c")]),
    ),
    (
        "archive-duplicate",
        SDIST,
        lambda: make_tar([odd_member("a", tarfile.SYMTYPE, "b"), plain_member("a")]),
    ),
    (
        "archive-duplicate",
        SDIST,
        lambda: make_tar([plain_member("a"), odd_member("a", tarfile.SYMTYPE, "b")]),
    ),
    ("archive-size-override", SDIST, lambda: pax_size("64")),
    ("archive-header-twice", SDIST, lambda: pax_twice(b"10 path=a\n", b"10 path=b\n")),
    ("archive-header-twice", SDIST, lambda: pax_twice(b"10 path=a\n", kind=tarfile.XGLTYPE)),
    ("archive-name-invalid", SDIST, lambda: pax_twice(b"12 path=a\0b\n")),
    ("archive-name-windows", WHEEL, lambda: make_zip({"a/nul.py": b""})),
    ("archive-name-windows", WHEEL, lambda: make_zip({"a/b.py:c": b""})),
    ("archive-name-windows", WHEEL, lambda: make_zip({"a/b.py.": b""})),
    ("archive-bomb", SDIST, lambda: make_tar([plain_member("a", b"\0" * 90_000)])),
    ("archive-hidden-bytes", SDIST, lambda: behind_the_end(b"hidden")),
    ("archive-hidden-member", SDIST, lambda: behind_the_end(gzip.decompress(make_sdist({})))),
    ("archive-trailing-bytes", SDIST, lambda: make_sdist({"a.py": "x"}) + b"after"),
]


@pytest.mark.parametrize(
    ("filename", "make"),
    [
        (SDIST, lambda: pax_size("600")),
        (SDIST, lambda: pax_twice(b"10 path=a\n", b"11 ctime=1\n")),
        (SDIST, lambda: pax_twice(b"13 comment=a\n", kind=tarfile.XGLTYPE)),
        (WHEEL, lambda: make_zip({"a/null.py": b"", ".a/..b/c.d.py": b"", "a/console/x": b""})),
    ],
)
def test_members__what_honest_tools_write_is_no_flaw(
    filename: str, make: Callable[[], bytes]
) -> None:
    _, archive = read(make(), filename, DEFAULT_BOUNDS)
    assert ids(archive) == set()


@pytest.mark.parametrize(
    ("filename", "data", "flaw", "words"),
    [
        (SDIST, make_wheel({}), "archive-renamed", "it is a wheel"),
        (SDIST, make_zip({"EGG-INFO/PKG-INFO": b""}), "archive-renamed", "it is an egg"),
        (SDIST, make_zip({"a.py": b""}), "archive-renamed", "it is a zip"),
        (WHEEL, make_sdist({}), "archive-renamed", "it is a gzip"),
        (SDIST, b"MZ" + bytes(99), "archive-wrong-format", "it is a Windows program"),
        (SDIST, b"", "archive-wrong-format", "it is empty"),
        (WHEEL, b"\x7fELF", "archive-wrong-format", "it is a Linux program"),
    ],
)
def test_members__another_format_is_named(
    filename: str, data: bytes, flaw: str, words: str
) -> None:
    members, archive = read(data, filename, DEFAULT_BOUNDS)
    assert [(found.id, found.detail) for found in archive.flaws] == [(flaw, words)]
    assert archive.refused
    assert bool(members) is (flaw == "archive-renamed")


@pytest.mark.parametrize(
    ("flaw", "filename", "make"), HOSTILE, ids=[f"{n}-{f}" for n, (f, _, _) in enumerate(HOSTILE)]
)
def test_members__a_hostile_archive_gives_its_flaw(
    flaw: str, filename: str, make: Callable[[], bytes]
) -> None:
    _, archive = read(make(), filename, SMALL)

    assert flaw in ids(archive)
    assert archive.refused == any(FLAWS[found].refuses for found in ids(archive))


def test_content__of_a_bomb_stops_at_the_bound() -> None:
    files, archive = read(make_zip({"a": b"\0" * 90_000}), bounds=SMALL)

    assert archive.refused
    assert len(files["a"]) <= SMALL.ratio_floor_bytes


def test_content__a_huge_tar_extension_header_is_never_read() -> None:
    info, data = plain_member("a")
    info.pax_headers = {"comment": "x" * (3 * 1024 * 1024)}

    _, archive = read(make_tar([(info, data)]), SDIST)

    assert ids(archive) == {"archive-too-large"}


def test_content__a_wrong_checksum_is_a_flaw_and_the_member_not_whole() -> None:
    data = bytearray(make_zip({"a.py": b"content"}, zipfile.ZIP_STORED))
    data[data.index(b"content")] ^= 1
    archive = Archive(io.BytesIO(bytes(data)), filename=WHEEL, size_bytes=len(data))
    member = next(archive.members())

    list(archive.content(member))

    assert not member.whole
    assert ids(archive) == {"archive-unreadable"}


def test_flaws__beyond_their_bound_are_counted() -> None:
    members = [odd_member(f"a/{n}", tarfile.SYMTYPE, "b") for n in range(FLAWS_MAX + 7)]

    _, archive = read(make_tar(members), SDIST)

    assert len(archive.flaws) == FLAWS_MAX
    assert archive.notes.more == 7


def test_content__a_skipped_member_does_not_harm_the_next() -> None:
    data = make_sdist({"a.bin": b"\1" * 5000, "b.py": "y = 2"})
    archive = Archive(io.BytesIO(data), filename=SDIST, size_bytes=len(data))

    found = {
        member.path: b"".join(archive.content(member))
        for member in archive.members()
        if member.path.endswith("b.py")
    }

    assert found == {"reenact_demo-1.0/b.py": b"y = 2"}
    assert archive.flaws == ()


HONEST = {
    WHEEL: make_wheel({"a/b.py": "x = 1\n" * 40, "c.so": bytes(range(256))}),
    SDIST: make_sdist({"a/b.py": "x = 1\n" * 40, "setup.py": "pass"}),
}


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_members__mutated_bytes_never_raise(data: st.DataObject) -> None:
    filename = data.draw(st.sampled_from(sorted(HONEST)))
    honest = HONEST[filename]
    if filename == SDIST and data.draw(st.booleans()):
        broken = bytearray(gzip.decompress(honest))
        wrap: Callable[[bytes], bytes] = gzip.compress
    else:
        broken, wrap = bytearray(honest), bytes
    for at, value in data.draw(
        st.lists(st.tuples(st.integers(0, len(broken) - 1), st.integers(0, 255)), max_size=8)
    ):
        broken[at] = value
    cut = data.draw(st.integers(0, len(broken)))
    mutated = wrap(bytes(broken[:cut] if data.draw(st.booleans()) else broken))

    files, archive = read(mutated, filename, SMALL)

    assert sum(map(len, files.values())) <= SMALL.total_bytes
    assert {flaw.id for flaw in archive.flaws} <= FLAWS.keys()


@given(st.binary(max_size=400), st.sampled_from([WHEEL, SDIST, "x-1.zip"]))
def test_members__arbitrary_bytes_never_raise(data: bytes, filename: str) -> None:
    _, archive = read(data, filename)

    assert archive.refused
