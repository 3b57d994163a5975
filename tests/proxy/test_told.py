"""What sources said, in words: by layer, with its age, and nothing that was not said."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from analyzer.facttables import SIGNALS
from analyzer.provenance.catalog import CHANGED, LOST, VERIFIED
from analyzer.reputation.catalog import GAP, POPULARITY
from models.evidence import Layer, Severity
from models.facts import FactSignal, Source, SourceState
from proxy.told import told_by_layer
from tests.models.examples import NOW, facts


def source(name: str, layer: Layer, *, before: timedelta = timedelta(), **rest: object) -> Source:
    base = Source(name=name, layer=layer, state=SourceState.MEASURED, told_at=NOW - before)
    return replace(base, **rest)  # type: ignore[arg-type]  # whatever the test names


def test_told_by_layer__a_layer_that_nobody_was_asked_about_is_left_out() -> None:
    known = replace(facts(), sources=(source("history", Layer.REPUTATION),))
    assert [one.layer for one in told_by_layer(known)] == [Layer.REPUTATION]
    assert told_by_layer(facts()) == ()


def test_told_by_layer__findings_are_the_worst_first_and_signals_in_words() -> None:
    other = FactSignal(name="graph.depth", layer=Layer.PROVENANCE, value=4, source="graph")
    known = replace(
        facts(),
        sources=(source("provenance", Layer.PROVENANCE),),
        findings=(LOST.found(Severity.LOW), CHANGED.found()),
        signals=(VERIFIED.told(True), GAP.told(12), other, VERIFIED.told(None)),
    )
    (told,) = told_by_layer(known)
    assert [one.id for one in told.findings] == ["publisher-changed", "attestation-lost"]
    assert [(one.name, one.value) for one in told.signals] == [
        ("provenance.verified", "yes"),
        ("graph.depth", "4"),
    ]
    assert told.signals[0].meaning == VERIFIED.meaning


def test_told_by_layer__numbers_have_their_unit_but_ranks_have_none() -> None:
    known = replace(
        facts(),
        sources=(source("history", Layer.REPUTATION),),
        signals=(GAP.told(12), GAP.told(1), POPULARITY.told(7)),
    )
    assert [one.value for one in told_by_layer(known)[0].signals] == ["12 days", "1 day", "7"]


@pytest.mark.parametrize(
    ("before", "age"),
    [
        (timedelta(), ""),
        (timedelta(seconds=59), ""),
        (timedelta(minutes=1), "1 minute before"),
        (timedelta(hours=3), "3 hours before"),
        (timedelta(days=2, hours=23), "2 days before"),
        (timedelta(seconds=-5), ""),
    ],
)
def test_told_by_layer__says_how_old_a_word_is(before: timedelta, age: str) -> None:
    known = replace(facts(), sources=(source("history", Layer.REPUTATION, before=before),))
    assert told_by_layer(known)[0].sources[0].age == age


def test_tables__no_signal_is_called_twice() -> None:
    assert all(name == kind.name for name, kind in SIGNALS.items())
    assert len({kind.name for kind in SIGNALS.values()}) == len(SIGNALS)
