"""The source repository that metadata claims, as `host/owner/name`; nobody has checked the claim."""

from __future__ import annotations

import re
from collections.abc import Iterable

FORGES = ("github.com", "gitlab.com", "codeberg.org", "bitbucket.org")
"""Hosts whose first two path segments are an owner and a repository."""
NOT_OWNERS = frozenset({"sponsors", "orgs", "apps", "marketplace", "features", "topics"})
"""First segments at forges that are no owner: funding links are common in metadata."""
CODE_LABELS = ("source", "repository", "code", "github", "gitlab", "homepage", "home")
"""Words in a Project-URL's label, the most telling first (PyPI's well-known labels)."""

_URL = re.compile(
    r"(?:git\+)?https?://(?:www\.)?(?P<host>[a-z0-9.-]{1,100})/"
    r"(?P<owner>[A-Za-z0-9_.-]{1,100})/(?P<name>[A-Za-z0-9_.-]{1,100})"
)


def claimed_repository(urls: Iterable[tuple[str, str]]) -> str:
    """Of (label, URL) pairs the repository that the best label names; empty: there is none."""
    found = [
        (_rank(label), place, repository)
        for place, (label, url) in enumerate(urls)
        if (repository := repository_of(url))
    ]
    return min(found)[2] if found else ""


def repository_of(url: str) -> str:
    """`host/owner/name`, lower case, of a URL at a known forge; empty for any other."""
    match = _URL.match(url.strip()[:400])
    if match is None or match["host"].lower() not in FORGES:
        return ""
    owner, name = match["owner"].lower(), match["name"].lower().removesuffix(".git")
    if owner in NOT_OWNERS or not name:
        return ""
    return f"{match['host'].lower()}/{owner}/{name}"


def _rank(label: str) -> int:
    plain = label.lower()
    ranks = (place for place, word in enumerate(CODE_LABELS) if word in plain)
    return next(ranks, len(CODE_LABELS))
