"""The box's interpreter as tags and markers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from packaging import tags

from analyzer.interpreter import (
    Interpreter,
    as_python,
    choose_interpreter,
    describe_interpreter,
    describe_interpreters,
    from_answer,
    platform_tags,
)
from models.errors import SandboxUnavailable, ValueInvalid
from models.evidence import Shortfall

MARKERS = {
    "python_full_version": "3.11.2",
    "python_version": "3.11",
    "sys_platform": "linux",
    "platform_machine": "aarch64",
}
PI = from_answer(MARKERS, version=(3, 11), platform="linux-aarch64", libc="glibc 2.36")


async def test_describe_interpreter__agrees_with_packaging_about_ourselves() -> None:
    import sys  # noqa: PLC0415 - the one test that asks about this very process

    found = await describe_interpreter(sys.executable)

    assert set(found.target.tags) == {str(tag) for tag in tags.sys_tags()}
    assert found.version.startswith(f"{sys.version_info[0]}.{sys.version_info[1]}.")
    assert found.platform == f"linux-{found.target.markers['platform_machine']}"


@pytest.mark.parametrize("body", ["#!/bin/sh\necho no json\n", "#!/bin/sh\nexit 1\n"])
async def test_describe_interpreter__one_that_does_not_answer_is_named(
    tmp_path: Path, body: str
) -> None:
    fake = tmp_path / "python3"
    fake.write_text(body)
    fake.chmod(0o755)

    with pytest.raises(SandboxUnavailable, match="python3"):
        await describe_interpreter(str(fake))


async def test_describe_interpreter__one_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SandboxUnavailable):
        await describe_interpreter(str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("filename", "runs"),
    [
        ("demo-1-py3-none-any.whl", True),
        ("demo-1-py2.py3-none-any.whl", True),
        ("demo-1-cp311-cp311-manylinux_2_17_aarch64.manylinux2014_aarch64.whl", True),
        ("demo-1-cp38-abi3-linux_aarch64.whl", True),
        ("demo-1-cp311-cp311-manylinux_2_37_aarch64.whl", False),
        ("demo-1-cp311-cp311-manylinux2014_x86_64.whl", False),
        ("demo-1-cp312-cp312-linux_aarch64.whl", False),
        ("demo-1-cp311-cp311-win_amd64.whl", False),
        ("demo-1-cp311-cp311-musllinux_1_1_aarch64.whl", False),
        ("demo-1-py2-none-any.whl", False),
        ("nonsense.whl", False),
    ],
)
def test_runs_wheel__by_its_tags(filename: str, *, runs: bool) -> None:
    assert PI.runs_wheel(filename) is runs


@pytest.mark.parametrize(
    ("requires", "admitted"),
    [("", True), (">=3.8", True), ("<3.11", False), (">=3.12", False), ("nonsense", True)],
)
def test_satisfies__requires_python(requires: str, *, admitted: bool) -> None:
    assert PI.satisfies(requires) is admitted


def test_platform_tags__without_glibc_only_the_plain_one() -> None:
    assert list(platform_tags("linux-x86_64", "")) == ["linux_x86_64"]


def test_platform_tags__old_names_stand_behind_their_numbers() -> None:
    found = list(platform_tags("linux-x86_64", "glibc 2.17"))

    assert found[:2] == ["manylinux_2_17_x86_64", "manylinux2014_x86_64"]
    assert found[-2:] == ["manylinux1_x86_64", "linux_x86_64"]


def test_from_answer__all_tags_fit_a_target() -> None:
    assert len(PI.target.tags) < 4000
    assert isinstance(PI, Interpreter)


def older(requires: str = "3.9") -> Interpreter:
    markers = PI.target.markers | {
        "python_version": requires,
        "python_full_version": f"{requires}.1",
    }
    return from_answer(
        markers, version=(3, 9), platform="linux-aarch64", libc="glibc 2.36", executable="/old"
    )


@pytest.mark.parametrize(
    ("requires", "wheel", "chosen"),
    [
        ("", "", PI),
        ("<3.10", "", older()),
        ("", "demo-1-cp39-cp39-linux_aarch64.whl", older()),
        ("", "demo-1-py3-none-any.whl", PI),
        ("<3.10", "demo-1-py3-none-any.whl", older()),
        (">=3.12", "", Shortfall.INTERPRETER_MISSING),
        (">=3.11", "demo-1-cp39-cp39-linux_aarch64.whl", Shortfall.WRONG_PLATFORM),
        ("", "demo-1-cp311-cp311-win_amd64.whl", Shortfall.WRONG_PLATFORM),
    ],
)
def test_choose_interpreter__the_first_that_runs_it_or_why_none_does(
    requires: str, wheel: str, chosen: Interpreter | Shortfall
) -> None:
    assert choose_interpreter((PI, older()), requires_python=requires, wheel=wheel) == chosen


async def test_describe_interpreters__one_that_is_silent_is_left_out() -> None:
    found = await describe_interpreters((sys.executable, "/usr/bin/false"))

    assert [one.executable for one in found] == [sys.executable]
    with pytest.raises(SandboxUnavailable):
        await describe_interpreters(("/usr/bin/false",))


def test_as_python__is_the_same_platform_with_another_python() -> None:
    newer = as_python(PI, "3.13")
    assert newer.version == "3.13.0"
    assert newer.target.markers["platform_machine"] == "aarch64"
    assert newer.runs_wheel("x-1.0-cp313-cp313-manylinux_2_17_aarch64.whl")
    assert newer.runs_wheel("x-1.0-cp38-abi3-manylinux2014_aarch64.whl")
    assert not newer.runs_wheel("x-1.0-cp311-cp311-manylinux_2_17_aarch64.whl")
    assert not newer.runs_wheel("x-1.0-cp313-cp313-manylinux_2_17_x86_64.whl")


def test_as_python__of_the_same_version_changes_no_tag() -> None:
    assert as_python(PI, "3.11.2").target.tags == PI.target.tags


@pytest.mark.parametrize("version", ["", "3", "2.7", "3.x", "3.13.0rc1", "3.13; x", "three"])
def test_as_python__of_no_python_is_refused(version: str) -> None:
    with pytest.raises(ValueInvalid):
        as_python(PI, version)
