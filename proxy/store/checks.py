"""What every store refuses before it writes, in one place so that the twins cannot differ."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from msgspec import structs
from packaging.utils import NormalizedName

from models.artifact import IndexName
from models.canonical import Digest, digest_of_bytes
from models.decision import Override
from models.errors import NotAllowed, StoreConflict, StoreError, ValueInvalid
from models.evidence import Evidence
from models.work import Job
from proxy.admin.access import Role
from proxy.store.bounds import (
    BLOB_BYTES_MAX,
    ERROR_CHARS_MAX,
    EXPOSURE_DAYS,
    FETCH_TEXT_CHARS_MAX,
    HEADER_CHARS_MAX,
    MEMORY_CHARS_MAX,
    POLICY_BYTES_MAX,
)
from proxy.store.codec import micros
from proxy.store.departures_port import DEPARTURE_BYTES_MAX, Departure
from proxy.store.keeping_port import Keepable
from proxy.store.origins_port import JUSTIFICATION_CHARS_MAX, Origin
from proxy.store.policy_port import COMMENT_CHARS_MAX
from proxy.store.port import Feed, Fetch, Remembered, StoredPage, Token, TokenKind


def check_blob(digest: Digest, data: bytes) -> None:
    """Raises StoreConflict where the bytes are not of that digest, StoreError where too many."""
    if len(data) > BLOB_BYTES_MAX:
        raise StoreError(f"A blob is at most {BLOB_BYTES_MAX} bytes, not {len(data)}.")
    if digest_of_bytes(data) != digest:
        raise StoreConflict("The bytes of a blob do not have the digest that was given for them.")


def check_evidence(job: Job, evidence: Evidence, blobs: Sequence[tuple[Digest, bytes]]) -> None:
    """Raises StoreConflict where the evidence speaks of another artifact than the job's."""
    if (evidence.sha256, evidence.filename) != (job.ref.sha256, job.ref.filename):
        raise StoreConflict("The evidence is about another file than the one that was leased.")
    micros(evidence.observed_at)
    for digest, data in blobs:
        check_blob(digest, data)


def check_override(override: Override) -> None:
    """Raises ValueInvalid for an override that would match everything, or nothing."""
    if override.project is None and override.sha256 is None:
        raise ValueInvalid("An override names a project or a sha256.")
    if micros(override.expires_at) <= micros(override.created_at):
        raise ValueInvalid("An override ends after it begins.")


def check_origin_move(
    before: Origin | None, project: NormalizedName, to: IndexName, justification: str
) -> None:
    """Raises StoreError, StoreConflict for a move that says nothing or goes nowhere."""
    if before is None:
        raise StoreError(
            f"No upstream has answered for {project} yet.",
            next_step="A name that nobody has asked for needs no move.",
        )
    if before.index == to:
        raise StoreConflict(f"{project} comes from {to} already.")
    if len(justification) > JUSTIFICATION_CHARS_MAX:
        raise StoreError(f"A justification has at most {JUSTIFICATION_CHARS_MAX} characters.")


def check_remembered(seen: Remembered) -> None:
    """Raises StoreError for what cannot be remembered."""
    if len(seen.value) > MEMORY_CHARS_MAX:
        raise StoreError(f"A remembered value has at most {MEMORY_CHARS_MAX} characters.")
    micros(seen.first_seen)
    micros(seen.last_seen)


def check_departure(gone: Departure) -> None:
    """Raises StoreError for an entry that is too long."""
    if len(gone.entry) > DEPARTURE_BYTES_MAX:
        raise StoreError(f"An entry of a page has at most {DEPARTURE_BYTES_MAX} bytes.")


def clean_fetches(fetches: Iterable[Fetch]) -> list[Fetch]:
    """The records with a stranger's texts cut and made storable.

    One header with bytes that are no Unicode must not cost the other records of its batch.
    """
    return [fetch if _is_clean(fetch) else _clean_fetch(fetch) for fetch in fetches]


def _is_clean(fetch: Fetch) -> bool:
    """Whether nothing would be changed; almost always, and ten times as fast as changing it."""
    return _fits(fetch.requester) and _fits(fetch.address) and _fits(fetch.user_agent)


def _fits(text: str) -> bool:
    return len(text) <= FETCH_TEXT_CHARS_MAX and text.isascii() and "\0" not in text


def _clean_fetch(fetch: Fetch) -> Fetch:
    return structs.replace(
        fetch,
        requester=clean(fetch.requester.replace("\0", "?"), FETCH_TEXT_CHARS_MAX),
        address=clean(fetch.address.replace("\0", "?"), FETCH_TEXT_CHARS_MAX),
        user_agent=clean(fetch.user_agent.replace("\0", "?"), FETCH_TEXT_CHARS_MAX),
    )


def clean_page(page: StoredPage) -> StoredPage:
    """The page with upstream's headers cut and made storable; a changed etag matches nothing."""
    return replace(
        page,
        content_type=clean(page.content_type, HEADER_CHARS_MAX),
        etag=clean(page.etag, HEADER_CHARS_MAX),
    )


def clean_feed(feed: Feed) -> Feed:
    """The feed with a stranger's headers cut and made storable, and its error cut."""
    return replace(
        feed,
        source=clean(feed.source, ERROR_CHARS_MAX),
        etag=clean(feed.etag, HEADER_CHARS_MAX),
        last_modified=clean(feed.last_modified, HEADER_CHARS_MAX),
        error=clean(feed.error, ERROR_CHARS_MAX),
    )


def clean(text: str, chars: int) -> str:
    """`text` cut to `chars`, with what UTF-8 cannot hold written as escapes."""
    return text[:chars].encode("utf-8", "backslashreplace").decode()[:chars]


def check_policy(text: str) -> None:
    """Raises StoreError for a policy's text that is too long, or no text."""
    if len(text.encode(errors="surrogatepass")) > POLICY_BYTES_MAX:
        raise StoreError(
            f"A policy has more than {POLICY_BYTES_MAX} bytes.",
            next_step="Shorten the policy's document.",
        )


def check_token(token: Token, alike: Sequence[Token], *, distrusted: bool, now: datetime) -> None:
    """Raises StoreConflict where `alike` (same id, name or hash) leaves the token no place.

    A worker's name that is distrusted stays so: evidence under it would never be looked at.
    """
    for other in alike:
        if other.id == token.id or other.hash == token.hash:
            raise StoreConflict("There is such a token already.")
        if other.name == token.name and other.active(now):
            raise StoreConflict(
                f"There is an active token called {token.name} already.",
                next_step="Revoke it first, or choose another name.",
            )
    if distrusted and token.kind is TokenKind.WORKER:
        raise StoreConflict(
            f"The worker {token.name} is distrusted.", next_step="Choose another name."
        )


def check_setup(tokens: Iterable[Token], now: datetime, *, offered: bool) -> None:
    """Raises NotAllowed for a link that is not offered, StoreConflict where there is an admin."""
    if any(one.role is Role.ADMIN and one.active(now) for one in tokens):
        raise StoreConflict(
            "There is an admin already.", next_step="Sign in, or ask them for a token."
        )
    if not offered:
        raise NotAllowed(
            "This link is not, or no longer, the one that was printed.",
            next_step="Start Pratique again for a new one, or use `pratique token add`.",
        )


def check_last_admin(token: Token, tokens: Iterable[Token], now: datetime) -> None:
    """Raises StoreConflict where nobody would be left who may do what an admin may."""
    others = (one for one in tokens if one.id != token.id and one.role is Role.ADMIN)
    if token.role is Role.ADMIN and token.active(now) and not any(o.active(now) for o in others):
        raise StoreConflict(
            f"{token.name} is the last admin's token.",
            next_step="Make another admin's token first, or say that this is meant.",
        )


def pick_token(found: Sequence[Token], id_or_name: str, *, at: datetime) -> Token | None:
    """Which of `found`, oldest first, is meant: the id, else the active name, else its newest."""
    for token in found:
        if token.id == id_or_name:
            return token
    open_ones = [token for token in found if token.revoked_at is None]
    active = [token for token in open_ones if token.active(at)]
    candidates = active or open_ones or list(found)
    return candidates[-1] if candidates else None


def check_sweep(what: Keepable, before: datetime, *, now: datetime) -> None:
    """Raises ValueInvalid where what would go is too young, whatever anybody has set."""
    least = timedelta(days=EXPOSURE_DAYS if what is Keepable.FETCHES else 0)
    if before > now - least:
        raise ValueInvalid(
            f"Rows of the kind {what.value} stay for at least {least.days} days.",
            next_step="Name an earlier moment.",
        )


def check_policy_document(text: str, comment: str, newest: int, expected: int) -> None:
    """Raises StoreConflict where another policy came into force meanwhile, StoreError beyond a bound."""
    if len(text.encode()) > POLICY_BYTES_MAX:
        raise StoreError(f"A policy has at most {POLICY_BYTES_MAX} bytes.")
    if len(comment) > COMMENT_CHARS_MAX:
        raise StoreError(f"A comment has at most {COMMENT_CHARS_MAX} characters.")
    if newest != expected:
        raise StoreConflict(
            f"Policy {newest} is in force by now, and not {expected}.",
            next_step="Look at it first, then try again.",
        )
