"""Who installed it: who has which bytes, what turned for the worse, and what to replace then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName
from packaging.version import InvalidVersion, Version

from models.artifact import ArtifactRef, Sha256, parse_project, parse_sha256
from models.decision import Decision
from models.errors import ValueInvalid
from models.evidence import Finding
from models.rotation import Rotation, rotation_of
from proxy.admin.access import Principal, Role
from proxy.store.installed_port import Holders, Worsened
from proxy.store.port import Store

HOLDERS_MAX = 1_000
"""Clients that one answer names, those who fetched last; the counts are of all."""
NAMES_CHARS_MAX = 250
"""Characters of a list of names in an event: a chat message, not a report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is asked about: some bytes, a project, or a release of it."""

    sha256: Sha256 | None = None
    project: NormalizedName | None = None
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """Who has what was asked about."""

    files: tuple[ArtifactRef, ...]
    """Refs with a decision; bytes that only a fetch record knows have none."""
    holders: Holders


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """Who has the bytes of a decision, and what they have to replace."""

    decision: Decision
    holders: Holders
    rotation: Rotation

    def facts(self) -> tuple[tuple[str, str], ...]:
        """The same as facts of an event; empty where nobody has it."""
        if not self.holders.count:
            return ()
        names = sorted({row.requester for row in self.holders.rows})
        groups = sorted({group for row in self.holders.rows for group in row.groups})
        facts = {
            "exposed_clients": str(self.holders.count),
            "exposed": _listed(names),
            "exposed_groups": _listed(groups),
            "replace": self.rotation.sentence()[:NAMES_CHARS_MAX],
        }
        return tuple((name, text) for name, text in facts.items() if text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """A file that was served and is not any more, with who has it."""

    worsened: Worsened
    exposure: Exposure


def parse_target(text: str) -> Target:
    """`text` as a sha256, `PROJECT` or `PROJECT==VERSION`. Raises ValueInvalid."""
    wanted = text.strip()
    if len(wanted) == 64 and "=" not in wanted:
        try:
            return Target(sha256=parse_sha256(wanted.lower()))
        except ValueInvalid:
            pass  # a name of 64 characters, perhaps
    try:
        requirement = Requirement(wanted)
        pins = list(requirement.specifier)
        version = str(Version(pins[0].version)) if pins else ""
    except (InvalidRequirement, InvalidVersion) as error:
        raise ValueInvalid(
            "That is neither a sha256 nor PROJECT or PROJECT==VERSION.",
            next_step="Write something like requests==2.32.5.",
        ) from error
    if len(pins) > 1 or any(pin.operator != "==" for pin in pins):
        raise ValueInvalid("Only one exact version can be looked up: PROJECT==VERSION.")
    return Target(project=parse_project(requirement.name), version=version)


async def who_installed(
    store: Store, by: Principal, target: Target, *, limit: int = HOLDERS_MAX
) -> Installed:
    """Who fetched what `target` means, under whatever name. Raises NotAllowed, StoreError."""
    by.require(Role.REVIEWER)
    if target.sha256 is not None:
        decided = await store.decisions_with(target.sha256)
        files = tuple(decision.ref for decision in decided)
        digests: Sequence[Sha256] = [target.sha256]
    else:
        of_project = await store.refs_of(target.project) if target.project else ()
        files = tuple(ref for ref in of_project if target.version in ("", ref.version))
        digests = sorted({ref.sha256 for ref in files})
    return Installed(files=files, holders=await store.holders(digests, limit=limit))


async def exposure_of(store: Store, decision: Decision, *, limit: int = HOLDERS_MAX) -> Exposure:
    """Who fetched the bytes of `decision` while they were served, and what they have to replace.

    Bytes do the same under every name, so whoever has them counts. Only what was served was ever
    fetched. Raises StoreError.
    """
    holders = await store.holders([decision.ref.sha256], limit=limit)
    return Exposure(
        decision=decision,
        holders=holders,
        rotation=rotation_of(await _findings(store, decision)),
    )


async def flips(
    store: Store,
    by: Principal,
    *,
    since: datetime,
    before: int = 0,
    limit: int = 100,
    holders: int = HOLDERS_MAX,
) -> tuple[Flip, ...]:
    """Files that turned for the worse from `since` on, newest first. Raises NotAllowed, StoreError."""
    by.require(Role.REVIEWER)
    found = await store.worsened(since=since, before=before, limit=limit)
    return tuple(
        [
            Flip(worsened=one, exposure=await exposure_of(store, one.decision, limit=holders))
            for one in found
        ]
    )


async def _findings(store: Store, decision: Decision) -> tuple[Finding, ...]:
    """What evidence and facts say: those of the decision, and the newest run where it is another."""
    ref = decision.ref
    found: list[Finding] = []
    if decision.evidence_digest is not None:
        evidence = await store.evidence(decision.evidence_digest)
        found += evidence.findings if evidence else ()
    latest = await store.latest_evidence(ref.sha256, ref.filename)
    found += latest.findings if latest else ()
    if decision.facts_digest is not None:
        facts = await store.facts(decision.facts_digest)
        found += facts.findings if facts else ()
    return tuple(found)


def _listed(names: Sequence[str]) -> str:
    """`a, b and 3 more`, as many as there is room for."""
    shown = ", ".join(names)
    if len(shown) <= NAMES_CHARS_MAX:
        return shown
    kept: list[str] = []
    for name in names:
        if len(", ".join([*kept, name])) > NAMES_CHARS_MAX:
            break
        kept.append(name)
    return f"{', '.join(kept)} and {len(names) - len(kept)} more"
