"""The reader: one report for each artifact, whatever the artifact is."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.inventory import MODULES_MAX, REPORT_BYTES_MAX, ReaderReport
from analyzer.reader import encode_report, read_artifact
from tests.analyzer.archives import (
    core_metadata,
    make_sdist,
    make_tar,
    make_wheel,
    make_zip,
    plain_member,
    wheel_members,
)

WHEEL = "reenact_demo-1.0-py3-none-any.whl"
SDIST = "reenact_demo-1.0.tar.gz"
INFO = "reenact_demo-1.0.dist-info"


def report_on(data: bytes, filename: str = WHEEL) -> ReaderReport:
    kind = "wheel" if filename.endswith(".whl") else "sdist"
    return read_artifact(io.BytesIO(data), filename=filename, kind=kind, size_bytes=len(data))


def flaws(report: ReaderReport) -> list[str]:
    return [flaw.id for flaw in report.flaws]


def test_read_artifact__an_honest_wheel() -> None:
    wheel = wheel_members(
        {"reenact_demo/__init__.py": "", "reenact_demo/fast.so": "", "hook.pth": "import x\n"},
        metadata=("Requires-Dist: six", "Requires-Python: >=3.8"),
    )

    report = report_on(make_zip(wheel))

    assert (report.name, report.version, report.requires_python) == ("reenact-demo", "1.0", ">=3.8")
    assert report.requires_dist == ("six",)
    assert report.modules == ("reenact_demo",)
    assert report.start_hooks == ("hook.pth",)
    assert report.native == ("reenact_demo/fast.so",)
    assert report.tags == ("py3-none-any",)
    assert flaws(report) == ["start-hook"]
    assert not report.refused
    assert report.record is not None
    assert report.record.listed == 6


def test_read_artifact__an_honest_sdist() -> None:
    sdist = make_sdist(
        {
            "pyproject.toml": "[build-system]\nrequires=['flit-core']\nbuild-backend='flit_core.buildapi'\n",
            "reenact_demo.egg-info/requires.txt": "six\n",
        }
    )

    report = report_on(sdist, SDIST)

    assert report.build is not None
    assert report.build.requires == ("flit-core",)
    assert report.requires_dist == ("six",)
    assert report.modules == ()
    assert report.record is None
    assert flaws(report) == []


def changed(**changes: bytes | None) -> bytes:
    members = wheel_members({"reenact_demo.py": "x = 1"})
    for name, content in changes.items():
        path = f"{INFO}/{name}"
        if content is None:
            del members[path]
        else:
            members[path] = content
    return make_zip(members)


@pytest.mark.parametrize(
    ("data", "filename", "flaw", "refused"),
    [
        (changed(METADATA=None), WHEEL, "metadata-missing", True),
        (changed(METADATA=b"x" * 1_100_000), WHEEL, "metadata-too-large", True),
        (changed(RECORD=None), WHEEL, "record-missing", False),
        (changed(METADATA=core_metadata("other", "1.0")), WHEEL, "name-mismatch", False),
        (changed(WHEEL=b"Tag: cp27-cp27m-win32\n"), WHEEL, "wheel-tags-differ", False),
        (changed(WHEEL=b"Tag: py3-none\n"), WHEEL, "wheel-tags-differ", False),
        (changed(WHEEL=b"Tag: py3-none\xffany\n"), WHEEL, "wheel-tags-differ", False),
        (
            make_zip({**wheel_members({}), "b-1.dist-info/METADATA": b""}),
            WHEEL,
            "metadata-several",
            True,
        ),
        (make_wheel({"sitecustomize.py": ""}), WHEEL, "site-customisation", False),
        (
            make_zip({"reenact_demo-1.0/setup.py": b""}),
            "reenact_demo-1.0.zip",
            "metadata-missing-sdist",
            False,
        ),
        (b"PK\x05\x06" + bytes(18), WHEEL, "metadata-missing", True),
    ],
)
def test_read_artifact__what_is_wrong_has_its_flaw(
    data: bytes, filename: str, flaw: str, *, refused: bool
) -> None:
    report = report_on(data, filename)

    assert flaw in flaws(report)
    assert report.refused is refused


def test_read_artifact__names_beyond_their_bound_are_said_to_be_cut() -> None:
    report = report_on(make_wheel({f"module_{n:03}.py": "" for n in range(MODULES_MAX + 1)}))

    assert len(report.modules) == MODULES_MAX
    assert report.cut == ("modules",)


def test_encode_report__stays_below_its_bound_and_says_so() -> None:
    report = report_on(make_wheel({}))
    huge = replace(report, metadata="x" * (REPORT_BYTES_MAX + 1))

    document = encode_report(huge)

    assert len(document) <= REPORT_BYTES_MAX
    assert msgspec.json.decode(document, type=ReaderReport).cut == ("report",)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["METADATA", "RECORD", "WHEEL"]), st.binary(max_size=300)),
    st.binary(max_size=100),
)
def test_read_artifact__hostile_metadata_never_raises(
    changes: dict[str, bytes], entry_points: bytes
) -> None:
    report = report_on(changed(**changes, **{"entry_points.txt": entry_points}))

    assert msgspec.json.decode(encode_report(report), type=ReaderReport) == report


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.binary(max_size=300), st.binary(max_size=100))
def test_read_artifact__a_hostile_build_system_never_raises(
    pyproject: bytes, pkg_info: bytes, requires: bytes
) -> None:
    report = report_on(
        make_sdist(
            {
                "pyproject.toml": pyproject,
                "setup.cfg": pyproject,
                "PKG-INFO": pkg_info,
                "x.egg-info/requires.txt": requires,
            }
        ),
        SDIST,
    )

    assert msgspec.json.decode(encode_report(report), type=ReaderReport) == report


@pytest.mark.parametrize("descriptor", [3, 1])
def test_main__writes_to_the_report_descriptor_or_to_standard_output(
    tmp_path: Path, descriptor: int
) -> None:
    artifact = tmp_path / WHEEL
    artifact.write_bytes(make_wheel({"reenact_demo.py": ""}))
    code = (
        f"import sys; sys.path[:0] = {sys.path!r}; from analyzer.reader import main;"
        f" raise SystemExit(main([{str(artifact)!r}, 'wheel']))"
    )
    out = tmp_path / "report"
    close = "" if descriptor == 3 else "3>&-"
    redirect = f"{descriptor}>{out}"

    subprocess.run(
        ["/bin/sh", "-c", f'exec "$0" -I -c "$1" {redirect} {close}', sys.executable, code],
        check=True,
        env={"PATH": os.defpath},
    )

    report = msgspec.json.decode(out.read_bytes(), type=ReaderReport)
    assert report.modules == ("reenact_demo",)


@pytest.mark.parametrize(
    ("again", "flaw"), [(b"x = 1", "archive-repeated"), (b"x = 2", "archive-duplicate")]
)
def test_read_artifact__a_tar_may_repeat_a_file_but_not_change_it(again: bytes, flaw: str) -> None:
    stem = "reenact_demo-1.0"
    members = [
        plain_member(f"{stem}/PKG-INFO", core_metadata("reenact-demo", "1.0")),
        plain_member(f"{stem}/a.py", b"x = 1"),
        plain_member(f"{stem}/a.py", again),
    ]
    report = report_on(make_tar(members), SDIST)

    assert flaws(report) == [flaw]
    assert report.refused is (flaw == "archive-duplicate")


@pytest.mark.parametrize("inside", [f"{INFO}/WHEEL", "EGG-INFO/not-zip-safe"])
def test_read_artifact__a_built_package_under_an_sdists_name(inside: str) -> None:
    report = report_on(make_zip({inside: b"", f"{INFO}/METADATA": b""}), "reenact_demo-1.0.zip")

    assert "sdist-is-built" in flaws(report)


def test_read_artifact__a_zip_sdist_is_an_sdist() -> None:
    stem = "reenact_demo-1.0"
    members = {f"{stem}/PKG-INFO": core_metadata("reenact-demo", "1.0"), f"{stem}/setup.py": b""}
    report = report_on(make_zip(members), f"{stem}.zip")

    assert (report.kind, report.name, flaws(report)) == ("sdist", "reenact-demo", [])


def test_read_artifact__a_hook_in_the_data_scheme_is_a_hook() -> None:
    path = "reenact_demo-1.0.data/data/lib/python3.11/site-packages/late.pth"
    beside = "reenact_demo-1.0.data/data/share/reenact/late.pth"
    report = report_on(make_wheel({path: "import x\n", beside: "import x\n"}))

    assert report.start_hooks == ("late.pth",)
    assert set(flaws(report)) == {"data-into-site", "start-hook"}
