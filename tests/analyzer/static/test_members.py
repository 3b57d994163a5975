"""Detectors of members that are no Python source: each with a match and its near misses."""

from __future__ import annotations

import importlib.util
import io

import pytest

from analyzer.reader import read_artifact
from analyzer.static.members import ALL_MAX, MEMBER_KINDS, ONE_ID_MAX
from analyzer.static.telling import severity_of
from tests.analyzer.archives import make_sdist, make_wheel
from tests.analyzer.static.test_looks import ELF, PE, PNG, RANDOM, STUB

Files = dict[str, bytes | str]
NATIVE = "cp311-cp311-manylinux_2_17_x86_64"
SOURCE = b"x = 1\n"


def header(flags: int, source: bytes = SOURCE, magic: bytes = importlib.util.MAGIC_NUMBER) -> bytes:
    """Bytecode's first 16 bytes (PEP 552), and nothing that could be run."""
    return magic + flags.to_bytes(4, "little") + importlib.util.source_hash(source) + b"inert"


def found(files: Files, *, sdist: bool = False, tag: str = "py3-none-any") -> set[tuple[str, str]]:
    """(id, severity) of what is told about members."""
    data = make_sdist(files) if sdist else make_wheel(files, tag=tag)
    report = read_artifact(
        io.BytesIO(data),
        filename="reenact_demo-1.0.tar.gz" if sdist else f"reenact_demo-1.0-{tag}.whl",
        kind="sdist" if sdist else "wheel",
        size_bytes=len(data),
    )
    assert report.static is not None
    matches = [match for match in report.static.matches if match.id in MEMBER_KINDS]
    return {(match.id, severity_of(match).value) for match in matches}


@pytest.mark.parametrize(
    ("files", "sdist", "finding", "severity"),
    [
        ({"d/a.txt": ELF, "d/b.py": "open('a.txt')"}, False, "executable-disguised", "high"),
        ({"d/icon.png": PE}, False, "executable-disguised", "medium"),
        (
            {"d/icon.png": PNG + STUB, "d/__init__.py": "'icon.png'"},
            False,
            "executable-appended",
            "high",
        ),
        ({"d/tool.exe": PE}, False, "executable-unexpected", "low"),
        ({"tool.exe": PE, "setup.py": "run('tool.exe')"}, True, "executable-unexpected", "medium"),
        ({"d/tests/tool.exe": PE}, True, "executable-unexpected", "info"),
        ({"d/tests/a.txt": ELF, "d/b.py": "open('a.txt')"}, False, "executable-disguised", "high"),
        ({"d/bun": ELF}, False, "runtime-shipped", "low"),
        ({"d/x.dll": PE + b"mscoree.dll"}, False, "runtime-shipped", "low"),
        ({"a.ps1": "x", "setup.py": "run('a.ps1')"}, True, "script-foreign", "high"),
        ({"d/activate.ps1": "x", "d/b.py": "'activate.ps1'"}, False, "script-foreign", "low"),
        ({"conf.sh": "x", "setup.py": "run('conf.sh')"}, True, "script-named", "low"),
        ({"d/x.pyc": header(0)}, False, "bytecode-without-source", "medium"),
        ({"d/__pycache__/x.cpython-311.pyc": header(0)}, False, "bytecode-without-source", "info"),
        (
            {"d/x.py": SOURCE, "d/__pycache__/x.cpython-311.pyc": header(1, b"x = 2\n")},
            False,
            "bytecode-differs",
            "high",
        ),
        (
            {"d/x.py": SOURCE, "d/__pycache__/x.cpython-39.pyc": header(1, magic=b"\x61\x0d\r\n")},
            False,
            "bytecode-unchecked",
            "medium",
        ),
        (
            {"d/x.py": SOURCE, "d/__pycache__/x.cpython-311.pyc": header(1)},
            False,
            "bytecode-shipped",
            "low",
        ),
        (
            {"d/x.py": SOURCE, "d/__pycache__/x.cpython-311.pyc": header(3, b"x = 2\n")},
            False,
            "bytecode-shipped",
            "low",
        ),
        ({"d/x.pyc": header(0), "d/x.py": SOURCE}, False, "bytecode-shipped", "info"),
        ({"d/p.whl": b"PK\x03\x04", "d/b.py": "'p.whl'"}, False, "archive-inside", "low"),
        ({"d/key.bin": RANDOM, "d/b.py": "'key.bin'"}, False, "data-opaque", "low"),
        ({"blob.bin": RANDOM, "setup.py": "'blob.bin'"}, True, "data-opaque", "medium"),
    ],
)
def test_member_matches__are_found(files: Files, sdist: bool, finding: str, severity: str) -> None:
    assert (finding, severity) in found(files, sdist=sdist)


@pytest.mark.parametrize(
    ("files", "sdist"),
    [
        ({"d/a.txt": "MZ and so on"}, False),
        ({"d/icon.png": PNG}, False),
        ({"d/a.ps1": "x"}, False),  # nobody names it
        ({"d/key.bin": RANDOM}, False),
        ({"d/p.whl": b"PK\x03\x04"}, False),
        ({"tests/x.pyc": header(0)}, True),
        ({"tests/b.py": "'a.ps1'", "a.ps1": "x"}, True),  # only tests name it
        ({"d/a.py": "x", "d/data.json": "{}"}, False),
    ],
)
def test_member_matches__near_misses(files: Files, sdist: bool) -> None:
    assert found(files, sdist=sdist) == set()


@pytest.mark.parametrize(
    ("library", "told"),
    [
        (ELF, {("native-shadows-source", "low")}),
        (ELF + b"__pyx_capi", set()),
        (ELF + b"mypyc", set()),
    ],
)
def test_native_shadows_source__unless_its_compiler_signed(
    library: bytes, told: set[tuple[str, str]]
) -> None:
    files: Files = {"d/x.cpython-311-x86_64-linux-gnu.so": library, "d/x.py": SOURCE}
    assert found(files, tag=NATIVE) == told
    assert found({"d/x.so": ELF, "d/y.py": SOURCE}, tag=NATIVE) == set()


def test_member_matches__are_bounded() -> None:
    files: Files = {f"d/{number}.exe": PE for number in range(ONE_ID_MAX + 5)}
    data = make_wheel(files)
    report = read_artifact(
        io.BytesIO(data),
        filename="reenact_demo-1.0-py3-none-any.whl",
        kind="wheel",
        size_bytes=len(data),
    )
    assert report.static is not None
    assert len(report.static.matches) == ONE_ID_MAX <= ALL_MAX
    assert len(report.static.binaries) == ONE_ID_MAX + 5
