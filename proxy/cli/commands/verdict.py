"""`pratique verdict`."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO

import click

from analyzer.clean import printable
from models.clock import utc_now
from models.decision import Decision
from models.errors import StoreError, ValueInvalid
from models.reason import reason_line
from policies.policy import Policy
from proxy.admin.access import at_the_machine
from proxy.admin.verdicts import record_export
from proxy.cli.meant import decision_meant
from proxy.cli.options import settings_options
from proxy.cli.store import with_store, with_store_to_read
from proxy.gate import Gate
from proxy.policyfile import policy_in_force
from proxy.settings import Settings
from proxy.store.port import Store
from proxy.verdicts.envelope import ENVELOPE_BYTES_MAX, EnvelopeRefused, seal, unseal
from proxy.verdicts.keys import key_id, make_pair, read_private, read_public
from proxy.verdicts.statement import (
    PAYLOAD_TYPE,
    StatementRefused,
    Verdict,
    check_subject,
    read_statement,
    statement_of,
)

FAILED_VERDICT = 3
"""Exit code: genuine, and the file was not let in, or no longer is."""
NOT_GENUINE = 4
"""Exit code: not signed by that key, changed, or about other bytes."""
CLOCKS_APART = timedelta(minutes=5)
"""How far ahead another machine's clock may be."""
MOMENT = "%Y-%m-%d %H:%M UTC"
CHUNK_BYTES = 1024 * 1024


@click.group()
def verdict() -> None:
    """Hand out decisions as signed statements, and check them.

    A verdict is an in-toto statement with a SLSA verification summary in a DSSE envelope: who
    decided, when, about which bytes, by which policy and evidence, and whether the file passed.
    Whoever has the public key can check it without this server.

    \b
    pratique verdict key verdict.pem
    pratique verdict export 7fk2m9qa3c --key verdict.pem --actor kim -o demo.verdict.json
    pratique verdict verify demo.verdict.json --key verdict.pem.pub demo-2.0-py3-none-any.whl
    """


@verdict.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def key(file: Path) -> None:
    """Make a key pair: FILE, which signs, and FILE.pub to hand out.

    FILE is readable by its owner alone. What is there already is never overwritten. Whoever has
    FILE can make verdicts in your name, so keep it off machines that need not sign.
    """
    public = make_pair(file)
    click.echo(f"Private key: {file} (keep it secret)")
    click.echo(f"Public key:  {public} (hand it out)")
    click.echo(f"Key id:      {key_id(read_public(public))}")


@verdict.command()
@click.argument("subject", metavar="DECISION|SHA256")
@click.option(
    "--key",
    "key_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The private key to sign with. Without it the bare statement is written, unsigned.",
)
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="Write here.")
@click.option("--verifier", metavar="URI", help="Who decided. Default: this server's public URL.")
@click.option("--actor", required=True, help="Who hands it out; it goes into the audit log.")
@settings_options("data_dir", "policy", "listen", "public_url")
def export(
    settings: Settings,
    *,
    subject: str,
    key_file: Path | None,
    output: Path | None,
    verifier: str | None,
    actor: str,
) -> None:
    """Write the verdict on a file, by the id of its decision or by its sha256.

    Only what is in force is exported: a decision that was replaced, or has ended, is refused. A
    file that is served gets PASSED, one that is held or denied FAILED, with the reasons. The same
    decision and key give the same bytes.

    A verdict cannot be called back, so the audit log says who handed out which: it is written there
    first, and without that row nothing is handed out.
    """
    signing = read_private(key_file) if key_file else None

    async def find(store: Store) -> Decision:
        return await in_force(store, subject, await policy_in_force(store, settings.policy))

    with nullcontext() if output is None else _opened(output) as out:
        decision = with_store_to_read(settings, find)
        name = verifier or settings.origin
        statement = statement_of(decision, verifier=name, version=version("pratique"))
        if signing is None:
            click.echo("Without --key it is not signed, and nobody can check it.", err=True)
        data = statement + b"\n" if signing is None else seal(statement, PAYLOAD_TYPE, signing)
        signer = "" if signing is None else key_id(signing.public_key())

        async def record(store: Store) -> None:
            await in_force(
                store, decision.id, await policy_in_force(store, settings.policy)
            )  # it may have been replaced since
            await record_export(
                store, at_the_machine(actor), decision, data, verifier=name, key=signer
            )

        # Opened to write only now: where nothing is to be handed out, no store is made or upgraded.
        with_store(settings, record)
        if out is None:
            click.echo(data, nl=False)
            return
        out.truncate()
        out.write(data)
    result = "PASSED" if decision.served else "FAILED"
    click.echo(f"{output}: {decision.ref.filename} {result} ({decision.id})", err=True)


@verdict.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument(
    "artifact", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option(
    "--key",
    "key_file",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The public key of whoever made the verdict.",
)
@click.option("--verifier", metavar="URI", help="Accept only what this one decided.")
@click.option(
    "--max-age",
    type=click.FloatRange(min=0, min_open=True),
    metavar="DAYS",
    help="Accept only what was decided within so many days.",
)
def verify(
    file: Path,
    artifact: Path | None,
    key_file: Path,
    verifier: str | None,
    max_age: float | None,
) -> None:
    """Check a verdict: its signature, its type, and whether it is about ARTIFACT.

    Without ARTIFACT only the verdict is checked, not a file. A key may sign for several verifiers:
    name the one that you trust with --verifier. A verdict cannot be called back: with --max-age an
    old one counts as ended.

    Exit code 0: genuine, and the file passed; 3: genuine, and it did not, or the verdict has ended;
    4: not genuine, or about other bytes; 1: something could not be read.
    """
    public = read_public(key_file)
    try:
        told = read_statement(unseal(_read(file), PAYLOAD_TYPE, public).payload)
        if verifier is not None and told.verifier != verifier:
            raise StatementRefused(f"It was decided by {printable(told.verifier, 200)}.")
        if told.time_verified > utc_now() + CLOCKS_APART:
            raise StatementRefused(
                f"It was decided on {told.time_verified:{MOMENT}}, later than now."
            )
        if artifact is not None:
            check_subject(told, _sha256_of(artifact))
    except (EnvelopeRefused, StatementRefused) as error:
        click.echo(f"NOT GENUINE: {printable(error.message, 1000)}", err=True)
        if error.next_step:
            click.echo(f"Next: {error.next_step}", err=True)
        sys.exit(NOT_GENUINE)
    for line in lines_of(told, checked=artifact is not None):
        click.echo(line)
    old = max_age is not None and told.time_verified <= utc_now() - timedelta(days=max_age)
    ended = old or (told.expires is not None and told.expires <= utc_now())
    if ended:
        click.echo("It has ended: ask for a new one.", err=True)
    if ended or not told.passed:
        sys.exit(FAILED_VERDICT)


async def in_force(store: Store, subject: str, policy: Policy) -> Decision:
    """The decision that is meant, if the door would act on it now. Raises StoreError.

    What a sibling's proof, a revoked override or worker holds back is asked of the gate, as every
    request for the file would be.
    """
    found = await decision_meant(store, subject)
    current = await store.decision_of(found.ref)
    if current is None or current.digest != found.digest:
        now = f" {current.id} is in force." if current else ""
        raise StoreError(
            f"The decision {found.id} was replaced.{now}",
            next_step="Export that one; `pratique replay` looks at old ones.",
        )
    moment = utc_now()
    if found.expires_at is not None and found.expires_at <= moment:
        raise StoreError(
            f"The decision {found.id} ended on {found.expires_at:%Y-%m-%d %H:%M} UTC.",
            next_step="It is derived again while `pratique serve` runs.",
        )
    gate = Gate(store=store, policy=lambda: policy, clock=utc_now)
    await gate.load(found.ref.index, found.ref.project)
    answered = gate.decide(found.ref, requester="", as_of=moment)
    if answered.action is not found.action:
        raise StoreError(
            f"The decision {found.id} says {found.action.value}, and the door now says "
            f"{answered.action.value}: {reason_line(answered)}",
            next_step="It is derived again while `pratique serve` runs.",
        )
    return found


def lines_of(told: Verdict, *, checked: bool) -> tuple[str, ...]:
    """A genuine verdict for people; its texts are somebody else's, and made printable."""
    result = "PASSED" if told.passed else "FAILED"
    about = "the file has these bytes" if checked else "no file was compared"
    by = f"decided by {printable(told.verifier, 200)} on {told.time_verified:{MOMENT}}"
    standing = [printable(told.tier or "no tier", 40)]
    standing += [f"trust score {told.score}"] if told.score is not None else []
    standing += ["by an override"] if told.override else []
    standing += [f"until {told.expires:{MOMENT}}"] if told.expires else []
    return (
        f"GENUINE {result}: {printable(told.filename, 200)}",
        f"  sha256 {told.sha256}: {about}",
        f"  {by} ({printable(told.decision_id, 40)})",
        f"  {', '.join(standing)}",
        *(f"  {printable(one, 300)}" for one in told.reasons),
    )


@contextmanager
def _opened(output: Path) -> Iterator[BinaryIO]:
    """The file to write, opened before root's privileges are given up; what is in it stays so far.

    One that was made here goes again where nothing could be written into it.
    """
    new = not output.exists()
    try:
        file = os.fdopen(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644), "wb")
    except OSError as error:
        raise ValueInvalid(f"{output} cannot be written: {error.strerror}.") from error
    with file:
        try:
            yield file
        except BaseException:
            if new:
                with suppress(OSError):  # the folder may be root's, which we are no more
                    output.unlink()
            raise


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as source:
            return source.read(ENVELOPE_BYTES_MAX + 1)
    except OSError as error:
        raise ValueInvalid(f"{file} cannot be read: {error.strerror}.") from error


def _sha256_of(artifact: Path) -> str:
    digest = hashlib.sha256()
    try:
        with artifact.open("rb") as source:
            while chunk := source.read(CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        raise ValueInvalid(f"{artifact} cannot be read: {error.strerror}.") from error
    return digest.hexdigest()
