"""`pratique trace`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import click
import msgspec
from packaging.metadata import parse_email
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from analyzer.tracefile import compact, read_trace
from models.artifact import Sha256, parse_sha256
from models.categories import Categories, categorise
from models.errors import StoreError, ValueInvalid
from models.evidence import TRACE_BYTES_MAX, Evidence
from models.phase import Phase
from models.research.qut_raw import safe_name
from models.research.qut_writer import TABLE, write_run
from models.trace import Event
from proxy.cli.options import settings_options
from proxy.cli.store import with_store
from proxy.privileges import become_owner_of, is_root, owner_of
from proxy.settings import Settings
from proxy.store.bounds import ROWS_MAX
from proxy.store.port import Store

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


class Format(StrEnum):
    """What `export` writes."""

    JSONL = "jsonl"
    QUT = "qut-dv25"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A trace, and what is known of the run that it is of."""

    name: str
    data: bytes
    evidence: Evidence | None = None
    metadata: bytes | None = None


@click.group()
def trace() -> None:
    """What the kernel saw of a run."""


@trace.command()
@click.argument("target", metavar="FILE|DECISION|SHA256")
@click.option(
    "--format",
    "form",
    type=click.Choice([form.value for form in Format]),
    default=Format.JSONL.value,
    show_default=True,
    help="jsonl: our events. qut-dv25: the dataset's six raw files and its row of 36 features.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="Folder to write to. Without it events, or the row, go to standard output.",
)
@click.option(
    "--phase",
    "phases",
    multiple=True,
    type=click.Choice([phase.value for phase in Phase if phase is not Phase.INVENTORY]),
    help="Only this phase; may be given more than once. QUT-DV25 saw P1 alone.",
)
@click.option("--everybody", is_flag=True, help="Also what our runner and pip did.")
@click.option(
    "--level", type=click.IntRange(0, 1), default=None, help="Label of the row: 1 is malicious."
)
@settings_options("data_dir")
def export(
    settings: Settings,
    target: str,
    form: str,
    out: Path | None,
    phases: Sequence[str],
    everybody: bool,
    level: int | None,
) -> None:
    """Write a stored trace in another form.

    FILE is a stored trace on disk (gzip of JSON lines); DECISION the id of a decision; SHA256 that of
    an artifact whose newest decision rests on a run.
    """
    if out is not None:
        _prepare(out, settings)
    stored = _stored(settings, target)
    wanted = {Phase(phase) for phase in phases} or set(Phase)
    events = [event for event in read_trace(stored.data) if event.phase in wanted]
    if Format(form) is Format.JSONL:
        files = {f"{safe_name(stored.name)}.jsonl": _json_lines(events)}
        shown = next(iter(files))
    else:
        categories = _categories(stored, events, wanted)
        files = write_run(
            stored.name,
            stored.name,
            categories if everybody else categories.of_artifact(),
            level=level,
        )
        shown = TABLE
    if out is None:
        click.echo(files[shown], nl=False)
        return
    _write(out, files)
    click.echo(f"Wrote {len(files)} file(s) to {out}.", err=True)


def _prepare(out: Path, settings: Settings) -> None:
    """Make the folder while we may: what a trace holds is only looked at as the store's owner."""
    if out.exists() or not is_root():
        return
    out.mkdir(parents=True, mode=0o755)
    owner = owner_of(settings.data_dir)
    os.chown(out, owner, owner)


def _write(out: Path, files: Mapping[str, str]) -> None:
    try:
        for name, text in files.items():
            path = out / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ValueInvalid(
            f"{out} cannot be written to: {error.strerror}.",
            next_step=f"Name a folder that does not exist yet, or one that uid {os.geteuid()} may change.",
        ) from error


def _stored(settings: Settings, target: str) -> Stored:
    path = Path(target)
    if path.is_file():
        if path.stat().st_size > TRACE_BYTES_MAX:
            raise ValueInvalid(f"{path} is larger than {TRACE_BYTES_MAX} bytes.")
        data = path.read_bytes()
        become_owner_of(settings.data_dir)
        return Stored(name=path.name.split(".")[0] or path.name, data=data)

    async def work(store: Store) -> Stored:
        return await _from_store(store, target)

    return with_store(settings, work)


async def _from_store(store: Store, target: str) -> Stored:
    if _SHA256.fullmatch(target):
        evidence = await _newest_evidence(store, parse_sha256(target.lower()))
    else:
        decision = await store.decision_by_id(target)
        if decision is None:
            raise StoreError(
                f"There is no decision {target!r}, and no file of that name.",
                next_step="`pratique decisions --json` shows their ids.",
            )
        digest = decision.evidence_digest
        evidence = None if digest is None else await store.evidence(digest)
    if evidence is None or evidence.trace_digest is None:
        raise StoreError(
            f"No trace is kept for {target}.",
            next_step="Only an artifact that was run has one; `pratique scan` tells how it went.",
        )
    data = await store.blob(evidence.trace_digest)
    if data is None:
        raise StoreError(f"The trace of {evidence.filename} is not in the store any more.")
    digest = evidence.metadata_digest
    metadata = None if digest is None else await store.blob(digest)
    return Stored(name=evidence.filename, data=data, evidence=evidence, metadata=metadata)


async def _newest_evidence(store: Store, sha256: Sha256) -> Evidence | None:
    for decision in await store.decisions(limit=ROWS_MAX):
        if decision.ref.sha256 == sha256:
            return await store.latest_evidence(sha256, decision.ref.filename)
    return None


def _categories(stored: Stored, events: Sequence[Event], wanted: set[Phase]) -> Categories:
    if stored.evidence is None:
        return categorise(events)
    return categorise(
        events,
        reports=[report for report in stored.evidence.phases if report.phase in wanted],
        dependencies=stored.evidence.dependencies,
        artifact=stored.evidence.filename,
        requirements=None if stored.metadata is None else _requirements(stored.metadata),
    )


def _requirements(metadata: bytes) -> Mapping[str, str]:
    """Normalised project → the requirement as core metadata states it; what is none is left out."""
    found = {}
    for text in parse_email(metadata)[0].get("requires_dist", ()):
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
        stated = f"{requirement.name}{extras}{requirement.specifier}"
        found[str(canonicalize_name(requirement.name))] = stated
    return found


def _json_lines(events: Sequence[Event]) -> str:
    encode = msgspec.json.Encoder().encode
    return "".join(encode(compact(event)).decode() + "\n" for event in events)
