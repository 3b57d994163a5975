"""The look at members that are no Python source: what each is by its bytes, however it is called."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.static.looks import HEAD_BYTES, SEEN_MAX, Looks, Seen, kind_of_bytes

ELF = b"\x7fELF\x02\x01\x01" + bytes(57)
PE = b"MZ" + bytes(58) + (64).to_bytes(4, "little") + b"PE\0\0" + bytes(100)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(5000)
STUB = b"MZ\x90" + bytes(70) + b"This program cannot be run in DOS mode.\r\r\n$"
RANDOM = b"".join(hashlib.sha256(bytes([n])).digest() for n in range(256))
WALL = base64.b64encode(RANDOM)


def look(path: str, data: bytes, *, pieces: int = 1) -> Seen | None:
    looks = Looks()
    one = looks.begin(path)
    if one is None:
        return None
    step = max(1, len(data) // pieces)
    for at in range(0, len(data), step):
        one.feed(data[at : at + step])
    looks.end(one)
    return looks.seen[0] if looks.seen else None


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (ELF, "elf"),
        (PE, "pe"),
        (STUB, "pe"),
        (b"\xca\xfe\xba\xbe\0\0\0\x02", "mach-o"),
        (b"\xca\xfe\xba\xbe\0\0\0\x34", "java"),
        (b"\xcf\xfa\xed\xfe", "mach-o"),
        (b"PK\x03\x04", "zip"),
        (b"MZ is how a text may begin", ""),
        (b"", ""),
        (b"plain text", ""),
    ],
)
def test_kind_of_bytes__is_by_what_stands_there(data: bytes, kind: str) -> None:
    assert kind_of_bytes(data) == kind


@pytest.mark.parametrize("pieces", [1, 7])
@pytest.mark.parametrize(
    ("path", "data", "told"),
    [
        ("a/tool", ELF, {"kind": "elf"}),
        ("a/tool", ELF + b"\xff Go buildinf:", {"kind": "elf", "flavour": "go"}),
        ("a/x.dll", PE + b"mscoree.dll", {"kind": "pe", "flavour": "dotnet"}),
        ("a/logo.png", PNG + STUB, {"kind": "media", "inside": "pe"}),
        ("a/logo.png", PNG + ELF, {"kind": "media", "inside": "elf"}),
        ("a/sound.wav", b"RIFF" + bytes(3000) + ELF, {"kind": "media", "inside": "elf"}),
        ("a/x.so", ELF + b"..__pyx_module", {"kind": "elf", "made_by": "cython"}),
        ("a/x.ps1", b"Get-Item", {"kind": "script", "flavour": "powershell"}),
        ("a/x.jar", b"PK\x03\x04", {"kind": "zip", "flavour": "jar"}),
        ("a/x.pyc", bytes(range(40)), {"kind": "bytecode", "header": bytes(range(16))}),
        ("a/model.bin", RANDOM, {"weight": "random"}),
        ("a/words.txt", WALL, {"weight": "encoded"}),
    ],
)
def test_look__tells_what_matters(
    path: str, data: bytes, told: dict[str, str], pieces: int
) -> None:
    seen = look(path, data, pieces=pieces)
    assert seen is not None
    assert {name: getattr(seen, name) for name in told} == told
    assert seen.size_bytes == len(data)


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("a/x.py", ELF),  # read whole elsewhere
        ("a/logo.png", PNG),
        ("a/logo.png", PNG + b"\x7fELF but no identification"),
        ("a/words.txt", b"one word a line\n" * 1000),
        ("a/key.bin", RANDOM[:1024]),  # too short to weigh
        ("a/x.npy", b"\x93NUMPY" + RANDOM),
        ("a/cert.txt", b"-----BEGIN-----\n" + WALL[:1500] + b"\n-----END-----\n"),
        ("demo-1.0.dist-info/RECORD.txt", WALL),
        ("a/archive.bin", b"PK\x03\x04" + RANDOM),
    ],
)
def test_look__has_nothing_to_say_of_the_rest(path: str, data: bytes) -> None:
    assert look(path, data) is None


@given(st.lists(st.binary(max_size=200), max_size=20), st.sampled_from(["a.png", "a.so", "a.bin"]))
def test_look__does_not_depend_on_how_the_bytes_come(pieces: list[bytes], path: str) -> None:
    looks = Looks()
    one = looks.begin(path)
    assert one is not None
    for piece in pieces:
        one.feed(piece)
    looks.end(one)
    assert (looks.seen[0] if looks.seen else None) == look(path, b"".join(pieces))


def test_looks__remember_a_bounded_number_and_a_bounded_head() -> None:
    looks = Looks()
    for number in range(SEEN_MAX + 3):
        one = looks.begin(f"a/{number}.exe")
        assert one is not None
        one.feed(ELF + bytes(2 * HEAD_BYTES))
        assert len(one.head) == HEAD_BYTES
        looks.end(one)
    assert (len(looks.seen), looks.more) == (SEEN_MAX, 3)
