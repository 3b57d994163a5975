"""The pin to try at first contact."""

from __future__ import annotations

import hashlib

import pytest
from packaging.utils import canonicalize_name

from models.artifact import ArtifactRef, Sha256, parse_ref
from proxy.simple.page import IndexFile, ProjectPage
from proxy.web.untried import newest_untried


def sha(filename: str) -> Sha256:
    return Sha256(hashlib.sha256(filename.encode()).hexdigest())


def page(*filenames: str, yanked: tuple[str, ...] = ()) -> ProjectPage:
    files = tuple(
        IndexFile(filename=f, url=f"http://x/{f}", sha256=sha(f), yanked=f in yanked)
        for f in filenames
    )
    return ProjectPage(name=canonicalize_name("demo"), files=files)


def wheel(version: str) -> str:
    return f"demo-{version}-py3-none-any.whl"


REFUSED: ArtifactRef = parse_ref("pypi", "demo", sha(wheel("3.0")), wheel("3.0"))


@pytest.mark.parametrize(
    ("filenames", "seen", "yanked", "expected"),
    [
        ((wheel("1.0"), wheel("2.0"), wheel("3.0")), (), (), "2.0"),
        ((wheel("1.0"), wheel("10.0"), wheel("3.0")), (), (), "10.0"),
        ((wheel("1.0"), wheel("2.0")), (wheel("2.0"),), (), "1.0"),
        ((wheel("1.0"), wheel("2.0")), (), (wheel("2.0"),), "1.0"),
        ((wheel("1.0"), wheel("2.0rc1")), (), (), "1.0"),
        (("demo-1.0.tar.gz", wheel("3.0")), (), (), "1.0"),
        (("demo-1.0.exe", wheel("3.0")), (), (), ""),
        ((wheel("3.0"), "demo-3.0.tar.gz"), (), (), ""),
        ((), (), (), ""),
    ],
)
def test_newest__is_the_highest_final_release_nobody_judged(
    filenames: tuple[str, ...], seen: tuple[str, ...], yanked: tuple[str, ...], expected: str
) -> None:
    found = newest_untried(
        page(*filenames, yanked=yanked), REFUSED, seen=lambda ref: ref.filename in seen
    )
    assert found == expected
