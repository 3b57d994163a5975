"""What this release does that the last approved one did not: the strongest sign of a hijack. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from analyzer.boxpaths import within
from analyzer.detectors.commands import TOOLCHAIN, is_harmless_question
from analyzer.document import signal
from analyzer.placeholders import SHARED
from models.behaviour import Act, ActKind, Baseline, BehaviourProfile, Changes
from models.evidence import Finding, Layer, Place, Severity, Signal
from models.phase import Phase

FINDING_ID = "behaviour-changed"
CHANGES_MAX = 100
"""Acts of `Changes.added` and of `Changes.gone` that evidence holds; the signals count all."""
UNASKED = frozenset({Phase.INSTALL, Phase.START, Phase.IMPORT, Phase.WAIT})
"""Phases in which nobody asked the release to do anything: it is only installed, started, imported."""
REACHES = frozenset({ActKind.HOST, ActKind.EXECUTABLE})
"""Kinds that an attack needs, and that a release which had none of the kind seldom begins with."""
_COUNTED = (
    ("new_hosts", ActKind.HOST),
    ("new_executables", ActKind.EXECUTABLE),
    ("new_written", ActKind.WRITTEN),
    ("new_decoys", ActKind.DECOY),
    ("new_calls", ActKind.CALL),
    ("new_listens", ActKind.LISTENS),
    ("new_start_hooks", ActKind.START_HOOK),
)
_GRAVEST = (
    *(ActKind.DECOY, ActKind.HOST, ActKind.EXECUTABLE, ActKind.LISTENS),
    *(ActKind.CALL, ActKind.START_HOOK, ActKind.WRITTEN),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What came of comparing, as evidence takes it."""

    changes: Changes | None = None
    signals: tuple[Signal, ...] = ()
    findings: tuple[Finding, ...] = ()


def compare(baseline: Baseline | None, profile: BehaviourProfile | None) -> Comparison:
    """Compare a run with the baseline. Without a run there is nothing to say, not even that."""
    if profile is None:
        return Comparison()
    if baseline is None:
        return Comparison(signals=_signals(profile, (), baseline=None))
    before = frozenset(_compared(baseline.profile.acts, baseline))
    now = frozenset(_compared(profile.acts, baseline))
    added, gone = sorted(now - before), sorted(before - now)
    return Comparison(
        changes=Changes(
            since=baseline.filename,
            since_sha256=baseline.sha256,
            since_evidence=baseline.evidence_digest,
            added=_gravest(added),
            gone=_gravest(gone),
        ),
        signals=_signals(profile, added, baseline=baseline),
        findings=_findings(added, profile, baseline),
    )


def _compared(acts: Iterable[Act], baseline: Baseline) -> Iterable[Act]:
    """Acts of phases that the baseline ran too: what was never looked for is not new."""
    ran = baseline.phases
    return (act for act in acts if not ran or act.phase in ran or act.kind is ActKind.START_HOOK)


def _signals(
    profile: BehaviourProfile, added: Iterable[Act], *, baseline: Baseline | None
) -> tuple[Signal, ...]:
    general = (
        signal("baseline_known", baseline is not None),
        signal("acts", len(profile.acts)),
        signal("acts_left_out", profile.left_out),
    )
    if baseline is None:
        return general
    kinds = [act.kind for act in added]
    acting = _acting(added) - _acting(baseline.profile.acts)
    counted = tuple(signal(name, kinds.count(kind)) for name, kind in _COUNTED)
    return (*general, *counted, signal("new_phases", len(acting)))


def _acting(acts: Iterable[Act]) -> frozenset[Phase]:
    """The phases in which a release does anything; that a hook lies there is no act."""
    return frozenset(act.phase for act in acts if act.kind is not ActKind.START_HOOK)


def _findings(
    added: Iterable[Act], profile: BehaviourProfile, baseline: Baseline
) -> tuple[Finding, ...]:
    notable = _gravest(act for act in added if is_notable(act))
    flooded = profile.left_out > 0 and not baseline.profile.left_out
    if not notable and not flooded:
        return ()
    reached = {act.kind for act in baseline.profile.acts if _reaches(act)}
    first = [act for act in notable if _reaches(act) and act.kind not in reached]
    named = next(iter((*first, *notable)), None)
    return (
        Finding(
            id=FINDING_ID,
            title="It does what the last approved release did not",
            severity=Severity.MEDIUM if first else Severity.LOW,
            layer=Layer.BEHAVIOUR,
            phase=named.phase if named else None,
            what=named.kind.value if named else "",
            place=_place(named),
        ),
    )


def is_notable(act: Act) -> bool:
    """Whether an act is more than a harmless question to the system, or a file that is nobody's."""
    if act.kind is ActKind.WRITTEN:
        return not within(act.value, *SHARED, "~/.cache")
    return act.kind is not ActKind.EXECUTABLE or not is_harmless_question(act.value, (act.value,))


def _reaches(act: Act) -> bool:
    """Whether it reaches out unasked. A compiler in P1 only says that there is something to compile."""
    if act.kind is ActKind.EXECUTABLE and act.phase is Phase.INSTALL and TOOLCHAIN.match(act.value):
        return False
    return act.kind in REACHES and act.phase in UNASKED and is_notable(act)


def _gravest(acts: Iterable[Act]) -> tuple[Act, ...]:
    """The gravest kinds first, those of phases that nobody asked for before those of use."""
    ordered = sorted(
        acts, key=lambda act: (_GRAVEST.index(act.kind), act.phase not in UNASKED, act)
    )
    return tuple(ordered[:CHANGES_MAX])


def _place(act: Act | None) -> Place:
    if act is None:
        return Place()
    match act.kind:
        case ActKind.HOST:
            return Place(host=act.value)
        case ActKind.EXECUTABLE | ActKind.WRITTEN | ActKind.START_HOOK:
            return Place(path=act.value)
        case _:
            return Place()
