"""Paths as a box sees them."""

from __future__ import annotations

import pytest

from analyzer.boxpaths import absolute

RC = "/home/dev/.bashrc"


@pytest.mark.parametrize(
    ("path", "plain"),
    [
        ("", ""),
        ("/", "/"),
        ("//", "/"),
        (RC, RC),
        (f"/{RC}", RC),
        (f"//{RC}", RC),
        ("/home//dev/./.bashrc", RC),
        ("/home/dev/x/../.bashrc", RC),
        ("/home/dev/.bashrc/", RC),
        ("/../../home/dev/.bashrc", RC),
        ("/home/dev/.bashrc/.", RC),
        ("/home/dev/x/..", "/home/dev"),
        ("../.bashrc", RC),
        ("x", "/home/dev/project/x"),
        ("./x..", "/home/dev/project/x.."),
        (f"/proc/self/root{RC}", RC),
        (f"/proc/self/root/proc/17/root{RC}", RC),
        (f"//proc/thread-self/./root{RC}", RC),
        (f"/proc/self/task/17/root{RC}", RC),
        (f"/proc/../proc/self/root/..{RC}", RC),
        ("/proc/self/root", "/"),
        ("/proc/self/cwd", "/home/dev/project"),
        ("/proc/self/cwd/../.bashrc", RC),
        ("/proc/self/rooted/x", "/proc/self/rooted/x"),
        ("/proc/17/mem", "/proc/17/mem"),
        ("/home/dev/root/x", "/home/dev/root/x"),
    ],
)
def test_absolute__every_spelling_of_a_path_is_one(path: str, plain: str) -> None:
    assert absolute(path) == plain


def test_absolute__a_relative_path_is_taken_from_where_it_is_said() -> None:
    assert absolute("../x", cwd="/a/b") == "/a/x"
