"""Whose code it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from analyzer.sandbox import ownership


@pytest.mark.privileged
@pytest.mark.parametrize(
    ("mode", "uid", "gid", "safe"),
    [
        (0o755, 0, 0, True),
        (0o775, 0, 0, True),
        (0o775, 0, 50, False),
        (0o757, 0, 0, False),
        (0o1777, 0, 0, True),
        (0o755, 1000, 0, False),
    ],
)
def test_writable_by_others__folders(
    tmp_path: Path, mode: int, uid: int, gid: int, *, safe: bool
) -> None:
    folder = tmp_path / "x"
    folder.mkdir()
    os.chown(folder, uid, gid)
    folder.chmod(mode)
    assert (ownership.writable_by_others(folder) == "") == safe


@pytest.mark.privileged
def test_require_safe__a_file_that_others_can_write_is_named(tmp_path: Path) -> None:
    for part in ("analyzer/sandbox", "analyzer/trace"):
        (tmp_path / part).mkdir(parents=True)
    (tmp_path / "analyzer/__init__.py").touch()
    (tmp_path / "analyzer/sandbox/daemon.py").touch()
    ownership.require_safe(tmp_path)
    (tmp_path / "analyzer/sandbox/daemon.py").chmod(0o666)

    with pytest.raises(ownership.CodeUnsafe, match=r"daemon\.py can be written by everybody"):
        ownership.require_safe(tmp_path)


@pytest.mark.privileged
def test_require_safe__links_are_refused(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("/etc/passwd")
    assert ownership.writable_by_others(link) == "is a symbolic link"
