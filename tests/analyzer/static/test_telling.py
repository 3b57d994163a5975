"""The static report, as whoever took over the reader might write it."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from analyzer.reader import read_artifact
from analyzer.static.result import ITEMS_MAX, MATCHES_MAX, Match, StaticReport
from analyzer.static.telling import parse_static, static_findings, static_signals
from models.evidence import Layer, Severity
from tests.analyzer.archives import make_wheel

WHEEL = "reenact_demo-1.0-py3-none-any.whl"
MATCH = Match(id="static-start-dynamic", reach="start", path="x.pth", line=1)


def test_read_artifact__a_hook_that_runs_code_is_told_with_its_line() -> None:
    data = make_wheel({"reenact_demo.py": "", "x.pth": "a\nimport os;exec(marshal)\n"})
    report = read_artifact(io.BytesIO(data), filename=WHEEL, kind="wheel", size_bytes=len(data))

    (finding,) = static_findings(report.static)
    assert finding.id == "static-start-dynamic"
    assert (finding.severity, finding.layer) == (Severity.HIGH, Layer.METADATA)
    assert (finding.place.path, finding.place.line) == ("x.pth", 2)
    assert finding.place.excerpt == "import os;exec(marshal)"


@pytest.mark.parametrize(
    "forged",
    [
        StaticReport(matches=(replace(MATCH, id="invented"),)),
        StaticReport(matches=(replace(MATCH, reach="elsewhere"),)),
        StaticReport(matches=(replace(MATCH, line=-1),)),
        StaticReport(sinks=("build invented",)),
        StaticReport(files=-1),
        StaticReport(code_bytes=2**60),
    ],
)
def test_parse_static__a_forged_one_is_none(forged: StaticReport) -> None:
    assert parse_static(forged) is None


def test_parse_static__everything_is_bounded_again() -> None:
    forged = StaticReport(
        matches=(replace(MATCH, path="\x1b" * 999, excerpt="e" * 999, what="w" * 99),) * 999,
        sinks=("build network",) * 999,
        hosts=("h\n" * 999,) * 999,
        binaries=("b",) * 999,
    )
    parsed = parse_static(forged)

    assert parsed is not None
    assert len(parsed.matches) == MATCHES_MAX
    assert len(parsed.sinks) == len(parsed.hosts) == len(parsed.binaries) == ITEMS_MAX
    assert parsed.matches[0].path.isprintable()
    assert len(parsed.matches[0].excerpt) <= 200
    assert len(parsed.matches[0].what) <= 40
    assert parsed.hosts[0].isprintable()


def test_static_findings__what_nothing_reaches_is_info() -> None:
    report = StaticReport(matches=(MATCH, replace(MATCH, reach="nothing")))

    severities = [finding.severity for finding in static_findings(report)]
    assert severities == [Severity.HIGH, Severity.INFO]


def test_static_signals__a_sink_is_a_fact_of_its_reach() -> None:
    signals = {
        signal.name: signal.value
        for signal in static_signals(StaticReport(sinks=("build network",)))
    }

    assert signals["metadata.static_build_network"] is True
    assert signals["metadata.static_import_network"] is False
    assert static_signals(None) == ()
