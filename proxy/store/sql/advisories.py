"""Feeds, their records, and which subjects changed: a record is replaced whole, or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from packaging.utils import NormalizedName

from analyzer.advisories.record import ADVISORY_SCHEMA_VERSION, Advisory
from models.artifact import ArtifactRef, Sha256
from proxy.admin.events import Event
from proxy.store.bounds import row_limit
from proxy.store.checks import clean_feed
from proxy.store.codec import encode_advisory, micros, moment
from proxy.store.details import import_detail
from proxy.store.port import AdvisoryChange, Feed, FeedImport, subjects_of
from proxy.store.sql import audit
from proxy.store.sql import telling as outbox
from proxy.store.sql.connection import Row, Session
from proxy.store.sql.rows import feed_columns, feed_of, ref_of, value_of

FEEDS = "SELECT * FROM feeds ORDER BY name"
FEED = "SELECT * FROM feeds WHERE name = :name"
PUT_FEED = """
INSERT INTO feeds (
  name, source, tried_at, succeeded_at, etag, last_modified,
  records, malicious, withdrawn, refused, newest_modified, error
) VALUES (
  :name, :source, :tried_at, :succeeded_at, :etag, :last_modified,
  :records, :malicious, :withdrawn, :refused, :newest_modified, :error
) ON CONFLICT (name) DO UPDATE SET
  source = excluded.source, tried_at = excluded.tried_at, succeeded_at = excluded.succeeded_at,
  etag = excluded.etag, last_modified = excluded.last_modified, records = excluded.records,
  malicious = excluded.malicious, withdrawn = excluded.withdrawn, refused = excluded.refused,
  newest_modified = excluded.newest_modified, error = excluded.error
"""
DROP_FEED = "DELETE FROM feeds WHERE name = :name"
KNOWN = "SELECT id, modified, schema_version FROM advisories WHERE feed = :feed"
COUNTS = """
SELECT count(*) AS records, coalesce(sum(malicious), 0) AS malicious,
  coalesce(sum(withdrawn), 0) AS withdrawn, max(modified) AS newest_modified
FROM advisories WHERE feed = :feed
"""
PUT = """
INSERT OR REPLACE INTO advisories (feed, id, modified, malicious, withdrawn, schema_version, value)
VALUES (:feed, :id, :modified, :malicious, :withdrawn, :schema_version, :value)
"""
DROP = "DELETE FROM advisories WHERE feed = :feed AND id = :id"
SUBJECTS = "SELECT project, sha256 FROM advisory_subjects WHERE feed = :feed AND id = :id"
PUT_SUBJECT = """
INSERT OR IGNORE INTO advisory_subjects (project, sha256, feed, id)
VALUES (:project, :sha256, :feed, :id)
"""
DROP_SUBJECTS = "DELETE FROM advisory_subjects WHERE feed = :feed AND id = :id"
ABOUT = """
SELECT DISTINCT a.* FROM advisory_subjects s JOIN advisories a USING (feed, id)
WHERE (s.project = :project AND s.sha256 = '') OR (s.project = '' AND s.sha256 = :sha256)
ORDER BY a.id, a.modified DESC, a.feed
"""
# REPLACE moves a subject that waits already to the end, under the new time.
CHANGE = """
INSERT OR REPLACE INTO advisory_changes (at, project, sha256) VALUES (:at, :project, :sha256)
"""
_CONCERNS = """
  EXISTS (SELECT 1 FROM current_decisions c WHERE a.project <> '' AND c.project = a.project)
  OR EXISTS (SELECT 1 FROM current_decisions c WHERE a.sha256 <> '' AND c.sha256 = a.sha256)
  OR EXISTS (SELECT 1 FROM jobs j WHERE j.state <> 'decided'
    AND (j.project = a.project OR j.sha256 = a.sha256))
"""
CHANGES = f"""
SELECT * FROM advisory_changes a WHERE a.number > :after AND ({_CONCERNS}) ORDER BY a.number LIMIT :limit
"""  # noqa: S608 - of our own text
CHANGE_DONE = "DELETE FROM advisory_changes WHERE number = :number"
FORGET = f"DELETE FROM advisory_changes AS a WHERE a.at < :before AND NOT ({_CONCERNS})"  # noqa: S608
ANY_CHANGE = "SELECT 1 FROM advisory_changes WHERE number > :after LIMIT 1"
REFS = """
SELECT index_name, project, sha256, filename FROM current_decisions
  WHERE (:project <> '' AND project = :project) OR (:sha256 <> '' AND sha256 = :sha256)
UNION SELECT index_name, project, sha256, filename FROM jobs
  WHERE state <> 'decided' AND (project = :project OR sha256 = :sha256)
ORDER BY index_name, project, filename, sha256
"""


def feeds(session: Session) -> tuple[Feed, ...]:
    """All feeds, by name."""
    return tuple(feed_of(row) for row in session.rows(FEEDS))


def put_feed(session: Session, feed: Feed, *, telling: Sequence[Event] = ()) -> None:
    """Keep the state of a feed, and tell."""
    session.run(PUT_FEED, feed_columns(clean_feed(feed)))
    outbox.tell_all(session, telling)


def remove_feed(session: Session, name: str, *, actor: str) -> bool:
    """Forget a feed and all its records."""
    if session.row(FEED, {"name": name}) is None:
        return False
    gone = [row["id"] for row in session.rows(KNOWN, {"feed": name})]
    _touch(session, _drop(session, name, gone))
    session.run(DROP_FEED, {"name": name})
    audit.append(session, actor=actor, action="feed_removed", subject=name, detail="{}")
    return True


def import_all(
    session: Session,
    feed: Feed,
    advisories: Sequence[Advisory],
    *,
    keep: frozenset[str],
    now: datetime,
) -> FeedImport:
    """Make the records of a feed those that were read, and note the subjects that changed."""
    known = {row["id"]: row for row in session.rows(KNOWN, {"feed": feed.name})}
    if session.row(FEED, {"name": feed.name}) is None:
        put_feed(session, feed)  # the records refer to it
    fresh = [one for one in advisories if _is_newer(one, known.get(one.id))]
    read = {one.id for one in advisories} | keep
    gone = [id_ for id_ in known if id_ not in read]
    subjects = _drop(session, feed.name, [*gone, *(one.id for one in fresh if one.id in known)])
    session.run_many(PUT, [_columns(feed.name, one) for one in fresh])
    new_subjects = [(one.id, subject) for one in fresh for subject in subjects_of(one)]
    session.run_many(
        PUT_SUBJECT,
        [
            {"project": project, "sha256": sha256, "feed": feed.name, "id": id_}
            for id_, (project, sha256) in new_subjects
        ],
    )
    _touch(session, subjects | {subject for _, subject in new_subjects}, now=now)
    outcome = FeedImport(
        added=sum(one.id not in known for one in fresh),
        changed=sum(one.id in known for one in fresh),
        removed=len(gone),
        unchanged=len(known) - len(gone) - sum(one.id in known for one in fresh),
    )
    session.run(
        PUT_FEED,
        feed_columns(clean_feed(feed)) | dict(session.rows(COUNTS, {"feed": feed.name})[0]),
    )
    if outcome.any:
        detail = import_detail(outcome)
        audit.append(
            session, actor="feeds", action="feed_imported", subject=feed.name, detail=detail
        )
    return outcome


def times(session: Session, feed: str) -> dict[str, datetime]:
    """When each record of a feed was modified, by id, but for those of an older parser."""
    return {
        row["id"]: moment(row["modified"])
        for row in session.rows(KNOWN, {"feed": feed})
        if row["schema_version"] >= ADVISORY_SCHEMA_VERSION
    }


def about(session: Session, project: NormalizedName, sha256: Sha256 | None) -> tuple[Advisory, ...]:
    """What all feeds say of a project or a file's bytes; of an id in several, the newest."""
    rows = session.rows(ABOUT, {"project": project, "sha256": sha256 or "-"})
    newest: dict[str, Row] = {}
    for row in rows:
        newest.setdefault(row["id"], row)
    return tuple(value_of(Advisory, row) for row in newest.values())


def changes(session: Session, *, after: int, limit: int) -> tuple[AdvisoryChange, ...]:
    """Changed subjects that a decision or an open job is about, oldest first."""
    if session.row(ANY_CHANGE, {"after": after}) is None:
        return ()
    return tuple(
        AdvisoryChange(
            number=row["number"],
            at=moment(row["at"]),
            project=NormalizedName(row["project"]),
            sha256=Sha256(row["sha256"]),
        )
        for row in session.rows(CHANGES, {"after": after, "limit": row_limit(limit)})
    )


def refs(session: Session, change: AdvisoryChange) -> tuple[ArtifactRef, ...]:
    """Every ref with a decision or an open job that a changed subject is about."""
    rows = session.rows(REFS, {"project": change.project, "sha256": change.sha256})
    return tuple(ref_of(row) for row in rows)


def let_go(session: Session, numbers: Sequence[int], forget_before: datetime) -> None:
    """Let go of changes that were followed, and of older ones that concern nothing."""
    session.run_many(CHANGE_DONE, [{"number": number} for number in numbers])
    session.run(FORGET, {"before": micros(forget_before)})


def any_change(session: Session) -> bool:
    """Whether there is one at all."""
    return session.row(ANY_CHANGE, {"after": 0}) is not None


def _is_newer(one: Advisory, known: Row | None) -> bool:
    if known is None or known["schema_version"] < ADVISORY_SCHEMA_VERSION:
        return True
    return micros(one.modified) > int(known["modified"])


def _drop(session: Session, feed: str, ids: Iterable[str]) -> set[tuple[str, str]]:
    """Take records away; the subjects that they were about."""
    subjects: set[tuple[str, str]] = set()
    for id_ in ids:
        key = {"feed": feed, "id": id_}
        subjects |= {(row["project"], row["sha256"]) for row in session.rows(SUBJECTS, key)}
        session.run(DROP_SUBJECTS, key)
        session.run(DROP, key)
    return subjects


def _touch(
    session: Session, subjects: Iterable[tuple[str, str]], *, now: datetime | None = None
) -> None:
    at = micros(now or session.clock())
    session.run_many(
        CHANGE,
        [{"at": at, "project": project, "sha256": sha256} for project, sha256 in sorted(subjects)],
    )


def _columns(feed: str, one: Advisory) -> dict[str, Any]:
    return {
        "feed": feed,
        "id": one.id,
        "modified": micros(one.modified),
        "malicious": int(one.malicious),
        "withdrawn": int(one.withdrawn is not None),
        "schema_version": ADVISORY_SCHEMA_VERSION,
        "value": encode_advisory(one),
    }
