"""Only sealed memfds of the announced size, name and content come in."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from analyzer.sandbox import inputs
from analyzer.sandbox.inputs import InputRefused
from tests.analyzer.sandbox.lab import given


def test_copy_in__copies_and_leaves_it_read_only(tmp_path: Path) -> None:
    described, descriptor = given("a-1.whl", b"data" * 1000)
    inputs.check_input(described, descriptor)
    target = tmp_path / "a"
    inputs.copy_in(described, descriptor, target)
    os.close(descriptor)

    assert target.read_bytes() == b"data" * 1000
    assert target.stat().st_mode & 0o777 == 0o444


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"filename": "../a"}, "path segment"),
        ({"filename": "a\0"}, "path segment"),
        ({"filename": "a\n"}, "path segment"),
        ({"filename": ""}, "path segment"),
        ({"role": "other"}, "role"),
        ({"sha256": "A" * 64}, "hex"),
        ({"sha256": "a" * 64 + "\n"}, "hex"),
        ({"size": 5}, "size"),
        ({"size": 0}, "size"),
    ],
)
def test_check_input__each_lie_is_refused(change: dict[str, object], says: str) -> None:
    described, descriptor = given("a-1.whl", b"data")
    with pytest.raises(InputRefused, match=says):
        inputs.check_input(replace(described, **change), descriptor)  # type: ignore[arg-type]
    os.close(descriptor)


def test_check_input__a_pipe_or_file_is_no_input(tmp_path: Path) -> None:
    described, descriptor = given("a-1.whl", b"data")
    os.close(descriptor)
    (tmp_path / "f").write_bytes(b"data")
    with (tmp_path / "f").open("rb") as plain, pytest.raises(InputRefused, match="memfd"):
        inputs.check_input(described, plain.fileno())


def test_copy_in__another_content_is_refused() -> None:
    described, descriptor = given("a-1.whl", b"data")
    with pytest.raises(InputRefused, match="sha256"):
        inputs.copy_in(replace(described, sha256="0" * 64), descriptor, None)
    os.close(descriptor)


def test_copy_in__stops_when_told() -> None:
    described, descriptor = given("a-1.whl", b"data")

    def stop() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        inputs.copy_in(described, descriptor, None, check=stop)
    os.close(descriptor)
