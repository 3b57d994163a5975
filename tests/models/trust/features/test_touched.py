"""What a run touched, by when, and what it held back for the second start."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import pytest

from models.behaviour import Act, ActKind, BehaviourProfile
from models.phase import Phase
from models.trust.features.catalog import FEATURES
from models.trust.features.subject import Subject
from tests.models.trust.features.subjects import PHASES, run

MEASURES = {feature.name: feature.measure for feature in FEATURES}


def act(kind: ActKind, when: Phase, value: str) -> Act:
    return Act(kind=kind, phase=when, value=value)


def measured(*acts: Act, phases: tuple[Phase, ...] = PHASES) -> Mapping[str, float]:
    subject = Subject.of(replace(run(phases=phases), profile=BehaviourProfile(acts=acts)))
    return {name: measure(subject) for name, measure in MEASURES.items()}


def test_acts__of_one_kind_count_once_for_each_thing_that_they_touch() -> None:
    told = measured(
        act(ActKind.HOST, Phase.IMPORT, "a.example"),
        act(ActKind.HOST, Phase.WAIT, "a.example"),
        act(ActKind.HOST, Phase.START, "b.example"),
        act(ActKind.HOST, Phase.USE, "a.example"),
        act(ActKind.EXECUTABLE, Phase.INSTALL, "gcc"),
        act(ActKind.START_HOOK, Phase.START, "<project>.pth"),
    )
    assert told["acts.hosts_unasked"] == 2
    assert told["acts.hosts_use"] == 1
    assert told["acts.hosts_build"] == 0
    assert told["acts.programs_build"] == 1
    assert told["acts.programs_unasked"] == 0
    assert told["acts.start_hooks"] == 1


def test_canaries__read_and_changed_are_told_apart_by_kind() -> None:
    told = measured(
        act(ActKind.DECOY, Phase.IMPORT, "aws-key"),
        act(ActKind.DECOY, Phase.START, "aws-key"),
        act(ActKind.DECOY, Phase.IMPORT, "ssh-key"),
        act(ActKind.DECOY, Phase.IMPORT, "ssh-key changed"),
        act(ActKind.DECOY, Phase.USE, "npm-token"),
    )
    assert told["canary.kinds_read_unasked"] == 2
    assert told["canary.kinds_changed_unasked"] == 1
    assert told["canary.kinds_read_use"] == 1
    assert told["canary.kinds_read_build"] == 0


def test_later__is_what_only_the_second_start_did() -> None:
    told = measured(
        act(ActKind.HOST, Phase.IMPORT, "a.example"),
        act(ActKind.HOST, Phase.USE, "c.example"),
        act(ActKind.HOST, Phase.WAIT, "a.example"),
        act(ActKind.HOST, Phase.WAIT, "c.example"),
    )
    assert told["later.hosts"] == 1
    assert told["later.programs"] == 0


@pytest.mark.parametrize(
    "phases", [(Phase.INSTALL, Phase.WAIT), (Phase.INSTALL, Phase.START, Phase.IMPORT)]
)
def test_later__is_not_known_where_there_is_no_second_start_or_no_first(
    phases: tuple[Phase, ...],
) -> None:
    told = measured(act(ActKind.HOST, Phase.WAIT, "a.example"), phases=phases)
    assert math.isnan(told["later.hosts"])


def test_acts__are_not_known_without_a_profile() -> None:
    subject = Subject.of(replace(run(), profile=None))
    names = [name for name in MEASURES if name.startswith(("acts.", "later.", "canary.kinds_read"))]
    assert names
    assert all(math.isnan(MEASURES[name](subject)) for name in names)
    assert MEASURES["found.network_connect"](subject) == 0
