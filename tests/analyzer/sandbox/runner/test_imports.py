"""What counts as a module at the top of a site folder, and below a package."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from analyzer.sandbox.runner import forks, imports, module


def test_find_modules__what_import_would_find(tmp_path: Path) -> None:
    for name in (
        "package/__init__.py",
        "namespace/inner/deep.py",
        "single.py",
        "native.abi3.so",
        "stranger.cpython-27-nowhere.so",
        "compiled.pyc",
        "cached/__pycache__/only.cpython-311.pyc",
        "data/only.txt",
        "thing-1.0.dist-info/METADATA",
        "__pycache__/single.cpython-311.pyc",
        "share/tool.py",
        "with-dash.py",
        "_env.pth",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    found = imports.find_modules(str(tmp_path), imports.suffixes(str(tmp_path)))

    assert found == ["compiled", "namespace", "native", "package", "share", "single"]


def test_suffixes__are_those_of_the_interpreter_whose_folder_it_is() -> None:
    endings = imports.suffixes("/env/lib/python3.14/site-packages")

    assert any(ending.startswith(".cpython-314-") for ending in endings)
    assert not any(f"cpython-{sys.version_info[0]}{sys.version_info[1]}" in e for e in endings)
    assert {".py", ".pyc", ".so", ".abi3.so"} <= set(endings)


def test_all_modules__named_or_not_and_where_pth_files_lead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "ENV", f"{tmp_path}/")
    site = tmp_path / "site"
    for name in ("decoy.py", "real.py", "not-a-name/hidden.py", "other/seen.py"):
        path = site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (site / "a.pth").write_text("import os\n# other\n/usr/lib\n../../up\nnot-a-name\nmissing\n")

    found = imports.all_modules(str(site), ["decoy"])

    assert found == ["decoy", "other", "real", "hidden"]


def test_submodules__tests_last_and_main_never(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("__init__", "__main__", "tests/__init__", "tests/t", "sub/__init__", "sub/x", "z"):
        path = tmp_path / "reenact_tree" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    __import__("reenact_tree")
    try:
        found = module.submodules("reenact_tree", 10)
    finally:
        del sys.modules["reenact_tree"]

    assert found == [
        "reenact_tree.z",
        "reenact_tree.sub",
        "reenact_tree.sub.x",
        "reenact_tree.tests",
        "reenact_tree.tests.t",
    ]


@pytest.mark.parametrize(
    ("name", "error", "line"),
    [
        ("a.b_c", "", b'{"kind":"module","name":"a.b_c","ok":false}\n'),
        ('x","ok":true,"', 'E"\n', b'{"kind":"module","name":"xoktrue","ok":false,"error":"E"}\n'),
    ],
)
def test_report__nothing_but_names_gets_into_a_line(
    monkeypatch: pytest.MonkeyPatch, name: str, error: str, line: bytes
) -> None:
    reader, writer = os.pipe()
    monkeypatch.setattr(forks, "REPORT_FD", writer)
    module.tell(name, False, error)
    os.close(writer)
    assert os.read(reader, 1000) == line
    os.close(reader)


def test_wait__a_child_that_hangs_is_killed() -> None:
    assert imports.wait(imports.start(["/bin/sleep", "600"]), 0.01) is None
    assert imports.wait(imports.start(["/bin/sh", "-c", "exit 7"]), 20) == 7


@pytest.mark.parametrize(
    ("files", "library"),
    [
        ({"lib.so": b"ELF"}, True),
        ({"lib.cpython-311-x86_64-linux-gnu.so": b"ELF"}, True),
        ({"lib.so": b"ELF PyInit_lib"}, False),
        ({"lib.so": b"x" * (imports.CHUNK - 4) + b"PyInit_lib"}, False),
        ({"lib.so": b"ELF PyInit_other"}, True),
        ({"lib.so": b"ELF", "lib.abi3.so": b"PyInit_lib"}, False),
        ({"lib.so": b"ELF", "lib.py": b""}, False),
        ({"lib.py": b""}, False),
        ({}, False),
    ],
)
def test_is_library__a_shared_object_without_an_init_function(
    tmp_path: Path, files: dict[str, bytes], library: bool
) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)

    assert imports.is_library(str(tmp_path), "lib") is library


def test_is_library__what_cannot_be_read_is_taken_for_a_module(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "lib.so")

    assert not imports.is_library(str(tmp_path), "lib")
