"""Which repositories a project's links claim, and whether they are the attested one."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from packaging.utils import NormalizedName, canonicalize_name

from analyzer.provenance.catalog import CLAIM_DIFFERS
from analyzer.provenance.publisher import Publisher, PublisherKind
from models.evidence import Finding, Severity
from models.popularity import rank_of

LINKS_MAX = 50
"""Links that are looked at; projects have a handful."""
_FORGES = {"github.com": PublisherKind.GITHUB, "gitlab.com": PublisherKind.GITLAB}
_NOT_OWNERS = frozenset({"sponsors", "orgs", "users", "features", "marketplace", "topics", "apps"})
"""First path segments on a forge that are no owner."""


def claimed_repositories(links: Iterable[str]) -> tuple[tuple[PublisherKind, str], ...]:
    """(forge, `owner/name` in lower case) of every link into a repository; each once, in order."""
    found: list[tuple[PublisherKind, str]] = []
    for link in list(links)[:LINKS_MAX]:
        repository = _repository(link)
        if repository is not None and repository not in found:
            found.append(repository)
    return tuple(found)


def claim_differs(
    project: NormalizedName, publisher: Publisher, claimed: Iterable[tuple[PublisherKind, str]]
) -> tuple[Finding, ...]:
    """A finding where links lead into repositories of that forge, and none to the attested owner."""
    names = [name for forge, name in claimed if forge is publisher.kind]
    owner = publisher.repository.lower().partition("/")[0]
    if not names or any(name.partition("/")[0] == owner for name in names):
        return ()
    borrowed = any(_is_another_popular_one(name, project) for name in names)
    severity = Severity.MEDIUM if borrowed else Severity.LOW
    return (CLAIM_DIFFERS.found(severity, place=f"{names[0]} / {publisher.repository}"[:300]),)


def _is_another_popular_one(repository: str, project: NormalizedName) -> bool:
    name = canonicalize_name(repository.rpartition("/")[2])
    return name != project and rank_of(name) is not None


def _repository(link: str) -> tuple[PublisherKind, str] | None:
    try:
        parts = urlsplit(link[:2000])
        host = (parts.hostname or "").removeprefix("www.")
    except ValueError:
        return None
    forge = _FORGES.get(host)
    path = [part for part in parts.path.lower().split("/") if part]
    if forge is None or len(path) < 2 or path[0] in _NOT_OWNERS:
        return None
    # GitLab's groups nest, and `-` ends the path of a project.
    end = 2 if forge is PublisherKind.GITHUB else path.index("-") if "-" in path else None
    name = "/".join(path[:end]).removesuffix(".git")
    return (forge, name) if name.isascii() and name.isprintable() else None
