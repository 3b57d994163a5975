"""`pratique audit`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from analyzer.clean import printable
from models.errors import ValueInvalid
from proxy.admin.access import Principal, Role
from proxy.admin.audit import (
    compare_with,
    export_audit,
    list_audit,
    read_lines,
    verify_rows,
)
from proxy.cli.options import settings_options
from proxy.cli.store import with_store_to_read
from proxy.keeping.archive import verify_whole
from proxy.settings import Settings
from proxy.store.audit_port import AuditLog
from proxy.store.port import AuditRow, Store

_READER = Principal(name="", role=Role.VIEWER)
"""Whoever can read the store's file; nothing is written."""
DETAIL_CHARS = 160
"""Characters of a detail in a list; an export has all."""
STDOUT = "-"


@click.group()
def audit() -> None:
    """The audit log: who decided and changed what. Two logs in one chain of hashes."""


log_option = click.option(
    "--log",
    type=click.Choice([log.value for log in AuditLog]),
    default=AuditLog.ALL.value,
    show_default=True,
    help="What gate and judge decided, what people changed, or both.",
)


@audit.command("list")
@log_option
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.option("--before", type=click.IntRange(0), default=0, help="Only below this number.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@settings_options("data_dir")
def list_(settings: Settings, log: str, limit: int, before: int, as_json: bool) -> None:
    """List the newest rows, newest first."""

    async def work(store: Store) -> tuple[AuditRow, ...]:
        return await list_audit(store, _READER, log=AuditLog(log), before=before, limit=limit)

    rows = with_store_to_read(settings, work)
    if as_json:
        for row in rows:
            click.echo(msgspec.json.encode(row).decode())
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("number", "at (UTC)", "actor", "action", "subject", "detail"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        cells = (
            *(str(row.number), f"{row.at:%Y-%m-%d %H:%M:%S}", row.actor, row.action),
            *(row.subject, printable(row.detail, DETAIL_CHARS)),
        )
        table.add_row(*(escape(printable(cell)) for cell in cells))
    Console().print(table)


@audit.command()
@log_option
@click.option("--since", metavar="WHEN", default=None, help="Rows from this date or time on (UTC).")
@click.option("--until", metavar="WHEN", default=None, help="Rows from before it.")
@click.option("--output", "-o", required=True, metavar="FILE", help="Write here; - is the output.")
@settings_options("data_dir")
def export(settings: Settings, log: str, since: str | None, until: str | None, output: str) -> None:
    """Write the audit log as JSON lines, each with its number, its hash and the hash before it.

    `pratique audit verify FILE` checks such a file without the store. Rows that were archived stand
    in their archives, which have the same form.
    """
    begin, end = _moment(since), _moment(until)

    async def work(store: Store) -> int:
        count = 0
        rows = export_audit(store, _READER, log=AuditLog(log), since=begin, until=end)
        async for page in rows:
            out.write(page)
            count += page.count(b"\n")
        return count

    with _opened(output) as out:
        count = with_store_to_read(settings, work)
    click.echo(f"{count} row(s) exported.", err=True)


@audit.command()
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--with-store", is_flag=True, help="Compare FILE with the store, row by row, too.")
@settings_options("data_dir")
def verify(settings: Settings, file: Path | None, with_store: bool) -> None:
    """Check that no row was changed or removed: of the store and its archives, or of an exported FILE.

    Rows that retention moved into archives in the data folder are read there, and the chain is
    followed from one to the next and on into the store.

    Exit code 1: the chain does not hold, and the first broken row, or the archive that is missing,
    cut or changed, is named.
    """
    if file is None:
        whole = with_store_to_read(
            settings, lambda store: verify_whole(store, _READER, settings.data_dir)
        )
        moved = ""
        if whole.archives:
            moved = f", {whole.archived} of them in {whole.archives} archive(s)"
        click.echo(f"The audit log holds: {whole.rows} row(s){moved}.")
        return
    with _readable(file) as source:
        found = verify_rows(read_lines(source))
    click.echo(
        f"The file holds: {found.rows} row(s), {found.first} to {found.last}; the last hash is "
        f"{found.hash}."
    )
    if found.left_out:
        spans = ", ".join(f"{first}–{last}" for first, last in found.gaps)
        click.echo(
            f"It leaves out {found.left_out} row(s) in between ({spans} …), of which it says nothing."
        )
    if with_store:
        with _readable(file) as source:
            rows = read_lines(source)
            shared = with_store_to_read(settings, lambda store: compare_with(store, _READER, rows))
        click.echo(f"{shared} row(s) are in the store, and equal.")


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter("write a date such as 2027-01-31, or a time") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


@contextmanager
def _opened(output: str) -> Iterator[BinaryIO]:
    """A new file, opened before root becomes the store's owner; what fails leaves none behind."""
    if output == STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(output)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError as error:
        raise ValueInvalid(
            f"{path} exists already.", next_step="Name another file; an export overwrites none."
        ) from error
    except OSError as error:
        raise ValueInvalid(f"{path} cannot be written: {error.strerror}.") from error
    with os.fdopen(descriptor, "wb") as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
        except BaseException as error:
            os.ftruncate(file.fileno(), 0)
            with suppress(OSError):
                path.unlink()
            if isinstance(error, OSError):
                raise ValueInvalid(f"{path} cannot be written: {error.strerror}.") from error
            raise


@contextmanager
def _readable(file: Path) -> Iterator[BinaryIO]:
    try:
        source = file.open("rb")
    except OSError as error:
        raise ValueInvalid(f"{file} cannot be read: {error.strerror}.") from error
    with source:
        yield source
