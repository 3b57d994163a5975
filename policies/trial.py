"""A table of cases that a policy must answer as its author expects: `pratique policy test`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from models.artifact import IndexName, Sha256, parse_ref
from models.decision import Decision, LayerScore, LayerStatus, TrustScore, TrustTier
from models.errors import PolicyInvalid, Problem, ValueInvalid
from models.evidence import Analyzer, Evidence, Finding, Layer, Severity, Shortfall
from models.facts import Facts
from models.trust.numbers import SCORE_MAX
from models.trust.rules import RulesScorer
from models.vocabulary import FINDINGS
from policies.case import Case
from policies.evaluate import evaluate
from policies.lines import locate, stated_line
from policies.modes import lets_through
from policies.outcome import Outcome
from policies.policy import Policy
from policies.reading import Notes, Table, did_you_mean

CASES_MAX = 1_000
"""Cases of one table; each takes a fraction of a millisecond."""
AGE_HOURS_MAX = 24 * 365 * 30
INDEX = IndexName("test")
_NEXT = "Mend the table of cases; docs/policy.md has one to begin with."


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One case, and what is expected of the policy."""

    name: str
    case: Case
    groups: tuple[str, ...]
    expected: Outcome
    tier: TrustTier | None
    """None: whatever tier."""
    rule: str
    """The rule of the operator's that decides; empty: not asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What came of it."""

    trial: Trial
    decision: Decision
    found: Outcome

    @property
    def rule(self) -> str:
        """The operator's rule that decided; empty where none did."""
        return next((one.word("rule") for one in self.decision.reasons if one.word("rule")), "")

    @property
    def passed(self) -> bool:
        """Whether it is as expected."""
        return (
            self.found is self.trial.expected
            and self.trial.tier in (None, self.decision.tier)
            and self.trial.rule in ("", self.rule)
        )


def try_all(trials: Iterable[Trial], policy: Policy) -> tuple[Tried, ...]:
    """Every case under `policy`, with its mode for the case's groups."""
    return tuple(_tried(trial, policy) for trial in trials)


def _tried(trial: Trial, policy: Policy) -> Tried:
    decision = evaluate(trial.case, policy)
    through = lets_through(decision, policy.mode_of(trial.groups), unseen=policy.observe_unseen)
    found = Outcome.SERVE if through else Outcome.HOLD if decision.hold else Outcome.DENY
    return Tried(trial=trial, decision=decision, found=found)


def parse_trials(text: str, *, source: str, as_of: datetime) -> tuple[Trial, ...]:
    """The cases in a TOML text. Raises PolicyInvalid with every mistake, each with its line."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = stated_line(str(error))
        problem = Problem(
            where=f"line {line}" if line else "the end", message=f"is not TOML: {error}"
        )
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


def _trial(table: Table, as_of: datetime) -> Trial:
    name = table.text("name") or "unnamed"
    unseen = table.boolean("unseen", default=False)
    about = _ref(table)
    findings = tuple(_findings(table))
    words = [one.value for one in Shortfall]
    shortfalls = table.choices("shortfalls", words) if table.has("shortfalls") else ()
    score = table.integer("score", 0, SCORE_MAX, 0) if table.has("score") else None
    attested = table.boolean("attested", default=False) if table.has("attested") else None
    facts = Facts(
        ref=about,
        as_of=as_of,
        size_bytes=1_000,
        upload_time=_ago(table, "release_age_hours", as_of),
        project_first_upload=_ago(table, "project_age_hours", as_of),
        project_release_count=20,
        project_file_count=20,
        attested=attested,
        missing=() if attested is not None else ("attested",),
    )
    seen = Evidence(
        sha256=about.sha256,
        filename=about.filename,
        size_bytes=1_000,
        analyzer=Analyzer(version="test", python="3", platform="any", worker="test"),
        observed_at=as_of,
        duration_ms=1,
        layers=(Layer.METADATA, Layer.BEHAVIOUR),
        findings=findings,
        shortfalls=tuple(map(Shortfall, shortfalls)),
    )
    expected = table.choice("expect", [one.value for one in Outcome], Outcome.SERVE.value)
    if not table.has("expect"):
        table.note("expect", "is missing", 'state "serve", "hold" or "deny"')
    tiers = [tier.value.lower() for tier in TrustTier]
    tier = TrustTier(table.choice("tier", tiers, "approve").upper()) if table.has("tier") else None
    trial = Trial(
        name=name,
        case=Case(
            ref=about,
            as_of=as_of,
            facts=None if unseen else facts,
            evidence=None if unseen else seen,
            score=None if unseen else _score(seen, facts, score),
        ),
        groups=table.strings("groups", 16),
        expected=Outcome(expected),
        tier=tier,
        rule=table.text("rule"),
    )
    table.mention("score", "attested", "tier", "shortfalls", "expect")
    table.finish()
    return trial


def _ref(table: Table) -> Any:
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


def _score(seen: Evidence, facts: Facts, value: int | None) -> TrustScore:
    """The rules' score of the case, or the stated one, every layer measured."""
    scored = RulesScorer().score(seen, facts)
    if value is None:
        return scored
    layers = tuple(
        LayerScore(layer=layer, status=LayerStatus.MEASURED, score=value, weight_percent=25)
        for layer in Layer
    )
    return TrustScore(value=value, layers=layers, model="stated", model_digest=scored.model_digest)
