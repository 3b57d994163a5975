"""Who owns a project and what it says of itself, against what was seen with its release before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from analyzer.provenance.claims import claimed_repositories
from analyzer.reputation import catalog
from models.evidence import Finding, Severity
from models.facts import FactSignal

SILENT = timedelta(days=365)
"""A project without a release for so long has nobody who would miss its owner."""

FREE_MAIL = frozenset(
    {
        "163.com", "aol.com", "duck.com", "foxmail.com", "free.fr", "gmail.com", "gmx.de", "gmx.net",
        "googlemail.com", "hotmail.com", "icloud.com", "live.com", "mail.com", "mail.ru", "me.com",
        "msn.com", "naver.com", "outlook.com", "pm.me", "posteo.de", "proton.me", "protonmail.com",
        "qq.com", "tutanota.com", "web.de", "yahoo.com", "yandex.com", "yandex.ru", "ymail.com",
    }
)  # fmt: skip
"""Domains where anybody gets an address; the largest such hosts, not all."""
_FORGES = frozenset({"github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "sr.ht"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ownership:
    """What a project's document says today. Everything in it is untrusted text."""

    owners: tuple[str, ...]
    maintainers: tuple[str, ...] = ()
    organisation: str = ""
    links: tuple[str, ...] = ()
    author_mail: str = ""
    described: bool = False
    classifiers: int = 0
    version: str = ""
    """The release that links and description are those of: the newest."""

    @property
    def identity(self) -> tuple[str, ...]:
        """Who could publish by right of ownership; an organisation stands for its members."""
        own = (f"org:{self.organisation}",) if self.organisation else ()
        return tuple(sorted({*own, *self.owners}))


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnersSeen:
    """Owners as they were with an earlier file that is served here."""

    owners: tuple[str, ...]
    last_seen: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What comparing owners gave."""

    signals: tuple[FactSignal, ...] = ()
    findings: tuple[Finding, ...] = ()
    remember: bool = True
    """Whether today's owners are those of this file. Not so for one uploaded under the owners before."""


def told(now: Ownership) -> tuple[FactSignal, ...]:
    """The signals of a document."""
    return (
        # Of an organisation the index names no members: that is no project without owners.
        catalog.OWNERS.told(len(now.owners) or None),
        catalog.MAINTAINERS.told(len(now.maintainers)),
        catalog.ORGANISATION.told(bool(now.organisation)),
        catalog.HAS_REPOSITORY.told(_has_repository(now.links)),
        catalog.HAS_DESCRIPTION.told(now.described),
        catalog.CLASSIFIERS.told(now.classifiers),
        catalog.AUTHOR_MAIL.told(_mail_word(now.author_mail, now.links)),
    )


def bare(now: Ownership) -> tuple[Finding, ...]:
    """A finding where a project says nothing of itself."""
    return () if now.described or now.links else (catalog.BARE.found(),)


def compare_owners(
    now: Ownership, before: OwnersSeen | None, *, uploaded_at: datetime, silence: timedelta | None
) -> Compared:
    """What changed since `before`; nothing where there is no before, or the index names no owner.

    A file uploaded before `before` was last seen is those owners' file: nobody else's today.
    """
    identity = now.identity
    if not identity:
        return Compared(remember=False)
    if before is None:
        return Compared()
    added = sorted(set(identity) - set(before.owners))
    gone = sorted(set(before.owners) - set(identity))
    if not added and not gone:
        return Compared(
            signals=(catalog.OWNERS_ADDED.told(0), catalog.OWNERS_REMOVED.told(0)),
        )
    if uploaded_at <= before.last_seen:
        return Compared(remember=False)
    signals = (catalog.OWNERS_ADDED.told(len(added)), catalog.OWNERS_REMOVED.told(len(gone)))
    replaced = not set(identity) & set(before.owners)
    if replaced and silence is not None and silence >= SILENT:
        severity = Severity.HIGH
    else:
        severity = Severity.MEDIUM if added else Severity.INFO
    what = "all" if replaced else "added" if added else "removed"
    return Compared(signals=signals, findings=(catalog.OWNERS_CHANGED.found(severity, what=what),))


def latest(seen: Sequence[tuple[datetime, OwnersSeen]]) -> OwnersSeen | None:
    """The owners seen with the file that was uploaded last, of (upload time, owners) pairs."""
    return max(seen, key=lambda one: one[0])[1] if seen else None


def _has_repository(links: Iterable[str]) -> bool:
    return bool(claimed_repositories(links)) or any(_host(link) in _FORGES for link in links)


def _host(link: str) -> str:
    try:
        return (urlsplit(link[:2000]).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def _mail_word(address: str, links: Iterable[str]) -> str:
    domain = address.rpartition("@")[2].strip().strip('>"').lower()
    if "@" not in address or not domain:
        return "none"
    if domain in FREE_MAIL:
        return "free"
    hosts = {_host(link) for link in links} - _FORGES
    ours = any(host == domain or host.endswith("." + domain) for host in hosts)
    return "project" if ours else "other"
