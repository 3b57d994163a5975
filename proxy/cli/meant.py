"""What an argument means: a decision's id, a file's name or digest, a release, or a scan's JSON."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import msgspec
from packaging.version import InvalidVersion, Version

from analyzer.clean import printable
from models.artifact import Sha256, parse_project, project_of
from models.decision import DECISION_ID_CHARS, Decision
from models.errors import StoreError, ValueInvalid
from models.evidence import Evidence
from models.facts import Facts
from proxy.store.port import Store

SCAN_BYTES_MAX = 8 * 1024 * 1024
"""Bytes of a scan's JSON; its evidence is at most 256 KiB, its facts as large at most."""
NAMED_MAX = 10
"""Decisions that are named where an argument means several."""
LOOKED_AT_MAX = 10_000
"""Decisions of one project that are looked at."""

_ID = re.compile(rf"[a-z2-7]{{{DECISION_ID_CHARS}}}\Z")
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A decision, with what it rests on as far as that is known. The fields of a scan's JSON."""

    decision: Decision
    evidence: Evidence | None = None
    facts: Facts | None = None


def judged_in(path: Path) -> Judged:
    """What `pratique scan --json` wrote into a file. Raises ValueInvalid."""
    try:
        with path.open("rb") as file:
            data = file.read(SCAN_BYTES_MAX + 1)
    except OSError as error:
        raise ValueInvalid(f"{path} cannot be read: {error.strerror}.") from error
    if len(data) > SCAN_BYTES_MAX:
        raise ValueInvalid(f"{path} is longer than {SCAN_BYTES_MAX} bytes.")
    try:
        return msgspec.json.decode(data, type=Judged)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueInvalid(
            f"{path} does not hold one scan: {printable(str(error), 200)}.",
            next_step="`pratique scan FILE --json` writes one.",
        ) from error


async def judged_of(store: Store, target: str) -> Judged:
    """The one decision that `target` means, with its evidence and facts out of the store.

    Raises StoreError where it means none or several, and ValueInvalid where it is of no form.
    """
    decision = await decision_meant(store, target)
    evidence, facts = decision.evidence_digest, decision.facts_digest
    return Judged(
        decision=decision,
        evidence=await store.evidence(evidence) if evidence else None,
        facts=await store.facts(facts) if facts else None,
    )


async def decision_meant(store: Store, target: str) -> Decision:
    """The one decision that `target` means. Raises StoreError and ValueInvalid."""
    asked = target.strip()
    if _ID.match(asked.lower()):
        found = await store.decision_by_id(asked.lower())
        if found is not None:
            return found
    if _SHA256.match(asked.lower()):
        return _one(await store.decisions_with(Sha256(asked.lower())), asked)
    project = project_of(asked)
    if project is not None:
        alike = await store.decisions(limit=LOOKED_AT_MAX, project=project)
        return _one(tuple(one for one in alike if one.ref.filename == asked), asked)
    name, pinned, version = asked.partition("==")
    try:
        alike = await store.decisions(limit=LOOKED_AT_MAX, project=parse_project(name.strip()))
        wanted = str(Version(version.strip())) if pinned else ""
    except (ValueInvalid, InvalidVersion) as error:
        raise ValueInvalid(
            f"{printable(asked, 80)} is no decision, file or release.",
            next_step="Name a decision's id, a file, a sha256, `project==version`, or a scan's JSON.",
        ) from error
    return _one(tuple(one for one in alike if wanted in ("", one.ref.version)), asked)


def _one(alike: tuple[Decision, ...], asked: str) -> Decision:
    if not alike:
        raise StoreError(
            f"There is no decision {printable(asked, 80)!r} in this store.",
            next_step="`pratique decisions` shows what was decided.",
        )
    if len(alike) > 1:
        names = ", ".join(f"{one.id} ({one.ref.filename})" for one in alike[:NAMED_MAX])
        raise StoreError(
            f"{printable(asked, 80)} has {len(alike)} decisions: {names}.",
            next_step="Name one by its id.",
        )
    return alike[0]
