"""What a release does, normalised so that two releases can be compared: acts, and what changed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from models.artifact import Sha256
from models.canonical import Digest
from models.phase import Phase, Text

ACTS_MAX = 400
"""Acts of one profile; an honest release has some dozens."""


class ActKind(StrEnum):
    """What an act touches."""

    HOST = "host"
    """A host name looked up or contacted; an address where there was no name."""
    EXECUTABLE = "executable"
    WRITTEN = "written"
    """A path outside of the package's own folders that was made, changed or removed."""
    DECOY = "decoy"
    """A planted thing that was read or changed, by its kind."""
    CALL = "call"
    """A call that few packages make (ptrace, memfd, setsid …), made or refused."""
    LISTENS = "listens"
    START_HOOK = "start-hook"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Act:
    """One thing done in one phase. `value` is normalised: no version, random part or pid in it."""

    kind: ActKind
    phase: Phase
    value: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class BehaviourProfile:
    """Everything notable that one release was seen to do, sorted; at most ACTS_MAX acts."""

    acts: tuple[Act, ...] = ()
    left_out: int = 0
    """Acts beyond the bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What a release is compared with: the last approved one of its project."""

    filename: Text
    sha256: Sha256
    evidence_digest: Digest
    profile: BehaviourProfile
    phases: tuple[Phase, ...] = ()
    """The phases it was seen in, so that one it never ran is not compared; empty: all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What this release does that the baseline did not, and the other way round."""

    since: Text
    """The baseline's filename."""
    since_sha256: Sha256
    since_evidence: Digest
    added: tuple[Act, ...] = ()
    gone: tuple[Act, ...] = ()
