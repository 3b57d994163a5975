"""A decision is made: appended to the history, made current, audited, and the job ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from models.canonical import Digest
from models.decision import Action, Decision
from proxy.admin.events import Event
from proxy.store.codec import digest_of_text, encode, micros, micros_or_none
from proxy.store.details import decision_detail
from proxy.store.port import GATE
from proxy.store.sql import audit, changes, installed, jobs, override_uses, watches
from proxy.store.sql import telling as outbox
from proxy.store.sql.connection import Session
from proxy.store.sql.rows import ref_columns

CURRENT_DIGEST = """
SELECT c.number, c.digest, c.action, d.hold FROM current_decisions c JOIN decisions d USING (number)
WHERE c.index_name = :index_name AND c.project = :project
  AND c.sha256 = :sha256 AND c.filename = :filename
"""
APPEND = """
INSERT INTO decisions (
  id, digest, recorded_at, schema_version, value, action, hold, score, sha256
) VALUES (
  :id, :digest, :recorded_at, :schema_version, :value, :action, :hold, :score, :sha256
)
"""
MAKE_CURRENT = """
INSERT OR REPLACE INTO current_decisions (
  number, index_name, project, sha256, filename, digest, action,
  policy_digest, model_digest, evidence_digest, expires_at
) VALUES (
  :number, :index_name, :project, :sha256, :filename, :digest, :action,
  :policy_digest, :model_digest, :evidence_digest, :expires_at
)
"""
PUT_GROUNDS = """
INSERT INTO decision_grounds (
  number, index_name, project, sha256, filename, evidence_digest, facts_digest
) VALUES (:number, :index_name, :project, :sha256, :filename, :evidence_digest, :facts_digest)
"""


def put(session: Session, decision: Decision, *, actor: str, telling: Sequence[Event] = ()) -> None:
    """Append, make current, audit, raise the generation, end the job; tell, where it is new."""
    now = session.clock()
    value = encode(decision)
    digest = digest_of_text(value)
    current = session.row(CURRENT_DIGEST, ref_columns(decision.ref))
    if actor == GATE and current is not None:
        return
    if current is None or current["digest"] != digest:
        decision_id = decision.id
        number = _append(
            session, decision, value=value, decision_id=decision_id, digest=digest, now=now
        )
        installed.follow(session, decision, number=number, before=current, now=now)
        override_uses.note(session, decision, decision_id)
        changes.touch(session, decision.ref.index, decision.ref.project)
        audit.append(
            session,
            actor=actor,
            action="decision_made",
            subject=decision.ref.key,
            detail=decision_detail(decision, decision_id=decision_id, digest=digest),
        )
        action_before = Action(current["action"]) if current else None
        watches.follow(session, decision, before=action_before, now=now)
        outbox.tell_all(session, telling)
    jobs.settle(session, decision, now=now)


def _append(
    session: Session,
    decision: Decision,
    *,
    value: str,
    decision_id: str,
    digest: Digest,
    now: datetime,
) -> int:
    micros(decision.as_of)
    number = (
        session.run(
            APPEND,
            {
                "id": decision_id,
                "digest": digest,
                "recorded_at": micros(now),
                "schema_version": decision.schema_version,
                "value": value,
                "action": decision.action.value,
                "hold": decision.hold.value if decision.hold else None,
                "score": decision.score.value if decision.score else None,
                "sha256": decision.ref.sha256,
            },
        ).lastrowid
        or 0
    )
    grounds = {"evidence_digest": decision.evidence_digest, "facts_digest": decision.facts_digest}
    session.run(PUT_GROUNDS, ref_columns(decision.ref) | grounds | {"number": number})
    session.run(
        MAKE_CURRENT,
        ref_columns(decision.ref)
        | {
            "number": number,
            "digest": digest,
            "action": decision.action.value,
            "policy_digest": decision.policy_digest,
            "model_digest": decision.score.model_digest if decision.score else None,
            "evidence_digest": decision.evidence_digest,
            "expires_at": micros_or_none(decision.expires_at),
        },
    )
    return number
