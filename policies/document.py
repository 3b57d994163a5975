"""From a policy document (TOML) to a Policy, or to all of its mistakes at once."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib.resources import files
from itertools import pairwise
from typing import Any

from models.canonical import Digest
from models.decision import TrustTier
from models.errors import ArtefactInvalid, PolicyInvalid, Problem, ValueInvalid
from models.evidence import Layer, Shortfall
from models.phase import Phase
from models.tomltext import read_toml
from models.trust.shelf import DEFAULT_NAME, SHIPPED, Shelf
from models.work import AnalysisPlan, Variation
from policies import freeze, owned
from policies.lines import locate, stated_place
from policies.modes import Mode
from policies.outcome import Outcome
from policies.policy import Policy, Rule, Unseen, content_digest
from policies.reading import Notes, Table
from policies.rules import (
    advisories,
    age,
    digests,
    findings,
    layers,
    licences,
    names,
    older,
    provenance,
    score,
)
from policies.rules.age import AGE_HOURS_MAX
from policies.rules.condition import Condition

__all__ = ["DEFAULT_POLICY_TOML", "Policy", "parse_policy"]

DEFAULT_POLICY_TOML = files("policies").joinpath("default.toml").read_text(encoding="utf-8")
"""The policy that ships with Pratique, a comment on every line."""

POLICY_CHARS_MAX = 1_000_000
"""Characters of a document; it travels to the judge with every case (JUDGE_LINE_BYTES_MAX)."""
RULES_MAX = 500
"""Rules in one policy; each is asked for each decision."""
OVERRIDE_DAYS_MAX = 3650
"""Days that a policy may let an override live at most: ten years."""

_NEXT_STEP = "Mend the document; `pratique policy show` prints a sound one."
_FAMILIES = (
    names,
    digests,
    findings,
    age,
    older,
    score,
    layers,
    provenance,
    advisories,
    licences,
)
GROUPS_MAX = 100
"""Groups that a policy may treat differently."""
_GROUP_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}\Z")
_RULE_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}\Z")

_ANY_TIER = ("approve", "monitor", "quarantine")
_NOT_APPROVE = ("monitor", "quarantine")
_REFUSED = ("quarantine", "block")
_SERVABLE = ("monitor", "quarantine", "block")

_MAY_BE_SERVED = frozenset(
    {
        Shortfall.INSTALL_FAILED,
        Shortfall.REQUIREMENT_UNRESOLVED,
        Shortfall.NOTHING_IMPORTABLE,
        Shortfall.WRONG_PLATFORM,
        Shortfall.INTERPRETER_MISSING,
    }
)
"""Shortfalls that an operator may choose to serve under watch. The others are how an artifact would
hide (DESIGN.md, Judgement: never served)."""


def parse_policy(text: str, *, source: str, shelf: Shelf = SHIPPED) -> Policy:
    """The policy in `text`. Raises PolicyInvalid with every problem, each with its line if known.

    `mode` must be stated; what else is not stated has the value of the default policy. The scorer
    must be one of `shelf`, and sound: a policy that could judge nothing must not come into force.
    """
    values = _values(text, source)
    notes = Notes(places=locate(text))
    root = Table(values, (), notes)
    if not values:
        notes.add((), "is empty: an empty policy would allow by accident", 'state mode = "enforce"')
    elif "mode" not in values:
        notes.add(("mode",), "is missing", 'state mode = "enforce"')
    policy = _read(root, text, source, shelf)
    root.finish()
    if notes.problems:
        raise PolicyInvalid(source, notes.sorted(), next_step=_NEXT_STEP)
    return replace(policy, digest=content_digest(policy))


def _values(text: str, source: str) -> dict[str, Any]:
    problem = None
    if len(text) > POLICY_CHARS_MAX:
        problem = Problem(where=source, message=f"is longer than {POLICY_CHARS_MAX} characters")
    else:
        try:
            return read_toml(text)
        except ValueInvalid as error:
            problem = Problem(where=stated_place(str(error)), message=f"is not TOML: {error}")
    raise PolicyInvalid(source, (problem,), next_step=_NEXT_STEP)


def _read(root: Table, text: str, source: str, shelf: Shelf) -> Policy:
    tiers = root.table("tiers")
    layer_table = root.table("layers")
    frozen = root.table("freeze")
    listed_files = root.table("files")
    analysis = root.table("analysis")
    overrides = root.table("overrides")
    owned_names = root.table("names")
    policy = Policy(
        text=text,
        source=source,
        mode=Mode(root.choice("mode", [mode.value for mode in Mode], Mode.ENFORCE.value)),
        scorer=_scorer(root, shelf),
        unseen=Unseen(root.choice("unseen", [word.value for word in Unseen], Unseen.HOLD.value)),
        minimum_age_hours=root.integer("minimum_age_hours", 0, AGE_HOURS_MAX, 0),
        tiers=_tiers(tiers),
        block_on_score=tiers.boolean("block_on_score", default=False),
        layer_missing=_missing(layer_table.table("missing")),
        layer_switched_off=_tier(layer_table.choice("switched_off", _ANY_TIER, "monitor")),
        incomplete=_incomplete(root.table("incomplete"), listed_files),
        direct_url=_tier(listed_files.choice("direct_url", _SERVABLE, "quarantine")),
        native_of_sibling=listed_files.choice("native_of_sibling", ("hold", "accept"), "hold")
        == "accept",
        unsupported=Outcome(listed_files.choice("unsupported", ("hold", "deny"), "hold")),
        plan=_plan(analysis),
        override_days_max=overrides.integer("days_max", 1, OVERRIDE_DAYS_MAX, 365),
        override_above_proof=overrides.boolean("above_proof", default=True),
        owned=owned.read(owned_names),
        rules=_rules(root),
        group_modes=_group_modes(root.table("groups")),
        observe_unseen=root.choice("observe_unseen", ("hold", "serve"), "hold") == "serve",
        freeze=freeze.read(frozen),
        four_eyes=overrides.boolean("four_eyes", default=False),
        digest=Digest(""),
    )
    for table in (tiers, layer_table, frozen, listed_files, analysis, overrides, owned_names):
        table.finish()
    return policy


def _scorer(root: Table, shelf: Shelf) -> str:
    name = root.choice("scorer", shelf.names(), DEFAULT_NAME)
    try:
        shelf.digest(name)
    except ArtefactInvalid as error:
        root.note("scorer", f"cannot be used: {error.message}", error.next_step)
    return name


def _tiers(table: Table) -> tuple[tuple[TrustTier, Outcome], ...]:
    stated = {
        TrustTier.APPROVE: Outcome(table.choice("approve", ("serve", "hold"), "serve")),
        TrustTier.MONITOR: Outcome(table.choice("monitor", ("serve", "hold", "deny"), "serve")),
        TrustTier.QUARANTINE: Outcome(table.choice("quarantine", ("hold", "deny"), "hold")),
        TrustTier.BLOCK: Outcome(table.choice("block", ("hold", "deny"), "deny")),
    }
    pairs = tuple(stated.items())
    for (better, lenient), (worse, strict) in pairwise(pairs):
        if lenient.strictness > strict.strictness:
            table.note(
                worse.value.lower(),
                f"({strict.value}) is more lenient than {better.value.lower()} ({lenient.value})",
            )
    return pairs


def _missing(table: Table) -> tuple[tuple[Layer, TrustTier], ...]:
    pairs = (
        (Layer.METADATA, table.choice("metadata", _NOT_APPROVE, "quarantine")),
        (Layer.BEHAVIOUR, table.choice("behaviour", _NOT_APPROVE, "quarantine")),
        (Layer.PROVENANCE, table.choice("provenance", _ANY_TIER, "approve")),
        (Layer.REPUTATION, table.choice("reputation", _ANY_TIER, "monitor")),
    )
    table.finish()
    return tuple((layer, _tier(word)) for layer, word in pairs)


def _incomplete(table: Table, listed_files: Table) -> tuple[tuple[Shortfall, TrustTier], ...]:
    general = table.choice("default", _REFUSED, "quarantine")
    pairs = []
    for shortfall in Shortfall:
        options = _SERVABLE if shortfall in _MAY_BE_SERVED else _REFUSED
        if shortfall is Shortfall.WRONG_PLATFORM:
            word = listed_files.choice("wrong_platform", options, "quarantine")
        else:
            word = table.choice(shortfall.value.replace("-", "_"), options, general)
        pairs.append((shortfall, _tier(word)))
    table.finish()
    return tuple(pairs)


def _plan(table: Table) -> AnalysisPlan:
    """P1 to P3 are always run: a proof may be found in each of them."""
    further = (
        (Phase.USE, table.boolean("use", default=True)),
        (Phase.WAIT, table.boolean("second_start", default=True)),
    )
    elsewhere = table.choices("elsewhere", [variation.value for variation in Variation])
    return AnalysisPlan(
        phases=(
            *(Phase.INSTALL, Phase.START, Phase.IMPORT),
            *(phase for phase, wanted in further if wanted),
        ),
        variations=tuple(Variation(word) for word in elsewhere),
    )


def _group_modes(table: Table) -> tuple[tuple[str, Mode], ...]:
    options = [mode.value for mode in Mode]
    found = []
    for name in table.keys(GROUPS_MAX):
        if not _GROUP_NAME.match(name):
            table.note(name, "is not a group: 1 to 40 of a-z, 0-9 and '-', beginning with a letter")
        found.append((name, Mode(table.choice(name, options, Mode.ENFORCE.value))))
    table.finish()
    return tuple(sorted(found))


def _rules(root: Table) -> tuple[Rule, ...]:
    rules: list[Rule] = []
    for table in root.tables("rule", RULES_MAX):
        name = table.text("name")
        if not _RULE_NAME.match(name):
            table.note("name", "must be 1 to 40 of a-z, 0-9 and '-', beginning with a letter")
        elif any(rule.name == name for rule in rules):
            table.note("name", f"{name} stands twice")
        if not table.has("outcome"):
            table.note("outcome", "is missing", 'state "serve", "hold" or "deny"')
        outcome = Outcome(table.choice("outcome", [o.value for o in Outcome], Outcome.HOLD.value))
        conditions = tuple(
            condition for family in _FAMILIES if (condition := family.read(table)) is not None
        )
        _check_conditions(table, outcome, conditions)
        table.finish()
        rules.append(Rule(name=name, outcome=outcome, conditions=conditions))
    return tuple(rules)


def _check_conditions(table: Table, outcome: Outcome, conditions: tuple[Condition, ...]) -> None:
    if not conditions:
        table.note("", "has no condition that can hold, and would match nothing or everything")
        return
    if outcome is not Outcome.SERVE:
        return
    named = [item for item in conditions if isinstance(item, names.ByName)]
    by_bytes = any(isinstance(item, digests.ByDigest) for item in conditions)
    if any(not pattern.strip("*-") for item in named for pattern in item.projects):
        table.note("projects", 'of a rule that serves must not match every name ("*")')
    elif not named and not by_bytes:
        table.note("", "serves, and so must name projects or sha256")


def _tier(word: str) -> TrustTier:
    return TrustTier(word.upper())
