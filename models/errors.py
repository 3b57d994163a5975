"""The one error tree: an exception means that Pratique failed, never that an artifact misbehaved.

What an artifact did (crash, timeout, attack) is Evidence; a refusal is a Decision. Every error
carries the operator's next step, so that the command line and the pages can print it.
"""

from __future__ import annotations

from dataclasses import dataclass


class PratiqueError(Exception):
    """Root of the tree. `next_step` is one plain sentence telling the operator what to do now."""

    def __init__(self, message: str, *, next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.message} {self.next_step}".strip()


class ValueInvalid(PratiqueError):
    """A value from outside (a name, a digest, a filename, a document) is not of its form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake in a document: `where` is a dotted key or `line N`, `suggestion` may be empty."""

    where: str
    message: str
    suggestion: str = ""

    def __str__(self) -> str:
        tail = f" ({self.suggestion})" if self.suggestion else ""
        return f"{self.where}: {self.message}{tail}"


class DocumentInvalid(PratiqueError):
    """A settings or policy document has mistakes; `problems` holds all of them at once."""

    def __init__(self, source: str, problems: tuple[Problem, ...], *, next_step: str = "") -> None:
        listing = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(
            f"{source} has {len(problems)} problem(s):\n{listing}", next_step=next_step
        )
        self.source = source
        self.problems = problems


class SettingsInvalid(DocumentInvalid):
    """The settings (file, environment, flags together) cannot be used."""


class PolicyInvalid(DocumentInvalid):
    """The policy document cannot be used; the policy in force before it stays in force."""


class LockInvalid(DocumentInvalid):
    """A lock file cannot be read whole; nothing of it was allowed."""


class OverrideInvalid(DocumentInvalid):
    """An override has mistakes, or asks for more than the policy grants."""


class ArtefactInvalid(PratiqueError):
    """A trained model or its card is missing, broken, or not what its digests say; it never scores."""


class UpstreamError(PratiqueError):
    """The index behind us did not give what was asked for."""


class UpstreamUnavailable(UpstreamError):
    """The upstream did not answer, answered late, or answered with a 5xx."""


class UpstreamNotFound(UpstreamError):
    """The upstream says that there is no such project or file."""


class UpstreamInvalid(UpstreamError):
    """The upstream answered with something that is not a page or file of the expected form."""


class UpstreamHashMismatch(UpstreamError):
    """Bytes do not have the sha256 that the index announced; they were thrown away."""


class ArtifactDamaged(UpstreamHashMismatch):
    """Stored bytes are no longer what they are called: a bad disk, or a hand in our folder."""


class UpstreamTooLarge(UpstreamError):
    """The upstream sent, or announced, more than the named bound allows."""


class FeedError(PratiqueError):
    """A feed of advisories could not be fetched or read; the records read before stay in force."""


class FeedInvalid(FeedError):
    """A feed is broken, or not what it was: none of it was taken."""


class StoreError(PratiqueError):
    """The store could not keep or give back a value."""


class StoreConflict(StoreError):
    """The write contradicts what is stored (another value under an immutable key)."""


class StoreSchemaNewer(StoreError):
    """The database was written by a newer Pratique."""


class LeaseLost(PratiqueError):
    """The lease does not exist, expired, or belongs to another worker."""


class CapabilityRefused(PratiqueError):
    """A lease asked for a file that is not in its resolved set."""


class ResolutionFailed(PratiqueError):
    """The requirements of an artifact could not be resolved on the upstream."""


class SandboxUnavailable(PratiqueError):
    """The sandbox daemon is not there, or this machine lacks what a box needs."""


class SandboxFailed(PratiqueError):
    """The sandbox broke for a reason that is ours, not the artifact's."""


class JudgeUnavailable(PratiqueError):
    """The judge process does not answer; unseen artifacts stay held."""


class JudgeRefused(PratiqueError):
    """The judge answered that it cannot judge this case; the artifact stays held."""


class NotAuthorised(PratiqueError):
    """The token is missing, unknown, revoked, expired, or of the wrong kind."""


class NotAllowed(PratiqueError):
    """Whoever asks is known, and their role does not suffice."""


class Overloaded(PratiqueError):
    """A named bound on holds, fetches, queue, disk or tries is reached; try again later.

    `retry_s`: seconds until it is worth trying again; 0 where nobody can tell.
    """

    def __init__(self, message: str, *, next_step: str = "", retry_s: int = 0) -> None:
        super().__init__(message, next_step=next_step)
        self.retry_s = retry_s
