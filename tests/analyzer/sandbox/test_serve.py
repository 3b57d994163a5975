"""What may be asked for."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from analyzer.sandbox.protocol import (
    PHASES,
    SCRIPTS_MAX,
    SOURCES_MAX,
    VARIATIONS,
    Hello,
    InputFile,
    RunRequest,
)
from analyzer.sandbox.serve import RequestRefused, build, check_files, check_request
from analyzer.sandbox.stage import Input

GOOD = RunRequest(run_id="r", kind="run", artifact="a.whl", archive="wheel", phases=("P1", "P3"))
HELLO = Hello(
    version="1", traced=True, pythons=("/usr/bin/python3", "/opt/python/3.13/bin/python3.13")
)


def test_check_request__good_ones_pass() -> None:
    assert check_request(GOOD, HELLO) == GOOD
    check_request(replace(GOOD, kind="read", phases=()), replace(HELLO, traced=False))
    whole = replace(
        GOOD,
        phases=PHASES,
        scripts=("py.test", "a-b_c+"),
        variations=VARIATIONS,
        python=HELLO.pythons[1],
    )
    assert check_request(whole, HELLO) == whole


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "other"},
        {"archive": "egg"},
        {"run_id": ""},
        {"run_id": "x" * 101},
        {"run_id": "a\n"},
        {"budget_ms": 0},
        {"budget_ms": 10**9},
        {"phases": ("P6",)},
        {"phases": ("P3", "P1")},
        {"phases": ("P1", "P1")},
        {"phases": ()},
        {"modules": ("a b",)},
        {"modules": ("-c",)},
        {"modules": ("a",) * 201},
        {"scripts": ("a b",)},
        {"scripts": ("../a",)},
        {"scripts": (".a",)},
        {"scripts": ("-c",)},
        {"scripts": ("",)},
        {"scripts": ('a"',)},
        {"scripts": ("é",)},
        {"scripts": ("x" * 101,)},
        {"scripts": ("a",) * (SCRIPTS_MAX + 1)},
        {"variations": ("moon",)},
        {"variations": ("ci", "ci")},
        {"python": "/usr/bin/python2"},
        {"python": "/bin/sh"},
    ],
    ids=repr,
)
def test_check_request__each_bound_is_held(change: dict[str, object]) -> None:
    with pytest.raises(RequestRefused):
        check_request(replace(GOOD, **change), HELLO)  # type: ignore[arg-type]


def test_check_request__says_what_there_is() -> None:
    with pytest.raises(RequestRefused, match="they can: /usr/bin/python3, /opt"):
        check_request(replace(GOOD, python="python3.12"), HELLO)
    with pytest.raises(RequestRefused, match="there are: ci, timezone, locale, clock"):
        check_request(replace(GOOD, variations=("weather",)), HELLO)


def test_check_request__no_runs_without_root() -> None:
    with pytest.raises(RequestRefused, match="reader boxes only"):
        check_request(GOOD, replace(HELLO, traced=False))


def test_build__round_trip() -> None:
    assert build(RunRequest, asdict(GOOD) | {"phases": ["P1", "P3"]}) == GOOD


@pytest.mark.parametrize(
    "message",
    [{}, {"filename": 1}, {"filename": "a", "sha256": "b", "size": True, "role": "run"}, {"x": 1}],
    ids=repr,
)
def test_build__other_shapes_are_refused(message: dict[str, object]) -> None:
    with pytest.raises(RequestRefused):
        build(InputFile, message)


def _input(filename: str, role: str, *needs: str) -> Input:
    described = InputFile(filename=filename, sha256="0" * 64, size=1, role=role, needs=needs)
    return Input(described=described, descriptor=-1)


@pytest.mark.parametrize(
    "files",
    [
        [],
        [_input("a.whl", "run")],
        [_input("a.whl", "artifact"), _input("b.whl", "artifact")],
        [_input("b.whl", "artifact")],
        [_input("a.whl", "artifact"), _input("b.whl", "run"), _input("b.whl", "run")],
        [_input("a.whl", "artifact", "t.whl"), _input("t.whl", "tool")],
        [_input("a.whl", "artifact"), _input("b.whl", "run", "t.whl"), _input("t.whl", "tool")],
        [_input("a.whl", "artifact"), _input("b.tar.gz", "run", "t.whl")],
        [_input("a.whl", "artifact"), _input("b.tar.gz", "run", "t.whl"), _input("t.whl", "run")],
        [
            _input("a.whl", "artifact"),
            *(_input(f"b{n}.tar.gz", "run") for n in range(SOURCES_MAX + 1)),
        ],
    ],
    ids=[
        "none",
        "no artifact",
        "two artifacts",
        "another artifact",
        "one name twice",
        "an artifact that needs a tool",
        "a wheel that needs a tool",
        "a tool that did not come",
        "a tool that is none",
        "too many sdists",
    ],
)
def test_check_files__one_artifact_first_and_no_name_twice(files: list[Input]) -> None:
    with pytest.raises(RequestRefused):
        check_files(GOOD, files)


def test_check_files__the_same_file_may_have_two_roles() -> None:
    files = [_input("a.whl", "artifact"), _input("b.whl", "run"), _input("b.whl", "build")]
    assert len(check_files(GOOD, files)) == 3


def test_check_files__an_sdist_comes_with_its_tools() -> None:
    files = [
        _input("a.whl", "artifact"),
        _input("b.tar.gz", "run", "t.whl"),
        _input("c.zip", "build", "t.whl"),
        _input("t.whl", "tool"),
    ]
    assert len(check_files(GOOD, files)) == 4


def test_build__an_input_with_needs() -> None:
    described = InputFile(filename="b.zip", sha256="0", size=1, role="run", needs=("t.whl",))

    assert build(InputFile, asdict(described) | {"needs": ["t.whl"]}) == described
