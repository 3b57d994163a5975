"""Acts as people read them: phrases out of a closed vocabulary, and the words of a box beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from models.artifact import project_of, version_of
from models.behaviour import Act, ActKind, BehaviourProfile, Changes
from models.phase import Phase
from models.vocabulary import PHASES, WHAT, WHAT_ELSE

KIND_WORDS: Mapping[ActKind, str] = MappingProxyType(
    {
        ActKind.DECOY: "Planted secrets",
        ActKind.HOST: "Hosts",
        ActKind.EXECUTABLE: "Programs",
        ActKind.WRITTEN: "Files written",
        ActKind.CALL: "Rare system calls",
        ActKind.LISTENS: "Ports listened on",
        ActKind.START_HOOK: "Start hooks",
    }
)
"""Headings, in the order in which they are shown: what weighs most, first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActLine:
    """One thing done, over all the phases in which it was. `value` is untrusted text, to be escaped."""

    value: str
    when: str
    """Such as `on import`, or `now while installing as well`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActGroup:
    """The lines of one kind."""

    heading: str
    lines: tuple[ActLine, ...]


def act_groups(acts: Iterable[Act]) -> tuple[ActGroup, ...]:
    """Acts by kind, each value once with its phases."""
    return _grouped({key: phase_words(phases) for key, phases in _by_value(acts).items()})


def added_groups(changes: Changes, profile: BehaviourProfile | None) -> tuple[ActGroup, ...]:
    """What is new. What the baseline did in another phase is told as such."""
    known = _by_value(profile.acts if profile else ())
    gone = _by_value(changes.gone)
    words = {}
    for key, phases in _by_value(changes.added).items():
        before = [
            *(phase for phase in known.get(key, ()) if phase not in phases),
            *gone.get(key, ()),
        ]
        if key[0] is ActKind.START_HOOK or not before:
            words[key] = phase_words(phases)
        elif key in gone:
            words[key] = f"now {phase_words(phases)}, before {phase_words(before)}"
        else:
            words[key] = f"now {phase_words(phases)} as well"
    return _grouped(words)


def gone_groups(changes: Changes) -> tuple[ActGroup, ...]:
    """What the baseline did and this release does in no phase any more."""
    added = _by_value(changes.added)
    gone = [act for act in changes.gone if (act.kind, act.value) not in added]
    return act_groups(gone)


def acts_by_phase(profile: BehaviourProfile) -> tuple[tuple[Phase, tuple[ActGroup, ...]], ...]:
    """Each phase in which anything was done, with what was done in it."""
    phases = sorted({act.phase for act in profile.acts})
    return tuple(
        (phase, act_groups(act for act in profile.acts if act.phase is phase)) for phase in phases
    )


def release_words(filename: str) -> str:
    """`demo 1.0`, by a file's name; the name itself where it says neither."""
    project, version = project_of(filename), version_of(filename)
    return f"{project} {version}" if project and version else filename


def phase_words(phases: Iterable[Phase]) -> str:
    """`while installing and on import`."""
    words = [PHASES[phase.value] for phase in sorted(set(phases))]
    return " and ".join((", ".join(words[:-1]), words[-1])) if len(words) > 1 else "".join(words)


def value_words(kind: ActKind, value: str) -> str:
    """What is shown of an act: for a planted thing our phrase for its kind, else its value."""
    if kind is not ActKind.DECOY:
        return value
    planted, _, changed = value.partition(" ")
    return f"{WHAT.get(planted, WHAT_ELSE)}, {'changed' if changed else 'read'}"


def _grouped(words: Mapping[tuple[ActKind, str], str]) -> tuple[ActGroup, ...]:
    groups = []
    for kind, heading in KIND_WORDS.items():
        lines = tuple(
            ActLine(value=value_words(kind, value), when=when)
            for (of, value), when in sorted(words.items())
            if of is kind
        )
        if lines:
            groups.append(ActGroup(heading=heading, lines=lines))
    return tuple(groups)


def _by_value(acts: Iterable[Act]) -> dict[tuple[ActKind, str], list[Phase]]:
    found: dict[tuple[ActKind, str], list[Phase]] = {}
    for act in acts:
        found.setdefault((act.kind, act.value), []).append(act.phase)
    return found
