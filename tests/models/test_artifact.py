"""Untrusted names become checked ones, and whatever they name has a package URL."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packageurl import PackageURL
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    parse_sdist_filename,
    parse_wheel_filename,
)

from models.artifact import (
    FILENAME_CHARS_MAX,
    PROJECT_CHARS_MAX,
    ArtifactKind,
    kind_of,
    parse_filename,
    parse_index_name,
    parse_project,
    parse_ref,
    parse_sha256,
    stated_by,
    version_of,
)
from models.errors import ValueInvalid

SHA256 = "0123456789abcdef" * 4
WHEEL = "demo_kit-2.0.0-py3-none-any.whl"


def test_purl__names_project_release_and_file() -> None:
    ref = parse_ref("pypi", "Demo.Kit", SHA256, WHEEL)
    parsed = PackageURL.from_string(ref.purl)
    assert (parsed.type, parsed.name, parsed.version) == ("pypi", "demo-kit", "2.0.0")
    assert parsed.qualifiers == {"file_name": WHEEL, "checksum": f"sha256:{SHA256}"}
    assert ref.release.purl == "pkg:pypi/demo-kit@2.0.0"


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_sha256, SHA256.upper()),
        (parse_sha256, SHA256[:-1]),
        (parse_sha256, SHA256 + "\n"),
        (parse_index_name, "Main"),
        (parse_index_name, "-main"),
        (parse_index_name, "../main"),
        (parse_index_name, "m" * 33),
        (parse_project, ""),
        (parse_project, "-demo"),
        (parse_project, "demo/.."),
        (parse_project, "dèmo"),
        (parse_project, "demo\n"),
        (parse_project, "d" * (PROJECT_CHARS_MAX + 1)),
        (parse_filename, ".demo-1.0.tar.gz"),
        (parse_filename, "../demo-1.0.tar.gz"),
        (parse_filename, "demo-1.0.tar.gz\0"),
        (parse_filename, "d" * (FILENAME_CHARS_MAX + 1)),
    ],
)
def test_parse__what_is_not_of_its_form_is_refused(
    parse: Callable[[str], object], text: str
) -> None:
    with pytest.raises(ValueInvalid):
        parse(text)


def test_parse_ref__a_file_of_another_project_is_refused() -> None:
    with pytest.raises(ValueInvalid, match="does not belong"):
        parse_ref("pypi", "other", SHA256, WHEEL)


@pytest.mark.parametrize(
    ("filename", "kind", "version"),
    [
        (WHEEL, ArtifactKind.WHEEL, "2.0.0"),
        ("demo-1.0.tar.gz", ArtifactKind.SDIST, "1.0"),
        ("demo-1.0.zip", ArtifactKind.SDIST, "1.0"),
        ("demo-1.0-py3.egg", ArtifactKind.OTHER, None),
        ("demo-nonsense.whl", ArtifactKind.OTHER, None),
        ("demo-1.0.exe", ArtifactKind.OTHER, None),
    ],
)
def test_kind_of__by_the_name(filename: str, kind: ArtifactKind, version: str | None) -> None:
    assert (kind_of(filename), version_of(filename)) == (kind, version)


PARTS = st.sampled_from(
    ["demo", "De.mo_x", "d__o", "é", "", "1", "1.0", "01.0", "1.0+a.b", "1.0_1", "x", "2b", "0", "py3",
     "py2.py3", "none", "any", "abi3.", ".", "manylinux_2_17_x86_64.manylinux2014_x86_64", "zip", "tar.gz"]
)  # fmt: skip
NAMES = st.builds(
    lambda parts, end: "-".join(parts) + end,
    st.lists(PARTS | st.text(st.sampled_from("aB1._-+!~ é"), max_size=4), max_size=7),
    st.sampled_from([".whl", ".tar.gz", ".zip", ".zip.tar.gz", ".tar.gz.zip", ".egg", ""]),
)


@settings(max_examples=2_000)
@given(NAMES)
def test_stated_by__reads_as_packaging_does(filename: str) -> None:
    kind, wanted = ArtifactKind.OTHER, None
    with suppress(InvalidSdistFilename):
        kind, wanted = ArtifactKind.SDIST, parse_sdist_filename(filename)
    with suppress(InvalidWheelFilename):
        kind, wanted = ArtifactKind.WHEEL, parse_wheel_filename(filename)[:2]
    stated = stated_by(filename)
    assert stated.kind is kind
    assert (stated.project, stated.version) == (
        (wanted[0], str(wanted[1])) if wanted is not None else (None, "")
    )
