"""Every signal and finding of the reputation sources, with the reasons for its weight."""

from __future__ import annotations

from analyzer.factkinds import Direction, FindingKind, SignalKind
from models.evidence import Layer, Severity

HISTORY = "history"
"""The source that reads the project's page."""
OWNERSHIP = "ownership"
"""The source that reads the project's JSON document."""
_BETTER, _WORSE, _NEITHER = (
    Direction.MORE_IS_BETTER,
    Direction.MORE_IS_WORSE,
    Direction.NEITHER,
)


def _history(
    name: str, unit: str, direction: Direction, meaning: str, *, live_only: bool = False
) -> SignalKind:
    return SignalKind(
        name=f"history.{name}",
        unit=unit,
        source=HISTORY,
        layer=Layer.REPUTATION,
        live_only=live_only,
        direction=direction,
        meaning=meaning,
    )


def _ownership(name: str, unit: str, direction: Direction, meaning: str) -> SignalKind:
    # Owners, links and addresses are today's, and go when the project goes.
    return SignalKind(
        name=f"ownership.{name}",
        unit=unit,
        source=OWNERSHIP,
        layer=Layer.REPUTATION,
        live_only=True,
        direction=direction,
        meaning=meaning,
    )


# What was true when the file was uploaded stays true: these are kept for the dead as well.
AGE_AT_UPLOAD = _history(
    "project_age_days", "days", _BETTER, "From the project's first upload to this file's."
)
RELEASES_BEFORE = _history("releases_before", "releases", _BETTER, "Released before this one.")
GAP = _history(
    "gap_days", "days", _WORSE, "From the release before to this one; absent for a first release."
)
MEDIAN_GAP = _history(
    "median_gap_days", "days", _NEITHER, "The median gap between the releases before."
)
SAME_DAY = _history(
    "releases_in_24h",
    "releases",
    _WORSE,
    "Released in the 24 hours up to this file, itself among them.",
)
MAJOR_STEP = _history(
    "major_step", "versions", _WORSE, "How far the major version rises above any before."
)
FILES_LATE = _history(
    "days_into_release", "days", _WORSE, "From the release's first file to this one."
)
# What the index says today.
RELEASE_AGE = _history(
    "release_age_days", "days", _BETTER, "From this file's upload to the asking.", live_only=True
)
YANKED_PERCENT = _history(
    "yanked_percent", "percent", _WORSE, "Releases that are yanked as a whole.", live_only=True
)
NEWEST_YANKED = _history(
    "newest_yanked", "yes/no", _WORSE, "The newest release is yanked.", live_only=True
)
STATUS = _history(
    "status", "word", _NEITHER, "The index's own word for the project (PEP 792).", live_only=True
)
POPULARITY = _history(
    "popularity_rank",
    "rank",
    _WORSE,
    "By downloads, in the bundled list; absent: not on it.",
    live_only=True,
)

OWNERS = _ownership(
    "owners", "accounts", _BETTER, "Accounts with the role Owner; absent where none is named."
)
MAINTAINERS = _ownership("maintainers", "accounts", _NEITHER, "Accounts with the role Maintainer.")
ORGANISATION = _ownership(
    "organisation", "yes/no", _BETTER, "The project belongs to an organisation."
)
OWNERS_ADDED = _ownership(
    "owners_added", "accounts", _WORSE, "Owners since the release before that is served here."
)
OWNERS_REMOVED = _ownership("owners_removed", "accounts", _WORSE, "Owners no more since then.")
HAS_REPOSITORY = _ownership(
    "has_repository", "yes/no", _BETTER, "A link leads to a code repository."
)
HAS_DESCRIPTION = _ownership("has_description", "yes/no", _BETTER, "There is a description.")
CLASSIFIERS = _ownership("classifiers", "classifiers", _BETTER, "Trove classifiers.")
AUTHOR_MAIL = _ownership(
    "author_mail",
    "word",
    _NEITHER,
    "Whose domain the author's address has: project, free, other or none.",
)

SIGNALS = (
    AGE_AT_UPLOAD,
    RELEASES_BEFORE,
    GAP,
    MEDIAN_GAP,
    SAME_DAY,
    MAJOR_STEP,
    FILES_LATE,
    RELEASE_AGE,
    YANKED_PERCENT,
    NEWEST_YANKED,
    STATUS,
    POPULARITY,
    OWNERS,
    MAINTAINERS,
    ORGANISATION,
    OWNERS_ADDED,
    OWNERS_REMOVED,
    HAS_REPOSITORY,
    HAS_DESCRIPTION,
    CLASSIFIERS,
    AUTHOR_MAIL,
)


def _finding(
    source: str, id_: str, title: str, severity: Severity, rationale: str, technique: str = ""
) -> FindingKind:
    return FindingKind(
        id=id_,
        title=title,
        severity=severity,
        layer=Layer.REPUTATION,
        source=source,
        technique=technique,
        rationale=rationale,
    )


_SUPPLY = "T1195.002"  # Compromise Software Supply Chain

QUARANTINED = _finding(
    HISTORY,
    "index-quarantined",
    "The index has quarantined the project",
    Severity.HIGH,
    "PEP 792: the index itself takes the project for unsafe and asks that it be not installed. pip and "
    "uv ignore the word where files are still listed, so the file is held here.",
)
ARCHIVED = _finding(
    HISTORY,
    "project-archived",
    "The project is archived",
    Severity.INFO,
    "PEP 792: nothing new is to be expected. A fact for people, and no sign of harm.",
)
DEPRECATED = _finding(
    HISTORY,
    "project-deprecated",
    "The project is deprecated",
    Severity.INFO,
    "PEP 792: its owners advise against it. A fact for people, and no sign of harm.",
)
DORMANT_REVIVED = _finding(
    HISTORY,
    "dormant-revived",
    "The first release after years of silence",
    Severity.MEDIUM,
    "Abandoned projects are taken over by expired mail domains and leaked passwords (ctx in 2022, after "
    "seven years without a release). Honest ones wake up as well, so it is medium only after four years "
    "and while the release is younger than 30 days, low after two years, and nothing once the release "
    "has been out for half a year: hijacks are found within days or weeks.",
    _SUPPLY,
)
BURST = _finding(
    HISTORY,
    "release-burst",
    "Many releases within a day",
    Severity.LOW,
    "Attackers who work on a payload publish one release after another. So do honest beginners and "
    "builds that publish each commit, hence low: ten or more, and only where that is not the project's "
    "habit (median gap below a day) and the release is younger than 30 days.",
)
VERSION_JUMP = _finding(
    HISTORY,
    "version-jump",
    "The version jumps far ahead",
    Severity.LOW,
    "Whoever wants a resolver to prefer his file calls it 99 (dependency confusion, 2021). Low: a major "
    "version of 90 to 1899 that is 50 above every one before, or is the first. Dates are no jump.",
    "T1195.001",
)
LATE_FILE = _finding(
    HISTORY,
    "late-file",
    "A file was added to an old release",
    Severity.LOW,
    "A release that everybody has pinned can still grow a file, which installers then prefer. Honest "
    "projects add wheels for a new Python weeks later, hence low, and only where the file came half a "
    "year after the release and is itself younger than 30 days.",
    _SUPPLY,
)
OWNERS_CHANGED = _finding(
    OWNERSHIP,
    "owners-changed",
    "The project has other owners than before",
    Severity.HIGH,
    "Compared with the owners that were seen with the release before that is served here, and only for "
    "files uploaded since. High: none of the former owners is left and the project had been silent for a "
    "year, as where a project is bought or its owner's account is lost. Medium: an owner was added, or "
    "none is left. Info: some left.",
    _SUPPLY,
)
BARE = _finding(
    OWNERSHIP,
    "metadata-bare",
    "It has neither description nor any link",
    Severity.LOW,
    "Throw-away uploads seldom have either. Neither have some old or private projects, hence low.",
)

FINDINGS = (
    QUARANTINED,
    ARCHIVED,
    DEPRECATED,
    DORMANT_REVIVED,
    BURST,
    VERSION_JUMP,
    LATE_FILE,
    OWNERS_CHANGED,
    BARE,
)
