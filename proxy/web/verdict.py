"""`/v/<id>`: one decision with everything it rests on, for the developer who followed the short URL."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby

from aiohttp import web

from models.acts import ActGroup, acts_by_phase, added_groups, gone_groups, release_words
from models.decision import (
    DECISION_ID_CHARS,
    Contribution,
    Decision,
    HoldKind,
    LayerScore,
    LayerStatus,
    ReasonCode,
)
from models.errors import NotAuthorised, StoreError, UpstreamNotFound
from models.evidence import Evidence, Finding, Severity
from models.facts import Facts
from models.filewords import contents_groups
from models.reason import sentence
from models.trust.explain import explain
from models.vocabulary import SHORTFALLS
from proxy.admin.access import Principal, Role
from proxy.store.pages_port import Recorded
from proxy.told import told_by_layer
from proxy.web.admin.frame import Frame, form_values
from proxy.web.admin.processes import trees_of
from proxy.web.auth import Callers
from proxy.web.bands import band_of
from proxy.web.graph import graph_of_decision, has_graph, svg_response
from proxy.web.served import FACTS
from proxy.web.waterfall import waterfall

ACTS_SHOWN_MAX = 12
"""Acts of one kind that are shown; who wants all has the evidence."""
HISTORY_ROWS = 20
"""Decisions about the file that the page tells, the newest ones."""
FINDINGS_SHOWN_MAX = 200
"""Findings on one page; evidence holds at most a few hundred in its 256 KiB."""
ALIKE_SHOWN = 3
"""Findings of one kind, severity and phase that get a row each; the places of the rest are folded."""

_ID = re.compile(rf"[a-z2-7]{{{DECISION_ID_CHARS}}}\Z")
_SEVERITIES = (Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW, Severity.INFO)

PHASE_WORDS = {
    "P0": "inventory: the archive is read, nothing runs",
    "P1": "build and install",
    "P2": "bare interpreter start",
    "P3": "import",
    "P4": "use",
    "P5": "wait",
}
"""What happens in a phase (DESIGN.md, Analysis phases)."""
UNASKED_WORDS = {
    "attested": "whether there is an attestation",
    "page": "the project's page",
    "project_first_upload": "since when the project is there",
    "size_bytes": "how large the file is",
    "upload_time": "when it was uploaded",
}
"""Fields of Facts that could not be asked for (Facts.missing), in words."""
STATUS_WORDS = {
    LayerStatus.MEASURED: "",
    LayerStatus.ABSENT: "nothing there to measure: neutral",
    LayerStatus.MISSING: "could not be asked",
    LayerStatus.OFF: "switched off here",
    LayerStatus.INCOMPLETE: "cut short by the package",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRow:
    """One layer as the page shows it."""

    name: str
    score: int | None
    weight: int
    note: str
    band: str
    lost: tuple[Contribution, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What changed, as the page tells it. Everything in it is untrusted text, to be escaped."""

    since: str
    """Such as `demo 1.0`."""
    filename: str
    added: tuple[ActGroup, ...]
    gone: tuple[ActGroup, ...]


class Verdicts:
    """Handler of `/v/…`."""

    def __init__(self, frame: Frame, callers: Callers) -> None:
        self._frame = frame
        self._door = frame.door
        self._callers = callers

    async def page(self, request: web.Request) -> web.StreamResponse:
        """GET, HEAD /v/{decision_id}."""
        who, decision = await self._decision(request)
        evidence, facts = await self._rests_on(decision)
        await self._door.gate.load(decision.ref.index, decision.ref.project)
        version = self._door.gate.alternative(decision.ref, as_of=self._door.clock())
        current = await self._current(decision)
        waits = decision.hold is HoldKind.REVIEW and current is None
        reviews = who is not None and who.role.covers(Role.REVIEWER)
        return self._frame.show(
            request,
            who,
            "verdict.html",
            here="queue" if waits else "projects",
            script=waits and reviews,
            decision=decision,
            verdict=decision.verdict(),
            band=band_of(decision),
            sentences=[sentence(reason) for reason in decision.reasons],
            layers=layer_rows(decision),
            waterfall=(
                waterfall(explain(decision.score, evidence, facts)) if decision.score else None
            ),
            evidence=evidence,
            findings_max=FINDINGS_SHOWN_MAX,
            findings=finding_rows(evidence) if evidence else (),
            facts=facts,
            told=told_by_layer(facts) if facts else (),
            graph=f"{decision.id}/graph.svg" if has_graph(evidence, facts) else "",
            phase_words=PHASE_WORDS,
            shortfalls=[SHORTFALLS.get(one.value, one.value) for one in evidence.shortfalls]
            if evidence
            else [],
            unasked=[UNASKED_WORDS.get(name, name) for name in facts.missing] if facts else [],
            changed=changed_since(evidence) if evidence else None,
            files_changed=files_changed_since(evidence) if evidence else None,
            did=acts_by_phase(evidence.profile) if evidence and evidence.profile else (),
            acts_shown=ACTS_SHOWN_MAX,
            sibling=sibling_of(decision, facts),
            waits=waits_for(decision) if current is None else "",
            pin=f"{decision.ref.project}=={version}" if version and not decision.served else "",
            current=current,
            decidable=waits,
            form=form_values(self._frame),
            past=await self._past(decision) if who is not None else (),
        )

    async def processes(self, request: web.Request) -> web.StreamResponse:
        """GET, HEAD /v/{decision_id}/processes."""
        who, decision = await self._decision(request)
        evidence = await self._evidence(decision)
        digest = evidence.trace_digest if evidence is not None else None
        data = await self._door.store.blob(digest) if digest is not None else None
        return self._frame.show(
            request,
            who,
            "admin/processes.html",
            here="projects",
            decision=decision,
            trees=await trees_of(data) if data is not None else None,
            phase_words=PHASE_WORDS,
        )

    async def graph(self, request: web.Request) -> web.StreamResponse:
        """GET, HEAD /v/{decision_id}/graph.svg."""
        _, decision = await self._decision(request)
        evidence, facts = await self._rests_on(decision)
        return await svg_response(
            await graph_of_decision(self._door.store, decision, evidence, facts)
        )

    async def _decision(self, request: web.Request) -> tuple[Principal | None, Decision]:
        """Who looks, and the decision of the path; whoever may see it may see its picture.

        Somebody who only installs, and follows the link in pip's error, is nobody: None.
        """
        who = await self._viewer(request)
        decision_id = request.match_info["decision_id"].lower()
        decision = None
        if _ID.match(decision_id):
            decision = await self._door.store.decision_by_id(decision_id)
        if decision is None:
            raise UpstreamNotFound("There is no decision of that id.")
        request[FACTS]["decision_id"] = decision_id
        return who, decision

    async def _viewer(self, request: web.Request) -> Principal | None:
        with suppress(NotAuthorised):
            known = await self._frame.visitors.principal_of(request)
            if known is not None and known.role.covers(Role.VIEWER):
                return known
        if self._door.settings.verdicts_public:
            return None
        if not self._door.settings.token_required:
            return await self._frame.visitors.require(request)
        request[FACTS]["requester"] = self._callers.name(request)
        return None

    async def _past(self, decision: Decision) -> list[tuple[Recorded, str, str]]:
        with suppress(StoreError):
            past = await self._door.store.history(decision.ref, limit=HISTORY_ROWS)
            return [(row, row.decision.verdict(), band_of(row.decision)) for row in past]
        return []

    async def _rests_on(self, decision: Decision) -> tuple[Evidence | None, Facts | None]:
        digest = decision.facts_digest
        facts = await self._door.store.facts(digest) if digest is not None else None
        return await self._evidence(decision), facts

    async def _evidence(self, decision: Decision) -> Evidence | None:
        if decision.evidence_digest is None:
            return None
        return await self._door.store.evidence(decision.evidence_digest)

    async def _current(self, decision: Decision) -> Decision | None:
        """The decision in force, where it is another one by now."""
        with suppress(StoreError):
            current = await self._door.store.decision_of(decision.ref)
            if current is not None and current.digest != decision.digest:
                return current
        return None


def changed_since(evidence: Evidence) -> Changed | None:
    """What changed; None where there was nothing to compare with."""
    changes = evidence.changes
    if changes is None:
        return None
    return Changed(
        since=release_words(changes.since),
        filename=changes.since,
        added=added_groups(changes, evidence.profile),
        gone=gone_groups(changes),
    )


def files_changed_since(evidence: Evidence) -> Changed | None:
    """What is new in its files; None where there was nothing to compare with."""
    changes = evidence.contents_changes
    if changes is None:
        return None
    return Changed(
        since=release_words(changes.since),
        filename=changes.since,
        added=contents_groups(changes),
        gone=(),
    )


def sibling_of(decision: Decision, facts: Facts | None) -> str:
    """The filename of the sibling that a decision rests on; empty where it rests on none."""
    resting = any(stated.code is ReasonCode.PLATFORM_SIBLING for stated in decision.reasons)
    return facts.sibling_filename if resting and facts else ""


def waits_for(decision: Decision) -> str:
    """What a hold waits for, as a sentence."""
    match decision.hold:
        case HoldKind.ANALYSIS:
            return "It waits for the analysis to end."
        case HoldKind.REVIEW:
            return "It waits for a person to review it."
        case HoldKind.AGE:
            return "It waits until it is old enough for the policy in force."
        case _:
            return ""


def layer_rows(decision: Decision) -> tuple[LayerRow, ...]:
    """The four layers of the score, in the scorer's order."""
    return tuple(_row(layer) for layer in decision.score.layers) if decision.score else ()


@dataclass(frozen=True, slots=True)
class FindingRow:
    """One finding, and those after it that say the same of other places."""

    finding: Finding
    alike: tuple[Finding, ...] = ()


def finding_rows(evidence: Evidence) -> tuple[FindingRow, ...]:
    """The findings as the page shows them; many of one kind take little room."""
    rows: list[FindingRow] = []
    shown = sorted_findings(evidence)[:FINDINGS_SHOWN_MAX]
    for _, group in groupby(shown, key=lambda f: (f.id, f.severity, f.phase, f.owner, f.proof)):
        found = list(group)
        rows += [FindingRow(one) for one in found[: ALIKE_SHOWN - 1]]
        if len(found) >= ALIKE_SHOWN:
            rows.append(FindingRow(found[ALIKE_SHOWN - 1], tuple(found[ALIKE_SHOWN:])))
    return tuple(rows)


def sorted_findings(evidence: Evidence) -> list[Finding]:
    """Proofs first, then by severity and phase, those of a kind together, then in the order of time."""
    first: dict[tuple[str, str], int] = {}
    for one in sorted(evidence.findings, key=lambda f: f.at_ms):
        first.setdefault((one.phase or "", one.id), len(first))
    return sorted(
        evidence.findings,
        key=lambda f: (
            f.proof is None,
            _SEVERITIES.index(f.severity),
            f.phase or "",
            first[f.phase or "", f.id],
            f.at_ms,
        ),
    )


def _row(layer: LayerScore) -> LayerRow:
    score = layer.score
    band = "none" if score is None else "good" if score > 80 else "watch" if score > 60 else "held"
    return LayerRow(
        name=layer.layer.value,
        score=score,
        weight=layer.weight_percent,
        note=STATUS_WORDS[layer.status],
        band="bad" if score is not None and score <= 30 else band,
        lost=tuple(item for item in layer.contributions if item.points),
    )
