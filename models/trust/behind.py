"""What stands behind a feature: the finding or act that it counts, with the particulars that may be told."""

from __future__ import annotations

from collections.abc import Iterable

from models.behaviour import ActKind
from models.decision import Contribution, Reason, ReasonCode, TrustScore, TrustTier, reason
from models.evidence import Evidence, Finding, Layer, Severity
from models.phase import Phase
from models.reason import address_word, cause_clause, host_word
from models.riskwords import acts_of, finding_id_of, phases_of, risk_words
from models.trust.declared import BOUND, WATCHED_PROJECT, WATCHED_RELEASE
from models.trust.features import archive, behaviour, static
from models.trust.features.subject import Subject
from models.trust.findings import worst_first
from models.vocabulary import WHAT, finding_words

_NETWORK = frozenset(
    (*behaviour.FAMILIES["network"], "reverse-shell", "decoy-read-then-sent", "canary-left")
)
"""Detectors whose findings name the other end."""
_LEFT = frozenset({"canary-left"})
_READ = frozenset({"decoy-read"})
_WRITTEN = frozenset({"decoy-written"})
_OF_FEATURE = {
    "canary.kinds_left_unasked": _LEFT,
    "canary.kinds_left_use": _LEFT,
    "canary.proofs": _LEFT,
    "canary.arguments_left": frozenset({"canary-argument-left"}),
    "names.module_taken": frozenset({"module-name-taken"}),
    "release.contents_changed": frozenset({"contents-changed"}),
    "release.sdist_wheel_differ": frozenset({"sdist-wheel-differ"}),
    "change.behaviour_changed": frozenset({"behaviour-changed"}),
    "hangs.direct_urls": frozenset({"direct-url-dependency"}),
    "hangs.build_direct_urls": frozenset({"direct-url-build-requirement"}),
}
_SUMS = frozenset({BOUND, "rest", "unmeasured"})
"""Contributions that are no single cause."""


def score_reason(score: TrustScore, evidence: Evidence | None) -> Reason:
    """The reason that a score is; where it was learned, with what raised the risk most."""
    slots: dict[str, str] = {}
    if score.learned and score.tier is not TrustTier.APPROVE:
        watch = _watch(score)
        subject = None if evidence is None else Subject.of(evidence)
        slots = (
            cause_slots(watch[1].code, watch[0], subject) if watch else _strongest(score, subject)
        )
    return reason(ReasonCode.SCORE, score=str(score.value), **slots)


def cause_slots(code: str, layer: Layer, subject: Subject | None) -> dict[str, str]:
    """The words of a reason about one feature: what it is called, and the particulars behind it.

    Host and address are vetted here; everything else is of a closed set. `finding` is there where
    the detector's own words say it better than the feature's.
    """
    slots = {"cause": code, "layer": layer.value}
    phases = phases_of(code)
    if len(phases) == 1:
        slots["phase"] = phases[0].value
    if code.startswith("change.new_"):
        slots["new"] = "yes"
    if subject is None:
        return slots
    found = finding_behind(code, subject)
    if found is None:
        return slots | _place_of_act(code, subject)
    place = {"host": host_word(found.place.host), "address": address_word(found.place.address)}
    if not (place["host"] or place["address"]):
        place |= _place_of_act(code, subject)
    # "Never before" is known of hosts, and may stand only where the clause says which.
    new = "{to}" in _template(code, layer, found) and _is_new(place, subject.evidence)
    return (
        slots
        | place
        | {
            "finding": found.id if _speaks(code) else "",
            "what": found.what if found.what in WHAT else "",
            "phase": slots.get("phase", "") or (found.phase.value if found.phase else ""),
            "new": "yes" if new else slots.get("new", ""),
        }
    )


def finding_behind(code: str, subject: Subject) -> Finding | None:
    """The worst finding of those that a feature is measured from; one that names its place first."""
    ids, phases = _ids_of(code), phases_of(code)
    found = [
        one
        for one in worst_first(subject.findings)
        if one.id in ids
        and one.severity is not Severity.INFO
        and (not phases or one.phase in phases)
    ]
    if ids == _NETWORK:
        found.sort(key=lambda one: not (one.place.host or one.place.address))
    return found[0] if found else None


def _template(code: str, layer: Layer, found: Finding) -> str:
    """The clause that will be told, before its particulars are put in."""
    return finding_words(found.id, layer.value) if _speaks(code) else risk_words(code, layer.value)


def _ids_of(code: str) -> frozenset[str]:
    """The detectors that a feature is about; none where it is about no finding."""
    family, _, name = code.partition(".")
    own = finding_id_of(code)
    if own:
        return frozenset({own})
    if code in _OF_FEATURE:
        return _OF_FEATURE[code]
    if family in {"static", "found"} and name.startswith("family_"):
        of = static.FAMILIES if family == "static" else behaviour.FAMILIES
        return frozenset(of.get(name.removeprefix("family_"), ()))
    if family == "archive":
        return frozenset(archive.GROUPS[name][0]) if name in archive.GROUPS else frozenset()
    if family == "canary":
        return _WRITTEN if name.startswith("kinds_changed") else _READ
    if family == "pattern" or acts_of(code) is ActKind.HOST:
        return _NETWORK
    if family == "static":
        return frozenset(static.DETECTORS)
    if family == "found" or (family == "run" and name.endswith(("_worst", "_ids"))):
        return frozenset(behaviour.DETECTORS)
    return frozenset()


def _speaks(code: str) -> bool:
    """Whether the worst finding says more than the feature's own clause."""
    family, _, name = code.partition(".")
    return family in {"static", "found", "archive", "names"} or name.endswith("_worst")


def _place_of_act(code: str, subject: Subject) -> dict[str, str]:
    """The other end of a contact that no finding tells: what is new before what was always there."""
    if acts_of(code) is not ActKind.HOST:
        return {}
    phases = phases_of(code) or tuple(Phase)
    changes = subject.evidence.changes
    added = [act.value for act in changes.added if act.kind is ActKind.HOST] if changes else []
    if code.startswith("change."):
        return _place(added)
    return _place(
        sorted(
            {
                value
                for phase in phases
                for value in subject.acts.get((ActKind.HOST, phase), frozenset())
            },
            key=lambda value: (value not in added, value),
        )
    )


def _place(values: Iterable[str]) -> dict[str, str]:
    for value in values:
        host, address = host_word(value), address_word(value)
        if host or address:
            return {"address": address} if address else {"host": host}
    return {}


def _is_new(place: dict[str, str], evidence: Evidence) -> bool:
    """Whether the other end is one that the last approved release did not speak to."""
    added = evidence.changes.added if evidence.changes else ()
    values = {act.value for act in added if act.kind is ActKind.HOST}
    ends = {one for one in (place.get("host"), place.get("address")) if one}
    return not ends.isdisjoint(values)


def was_seen(line: Contribution) -> bool:
    """Whether a feature's value is other than 0: what was not seen is never told as done."""
    return not line.detail.endswith(" 0")


def _watch(score: TrustScore) -> tuple[Layer, Contribution] | None:
    """What keeps a clean file out of APPROVE where its steps do not."""
    if not score.edges_milli or (score.risk_milli or 0) > score.edges_milli[0]:
        return None
    watches = (
        (layer.layer, line)
        for layer in score.layers
        for line in layer.contributions
        if line.code in {WATCHED_PROJECT, WATCHED_RELEASE}
    )
    return next(watches, None)


def _strongest(score: TrustScore, subject: Subject | None) -> dict[str, str]:
    """The words of what raised the risk most. Several features may speak of one act: they count as one.

    Sums and bounds of ours are no cause.
    """
    told: dict[str, dict[str, str]] = {}
    risks: dict[str, int] = {}
    for layer in score.layers:
        for line in layer.contributions:
            if line.risk_milli > 0 and line.code not in _SUMS and was_seen(line):
                slots = cause_slots(line.code, layer.layer, subject)
                clause = cause_clause(reason(ReasonCode.SCORE, **slots))
                told.setdefault(clause, slots)
                risks[clause] = risks.get(clause, 0) + line.risk_milli
    return told[max(risks, key=risks.__getitem__)] if risks else {}
