"""Every feature that a model may learn has words of its own, and a name from elsewhere becomes none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from models.behaviour import ActKind
from models.decision import ReasonCode, reason
from models.evidence import Layer
from models.phase import Phase
from models.reason import cause_clause
from models.riskwords import (
    CLAUSES,
    FAMILIES,
    LAYER_ELSE,
    acts_of,
    finding_id_of,
    phases_of,
    risk_words,
)
from models.trust.declared import DECLARED, declared_contributions
from models.trust.features.catalog import LEARNED
from models.vocabulary import FINDINGS
from tests.models.examples import facts

NAMES = [feature.name for feature in LEARNED]


@pytest.mark.parametrize("name", NAMES)
def test_words__every_learned_feature_has_its_own(name: str) -> None:
    assert name in CLAUSES or finding_id_of(name) in FINDINGS
    assert name.partition(".")[0] in FAMILIES


def test_words__no_clause_is_of_a_feature_that_there_is_not() -> None:
    families = ("reach.", "acts.")  # made by tables that cross, of which not all cells are measured
    told = {name for name in CLAUSES if "." in name and not name.startswith(families)}
    assert told <= set(NAMES)


def _templates() -> Iterator[str]:
    yield from CLAUSES.values()
    yield from FAMILIES.values()
    yield from LAYER_ELSE.values()


@pytest.mark.parametrize("template", sorted(set(_templates())))
def test_words__each_is_a_short_verb_phrase(template: str) -> None:
    told = template.format(to=" to 203.0.113.7", phase=" on import", what="a planted AWS key")
    assert told.isascii()
    assert len(told) < 100
    assert not told.endswith(".")
    assert told[0].islower()


def test_words__declared_facts_that_raise_the_risk_have_a_clause() -> None:
    doubtful = facts(
        project_days=1, release_days=1, project_release_count=1, yanked=True, attested=True
    )
    unknown = facts(project_days=None, release_days=None, project_release_count=None)
    for known in (doubtful, unknown):
        for layer, lines in declared_contributions(
            known, frozenset(Layer), DECLARED, highest=10_000
        ).items():
            assert layer in {Layer.PROVENANCE, Layer.REPUTATION}
            assert all(line.code in CLAUSES for line in lines if line.risk_milli > 0)


@pytest.mark.parametrize(
    ("code", "layer", "clause"),
    [
        ("run.brand_new", "behaviour", FAMILIES["run"].format(phase="")),
        ("never heard of", "provenance", LAYER_ELSE["provenance"]),
        ("<script>.x", "", "looks hostile"),
        ("static.decode_exec", "metadata", "decodes code and runs it"),
    ],
)
def test_clause__what_is_not_in_the_table_is_told_by_what_it_is_of(
    code: str, layer: str, clause: str
) -> None:
    assert risk_words(code, layer).format(phase="", to="", what="") == clause
    assert cause_clause(reason(ReasonCode.SCORE, cause=code, layer=layer)) == clause


def test_clause__hostile_words_are_dropped() -> None:
    hostile = reason(
        ReasonCode.SCORE,
        cause="run.import_connects",
        layer="behaviour",
        host="evil\n.example",
        address="203.0.113.7%0d",
        phase="<b>",
        what="{0}",
        new="yes",
    )
    assert cause_clause(hostile) == "opened connections, never before in this project"


@pytest.mark.parametrize(
    ("code", "phases", "acts"),
    [
        ("run.import_connects", (Phase.IMPORT,), ActKind.HOST),
        ("run.again_execs", (Phase.WAIT,), ActKind.EXECUTABLE),
        ("run.start_worst", (Phase.START,), None),
        ("acts.hosts_use", (Phase.USE,), ActKind.HOST),
        ("acts.start_hooks", (), ActKind.START_HOOK),
        ("later.calls", (Phase.WAIT,), ActKind.CALL),
        ("change.new_hosts", (), ActKind.HOST),
        ("change.new_start_hooks", (), ActKind.START_HOOK),
        ("canary.kinds_read_build", (Phase.INSTALL,), None),
        ("static.decode_exec", (), None),
    ],
)
def test_names__say_phases_and_acts(
    code: str, phases: tuple[Phase, ...], acts: ActKind | None
) -> None:
    assert (phases_of(code), acts_of(code)) == (phases, acts)


def test_names__what_runs_unasked_leaves_out_use() -> None:
    for code in ("run.unasked_worst", "acts.hosts_unasked", "canary.kinds_left_unasked"):
        assert phases_of(code) == (Phase.INSTALL, Phase.START, Phase.IMPORT, Phase.WAIT)
