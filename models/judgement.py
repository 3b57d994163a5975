"""What the proxy asks of the judge, and what it answers: one JSON line each over a local socket."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from models.artifact import ArtifactRef
from models.canonical import Digest
from models.decision import Decision, Override
from models.evidence import Evidence, Layer
from models.facts import Facts

JUDGE_LINE_BYTES_MAX = 4 * 1024 * 1024
"""Bytes of one line either way: evidence is at most 256 KiB, overrides and policy far less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeRequest:
    """A case to judge. `policy_toml` is the policy's text, so that the judge reads no file."""

    id: int
    ref: ArtifactRef
    as_of: datetime
    policy_toml: str
    facts: Facts | None = None
    evidence: Evidence | None = None
    overrides: tuple[Override, ...] = ()
    layers_off: tuple[Layer, ...] = ()
    analysis_failed: bool = False
    analysis_failures: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeReply:
    """The decision, or in `error` why there is none (the artifact then stays held)."""

    id: int
    decision: Decision | None = None
    error: str = ""
    model_digest: Digest | None = None
