"""Values to build cases from: one clean artifact of an old project, and ways to differ from it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from models.artifact import ArtifactRef, Sha256, parse_ref
from models.decision import Override, OverrideAction
from models.evidence import (
    Analyzer,
    Evidence,
    Finding,
    Layer,
    Place,
    ProofKind,
    Severity,
    Shortfall,
)
from models.facts import Facts
from models.phase import Phase

NOW = datetime(2026, 4, 1, 12, 0, tzinfo=UTC)
SHA = Sha256("a" * 64)
OTHER_SHA = Sha256("b" * 64)
EVERY_LAYER = tuple(Layer)


def ref(filename: str = "demo-2.0-py3-none-any.whl", sha256: str = SHA) -> ArtifactRef:
    project = filename.split("-", maxsplit=1)[0]
    return parse_ref("pypi", project, sha256, filename)


def facts(
    of: ArtifactRef | None = None,
    *,
    project_days: int | None = 1200,
    release_days: float | None = 90,
    **changes: Any,
) -> Facts:
    base = Facts(
        ref=of or ref(),
        as_of=NOW,
        size_bytes=1000,
        upload_time=None if release_days is None else NOW - timedelta(days=release_days),
        project_first_upload=None if project_days is None else NOW - timedelta(days=project_days),
        project_release_count=20,
        project_file_count=40,
        release_has_sdist=True,
        popularity_rank=None,
        attested=False,
    )
    return replace(base, **changes)


def evidence(
    of: ArtifactRef | None = None,
    *,
    findings: tuple[Finding, ...] = (),
    shortfalls: tuple[Shortfall, ...] = (),
    layers: tuple[Layer, ...] = (Layer.METADATA, Layer.BEHAVIOUR),
    **changes: Any,
) -> Evidence:
    about = of or ref()
    base = Evidence(
        sha256=about.sha256,
        filename=about.filename,
        size_bytes=1000,
        analyzer=Analyzer(version="0", python="3.11", platform="linux", worker="w1"),
        observed_at=NOW - timedelta(minutes=1),
        duration_ms=900,
        layers=layers,
        findings=findings,
        shortfalls=shortfalls,
    )
    return replace(base, **changes)


def finding(id_: str = "decoy-read", severity: Severity = Severity.HIGH, **changes: Any) -> Finding:
    base = Finding(
        id=id_,
        title="untrusted title",
        severity=severity,
        layer=Layer.BEHAVIOUR,
        phase=Phase.IMPORT,
        what="aws-key",
    )
    return replace(base, **changes)


def proof(kind: ProofKind = ProofKind.CANARY_LEFT, **changes: Any) -> Finding:
    return finding(
        "canary-left",
        Severity.CRITICAL,
        proof=kind,
        place=Place(address="203.0.113.7", port=443),
        **changes,
    )


def override(action: OverrideAction = OverrideAction.ALLOW, **changes: Any) -> Override:
    base = Override(
        id="0a1b2c3d",
        action=action,
        project=ref().project,
        specifier="",
        sha256=None,
        bound=(SHA,),
        future=False,
        above_proof=False,
        actor="alice",
        justification="reviewed by hand",
        created_at=NOW - timedelta(days=1),
        expires_at=NOW + timedelta(days=10),
    )
    return replace(base, **changes)


def finding_strategy() -> st.SearchStrategy[Finding]:
    """Findings of any severity, layer, object and owner."""
    return st.builds(
        finding,
        st.sampled_from(["decoy-read", "reverse-shell", "never-heard-of", "name-confusion"]),
        st.sampled_from(Severity),
        layer=st.sampled_from(Layer),
        what=st.sampled_from(["", "aws-key", "ssh-key", "mystery"]),
        owner=st.sampled_from(["", "demo", "Demo", "pip", "requests"]),
    )


def facts_strategy() -> st.SearchStrategy[Facts | None]:
    """Facts of any age and fame, some of them missing."""
    days = st.one_of(st.none(), st.integers(-2, 6000))
    return st.one_of(
        st.none(),
        st.builds(
            facts,
            project_days=days,
            release_days=days,
            project_release_count=st.one_of(st.none(), st.integers(0, 500)),
            popularity_rank=st.one_of(st.none(), st.integers(1, 20000)),
            attested=st.sampled_from([True, False, None]),
            yanked=st.booleans(),
            missing=st.sampled_from(
                [(), ("attested",), ("upload_time", "project_first_upload"), ("upload_time",)]
            ),
        ),
    )
