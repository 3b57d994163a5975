"""What a look-alike name weighs: little by itself, more beside a second sign that is not the name.

Most names that resemble a popular one are honest; a name alone therefore holds nothing back
(ConfuGuard's lesson). What tells impostors from neighbours is what else is known of the project.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from analyzer.confusion.classes import Confusion
from analyzer.confusion.lookalike import Lookalike, TargetKind
from models.evidence import Severity

YOUNG_DAYS = 90
"""Days since the first upload; malicious projects live for days, seldom for weeks."""
ESTABLISHED_DAYS = 730
"""Days after which a project with a history is nobody's surprise: most squats are gone in a week."""
ESTABLISHED_RELEASES = 5
WEAK_DAYS = 365
"""Days after which only strong signs count: an old project without summary or second release was
left behind, and squats are not a year old."""
FEW_RELEASES = 2
"""Releases up to which there is no history."""
TOP_RANK = 2_000
"""Rank up to which a target is one that attackers pick; nine of ten known squats aim there."""
SUMMARY_CHARS_MIN = 20
"""Characters of a summary that says something of its own; shorter ones meet by chance."""

_SPACE = re.compile(r"\s+")
_FORGES = frozenset({"github.com", "gitlab.com", "bitbucket.org", "codeberg.org"})


class Sign(StrEnum):
    """Second signs; a name with none of them is a neighbour."""

    YOUNG = "young"
    SUMMARY_COPIED = "summary-copied"
    DESCRIPTION_COPIED = "description-copied"
    REPOSITORY_CLAIMED = "repository-claimed"
    """It names the target's repository as its own, under other owners."""
    EAGER_SINKS = "eager-sinks"
    FEW_RELEASES = "few-releases"
    NO_SUMMARY = "no-summary"
    NO_REPOSITORY = "no-repository"

    @property
    def strong(self) -> bool:
        """Whether it counts alone; of the others two are asked for."""
        return self not in {Sign.FEW_RELEASES, Sign.NO_SUMMARY, Sign.NO_REPOSITORY}


class Excuse(StrEnum):
    """Why a look-alike name is no sign."""

    SAME_OWNER = "same-owner"
    ESTABLISHED = "established"
    EXTENDS = "extends"
    """It is called after the target and depends on it: a plugin or wrapper."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What is known of a project beside its name. None: could not be asked; empty: there is none."""

    age_days: int | None = None
    """Whole days since the first upload, at the moment of judgement."""
    releases: int | None = None
    listed: bool = False
    """It is itself among the most downloaded."""
    summary: str | None = None
    description: str | None = None
    owners: frozenset[str] | None = None
    """Accounts that may publish, as the index calls them."""
    links: tuple[str, ...] | None = None
    """URLs that it states as its own."""
    requires: tuple[str, ...] | None = None
    """Requirement lines of the release in question."""
    eager_sinks: bool | None = None
    """Code that runs at build, start or import reaches the network, a process or dynamic code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """What came of it. `severity` None: there is nothing to report."""

    severity: Severity | None
    lookalike: Lookalike
    signs: tuple[Sign, ...] = ()
    excuse: Excuse | None = None


def weigh(lookalike: Lookalike, project: About, target: About) -> Weighed:
    """The weight of `lookalike`, given what is known of both projects.

    Neither what could not be asked nor what was not asked for is a sign.
    """
    excuse = _excuse(lookalike, project, target)
    signs = signs_of(project, target)
    if excuse in {Excuse.SAME_OWNER, Excuse.ESTABLISHED}:
        return Weighed(severity=None, lookalike=lookalike, signs=signs, excuse=excuse)
    if excuse is Excuse.EXTENDS:
        return Weighed(severity=Severity.INFO, lookalike=lookalike, signs=signs, excuse=excuse)
    return Weighed(severity=_severity(lookalike, signs), lookalike=lookalike, signs=signs)


def signs_of(project: About, target: About) -> tuple[Sign, ...]:
    """The second signs, in the order of their definition; of an old project the strong ones."""
    checks: dict[Sign, Callable[[], bool]] = {
        Sign.YOUNG: lambda: project.age_days is not None and project.age_days < YOUNG_DAYS,
        Sign.SUMMARY_COPIED: lambda: _copied(project.summary, target.summary),
        Sign.DESCRIPTION_COPIED: lambda: _copied(project.description, target.description),
        Sign.REPOSITORY_CLAIMED: lambda: bool(
            repositories(project.links) & repositories(target.links)
        ),
        Sign.EAGER_SINKS: lambda: project.eager_sinks is True,
        Sign.FEW_RELEASES: lambda: (
            project.releases is not None and project.releases <= FEW_RELEASES
        ),
        Sign.NO_SUMMARY: lambda: project.summary is not None and not project.summary.strip(),
        Sign.NO_REPOSITORY: lambda: project.links is not None and not project.links,
    }
    old = project.age_days is not None and project.age_days >= WEAK_DAYS
    return tuple(sign for sign, holds in checks.items() if (sign.strong or not old) and holds())


def repositories(links: tuple[str, ...] | None) -> frozenset[str]:
    """`host/owner/name` of every link to a repository on a public forge, in lower case."""
    found = set()
    for link in links or ():
        try:
            parts = urlsplit(link)
            host = (parts.hostname or "").removeprefix("www.")
        except ValueError:
            continue
        path = [part for part in parts.path.lower().split("/") if part]
        if host in _FORGES and len(path) >= 2:
            found.add(f"{host}/{path[0]}/{path[1].removesuffix('.git')}")
    return frozenset(found)


def _excuse(lookalike: Lookalike, project: About, target: About) -> Excuse | None:
    if project.owners and target.owners and project.owners & target.owners:
        return Excuse.SAME_OWNER
    if lookalike.kind is TargetKind.OWNED:
        return None  # how long a stranger has had the name of our own is no comfort
    old = project.age_days is not None and project.age_days >= ESTABLISHED_DAYS
    history = project.releases is not None and project.releases >= ESTABLISHED_RELEASES
    if old and (history or project.listed):
        return Excuse.ESTABLISHED
    named_after = lookalike.how in {Confusion.COMBINATION, Confusion.AFFIX, Confusion.NAMESPACE}
    if named_after and lookalike.target in required(project.requires):
        return Excuse.EXTENDS
    return None


def required(lines: tuple[str, ...] | None) -> frozenset[str]:
    """The normalised names of the projects that requirement lines name; odd lines name none."""
    names = set()
    for line in lines or ():
        try:
            names.add(canonicalize_name(Requirement(line).name))
        except InvalidRequirement:
            continue
    return frozenset(names)


def _severity(lookalike: Lookalike, signs: tuple[Sign, ...]) -> Severity:
    strong = sum(sign.strong for sign in signs)
    supported = strong > 0 or len(signs) >= 2
    prominent = lookalike.rank <= TOP_RANK
    if lookalike.kind is TargetKind.OWNED:
        return Severity.HIGH if supported else Severity.MEDIUM
    if not lookalike.near:
        usual = lookalike.family or lookalike.how is Confusion.NAMESPACE
        if strong > 1 or (strong and len(signs) >= 2 and not usual):
            return Severity.MEDIUM
        return Severity.INFO if usual or not supported else Severity.LOW
    if not supported:
        return Severity.LOW if prominent else Severity.INFO
    return Severity.HIGH if strong and len(signs) >= 2 and prominent else Severity.MEDIUM


def _copied(text: str | None, original: str | None) -> bool:
    mine, theirs = (_SPACE.sub(" ", one or "").strip().lower() for one in (text, original))
    return len(theirs) >= SUMMARY_CHARS_MIN and mine == theirs
