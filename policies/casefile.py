"""The cases of `pratique policy test` as they are written: TOML into what a policy is asked about.

What a case does not state is that of an old and clean release: uploaded a year ago, every layer
measured, no record about it, nothing announced. A key says what is different.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from models.artifact import ArtifactRef, IndexName, Sha256, parse_project, parse_ref, parse_sha256
from models.decision import (
    LayerScore,
    LayerStatus,
    Override,
    OverrideAction,
    TrustScore,
    TrustTier,
)
from models.errors import PolicyInvalid, Problem, ValueInvalid
from models.evidence import (
    Analyzer,
    Evidence,
    Finding,
    Layer,
    ProofKind,
    Severity,
    Shortfall,
    Signal,
)
from models.facts import Facts, FactSignal, Source, SourceState
from models.tomltext import read_toml
from models.trust.layers import PROVENANCE_SOURCE, VERIFIED_SIGNAL
from models.trust.numbers import SCORE_MAX
from models.trust.rules import RulesScorer
from models.vocabulary import FINDINGS
from policies.case import Case
from policies.lines import locate, stated_place
from policies.outcome import Outcome
from policies.reading import Notes, Table, did_you_mean
from policies.rules import advisories
from policies.rules.licences import LICENCE_SIGNAL
from policies.rules.provenance import Provenance
from policies.trial import Trial

CASES_MAX = 1_000
"""Cases of one table; each takes a fraction of a millisecond."""
OVERRIDES_MAX = 20
"""Exceptions of one case."""
AGE_HOURS_MAX = 24 * 365 * 30
DAYS_LEFT_MAX = 3_650
INDEX = IndexName("test")
UNKNOWN = "unknown"
"""In place of a kind: nobody could ask."""
_NEXT = "Mend the table of cases; docs/policy.md has one to begin with."


def parse_trials(text: str, *, source: str, as_of: datetime) -> tuple[Trial, ...]:
    """The cases in a TOML text. Raises PolicyInvalid with every mistake, each with its line."""
    try:
        values = read_toml(text)
    except ValueInvalid as error:
        problem = Problem(where=stated_place(str(error)), message=f"is not TOML: {error}")
        raise PolicyInvalid(source, (problem,), next_step=_NEXT) from error
    notes = Notes(places=locate(text))
    root = Table(values, (), notes)
    trials = tuple(_trial(table, as_of) for table in root.tables("case", CASES_MAX))
    if not trials:
        notes.add((), "has no case", "write [[case]] and what is expected")
    root.finish()
    if notes.problems:
        raise PolicyInvalid(source, notes.sorted(), next_step=_NEXT)
    return trials


@dataclass(frozen=True, slots=True)
class _Stated:
    """What a case states of the artifact, beside its name and findings."""

    as_of: datetime
    score: int | None
    licence: str
    missing: tuple[Layer, ...]
    incomplete: tuple[Layer, ...]


def _trial(table: Table, as_of: datetime) -> Trial:
    about = _ref(table)
    unseen = table.boolean("unseen", default=False)
    stated = _Stated(
        as_of=as_of,
        score=table.integer("score", 0, SCORE_MAX, 0) if table.has("score") else None,
        licence=table.text("licence"),
        missing=_layers(table, "layers_missing"),
        incomplete=_layers(table, "layers_incomplete"),
    )
    facts = _facts(table, about, as_of)
    seen = _evidence(table, about, stated)
    score = _score(seen, facts, stated)
    trial = Trial(
        name=table.text("name") or "unnamed",
        case=Case(
            ref=about,
            as_of=as_of,
            facts=None if unseen else facts,
            evidence=None if unseen else seen,
            score=None if unseen else score,
            overrides=_overrides(table, about, as_of),
        ),
        groups=table.strings("groups", 16),
        expected=_expected(table),
        tier=_tier(table),
        rule=table.text("rule"),
    )
    table.mention("score")
    table.finish()
    return trial


def _expected(table: Table) -> Outcome:
    word = table.choice("expect", [one.value for one in Outcome], Outcome.SERVE.value)
    if not table.has("expect"):
        table.note("expect", "is missing", 'state "serve", "hold" or "deny"')
    return Outcome(word)


def _tier(table: Table) -> TrustTier | None:
    words = [tier.value.lower() for tier in TrustTier]
    word = table.choice("tier", words, "approve")
    return TrustTier(word.upper()) if table.has("tier") else None


def _facts(table: Table, about: ArtifactRef, as_of: datetime) -> Facts:
    """What sources said of the file."""
    words = [*(one.value for one in Provenance), UNKNOWN]
    word = table.choice("provenance", words, Provenance.NONE.value)
    known = word != UNKNOWN
    records, findings = _records(table)
    return Facts(
        ref=about,
        as_of=as_of,
        size_bytes=1_000,
        upload_time=_ago(table, "release_age_hours", as_of),
        project_first_upload=_ago(table, "project_age_hours", as_of),
        project_release_count=20,
        project_file_count=20,
        attested=word != Provenance.NONE if known else None,
        missing=() if known else ("attested",),
        sources=(
            records,
            Source(
                name=PROVENANCE_SOURCE,
                layer=Layer.PROVENANCE,
                state=SourceState.MEASURED if known else SourceState.MISSING,
            ),
        ),
        signals=(
            FactSignal(
                name=VERIFIED_SIGNAL,
                layer=Layer.PROVENANCE,
                value=word == Provenance.VERIFIED,
                source=PROVENANCE_SOURCE,
            ),
        )
        if known
        else (),
        findings=findings,
    )


def _records(table: Table) -> tuple[Source, tuple[Finding, ...]]:
    """`advisories = ["vulnerable:PYSEC-2026-1"]`: records about the file, or `["unknown"]`."""
    state, found = SourceState.MEASURED, []
    for text in table.strings("advisories", advisories.STATED_MAX):
        kind, _, id_ = text.partition(":")
        if text == UNKNOWN:
            state = SourceState.MISSING
        elif kind not in advisories.KINDS:
            options = (*advisories.KINDS, UNKNOWN)
            table.note("advisories", f"holds {kind!r:.70}", did_you_mean(kind, options))
        else:
            found.append(
                Finding(
                    id=advisories.KINDS[kind],
                    title=kind,
                    severity=_SEVERITIES[kind],
                    layer=Layer.REPUTATION,
                    what=id_ or "TEST-2026-1",
                    proof=ProofKind.KNOWN_MALICIOUS if kind == "malicious" else None,
                )
            )
    source = Source(name=advisories.SOURCE, layer=Layer.REPUTATION, state=state)
    return source, tuple(found)


_SEVERITIES = {
    "malicious": Severity.CRITICAL,
    "malicious-range": Severity.HIGH,
    "malicious-sibling": Severity.MEDIUM,
    "vulnerable": Severity.INFO,
}
"""As records state them (analyzer/advisories/meaning.py)."""


def _evidence(table: Table, about: ArtifactRef, stated: _Stated) -> Evidence:
    words = [one.value for one in Shortfall]
    shortfalls = table.choices("shortfalls", words) if table.has("shortfalls") else ()
    table.mention("shortfalls")
    licence = Signal(name=LICENCE_SIGNAL, layer=Layer.METADATA, value=stated.licence)
    return Evidence(
        sha256=about.sha256,
        filename=about.filename,
        size_bytes=1_000,
        analyzer=Analyzer(version="test", python="3", platform="any", worker="test"),
        observed_at=stated.as_of,
        duration_ms=1,
        layers=(Layer.METADATA, Layer.BEHAVIOUR),
        findings=tuple(_findings(table)),
        signals=(licence,) if stated.licence else (),
        shortfalls=tuple(map(Shortfall, shortfalls)),
    )


def _layers(table: Table, key: str) -> tuple[Layer, ...]:
    words = table.choices(key, [layer.value for layer in Layer]) if table.has(key) else ()
    table.mention(key)
    return tuple(map(Layer, words))


def _overrides(table: Table, about: ArtifactRef, as_of: datetime) -> tuple[Override, ...]:
    """`[[case.override]]`: exceptions in force, about this very file where nothing else is said."""
    return tuple(
        _override(each, about, as_of, number)
        for number, each in enumerate(table.tables("override", OVERRIDES_MAX))
    )


def _override(table: Table, about: ArtifactRef, as_of: datetime, number: int) -> Override:
    words = [one.value for one in OverrideAction]
    action = OverrideAction(table.choice("action", words, OverrideAction.ALLOW.value))
    project, sha256 = about.project, None
    try:
        if table.text("project"):
            project = parse_project(table.text("project"))
        if table.text("sha256"):
            sha256 = parse_sha256(table.text("sha256"))
    except ValueInvalid as error:
        table.note("", f"is about nothing that could be asked for: {error.message}")
    made = Override(
        id=f"case-{number}",
        action=action,
        project=project,
        specifier=table.text("specifier"),
        sha256=sha256,
        bound=(about.sha256,) if action is OverrideAction.ALLOW else (),
        future=table.boolean("future", default=False),
        above_proof=table.boolean("above_proof", default=False),
        actor="test",
        justification="test",
        created_at=as_of,
        expires_at=as_of + timedelta(days=table.integer("days_left", 1, DAYS_LEFT_MAX, 30)),
    )
    table.mention("project", "sha256")
    table.finish()
    return made


def _ref(table: Table) -> ArtifactRef:
    project, version = table.text("project") or "demo", table.text("version") or "1.0"
    stem = project.replace("-", "_")
    filename = table.text("filename") or f"{stem}-{version}-py3-none-any.whl"
    sha256 = table.text("sha256") or "0" * 64
    try:
        return parse_ref(INDEX, project, Sha256(sha256), filename)
    except ValueInvalid as error:
        table.note("project", f"names no file that could be asked for: {error.message}")
        return parse_ref(INDEX, "demo", Sha256("0" * 64), "demo-1.0-py3-none-any.whl")


def _findings(table: Table) -> Iterable[Finding]:
    for text in table.strings("findings", 50):
        identity, _, severity = text.partition(":")
        if identity not in FINDINGS:
            table.note(
                "findings",
                f"holds {identity!r:.70}, which no detector reports",
                did_you_mean(identity, tuple(FINDINGS)),
            )
        if severity not in ("", *(one.value for one in Severity)):
            table.note("findings", f"holds the severity {severity!r:.30}, which is none")
            continue
        yield Finding(
            id=identity,
            title=identity,
            severity=Severity(severity or "medium"),
            layer=Layer.BEHAVIOUR,
        )


def _ago(table: Table, key: str, as_of: datetime) -> datetime | None:
    if not table.has(key):
        table.mention(key)
        return as_of.astimezone(UTC) - timedelta(days=365)
    hours = table.integer(key, -1, AGE_HOURS_MAX, 0)
    return None if hours < 0 else as_of.astimezone(UTC) - timedelta(hours=hours)


def _score(seen: Evidence, facts: Facts, stated: _Stated) -> TrustScore:
    """The rules' score of the case, or the stated one; layers as they are stated."""
    scored = RulesScorer().score(seen, facts)
    if stated.score is not None:
        scored = TrustScore(
            value=stated.score,
            layers=tuple(
                LayerScore(
                    layer=layer, status=LayerStatus.MEASURED, score=stated.score, weight_percent=25
                )
                for layer in Layer
            ),
            model="stated",
            model_digest=scored.model_digest,
        )
    return replace(scored, layers=tuple(_layer(one, stated) for one in scored.layers))


def _layer(score: LayerScore, stated: _Stated) -> LayerScore:
    if score.layer in stated.missing:
        return replace(score, status=LayerStatus.MISSING, score=None)
    if score.layer in stated.incomplete:
        return replace(score, status=LayerStatus.INCOMPLETE)
    return score
