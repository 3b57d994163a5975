"""Who published a file, as a value to compare and to remember."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from analyzer.clean import printable

WORD_CHARS_MAX = 200
"""Characters of any part of a publisher; GitHub allows 39 for an owner and 100 for a repository."""
Word = Annotated[str, Meta(max_length=WORD_CHARS_MAX)]


class PublisherKind(StrEnum):
    """Whose workload identity signed (PyPI, Trusted Publishers)."""

    GITHUB = "GitHub"
    GITLAB = "GitLab"
    GOOGLE = "Google"
    CIRCLECI = "CircleCI"


@dataclass(frozen=True, slots=True, kw_only=True)
class Publisher:
    """One publisher. What its kind does not have is empty."""

    kind: PublisherKind
    repository: Word = ""
    """`owner/name`; for CircleCI `host/owner/name`."""
    repository_id: Word = ""
    """The forge's own number: it stays when a repository is renamed, and is never given again."""
    owner_id: Word = ""
    workflow: Word = ""
    """File name (GitHub), path (GitLab), or pipeline (CircleCI)."""
    environment: Word = ""
    """Stated by the index, not signed."""
    ref: Word = ""
    """Branch or tag, such as `refs/tags/v1.0`; another one with every release."""
    account: Word = ""
    """Google: the e-mail address of the service account."""

    @property
    def words(self) -> str:
        """In a line, such as `GitHub pypa/sampleproject release.yml`; hostile text, made printable."""
        parts = (self.kind.value, self.repository, self.account, self.workflow)
        return printable(" ".join(part for part in parts if part))
