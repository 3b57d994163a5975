"""The reader's report, as whoever took over the reader might write it."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.inventory import (
    REPORT_BYTES_MAX,
    BuildSystem,
    Counts,
    EntryPoint,
    ReaderReport,
    RecordCheck,
)
from analyzer.reader import encode_report, read_artifact
from analyzer.report import (
    code_digest,
    core_metadata,
    parse_report,
    report_findings,
    report_signals,
)
from analyzer.unpacking import Flaw
from models.evidence import Finding, Signal
from tests.analyzer.archives import make_wheel

WHEEL = "reenact_demo-1.0-py3-none-any.whl"
DATA = make_wheel({"reenact_demo.py": "", "hook.pth": "import x\n"})
HONEST = read_artifact(io.BytesIO(DATA), filename=WHEEL, kind="wheel", size_bytes=len(DATA))


def parse(report: ReaderReport) -> ReaderReport | None:
    return parse_report(msgspec.json.encode(report), filename=WHEEL, kind="wheel")


def test_parse_report__an_honest_report_comes_through_unchanged() -> None:
    assert parse_report(encode_report(HONEST), filename=WHEEL, kind="wheel") == HONEST


@pytest.mark.parametrize(
    "forged",
    [
        b"",
        b"{}",
        b"[" * 100_000,
        b"\xff",
        b" " * (REPORT_BYTES_MAX + 1),
        msgspec.json.encode(replace(HONEST, filename="other.whl")),
        msgspec.json.encode(replace(HONEST, kind="sdist")),
        msgspec.json.encode(replace(HONEST, schema_version=2)),
        msgspec.json.encode(replace(HONEST, flaws=(Flaw(id="invented"),))),
        msgspec.json.encode(replace(HONEST, counts=Counts(members=-1))),
        msgspec.json.encode(replace(HONEST, record=RecordCheck(listed=2**60))),
    ],
)
def test_parse_report__a_forged_one_is_none(forged: bytes) -> None:
    assert parse_report(forged, filename=WHEEL, kind="wheel") is None


def test_parse_report__a_refusing_flaw_refuses_whatever_the_report_says() -> None:
    report = parse(replace(HONEST, flaws=(Flaw(id="archive-traversal"),), refused=False))

    assert report is not None
    assert report.refused


def test_parse_report__steering_names_are_checked_and_texts_cut() -> None:
    report = parse(
        replace(
            HONEST,
            modules=("ok", "../up", "a b", "a.b", "-c", "x" * 200),
            requires_dist=("six", "x" * 2000, "line\nbreak", ""),
            build=BuildSystem(backend="b\n" * 500, requires=("a", "b\x00")),
            flaws=(Flaw(id="start-hook", path="\x1b[0m" * 200),),
        )
    )

    assert report is not None
    assert report.modules == ("ok",)
    assert "modules" in report.cut
    assert report.requires_dist == ("six",)
    assert report.build is not None
    assert report.build.requires == ("a",)
    assert len(report.build.backend) <= 300
    assert report.flaws[0].path.isprintable()


_TEXTS = st.text(max_size=20)


@given(
    st.builds(
        ReaderReport,
        filename=st.just(WHEEL),
        kind=st.just("wheel"),
        refused=st.booleans(),
        flaws=st.lists(
            st.builds(
                Flaw,
                id=st.sampled_from(["start-hook", "record-missing", "archive-bomb"]),
                path=_TEXTS,
                detail=_TEXTS,
            ),
            max_size=5,
        ).map(tuple),
        name=_TEXTS,
        requires_python=_TEXTS,
        requires_dist=st.lists(_TEXTS, max_size=4).map(tuple),
        modules=st.lists(_TEXTS, max_size=4).map(tuple),
        entry_points=st.lists(
            st.builds(EntryPoint, group=_TEXTS, name=_TEXTS, target=_TEXTS), max_size=3
        ).map(tuple),
        metadata=_TEXTS,
    )
)
def test_parse_report__whatever_comes_through_makes_valid_evidence(report: ReaderReport) -> None:
    parsed = parse(report)

    assert parsed is not None
    for value, type_ in (
        (report_findings(parsed), tuple[Finding, ...]),
        (report_signals(parsed), tuple[Signal, ...]),
    ):
        again: Any = msgspec.json.decode(msgspec.json.encode(value), type=type_)
        assert again == value
    assert isinstance(core_metadata(parsed), bytes)


@pytest.mark.parametrize(
    ("python", "told"),
    [((3, 14), ("low", "not-run-here")), ((3, 15), ("info", "")), (None, ("info", ""))],
)
def test_report_findings__a_start_file_that_the_interpreter_is_too_old_for_says_so(
    python: tuple[int, int] | None, told: tuple[str, str]
) -> None:
    data = make_wheel({"reenact_demo.py": "", "a.pth": "import x\n", "b.start": "reenact_demo:x\n"})
    report = read_artifact(io.BytesIO(data), filename=WHEEL, kind="wheel", size_bytes=len(data))
    findings = {
        found.place.path: (found.severity.value, found.what)
        for found in report_findings(report, python=python)
    }
    assert findings == {"a.pth": ("info", ""), "b.start": told}
    signals = {signal.name: signal.value for signal in report_signals(report)}
    assert (signals["metadata.start_files"], signals["metadata.start_hooks"]) == (1, 2)


@pytest.mark.parametrize("forged", ["sha256:" + "A" * 64, "sha256:short", "x", "sha1:" + "a" * 64])
def test_parse_report__a_code_digest_that_is_none_is_left_out(forged: str) -> None:
    parsed = parse(replace(HONEST, code_digest=forged))
    assert parsed is not None
    assert parsed.code_digest == ""


def test_code_digest__is_that_of_a_wheel_that_was_not_refused() -> None:
    assert code_digest(HONEST) == HONEST.code_digest != ""
    assert code_digest(replace(HONEST, refused=True)) is None
    assert code_digest(replace(HONEST, kind="sdist")) is None
    assert code_digest(replace(HONEST, code_digest="")) is None
