"""A policy as a value: what the document said, checked and frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from types import MappingProxyType

from models.canonical import Digest, digest_of
from models.decision import TrustTier
from models.evidence import Layer, Shortfall
from models.trust.shelf import DEFAULT_NAME
from models.work import AnalysisPlan
from policies.case import Case
from policies.freeze import Freeze
from policies.modes import Mode, strictest
from policies.outcome import Outcome
from policies.owned import OwnedNames
from policies.rules.condition import Condition, Match

EVALUATION_REVISION = 1
"""Part of every policy's digest. It rises when `evaluate` comes to other answers than before."""

_NOT_CONTENT = frozenset({"text", "source", "plan"})
"""Fields that change no answer: a new comment must not make every decision stale. The plan is about
analyses to come; what evidence an answer rests on says the evidence."""


_NEWER: Mapping[str, object] = MappingProxyType(
    {"group_modes": (), "observe_unseen": False, "freeze": None, "four_eyes": False}
)
"""Fields that came later, and what they are where a document does not name them."""


class Unseen(StrEnum):
    """What the index page says of files that nobody has judged yet."""

    HOLD = "hold"
    FALLBACK = "fallback"
    """Marked as yanked where an approved release exists, so that open requirements fall back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of the operator: it applies where all its conditions hold; there is at least one."""

    name: str
    outcome: Outcome
    conditions: tuple[Condition, ...]

    def matches(self, case: Case) -> Match:
        """NO where any condition is NO; else UNKNOWN where any is unknown."""
        answers = {condition.matches(case) for condition in self.conditions}
        if Match.NO in answers or not answers:
            return Match.NO
        return Match.UNKNOWN if Match.UNKNOWN in answers else Match.YES


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Everything that `evaluate` asks a policy. Made by `policies.document.parse_policy` alone."""

    text: str
    """The document it was read from, kept so that a decision can be derived again."""
    source: str
    mode: Mode
    scorer: str
    """Who scores, by a name of `models.trust.shelf`."""
    tiers: tuple[tuple[TrustTier, Outcome], ...]
    block_on_score: bool
    unseen: Unseen
    minimum_age_hours: int
    layer_missing: tuple[tuple[Layer, TrustTier], ...]
    layer_switched_off: TrustTier
    incomplete: tuple[tuple[Shortfall, TrustTier], ...]
    """For every shortfall, the best tier that a run with it may have."""
    direct_url: TrustTier
    unsupported: Outcome
    plan: AnalysisPlan
    """What analyses do from now on."""
    native_of_sibling: bool
    """Whether the native parts of a wheel that nobody can run here are accepted where its Python
    files equal those of an approved file of the same release."""
    override_days_max: int
    override_above_proof: bool
    owned: OwnedNames
    """Names that belong to the operator's organisation."""
    rules: tuple[Rule, ...]
    group_modes: tuple[tuple[str, Mode], ...] = ()
    """Groups of clients to which the policy is applied otherwise, by name."""
    observe_unseen: bool = False
    """Whether files that nobody has judged are let through where nothing is enforced."""
    freeze: Freeze | None = None
    four_eyes: bool = False
    """Whether whoever asks for an exception may not grant it."""
    digest: Digest

    def mode_of(self, groups: tuple[str, ...]) -> Mode:
        """How it is applied to a client of these groups; the strictest counts."""
        if not groups or not self.group_modes:
            return self.mode
        modes = dict(self.group_modes)
        return strictest((modes[one] for one in groups if one in modes), self.mode)

    @property
    def fallback(self) -> bool:
        """Whether pages mark unjudged files so that clients fall back to approved releases."""
        return self.unseen is Unseen.FALLBACK

    def outcome(self, tier: TrustTier) -> Outcome:
        """What `tier` leads to."""
        return dict(self.tiers)[tier]

    def cap_missing(self, layer: Layer) -> TrustTier:
        """The best tier without `layer`."""
        return dict(self.layer_missing)[layer]

    def cap_incomplete(self, shortfall: Shortfall) -> TrustTier:
        """The best tier of a run with `shortfall`."""
        return dict(self.incomplete)[shortfall]


def content_digest(policy: Policy) -> Digest:
    """The digest of what the policy means: comments, order of keys and source do not count."""
    content = {
        item.name: getattr(policy, item.name)
        for item in fields(policy)
        if item.name not in _NOT_CONTENT and item.name != "digest"
    }
    if policy.scorer == DEFAULT_NAME:
        # What the default is says the model's own digest. A policy that names none keeps the digest
        # that it had before there was a choice.
        del content["scorer"]
    for name, default in _NEWER.items():
        # Said only where it says something: a policy that does not use it keeps its digest.
        if content[name] == default:
            del content[name]
    content["rules"] = [
        {
            "name": rule.name,
            "outcome": rule.outcome,
            "conditions": [
                {"family": type(condition).__name__, "condition": condition}
                for condition in rule.conditions
            ],
        }
        for rule in policy.rules
    ]
    return digest_of({"revision": EVALUATION_REVISION, "content": content})
