"""Acts in words: each value once, with every phase, and what is known of it from before."""

from __future__ import annotations

from models.acts import KIND_WORDS, act_groups, added_groups, gone_groups
from models.artifact import Sha256
from models.behaviour import Act, ActKind, BehaviourProfile, Changes
from models.canonical import digest_of_bytes
from models.phase import Phase

P1, P2, P3, P4, P5 = list(Phase)[1:]


def act(value: str, *phases: Phase, kind: ActKind = ActKind.HOST) -> tuple[Act, ...]:
    return tuple(Act(kind=kind, phase=phase, value=value) for phase in phases)


def changes(added: tuple[Act, ...] = (), gone: tuple[Act, ...] = ()) -> Changes:
    return Changes(
        since="demo-1.0.tar.gz",
        since_sha256=Sha256("a" * 64),
        since_evidence=digest_of_bytes(b""),
        added=added,
        gone=gone,
    )


def test_kind_words__every_kind_has_a_heading() -> None:
    assert set(KIND_WORDS) == set(ActKind)


def test_act_groups__a_value_stands_once_with_all_its_phases() -> None:
    (group,) = act_groups(act("a.test", P4, P1, P3))
    assert group.heading == "Hosts"
    assert [(line.value, line.when) for line in group.lines] == [
        ("a.test", "while installing, on import and in use")
    ]


def test_act_groups__planted_things_are_told_in_our_words() -> None:
    acts = (*act("aws-key", P3, kind=ActKind.DECOY), *act("<b> changed", P3, kind=ActKind.DECOY))
    (group,) = act_groups(acts)
    assert [line.value for line in group.lines] == [
        "a planted secret, changed",
        "a planted AWS key, read",
    ]


def test_added_groups__what_was_done_elsewhere_before_is_said() -> None:
    profile = BehaviourProfile(acts=(*act("same.test", P1, P3), *act("moved.test", P1)))
    told = added_groups(
        changes(
            added=(*act("same.test", P1), *act("moved.test", P1), *act("new.test", P1)),
            gone=act("moved.test", P3),
        ),
        profile,
    )
    assert {line.value: line.when for line in told[0].lines} == {
        "same.test": "now while installing as well",
        "moved.test": "now while installing, before on import",
        "new.test": "while installing",
    }


def test_gone_groups__what_only_moved_is_not_gone() -> None:
    told = gone_groups(
        changes(added=act("moved.test", P1), gone=(*act("moved.test", P3), *act("old.test", P3)))
    )
    assert [line.value for line in told[0].lines] == ["old.test"]
