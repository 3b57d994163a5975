"""Webhooks and their outbox."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from models.errors import StoreError
from models.work import JobState
from proxy.admin.events import Event, EventKind
from proxy.store.bounds import ERROR_CHARS_MAX, row_limit
from proxy.store.checks import clean
from proxy.store.codec import (
    EVENT_SCHEMA_VERSION,
    GATHERED_SCHEMA_VERSION,
    decode,
    encode,
    micros,
    moment,
    moment_or_none,
)
from proxy.store.gathering import (
    Gathered,
    Gathering,
    added,
    gathers,
    is_installed,
    present,
    summary_id,
    summary_of,
)
from proxy.store.outbox import (
    check_webhook,
    clean_event,
    event_id,
    no_webhook,
    revived_detail,
    webhook_detail,
)
from proxy.store.sql import audit
from proxy.store.sql.connection import Row, Session
from proxy.store.sql.rows import value_of
from proxy.store.telling_port import (
    DEAD_MAX,
    OUTBOX_FULL,
    WAITING_MAX,
    Delivery,
    Figures,
    OutboxExtent,
    Template,
    Webhook,
)

WEBHOOKS = "SELECT * FROM webhooks ORDER BY name"
ADD = """
INSERT INTO webhooks (
  id, name, url, secret, kinds, template, allow_private, created_at, created_by
) VALUES (
  :id, :name, :url, :secret, :kinds, :template, :allow_private, :created_at, :created_by
)
"""
REMOVE = "DELETE FROM webhooks WHERE id = :id"
WAITING_OF = """
SELECT count(*) AS count FROM deliveries WHERE webhook = :webhook AND dead_at IS NULL
"""
TELL = """
INSERT OR IGNORE INTO deliveries (
  webhook, event_id, schema_version, value, told_at, attempts, next_at, dead_at, error
) VALUES (
  :webhook, :event_id, :schema_version, :value, :now, 0, :next_at, :dead_at, :error
)
"""
KNOWN = "SELECT 1 FROM deliveries WHERE webhook = :webhook AND event_id = :event_id"
GATHERING = """
SELECT * FROM gatherings WHERE webhook = :webhook AND kind = :kind AND installed = :installed
"""
KEEP_GATHERING = """
INSERT OR REPLACE INTO gatherings (
  webhook, kind, installed, began_at, told, delivery, schema_version, value
) VALUES (:webhook, :kind, :installed, :began_at, :told, :delivery, :schema_version, :value)
"""
RENEW = """
UPDATE deliveries SET value = :value, schema_version = :schema_version
WHERE number = :number AND attempts = 0
"""
DUE = """
SELECT DISTINCT webhook FROM deliveries WHERE dead_at IS NULL AND next_at <= :now ORDER BY webhook
"""
NEXT = """
SELECT * FROM deliveries WHERE webhook = :webhook AND dead_at IS NULL AND next_at <= :now
ORDER BY next_at, number LIMIT 1
"""
CLAIM = """
UPDATE deliveries SET attempts = attempts + 1, next_at = :until WHERE number = :number
"""
BY_NUMBER = "SELECT * FROM deliveries WHERE number = :number"
DELIVERED = "DELETE FROM deliveries WHERE number = :number"
POSTPONE = """
UPDATE deliveries SET next_at = :at, error = :error WHERE number = :number AND dead_at IS NULL
"""
BURY = """
UPDATE deliveries SET next_at = NULL, dead_at = :now, error = :error WHERE number = :number
"""
FORGET_DEAD = """
DELETE FROM deliveries WHERE number IN (
  SELECT number FROM deliveries WHERE dead_at IS NOT NULL
  ORDER BY dead_at DESC, number DESC LIMIT -1 OFFSET :kept
)
"""
DEAD = """
SELECT * FROM deliveries WHERE dead_at IS NOT NULL ORDER BY dead_at DESC, number DESC LIMIT :limit
"""
REVIVE = """
UPDATE deliveries SET next_at = :now, dead_at = NULL, attempts = 0
WHERE number = :number AND dead_at IS NOT NULL
"""
REVIVE_ALL = """
UPDATE deliveries SET next_at = :now, dead_at = NULL, attempts = 0 WHERE dead_at IS NOT NULL
"""
EXTENT = """
SELECT count(*) FILTER (WHERE dead_at IS NULL) AS waiting,
  count(*) FILTER (WHERE dead_at IS NOT NULL) AS dead,
  min(told_at) FILTER (WHERE dead_at IS NULL) AS oldest
FROM deliveries
"""
JOBS = "SELECT state, count(*) AS count FROM jobs WHERE state <> 'decided' GROUP BY state"
OLDEST_JOB = "SELECT min(created_at) AS oldest FROM jobs WHERE state = 'queued'"
OVERRIDES = """
SELECT count(*) AS count FROM overrides
WHERE revoked_at IS NULL AND created_at <= :now AND :now < expires_at
"""
WATCHES = "SELECT count(*) AS count FROM watches"


def add(session: Session, webhook: Webhook, *, actor: str) -> None:
    """Keep a webhook and audit it."""
    check_webhook(webhook, webhooks(session))
    session.run(
        ADD,
        {
            "id": webhook.id,
            "name": webhook.name,
            "url": webhook.url,
            "secret": webhook.secret,
            "kinds": " ".join(kind.value for kind in webhook.kinds),
            "template": webhook.template.value,
            "allow_private": int(webhook.allow_private),
            "created_at": micros(webhook.created_at),
            "created_by": webhook.created_by,
        },
    )
    audit.append(
        session,
        actor=actor,
        action="webhook_added",
        subject=webhook.name,
        detail=webhook_detail(webhook),
    )


def remove(session: Session, name: str, *, actor: str) -> Webhook:
    """Forget a webhook with all that waits for it; foreign keys see to the deliveries."""
    webhook = next((one for one in webhooks(session) if one.name == name), None)
    if webhook is None:
        raise no_webhook(name)
    session.run(REMOVE, {"id": webhook.id})
    audit.append(
        session,
        actor=actor,
        action="webhook_removed",
        subject=name,
        detail=webhook_detail(webhook),
    )
    return webhook


def webhooks(session: Session) -> tuple[Webhook, ...]:
    """All webhooks, by name."""
    return tuple(_webhook_of(row) for row in session.rows(WEBHOOKS))


def tell(session: Session, event: Event) -> int:
    """Write an event into the outbox; within any write, so that it is told if that happens."""
    takers = [one for one in webhooks(session) if one.takes(event.kind)]
    if not takers:
        return 0
    event, now = clean_event(event), session.clock()
    value = encode(event)
    key = event_id(value)
    for webhook in takers:
        if session.row(KNOWN, {"webhook": webhook.id, "event_id": key}) is not None:
            continue
        if gathers(event.kind):
            _tell_or_gather(session, webhook.id, event, key, now)
        else:
            _put(session, webhook.id, key, value, now=now, at=now)
    return len(takers)


def tell_all(session: Session, events: Sequence[Event]) -> None:
    """Write several events into the outbox, in their order."""
    for event in events:
        tell(session, event)


def _tell_or_gather(session: Session, webhook: str, event: Event, key: str, now: datetime) -> None:
    """One by one up to the bound; what comes beyond it in the same minute is gathered."""
    where = {
        "webhook": webhook,
        "kind": event.kind.value,
        "installed": int(is_installed(event)),
    }
    row = session.row(GATHERING, where)
    known = present(_gathering_of(row) if row else None, event, now)
    if known.full:
        known = _gather(session, webhook, known, event, now)
    else:
        _put(session, webhook, key, encode(event), now=now, at=now)
        known = replace(known, told=known.told + 1)
    session.run(
        KEEP_GATHERING,
        where
        | {
            "began_at": micros(known.began_at),
            "told": known.told,
            "delivery": known.delivery,
            "schema_version": GATHERED_SCHEMA_VERSION,
            "value": encode(known.gathered),
        },
    )


def _gather(
    session: Session, webhook: str, known: Gathering, event: Event, now: datetime
) -> Gathering:
    """The summary says one more; one that went out already, by a clock that was set, is followed by another."""
    gathered = added(known.gathered, event)
    if known.delivery is not None:
        value = encode(summary_of(gathered, at=now))
        params = {"number": known.delivery, "value": value, "schema_version": EVENT_SCHEMA_VERSION}
        if session.run(RENEW, params).rowcount:
            return replace(known, gathered=gathered)
        empty = Gathered(kind=gathered.kind, installed=gathered.installed, since=now)
        gathered = added(empty, event)
    value = encode(summary_of(gathered, at=now))
    key = summary_id(webhook, gathered)
    number = _put(session, webhook, key, value, now=now, at=known.ends_at)
    return replace(known, gathered=gathered, delivery=number)


def _put(
    session: Session, webhook: str, key: str, value: str, *, now: datetime, at: datetime
) -> int | None:
    """A delivery that is due at `at`; where too many wait it is a dead letter."""
    full = _count(session, WAITING_OF, webhook=webhook) >= WAITING_MAX
    number = session.run(
        TELL,
        {
            "webhook": webhook,
            "event_id": key,
            "schema_version": EVENT_SCHEMA_VERSION,
            "value": value,
            "now": micros(now),
            "next_at": None if full else micros(at),
            "dead_at": micros(now) if full else None,
            "error": OUTBOX_FULL if full else "",
        },
    ).lastrowid
    if full:
        session.run(FORGET_DEAD, {"kept": DEAD_MAX})
    return number


def due(session: Session, now: datetime) -> tuple[str, ...]:
    """Ids of webhooks for which something is due."""
    return tuple(row["webhook"] for row in session.rows(DUE, {"now": micros(now)}))


def claim(session: Session, webhook_id: str, *, now: datetime, until: datetime) -> Delivery | None:
    """Take the next due delivery of a webhook."""
    row = session.row(NEXT, {"webhook": webhook_id, "now": micros(now)})
    if row is None:
        return None
    session.run(CLAIM, {"number": row["number"], "until": micros(until)})
    claimed = session.row(BY_NUMBER, {"number": row["number"]})
    if claimed is None:
        raise StoreError("A delivery that was claimed is not there.")
    return _delivery_of(claimed)


def delivered(session: Session, number: int) -> None:
    """Let go of a delivery."""
    session.run(DELIVERED, {"number": number})


def postpone(session: Session, number: int, *, at: datetime, error: str) -> None:
    """Try it again later."""
    told = clean(error, ERROR_CHARS_MAX)
    session.run(POSTPONE, {"number": number, "at": micros(at), "error": told})


def bury(session: Session, number: int, *, error: str, now: datetime) -> None:
    """Make it a dead letter."""
    told = clean(error, ERROR_CHARS_MAX)
    session.run(BURY, {"number": number, "now": micros(now), "error": told})
    session.run(FORGET_DEAD, {"kept": DEAD_MAX})


def dead(session: Session, limit: int) -> tuple[Delivery, ...]:
    """Dead letters, the newest first."""
    return tuple(_delivery_of(row) for row in session.rows(DEAD, {"limit": row_limit(limit)}))


def revive(session: Session, numbers: Sequence[int] | None, *, actor: str, now: datetime) -> int:
    """Try dead letters again, and audit it."""
    at = micros(now)
    if numbers is None:
        revived = session.run(REVIVE_ALL, {"now": at}).rowcount
    else:
        wanted = dict.fromkeys(numbers)
        revived = sum(session.run(REVIVE, {"now": at, "number": n}).rowcount for n in wanted)
    if revived:
        audit.append(
            session,
            actor=actor,
            action="webhook_retried",
            subject="dead letters",
            detail=revived_detail(revived),
        )
    return revived


def figures(session: Session, now: datetime) -> Figures:
    """What `/metrics` counts."""
    extent = session.rows(EXTENT)[0]
    jobs = {row["state"]: row["count"] for row in session.rows(JOBS)}
    return Figures(
        jobs=tuple((state, jobs.get(state.value, 0)) for state in OPEN_STATES),
        oldest_job_at=moment_or_none(session.rows(OLDEST_JOB)[0]["oldest"]),
        overrides_active=_count(session, OVERRIDES, now=micros(now)),
        watched=_count(session, WATCHES),
        outbox=OutboxExtent(
            waiting=extent["waiting"],
            dead=extent["dead"],
            oldest_at=moment_or_none(extent["oldest"]),
        ),
    )


OPEN_STATES = tuple(state for state in JobState if state is not JobState.DECIDED)


def _count(session: Session, sql: str, **params: object) -> int:
    return int(session.rows(sql, params)[0]["count"])


def _webhook_of(row: Row) -> Webhook:
    return Webhook(
        id=row["id"],
        name=row["name"],
        url=row["url"],
        secret=row["secret"],
        kinds=tuple(EventKind(kind) for kind in row["kinds"].split()),
        template=Template(row["template"]),
        allow_private=bool(row["allow_private"]),
        created_at=moment(row["created_at"]),
        created_by=row["created_by"],
    )


def _gathering_of(row: Row) -> Gathering:
    return Gathering(
        began_at=moment(row["began_at"]),
        told=row["told"],
        delivery=row["delivery"],
        gathered=decode(Gathered, row["value"], row["schema_version"]),
    )


def _delivery_of(row: Row) -> Delivery:
    return Delivery(
        number=row["number"],
        webhook_id=row["webhook"],
        event_id=row["event_id"],
        event=value_of(Event, row),
        told_at=moment(row["told_at"]),
        attempts=row["attempts"],
        next_at=moment_or_none(row["next_at"]),
        dead_at=moment_or_none(row["dead_at"]),
        error=row["error"],
    )
