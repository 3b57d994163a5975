"""What a reviewer does with a file that is held, and with exceptions: approve, deny, end."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from packaging.utils import NormalizedName

from models.artifact import ArtifactRef, Sha256, version_of
from models.clock import Clock
from models.decision import Decision, HoldKind, Override, OverrideAction
from models.errors import NotAllowed, OverrideInvalid, StoreConflict, UpstreamNotFound, ValueInvalid
from policies.overrides import problems_of, speaking
from policies.policy import Policy
from proxy.admin.access import Principal, Role
from proxy.store.exceptions_port import JUSTIFICATION_CHARS_MAX
from proxy.store.port import Store

DAYS_MAX = 3_650
"""Days that a form may ask for; policy allows fewer."""
STRONGER_FIRST = (OverrideAction.DENY, OverrideAction.ALLOW)
"""Of two overrides about one file, a denial is what counts (DESIGN.md, Order of judgement)."""
_GONE = "Look at the decision in force, and decide on that."


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a reviewer said of a held file."""

    action: OverrideAction
    justification: str
    days: int
    """Days until it ends."""
    whole_release: bool = False
    """All files of the release that are known now, and not this one alone."""


async def decide_held(
    store: Store, by: Principal, decision_id: str, said: Verdict, *, policy: Policy, clock: Clock
) -> Override:
    """Make the override that lets a held file go, or ends it. The first of two reviewers wins.

    Raises NotAllowed, UpstreamNotFound, OverrideInvalid, and StoreConflict for whoever comes second,
    which says who was first.
    """
    by.require(Role.REVIEWER)
    decision = await store.decision_by_id(decision_id)
    if decision is None:
        raise UpstreamNotFound("There is no decision of that id.")
    check_eyes(said.action, policy)
    now = clock()
    await _check_open(store, decision, policy, now)
    # Two at once ask for the same id, and the store keeps one of them.
    asked = Override(
        id=f"r-{decision.id}",
        action=said.action,
        project=decision.ref.project,
        specifier=f"=={decision.ref.version}" if said.whole_release else "",
        sha256=None if said.whole_release else decision.ref.sha256,
        bound=await _bound(store, decision.ref) if said.whole_release else (decision.ref.sha256,),
        future=False,
        above_proof=False,
        actor=by.name,
        justification=justification_of(said.justification),
        created_at=now,
        expires_at=now + timedelta(days=days_of(said.days)),
    )
    if problems := problems_of(asked, policy):
        raise OverrideInvalid("The decision", problems)
    try:
        await store.add_override(asked)
    except StoreConflict:
        # Only now is it known that somebody was faster.
        await _check_open(store, decision, policy, now, first=asked.id)
        raise
    return asked


async def add_exception(
    store: Store,
    by: Principal,
    *,
    action: OverrideAction,
    project: NormalizedName | None,
    specifier: str,
    sha256: Sha256 | None,
    bound: tuple[Sha256, ...],
    future: bool,
    justification: str,
    days: int,
    policy: Policy,
    clock: Clock,
) -> Override:
    """A new override, of any scope. Raises NotAllowed, ValueInvalid, OverrideInvalid."""
    by.require(Role.REVIEWER)
    check_eyes(action, policy)
    now = clock()
    asked = Override(
        id=secrets.token_hex(4),
        action=action,
        project=project,
        specifier=specifier,
        sha256=sha256,
        bound=(sha256,) if sha256 else bound if action is OverrideAction.ALLOW else (),
        future=future,
        above_proof=False,
        actor=by.name,
        justification=justification_of(justification),
        created_at=now,
        expires_at=now + timedelta(days=days_of(days)),
    )
    if problems := problems_of(asked, policy):
        raise OverrideInvalid("The override", problems)
    await store.add_override(asked)
    return asked


async def end_exception(store: Store, by: Principal, override_id: str, *, clock: Clock) -> Override:
    """End an override now. Raises NotAllowed, StoreConflict where somebody ended it before."""
    by.require(Role.REVIEWER)
    ended = await store.revoke_override(override_id, actor=by.name, at=clock())
    if ended.revoked_by != by.name:
        raise StoreConflict(f"{ended.revoked_by} has ended it already.")
    return ended


def days_of(days: int) -> int:
    """`days` if an override may last as long. Raises ValueInvalid."""
    if not 1 <= days <= DAYS_MAX:
        raise ValueInvalid(f"An override lasts 1 to {DAYS_MAX} days.")
    return days


def justification_of(text: str) -> str:
    """`text` without blank ends. Raises ValueInvalid for none, or for too much of it."""
    kept = text.strip()
    if not kept:
        raise ValueInvalid(
            "There is no justification.", next_step="Say why, for whoever reads the audit log."
        )
    if len(kept) > JUSTIFICATION_CHARS_MAX:
        raise ValueInvalid(f"A justification has at most {JUSTIFICATION_CHARS_MAX} characters.")
    return kept


def check_eyes(action: OverrideAction, policy: Policy) -> None:
    """Raises NotAllowed for an allow that nobody else asked for, where policy wants two people."""
    if policy.four_eyes and action is OverrideAction.ALLOW:
        raise NotAllowed(
            "Policy wants that one person asks for an exception and another grants it.",
            next_step="Let whoever needs it ask, and approve the request.",
        )


async def _check_open(
    store: Store, decision: Decision, policy: Policy, now: datetime, *, first: str = ""
) -> None:
    """Raises StoreConflict unless the decision is in force, held for review, and nobody spoke yet."""
    spoken = await store.overrides(project=decision.ref.project)
    made = next((one for one in spoken if first and one.id == first), None)
    for action in STRONGER_FIRST:
        made = made or speaking(spoken, action, decision.ref, policy, now)
    if made is not None:
        verb = "approved" if made.action is OverrideAction.ALLOW else "denied"
        raise StoreConflict(
            f"{made.actor} has {verb} it already, at {made.created_at:%Y-%m-%d %H:%M} UTC: "
            f"{made.justification[:300]}",
            next_step="Nothing was changed by your decision.",
        )
    current = await store.decision_of(decision.ref)
    if current is None or current.digest != decision.digest:
        raise StoreConflict("That decision is not in force any more.", next_step=_GONE)
    if current.hold is not HoldKind.REVIEW:
        raise StoreConflict("That file does not wait for a review.", next_step=_GONE)


async def _bound(store: Store, ref: ArtifactRef) -> tuple[Sha256, ...]:
    """The digests of every file of the release that has a decision."""
    files = await store.decisions_of(ref.index, ref.project)
    version = ref.version
    return tuple(
        sorted({one.ref.sha256 for one in files if version_of(one.ref.filename) == version})
    )
