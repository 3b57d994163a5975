"""A page as clients may see it: marked by our decisions, its files behind our own URLs.

DESIGN.md's outcome table: nothing is hidden. A refused file is yanked with its one-line reason
where an open requirement can fall back on a servable release; else it is plainly listed, so that
the client asks for it and prints the reason. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from urllib.parse import urlsplit

import msgspec
from packaging.utils import NormalizedName

from models.artifact import (
    ArtifactKind,
    ArtifactRef,
    IndexName,
    Sha256,
    Stated,
    key_of,
    stated_in,
)
from models.decision import Action, Decision, HoldKind, ReasonCode
from models.errors import ValueInvalid
from models.reason import yank_reason
from proxy.index.passing import passed_file_keys, passed_meta, passed_page_keys
from proxy.simple.page import IndexFile, ProjectPage

CHECKING = "Being checked by pratique: try again in a minute."
"""The yank reason of an unseen file under policy `fallback`, where there is no decision to quote."""
DEPARTED = "The index lists this file no more since {}; pratique kept it, for it was approved."
"""The yank reason of a file that departed, where an open requirement can fall back on another."""
UPSTREAM_REASON_CHARS_MAX = 200
"""Characters kept of upstream's own yank reason: clients print it (FACTS.md 1.3)."""

PROVENANCE_SUFFIX = ".provenance"
"""Beside the file (PEP 740)."""
_ALONE = frozenset(
    {ReasonCode.OVERRIDE_DENY, ReasonCode.UNSUPPORTED_FILE, ReasonCode.RELEASE_SIBLING_BLOCKED}
)
"""Causes of a refusal that say nothing about the other files of the release."""
_FILES = "../../files/"
"""From a project page to the files; the rest of a file's URL is the key of its decision."""
_NO_METADATA: Mapping[Sha256, Sha256] = MappingProxyType({})


def guard_page(
    page: ProjectPage,
    *,
    index: IndexName,
    decisions: Mapping[str, Decision],
    as_of: datetime,
    fallback: bool,
    metadata: Mapping[Sha256, Sha256] = _NO_METADATA,
    origin: str = "",
) -> ProjectPage:
    """`page` with our marks and relative URLs.

    `decisions` are by `ArtifactRef.key`; a file that is not there is unseen. `metadata` maps a
    wheel's sha256 to that of its core metadata where we have it stored. `origin` is our own, for the
    one URL that must be whole (PEP 740); without a secure one no provenance is announced. Files
    without a sha256, or whose name belongs to another project, cannot be served under invariant 2
    and are left out.
    """
    listed = _one_of_a_name(
        [
            one
            for file in page.files
            if (one := _listed(file, index, page.name, decisions, as_of)) is not None
        ]
    )
    blocked = {
        one.stated.version: one.verdict
        for one in listed
        if one.verdict is not None and _condemns(one.verdict) and one.stated.version
    }
    open_ = [
        one.verdict
        for one in listed
        if not (one.file.is_yanked or one.file.departed_at)
        and one.stated.version not in blocked
        and one.stated.kind is not ArtifactKind.OTHER
    ]
    servable = any(_serves(verdict) for verdict in open_)
    # An installer may as well fall back to what nobody has judged: it is held, and judged, then.
    hopeful = servable or any(v is None or _is_unseen(v) for v in open_)
    secure = origin if is_secure(origin) else ""
    files = tuple(
        _guarded(
            one,
            yanked=_mark(
                one.file, one.verdict, blocked.get(one.stated.version), servable, hopeful, fallback
            ),
            metadata=metadata,
            origin=secure,
        )
        for one in listed
    )
    return replace(
        page,
        files=files,
        status_reason=_one_line(page.status_reason),
        extra=passed_page_keys(page.extra),
        extra_meta=passed_meta(page.extra_meta),
    )


def file_url(ref: ArtifactRef) -> str:
    """The file's URL relative to the project page; it carries all that finds the file again.

    Nothing that `parse_filename` lets through needs quoting in a path.
    """
    return _FILES + ref.key


def is_secure(origin: str) -> bool:
    """Whether `origin` is https, or on this machine: what PEP 740 lets a provenance URL name."""
    parts = urlsplit(origin)
    return parts.scheme == "https" or parts.hostname in {"localhost", "127.0.0.1", "::1"}


class _Listed(msgspec.Struct, frozen=True, gc=False):
    """A file that can be served, and what is decided of it."""

    file: IndexFile
    key: str
    stated: Stated
    verdict: Decision | None


def _listed(
    file: IndexFile,
    index: IndexName,
    project: NormalizedName,
    decisions: Mapping[str, Decision],
    as_of: datetime,
) -> _Listed | None:
    if file.sha256 is None:
        return None
    try:
        stated = stated_in(project, file.filename)
    except ValueInvalid:
        return None
    key = key_of(index, project, file.sha256, file.filename)
    decision = decisions.get(key)
    return _Listed(file, key, stated, decision and _current(decision, as_of))


def _one_of_a_name(listed: list[_Listed]) -> list[_Listed]:
    """What departed is there while it is served, and then in the place of what took its name."""
    if not any(one.file.departed_at for one in listed):
        return listed
    served = {
        (one.file.filename, bool(one.file.departed_at)) for one in listed if _serves(one.verdict)
    }
    kept = {name for name, departed in served if departed and (name, False) not in served}
    return [
        one
        for one in listed
        if (one.file.filename in kept) is bool(one.file.departed_at)
        and (not one.file.departed_at or _serves(one.verdict))
    ]


def _current(decision: Decision, as_of: datetime) -> Decision | None:
    """The decision, unless it is an approval that has run out: that file is unseen again."""
    if not decision.served:
        return decision
    expired = decision.expires_at is not None and decision.expires_at <= as_of
    return None if expired else decision


def _serves(decision: Decision | None) -> bool:
    return decision is not None and decision.served


def _condemns(decision: Decision) -> bool:
    """Whether the refusal taints the sibling files of the release."""
    causes: Collection[ReasonCode] = {reason.code for reason in decision.reasons}
    return decision.action is Action.DENY and not (_ALONE & set(causes))


def _mark(
    file: IndexFile,
    decision: Decision | None,
    sibling: Decision | None,
    servable: bool,
    hopeful: bool,
    fallback: bool,
) -> bool | str:
    """The `yanked` value. Upstream's own yank is never taken back; our reason goes first."""
    own = _one_line(file.yanked) or True if isinstance(file.yanked, str) else file.yanked
    if not hopeful:
        return own
    if file.departed_at is not None and not file.is_yanked:
        own = DEPARTED.format(file.departed_at.date())
    if decision is not None and not decision.served and not _is_unseen(decision):
        return yank_reason(decision)
    if sibling is not None and not _allowed_by_name(decision):
        return yank_reason(sibling)
    if servable and fallback and (decision is None or _is_unseen(decision)):
        return own if file.is_yanked else (yank_reason(decision) if decision else CHECKING)
    return own


def _is_unseen(decision: Decision) -> bool:
    return decision.action is Action.HOLD and decision.hold is HoldKind.ANALYSIS


def _allowed_by_name(decision: Decision | None) -> bool:
    """Whether a human said that this very file may go out, whatever its siblings did."""
    allows = {ReasonCode.OVERRIDE_ALLOW, ReasonCode.OVERRIDE_ALLOW_ABOVE_PROOF}
    return (
        decision is not None
        and decision.served
        and any(reason.code in allows for reason in decision.reasons)
    )


def _guarded(
    one: _Listed, *, yanked: bool | str, metadata: Mapping[Sha256, Sha256], origin: str
) -> IndexFile:
    file = one.file
    extra = passed_file_keys(file.extra) if file.extra else file.extra
    if origin and isinstance(file.extra.get("provenance"), str):
        # Upstream's own words behind our URL (PEP 740 wants a whole one): a redirect would pass us by.
        extra = {**extra, "provenance": f"{origin}/files/{one.key}{PROVENANCE_SUFFIX}"}
    return msgspec.structs.replace(
        file,
        url=_FILES + one.key,
        yanked=yanked,
        core_metadata=_core_metadata(one, metadata),
        extra=extra,
    )


def _core_metadata(one: _Listed, metadata: Mapping[Sha256, Sha256]) -> bool | str:
    """A hash that can be verified, or nothing: a wrong or missing file stops pip (FACTS.md 1.4).

    For wheels only: of an unjudged sdist nothing may go out (invariant 1).
    """
    if one.stated.kind is not ArtifactKind.WHEEL:
        return False
    if isinstance(one.file.core_metadata, str):
        return one.file.core_metadata
    digest = one.file.sha256
    return metadata.get(digest, False) if digest is not None else False


def _one_line(text: str) -> str:
    """Upstream's words on one printable line, cut: clients print them to a terminal."""
    cut = " ".join(text.split())[:UPSTREAM_REASON_CHARS_MAX]
    return "".join(char if char.isprintable() else "?" for char in cut)
