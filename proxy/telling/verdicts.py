"""What a new decision is worth telling: a file that waits for a person, one that turned for the worse."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from models.decision import Action, Decision, HoldKind
from models.reason import reason_line
from proxy.admin.events import Event, EventKind
from proxy.admin.installed import exposure_of
from proxy.store.port import Store
from proxy.store.watch_port import is_watched

SHORT_CHARS = 12
"""Characters of a digest that people compare, as pages show it."""
_HARSHNESS = {Action.SERVE: 0, Action.HOLD: 1, Action.DENY: 2}


async def events_of(
    store: Store, decision: Decision, before: Decision | None, *, origin: str, at: datetime
) -> tuple[Event, ...]:
    """The same, with the fetches counted where they matter, and who has it. Raises StoreError."""
    fetches = 0
    if not decision.served:
        fetches = await store.fetch_count(decision.ref.sha256)
    told = told_of(decision, before, fetches=fetches, origin=origin, at=at)
    if not any(event.kind is EventKind.DECISION_WORSENED for event in told):
        return told
    exposed = (await exposure_of(store, decision)).facts()
    return tuple(
        replace(event, facts=(*event.facts, *exposed))
        if event.kind is EventKind.DECISION_WORSENED
        else event
        for event in told
    )


def told_of(
    decision: Decision, before: Decision | None, *, fetches: int, origin: str, at: datetime
) -> tuple[Event, ...]:
    """The events of a decision that takes the place of `before`.

    `fetches` is how often the file was handed out; `origin` is ours, without a slash at its end.
    """
    kinds = []
    if _for_review(decision) and not (before and _for_review(before)):
        kinds.append(EventKind.HELD_FOR_REVIEW)
    if worsened(decision, before, fetches=fetches):
        kinds.append(EventKind.DECISION_WORSENED)
    if before is not None and is_watched(before) and _outcome(decision) != _outcome(before):
        kinds.append(EventKind.WATCH_CHANGED)
    return tuple(
        _event(kind, decision, before, fetches=fetches, origin=origin, at=at) for kind in kinds
    )


def worsened(decision: Decision, before: Decision | None, *, fetches: int) -> bool:
    """Whether a file is treated worse than it was.

    While it is analysed nothing is known: then it counts what comes after, and whether the file had
    been handed out, as it may have been unjudged where nothing is enforced.
    """
    if _waits(decision):
        return False
    if before is None or _waits(before):
        return not decision.served and fetches > 0
    return _HARSHNESS[decision.action] > _HARSHNESS[before.action]


def _event(
    kind: EventKind,
    decision: Decision,
    before: Decision | None,
    *,
    fetches: int,
    origin: str,
    at: datetime,
) -> Event:
    ref = decision.ref
    url = f"{origin}/v/{decision.id}"
    facts = {
        "project": ref.project,
        "version": ref.version,
        "filename": ref.filename,
        "sha256": ref.sha256,
        "verdict": decision.verdict(),
        "before": before.verdict() if before else "",
        "action": decision.action.value,
        "tier": decision.tier.value if decision.tier else "",
        "score": str(decision.score.value) if decision.score else "",
        "decision": decision.id,
        "fetches": str(fetches),
        "changed": _cause(decision, before) if before else "",
    }
    if kind is EventKind.DECISION_WORSENED and fetches:
        facts["installed"] = f"{origin}/installed/{ref.sha256}"
    return Event(
        kind=kind,
        at=at,
        subject=f"{ref.project} {ref.version}".strip(),
        sentence=reason_line(decision),
        url=url,
        facts=tuple((name, value) for name, value in facts.items() if value),
        many_url=_list_of(kind, origin, installed=fetches > 0),
    )


def _list_of(kind: EventKind, origin: str, *, installed: bool) -> str:
    """The page that has all events of that kind."""
    if kind is EventKind.HELD_FOR_REVIEW:
        return f"{origin}/queue"
    if kind is EventKind.DECISION_WORSENED and installed:
        return f"{origin}/installed"
    return f"{origin}/audit?log=decisions"


def _cause(decision: Decision, before: Decision) -> str:
    """What is new: the first of policy, override, model, evidence and facts that is another."""
    if decision.policy_digest != before.policy_digest:
        return f"policy {_short(decision.policy_digest)}"
    if decision.override_id != before.override_id:
        return f"override {decision.override_id}" if decision.override_id else "an override's end"
    models = [one.score.model_digest if one.score else "" for one in (decision, before)]
    if all(models) and models[0] != models[1]:
        return f"model {_short(models[0])}"
    if decision.evidence_digest != before.evidence_digest:
        return "another analysis"
    return "time" if decision.facts_digest == before.facts_digest else "advisories or facts"


def _short(digest: str) -> str:
    return digest.rpartition(":")[2][:SHORT_CHARS]


def _outcome(decision: Decision) -> tuple[object, ...]:
    return (decision.action, decision.hold, decision.tier)


def _for_review(decision: Decision) -> bool:
    return decision.action is Action.HOLD and decision.hold is HoldKind.REVIEW


def _waits(decision: Decision) -> bool:
    return decision.action is Action.HOLD and decision.hold is HoldKind.ANALYSIS
