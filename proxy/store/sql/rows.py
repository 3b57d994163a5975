"""Rows into values and back, where a value is kept in columns."""

from __future__ import annotations

from typing import Any, TypeVar

from packaging.utils import NormalizedName

from models.artifact import ArtifactRef, IndexName, Sha256
from models.work import Job, JobState, Priority
from proxy.admin.access import Role
from proxy.store.codec import decode, micros, micros_or_none, moment, moment_or_none
from proxy.store.keeping_port import AuditAnchor
from proxy.store.port import AuditRow, Feed, Fetch, StoredPage, Token, TokenKind
from proxy.store.sql.connection import Row

T = TypeVar("T")

_PRIORITIES = {priority.order: priority for priority in Priority}


def value_of(kind: type[T], row: Row) -> T:
    """The value in `value` and `schema_version`."""
    return decode(kind, row["value"], row["schema_version"])


def ref_columns(ref: ArtifactRef) -> dict[str, Any]:
    """The four columns of a reference."""
    return {
        "index_name": ref.index,
        "project": ref.project,
        "sha256": ref.sha256,
        "filename": ref.filename,
    }


def ref_of(row: Row) -> ArtifactRef:
    """The reference in a row."""
    return ArtifactRef(
        index=IndexName(row["index_name"]),
        project=NormalizedName(row["project"]),
        sha256=Sha256(row["sha256"]),
        filename=row["filename"],
    )


def job_columns(job: Job) -> dict[str, Any]:
    """The columns of a job, but for its digests."""
    return ref_columns(job.ref) | {
        "id": job.id,
        "size_bytes": job.size_bytes,
        "state": job.state.value,
        "priority": job.priority.order,
        "attempts": job.attempts,
        "created_at": micros(job.created_at),
        "updated_at": micros(job.updated_at),
        "lease_id": job.lease_id,
        "worker": job.worker,
        "lease_expires_at": micros_or_none(job.lease_expires_at),
        "last_error": job.last_error,
        "not_before": micros_or_none(job.not_before),
    }


def job_of(row: Row) -> Job:
    """The job in a row."""
    return Job(
        id=row["id"],
        ref=ref_of(row),
        size_bytes=row["size_bytes"],
        state=JobState(row["state"]),
        priority=_PRIORITIES[row["priority"]],
        attempts=row["attempts"],
        created_at=moment(row["created_at"]),
        updated_at=moment(row["updated_at"]),
        lease_id=row["lease_id"],
        worker=row["worker"],
        lease_expires_at=moment_or_none(row["lease_expires_at"]),
        last_error=row["last_error"],
        not_before=moment_or_none(row["not_before"]),
    )


def token_columns(token: Token) -> dict[str, Any]:
    """The columns of a token."""
    return {
        "id": token.id,
        "kind": token.kind.value,
        "name": token.name,
        "hash": token.hash,
        "created_at": micros(token.created_at),
        "expires_at": micros_or_none(token.expires_at),
        "revoked_at": micros_or_none(token.revoked_at),
        "role": token.role.value,
        "groups": " ".join(token.groups),
        "person": token.person,
    }


def token_of(row: Row) -> Token:
    """The token in a row."""
    return Token(
        id=row["id"],
        kind=TokenKind(row["kind"]),
        name=row["name"],
        hash=row["hash"],
        created_at=moment(row["created_at"]),
        expires_at=moment_or_none(row["expires_at"]),
        revoked_at=moment_or_none(row["revoked_at"]),
        role=Role(row.get("role", Role.INSTALLER)),
        groups=tuple(row.get("groups", "").split()),
        person=row.get("person", ""),
    )


FETCH_COLUMNS = (
    "at",
    "index_name",
    "project",
    "sha256",
    "filename",
    "requester",
    "address",
    "user_agent",
    "status",
    "decision_id",
    "groups",
)


def fetch_values(fetch: Fetch) -> tuple[int | str, ...]:
    """What stands in FETCH_COLUMNS for a fetch record."""
    ref = fetch.ref
    return (
        micros(fetch.at),
        ref.index,
        ref.project,
        ref.sha256,
        ref.filename,
        fetch.requester,
        fetch.address,
        fetch.user_agent,
        fetch.status,
        fetch.decision_id,
        " ".join(fetch.groups),
    )


def fetch_of(row: Row) -> Fetch:
    """The fetch record in a row."""
    return Fetch(
        at=moment(row["at"]),
        ref=ref_of(row),
        requester=row["requester"],
        address=row["address"],
        user_agent=row["user_agent"],
        status=row["status"],
        decision_id=row["decision_id"],
        groups=tuple(row.get("groups", "").split()),
    )


def audit_columns(row: AuditRow) -> dict[str, Any]:
    """The columns of a row of the chain."""
    return {
        "number": row.number,
        "at": micros(row.at),
        "actor": row.actor,
        "action": row.action,
        "subject": row.subject,
        "detail": row.detail,
        "previous": row.previous,
        "hash": row.hash,
    }


def audit_of(row: Row) -> AuditRow:
    """The row of the chain in a row of the table."""
    return AuditRow(
        number=row["number"],
        at=moment(row["at"]),
        actor=row["actor"],
        action=row["action"],
        subject=row["subject"],
        detail=row["detail"],
        previous=row["previous"],
        hash=row["hash"],
    )


def anchor_columns(anchor: AuditAnchor) -> dict[str, Any]:
    """The columns of an anchor."""
    return {
        "number": anchor.number,
        "hash": anchor.hash,
        "at": micros(anchor.at),
        "file": anchor.file,
        "sha256": anchor.sha256,
    }


def anchor_of(row: Row) -> AuditAnchor:
    """The anchor in a row."""
    return AuditAnchor(
        number=row["number"],
        hash=row["hash"],
        at=moment(row["at"]),
        file=row["file"],
        sha256=row["sha256"],
    )


def page_columns(page: StoredPage) -> dict[str, Any]:
    """The columns of an upstream page."""
    return {
        "index_name": page.index,
        "project": page.project,
        "content_type": page.content_type,
        "etag": page.etag,
        "fetched_at": micros(page.fetched_at),
        "max_age_s": page.max_age_s,
        "status": page.status,
        "body": page.body,
    }


def page_of(row: Row) -> StoredPage:
    """The upstream page in a row."""
    return StoredPage(
        index=IndexName(row["index_name"]),
        project=NormalizedName(row["project"]),
        content_type=row["content_type"],
        etag=row["etag"],
        body=row["body"],
        fetched_at=moment(row["fetched_at"]),
        max_age_s=row["max_age_s"],
        status=row["status"],
    )


def feed_columns(feed: Feed) -> dict[str, Any]:
    """The columns of a feed."""
    return {
        "name": feed.name,
        "source": feed.source,
        "tried_at": micros_or_none(feed.tried_at),
        "succeeded_at": micros_or_none(feed.succeeded_at),
        "etag": feed.etag,
        "last_modified": feed.last_modified,
        "records": feed.records,
        "malicious": feed.malicious,
        "withdrawn": feed.withdrawn,
        "refused": feed.refused,
        "newest_modified": micros_or_none(feed.newest_modified),
        "error": feed.error,
    }


def feed_of(row: Row) -> Feed:
    """The feed in a row."""
    return Feed(
        name=row["name"],
        source=row["source"],
        tried_at=moment_or_none(row["tried_at"]),
        succeeded_at=moment_or_none(row["succeeded_at"]),
        etag=row["etag"],
        last_modified=row["last_modified"],
        records=row["records"],
        malicious=row["malicious"],
        withdrawn=row["withdrawn"],
        refused=row["refused"],
        newest_modified=moment_or_none(row["newest_modified"]),
        error=row["error"],
    )
