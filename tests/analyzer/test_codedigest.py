"""The code digest: equal across platforms and for nothing else."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.codedigest import TextHash
from analyzer.reader import read_artifact
from tests.analyzer.archives import make_wheel

LINUX = "reenact_demo-1.0-cp311-cp311-manylinux_2_17_x86_64.whl"
WINDOWS = "reenact_demo-1.0-cp311-cp311-win_amd64.whl"
DATA = "reenact_demo-1.0.data"
INFO = "reenact_demo-1.0.dist-info"
BASE: Mapping[str, bytes | str] = {
    "reenact_demo/__init__.py": "x = 1\ny = 2\n",
    "reenact_demo/core.cpython-311-x86_64-linux-gnu.so": b"\x7fELF",
    f"{DATA}/scripts/run": "#!python\nprint(1)\n",
    f"{INFO}/entry_points.txt": "[console_scripts]\nrun = reenact_demo:main\n",
}


def digest(files: Mapping[str, bytes | str], filename: str = LINUX, **more: str) -> str:
    data = make_wheel(files, **more)
    report = read_artifact(io.BytesIO(data), filename=filename, kind="wheel", size_bytes=len(data))
    return report.code_digest


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"reenact_demo/core.cp311-win_amd64.pyd": b"MZ"},
        {"reenact_demo/data.json": "{}"},
        {"reenact_demo/__init__.py": "x = 1\r\ny = 2\r\n"},
        {f"{DATA}/scripts/tool": b"\x7fELF\0\0" + b"x" * 100_000},
        {f"{DATA}/scripts/tool.exe": b"MZ\x90"},
    ],
)
def test_code_digest__platforms_and_native_parts_make_no_difference(
    more: dict[str, bytes | str],
) -> None:
    assert digest({**BASE, **more}, WINDOWS, tag="cp311-cp311-win_amd64") == digest(BASE)


def test_code_digest__where_a_file_lands_counts_not_how_the_archive_says_it() -> None:
    moved = dict(BASE)
    moved[f"{DATA}/platlib/reenact_demo/__init__.py"] = moved.pop("reenact_demo/__init__.py")
    assert digest(moved) == digest(BASE)


@pytest.mark.parametrize(
    "more",
    [
        {"reenact_demo/__init__.py": "x = 2"},
        {"reenact_demo/extra.py": ""},
        {"reenact_demo/__init__.py": "x = 1\ry = 2\n"},
        {"reenact_demo/extra.pyc": b"\0"},
        {"hook.pth": "import reenact_demo\n"},
        {"hook.start": "reenact_demo:main\n"},
        {"sitecustomize.py": ""},
        {f"{DATA}/data/lib/python3.11/site-packages/hook.pth": "import os\n"},
        {f"{DATA}/scripts/run": "#!python\nprint(2)\n"},
        {f"{DATA}/scripts/more": "#!/bin/sh\n"},
        {f"{DATA}/scripts/more": b"#!/bin/sh\nexit 0\n\0"},
        {f"{DATA}/scripts/more": b"#!/bin/sh\n" + b"x" * 100_000},
        {"reenact_demo/extra.py": b"MZ = 1"},
        {f"{DATA}/data/bin/more": "#!/bin/sh\n"},
        {f"{INFO}/entry_points.txt": "[console_scripts]\nrun = os:system\n"},
    ],
)
def test_code_digest__any_code_makes_a_difference(more: dict[str, bytes | str]) -> None:
    assert digest({**BASE, **more}) != digest(BASE)


def test_code_digest__a_wheel_without_code_has_none() -> None:
    assert digest({"reenact_demo/core.so": b"\x7fELF"}) == ""
    assert digest(BASE).startswith("sha256:")


@given(st.lists(st.sampled_from([b"a", b"\r", b"\n", b"\r\n", b""])), st.integers(0, 9))
def test_text_hash__is_that_of_the_text_with_plain_line_ends_however_it_comes(
    pieces: list[bytes], cut: int
) -> None:
    whole = b"".join(pieces)
    expected = hashlib.sha256(whole.replace(b"\r\n", b"\n")).hexdigest()
    for parts in (pieces, [whole], [whole[:cut], whole[cut:]]):
        text = TextHash()
        for part in parts:
            text.update(part)
        assert text.hexdigest() == expected
