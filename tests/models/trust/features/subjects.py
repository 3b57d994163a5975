"""Evidence to measure: a quiet artifact as the analyzer's own functions tell it, and a loud one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from analyzer.changes import compare
from analyzer.contents import contents_of
from analyzer.document import signal
from analyzer.inventory import BuildSystem, ReaderReport, RecordCheck
from analyzer.releases import compare_contents
from analyzer.report import report_signals
from analyzer.siblings import compare_sibling
from analyzer.static.result import StaticReport
from analyzer.watching import understand
from models.behaviour import Act, ActKind, Baseline, BehaviourProfile
from models.canonical import Digest
from models.contents import Contents, ContentsBaseline
from models.evidence import Evidence, Finding, Layer, ProofKind, Severity, Signal
from models.facts import Facts, FactSignal
from models.phase import Phase
from models.trust.features import archive, behaviour, static
from tests.analyzer.fakes import outcome, phase
from tests.models.examples import OTHER_SHA, evidence, facts, finding, ref

PHASES = (Phase.INSTALL, Phase.START, Phase.IMPORT, Phase.USE, Phase.WAIT)
NOBODY = Digest("sha256:" + "0" * 64)
CODE = ("0011223344556677 demo/__init__.py",)
WHEEL = ReaderReport(
    filename="demo-2.0-py3-none-any.whl",
    kind="wheel",
    refused=False,
    version="2.0",
    record=RecordCheck(present=True),
    requires_python=">=3.9",
    static=StaticReport(files=1, code_bytes=100),
    code=CODE,
)
SDIST = replace(
    WHEEL,
    filename="demo-2.0.tar.gz",
    kind="sdist",
    record=None,
    build=BuildSystem(backend="hatchling.build", requires=("hatchling",)),
)
EMPTY_PROFILE = BehaviourProfile()


def read(report: ReaderReport = WHEEL, **changes: object) -> Evidence:
    """Evidence of reading alone."""
    base = evidence(ref(report.filename), layers=(Layer.METADATA,))
    told = replace(base, signals=report_signals(report), contents=contents_of(report))
    return replace(told, **changes)  # type: ignore[arg-type]


def run(report: ReaderReport = WHEEL, *, phases: tuple[Phase, ...] = PHASES) -> Evidence:
    """Evidence of reading, and of a run in which nothing happened; signals as the analyzer names them."""
    given = outcome(phases=tuple(phase(name.value) for name in phases))
    watched = understand(
        given.result, given.blobs, asked=tuple(phases), sdist=report.kind == "sdist"
    )
    return replace(
        read(report),
        layers=(Layer.METADATA, Layer.BEHAVIOUR),
        phases=watched.phases,
        signals=(*report_signals(report), *watched.signals, *_route()),
        profile=EMPTY_PROFILE,
    )


def _route() -> tuple[Signal, ...]:
    names = ("resolved", "unresolved", "as_sdist")
    told = [f"{role}_requirements_{name}" for role in ("run", "build") for name in names]
    return tuple(signal(name, 0) for name in (*told, "runs"))


def compared() -> Evidence:
    """A run, compared with releases and a sister file that are the same."""
    base = run()
    assert base.contents is not None
    older = ContentsBaseline(
        filename="demo-1.0-py3-none-any.whl", evidence_digest=NOBODY, contents=base.contents
    )
    approved = Baseline(
        filename=older.filename, sha256=OTHER_SHA, evidence_digest=NOBODY, profile=EMPTY_PROFILE
    )
    files, acts = compare_contents(older, base.contents), compare(approved, EMPTY_PROFILE)
    beside, _ = compare_sibling(WHEEL, base.contents, older)
    return replace(
        base,
        signals=(*base.signals, *files.signals, *acts.signals, *beside),
        changes=acts.changes,
        contents_changes=files.changes,
    )


def loud() -> Evidence:
    """Everything that can be found and counted is there, in every phase."""
    base = compared()
    found = [
        finding(name, Severity.HIGH, layer=Layer.BEHAVIOUR, phase=when, what=what)
        for name in behaviour.DETECTORS
        for when in PHASES
        for what in ("aws-key", "ssh-key")
    ]
    flaws = [name for ids, _ in archive.GROUPS.values() for name in ids]
    read_ids = (
        *(*static.DETECTORS, *flaws, "module-name-taken", "contents-changed"),
        *("sdist-wheel-differ", "direct-url-dependency", "direct-url-build-requirement"),
    )
    found += [
        finding(name, Severity.HIGH, layer=Layer.METADATA, phase=Phase.INVENTORY, what="")
        for name in read_ids
    ]
    found.append(finding("behaviour-changed", Severity.MEDIUM))
    found.append(finding("canary-left", Severity.CRITICAL, proof=ProofKind.CANARY_LEFT))
    kept = {"metadata.requires_python", "metadata.build_system_stated"}
    signals = tuple(
        replace(one, value=None if one.name in kept else "x" if one.value == "" else 3)
        for one in base.signals
        if one.name not in {"behaviour.baseline_known", "metadata.diff_known"}
    )
    acts = [
        Act(kind=kind, phase=when, value=f"{when.value} {tail}")
        for kind in ActKind
        for when in PHASES
        for tail in ("a", "b changed")
    ]
    return replace(
        base,
        filename="reenact_demo-0.0.1-py3-none-any.whl",
        findings=tuple(found),
        signals=signals,
        profile=BehaviourProfile(acts=tuple(acts)),
        contents=Contents(hosts=("203.0.113.7",)),
    )


def told(**values: int | bool | str | None) -> Facts:
    """Facts that training may know; `confusion__near=True` is the signal `confusion.near`."""
    signals = tuple(
        FactSignal(
            name=name.replace("__", "."),
            layer=Layer.METADATA,
            value=value,
            source=name.partition("__")[0],
        )
        for name, value in values.items()
    )
    return facts(signals=signals)


def found_at(
    name: str, severity: Severity, when: Phase = Phase.INVENTORY, **changes: object
) -> Finding:
    """A finding of reading, or of the run where `when` is a phase that runs."""
    layer = Layer.METADATA if when is Phase.INVENTORY else Layer.BEHAVIOUR
    return finding(name, severity, layer=layer, phase=when, **{"what": "", **changes})


def comparable(vector: Sequence[float]) -> list[float | None]:
    """A vector with None for NaN, so that two of them can be compared."""
    return [None if math.isnan(value) else value for value in vector]
