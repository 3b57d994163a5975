"""Contents: what two releases hold in common is told in the same words."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.contents import contents_of, hashes_of, plain_path
from analyzer.inventory import CODE_FILES_MAX, BuildSystem, EntryPoint, ReaderReport
from analyzer.static.result import StaticReport
from models.contents import CODE_FILES_MAX as SAME_MAX
from models.contents import CODE_HASH_BYTES, CONTENTS_ITEMS_MAX

REPORT = ReaderReport(
    filename="demo-1.2.0-py3-none-any.whl",
    kind="wheel",
    refused=False,
    version="1.2.0",
    requires_dist=("Six>=1", "six; python_version < '3'", "not a requirement !"),
    start_hooks=("demo-1.2.0-py3.12-nspkg.pth",),
    entry_points=(EntryPoint(group="console_scripts", name="demo", target="demo:main"),),
    static=StaticReport(
        sinks=("import network",),
        hosts=("b.test", "a.test"),
        binaries=("demo/_c.cpython-311-x86_64-linux-gnu.so",),
        entropy_milli=4000,
        code_bytes=77,
    ),
)


def test_contents_of__a_report() -> None:
    contents = contents_of(REPORT)
    assert contents is not None
    assert contents.sinks == ("import network",)
    assert contents.hosts == ("a.test", "b.test")
    assert contents.binaries == ("demo/_c.so",)
    assert contents.hooks == ("console_scripts demo", "start demo-N-pyN-nspkg.pth")
    assert contents.requires == ("six",)
    assert (contents.entropy_milli, contents.code_bytes, contents.cut) == (4000, 77, False)
    assert contents_of(replace(REPORT, static=None)) is None


def test_contents_of__a_build_back_end_is_a_hook() -> None:
    build = BuildSystem(backend="backend", requires=(), in_tree=True)
    contents = contents_of(replace(REPORT, kind="sdist", build=build))
    assert contents is not None
    assert "build backend in the archive" in contents.hooks


def test_contents_of__lists_are_bounded_and_say_so() -> None:
    many = tuple(f"{number:04}.test" for number in range(CONTENTS_ITEMS_MAX + 1))
    contents = contents_of(replace(REPORT, static=StaticReport(hosts=many)))
    assert contents is not None
    assert len(contents.hosts) == CONTENTS_ITEMS_MAX
    assert contents.cut


@pytest.mark.parametrize(
    ("kind", "path", "plain"),
    [
        ("wheel", "demo/_c.cpython-311-x86_64-linux-gnu.so", "demo/_c.so"),
        ("wheel", "demo/_c.cp311-win_amd64.pyd", "demo/_c.pyd"),
        ("wheel", "demo.libs/libgfortran-040039e1.so.5.0.0", "demo.libs/libgfortran.so"),
        ("sdist", "demo-1.2.0/bin/tool.exe", "bin/tool.exe"),
        ("wheel", "demo/tool-1.2.0.exe", "demo/tool-.exe"),
    ],
)
def test_plain_path__leaves_versions_and_platforms_out(kind: str, path: str, plain: str) -> None:
    assert plain_path(path, replace(REPORT, kind=kind)) == plain


@given(st.sets(st.binary(min_size=CODE_HASH_BYTES, max_size=CODE_HASH_BYTES), max_size=30))
def test_hashes_of__gives_back_what_contents_hold(hashes: set[bytes]) -> None:
    code = tuple(f"{one.hex()} a/{number}.py" for number, one in enumerate(hashes))
    contents = contents_of(replace(REPORT, code=code))
    assert contents is not None
    assert hashes_of(contents.code) == hashes


@pytest.mark.parametrize("text", ["", "no base64 !", "AAAA"])
def test_hashes_of__nothing_where_it_is_malformed(text: str) -> None:
    assert hashes_of(text) == frozenset()


def test_bounds__are_one_on_both_floors() -> None:
    assert CODE_FILES_MAX == SAME_MAX
