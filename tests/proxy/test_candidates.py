"""Which files may stand for which requirement."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from models.artifact import Sha256
from models.errors import ResolutionFailed
from models.work import Target
from proxy.candidates import (
    Interpreter,
    Need,
    candidates_of,
    matching,
    printable,
    read_requirements,
    requires_dist,
)
from proxy.simple.page import IndexFile, ProjectPage
from tests.proxy.simple.strategies import CALM

TARGET = Target(
    markers={
        "python_version": "3.11",
        "python_full_version": "3.11.2",
        "sys_platform": "linux",
        "platform_machine": "x86_64",
        "os_name": "posix",
    },
    tags=("cp311-cp311-manylinux_2_17_x86_64", "cp311-abi3-linux_x86_64", "py3-none-any"),
)
HERE = Interpreter(TARGET)
DEMO = canonicalize_name("demo")


def file(filename: str, **keys: object) -> IndexFile:
    values: dict[str, object] = {"sha256": Sha256("ab" * 32)} | keys
    return IndexFile(filename=filename, url=f"https://files.test/{filename}", **values)  # type: ignore[arg-type]  # whatever the test names


def page(*files: IndexFile | str) -> ProjectPage:
    entries = (entry if isinstance(entry, IndexFile) else file(entry) for entry in files)
    return ProjectPage(name=DEMO, files=tuple(entries))


def need(text: str) -> Need:
    requirement = Requirement(text)
    return Need(name=canonicalize_name(requirement.name), specifier=requirement.specifier)


def chosen(shown: ProjectPage) -> list[str]:
    return [candidate.file.filename for candidate in candidates_of(shown, HERE)]


PURE = "demo-{}-py3-none-any.whl"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([PURE.format("1.0"), PURE.format("2.0")], [PURE.format("2.0"), PURE.format("1.0")]),
        ([PURE.format("1.0"), "demo-2.0.tar.gz"], [PURE.format("1.0"), "demo-2.0.tar.gz"]),
        ([PURE.format("1.0"), "demo-1.0.tar.gz"], [PURE.format("1.0")]),
        (
            [PURE.format("1.0"), "demo-1.0-cp311-cp311-manylinux_2_17_x86_64.whl"],
            ["demo-1.0-cp311-cp311-manylinux_2_17_x86_64.whl"],
        ),
        (
            ["demo-1.0-1-py3-none-any.whl", "demo-1.0-10-py3-none-any.whl"],
            ["demo-1.0-10-py3-none-any.whl"],
        ),
        (["demo-1.0-py2.py3-none-any.whl"], ["demo-1.0-py2.py3-none-any.whl"]),
        (["demo-1.0-cp312-cp312-manylinux_2_17_x86_64.whl"], []),
        (["demo-1.0-cp311-cp311-win_amd64.whl", "demo-1.0.zip"], ["demo-1.0.zip"]),
        (["other-1.0-py3-none-any.whl", "other-1.0.tar.gz"], []),
        (["demo-1.0.egg", "demo-1.0.exe", "demo-no.whl", "demo-x-py3-none-any.whl"], []),
    ],
)
def test_candidates_of__prefers_wheels_that_fit(files: list[str], expected: list[str]) -> None:
    assert chosen(page(*files)) == expected


@pytest.mark.parametrize(
    ("keys", "usable"),
    [
        ({"requires_python": ">=3.8"}, True),
        ({"requires_python": ">=3.12"}, False),
        ({"requires_python": "nonsense"}, True),
        ({"sha256": None}, False),
        ({"yanked": True}, True),
    ],
)
def test_candidates_of__looks_at_python_and_hash(keys: dict[str, object], usable: bool) -> None:
    assert bool(chosen(page(file(PURE.format("1.0"), **keys)))) is usable


@pytest.mark.parametrize(
    ("versions", "requirements", "expected"),
    [
        (["1.0", "2.0"], ["demo"], ["2.0", "1.0"]),
        (["1.0", "2.0"], ["demo<2"], ["1.0"]),
        (["1.0", "2.0"], ["demo>=1", "demo<2"], ["1.0"]),
        (["1.0", "2.0"], ["demo>2"], []),
        (["1.0", "2.0a1"], ["demo"], ["1.0"]),
        (["2.0a1"], ["demo"], ["2.0a1"]),
        (["1.0", "2.0a1"], ["demo>=2.0a1"], ["2.0a1"]),
        (["1.0+cpu"], ["demo==1.0"], ["1.0+cpu"]),
    ],
)
def test_matching__follows_pep_440(
    versions: list[str], requirements: list[str], expected: list[str]
) -> None:
    candidates = candidates_of(page(*(PURE.format(version) for version in versions)), HERE)
    found = matching(candidates, [need(text) for text in requirements])
    assert [str(candidate.version) for candidate in found] == expected


@pytest.mark.parametrize(
    ("requirement", "found"),
    [("demo", False), ("demo>=1", False), ("demo==1.*", False), ("demo==1.0", True)],
)
def test_matching__a_yanked_release_must_be_pinned(requirement: str, found: bool) -> None:
    candidates = candidates_of(page(file(PURE.format("1.0"), yanked="broken")), HERE)
    assert bool(list(matching(candidates, [need(requirement)]))) is found


def test_matching__a_yanked_file_does_not_yank_its_sibling() -> None:
    shown = page(file(PURE.format("1.0"), yanked=True), "demo-1.0.tar.gz")
    assert chosen(shown) == ["demo-1.0.tar.gz"]


def test_candidates_of__other_wheels_describe_what_has_no_metadata_of_its_own() -> None:
    shown = page("demo-1.0.tar.gz", "demo-1.0-cp312-cp312-win_amd64.whl")
    (candidate,) = candidates_of(shown, HERE)
    assert [each.filename for each in candidate.described_by] == [
        "demo-1.0-cp312-cp312-win_amd64.whl"
    ]


def test_read_requirements__sorts_untrusted_lines() -> None:
    reading = read_requirements(
        [
            "Six>=1",
            "win; sys_platform == 'win32'",
            "extra; extra == 'socks'",
            "evil @ https://evil.test/x.whl",
            "not a requirement!!",
            "bad\x1b[31m",
            "a" * 300,
            "odd; python_version < 'x' and nonsense == 1",
            "demo[B_c,a]",
        ],
        HERE,
    )
    assert [str(each) for each in reading.needs] == ["six>=1", "demo[a,b-c]"]
    assert reading.direct_urls == ("evil @ https://evil.test/x.whl",)
    assert len(reading.unreadable) == 4
    assert "\x1b" not in "".join(reading.unreadable)


def test_read_requirements__an_extra_brings_its_own() -> None:
    lines = ["a; extra == 'x'", "b; extra == 'y'", "c"]
    assert [str(each) for each in read_requirements(lines, HERE, extras={"x"}).needs] == ["a", "c"]


@CALM
@given(st.text(max_size=80))
def test_read_requirements__never_fails(line: str) -> None:
    read_requirements([line], HERE)
    assert all(" " <= char <= "~" for char in printable(line))


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        (b"Metadata-Version: 2.1\nName: a\nRequires-Dist: b\nRequires-Dist: c>1\n", ("b", "c>1")),
        (b"Metadata-Version: 2.1\nName: a\n\nRequires-Dist: body\n", ()),
        (b"Name: a\n", None),
        (b"<html>not found</html>", None),
        (b"\xff\xfe", None),
        (b"", None),
    ],
)
def test_requires_dist__reads_core_metadata(
    metadata: bytes, expected: tuple[str, ...] | None
) -> None:
    assert requires_dist(metadata) == expected


@CALM
@given(st.binary(max_size=300))
def test_requires_dist__never_fails(metadata: bytes) -> None:
    requires_dist(b"Metadata-Version: 2.1\n" + metadata)
    requires_dist(metadata)


@pytest.mark.parametrize("markers", [{}, {"python_version": "three"}])
def test_interpreter__must_name_its_python(markers: dict[str, str]) -> None:
    with pytest.raises(ResolutionFailed):
        Interpreter(Target(markers=markers, tags=()))
