"""Human exceptions: which of them speaks about a file at a moment, and whether one may be made."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from packaging.utils import canonicalize_name

from models.artifact import ArtifactRef
from models.decision import Override, OverrideAction
from models.errors import Problem
from policies.policy import Policy
from policies.rules.names import contains


def in_scope(override: Override, ref: ArtifactRef) -> bool:
    """Whether `override` is about `ref`, at whatever time.

    Where a specifier or a version cannot be read, a deny is about the file and an allow is not.
    """
    if override.project is None and override.sha256 is None:
        return False
    if override.project is not None and canonicalize_name(override.project) != ref.project:
        return False
    if override.sha256 is not None and override.sha256 != ref.sha256:
        return False
    if override.action is OverrideAction.ALLOW and not _binds(override, ref):
        return False
    if not override.specifier:
        return True
    inside = contains(override.specifier, ref.version)
    return override.action is OverrideAction.DENY if inside is None else inside


def ends_at(override: Override, policy: Policy) -> datetime:
    """When it ends: an allow lasts no longer than policy lets it."""
    if override.action is OverrideAction.DENY:
        return override.expires_at
    longest = override.created_at + timedelta(days=policy.override_days_max)
    return min(override.expires_at, longest)


def active(override: Override, policy: Policy, as_of: datetime) -> bool:
    """Whether it is in force at `as_of` under `policy`."""
    return override.active(as_of) and as_of < ends_at(override, policy)


def speaking(
    overrides: Iterable[Override],
    action: OverrideAction,
    ref: ArtifactRef,
    policy: Policy,
    as_of: datetime,
) -> Override | None:
    """The override of `action` that speaks about `ref` at `as_of`.

    Of several, one above proof goes first, then the one that lasts longest, then the lowest id.
    """
    candidates = [
        override
        for override in overrides
        if override.action is action and active(override, policy, as_of) and in_scope(override, ref)
    ]
    return min(
        candidates,
        key=lambda o: (not o.above_proof, -ends_at(o, policy).timestamp(), o.id),
        default=None,
    )


def next_begin(overrides: Iterable[Override], ref: ArtifactRef, as_of: datetime) -> datetime | None:
    """When the next override about `ref` comes into force, of those that are not yet."""
    return min(
        (
            override.created_at
            for override in overrides
            if override.revoked_at is None
            and as_of < override.created_at < override.expires_at
            and in_scope(override, ref)
        ),
        default=None,
    )


def problems_of(override: Override, policy: Policy) -> tuple[Problem, ...]:
    """What policy has against a new override; empty: nothing."""
    found = []

    def note(where: str, message: str, suggestion: str = "") -> None:
        found.append(Problem(where=where, message=message, suggestion=suggestion))

    if override.project is None and override.sha256 is None:
        note("scope", "names neither a project nor a sha256")
    if override.specifier and override.project is None:
        note("specifier", "needs a project beside it")
    if override.specifier and contains(override.specifier, "1.0") is None:
        note("specifier", "is not a version specifier", 'write it like ">=2,<3"')
    if not override.actor.strip():
        note("actor", "is empty")
    if not override.justification.strip():
        note("justification", "is empty")
    if override.expires_at <= override.created_at:
        note("expires", "lies in the past")
    if ends_at(override, policy) < override.expires_at:
        note("expires", f"is more than {policy.override_days_max} days away")
    if override.above_proof and not policy.override_above_proof:
        note("above_proof", "is not allowed by policy")
    if override.above_proof and override.action is OverrideAction.DENY:
        note("above_proof", "means nothing for a deny")
    return tuple(found)


def _binds(override: Override, ref: ArtifactRef) -> bool:
    return override.future or override.sha256 == ref.sha256 or ref.sha256 in override.bound
