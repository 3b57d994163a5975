"""`pratique installed`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from analyzer.clean import printable
from models.clock import utc_now
from models.reason import reason_line
from proxy.admin.access import Principal, Role
from proxy.admin.installed import Flip, Installed, flips, parse_target, who_installed
from proxy.cli.options import settings_options
from proxy.cli.store import with_store_to_read
from proxy.settings import Settings
from proxy.store.installed_port import Holder
from proxy.store.port import Store

_READER = Principal(name="", role=Role.REVIEWER)
"""Whoever can read the store's file; nothing is written."""
HOLDERS_OF_A_FLIP = 20
"""Clients named for each file in the list of flips; `installed SHA256` names all."""


@click.command()
@click.argument("target", metavar="[SHA256|PROJECT[==VERSION]]", default="")
@click.option(
    "--flips", "turned", is_flag=True, help="Files that were served and are not any more."
)
@click.option(
    "--days", type=click.IntRange(1, 36_500), default=30, show_default=True, help="With --flips."
)
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="JSON; with --flips one object a line.")
@settings_options("data_dir")
def installed(
    settings: Settings, target: str, turned: bool, days: int, limit: int, as_json: bool
) -> None:
    """Show who fetched some bytes, a project or a release of it: which tokens, from where, when.

    With --flips: what was served and then was held or denied, who has it, and which secrets they
    have to replace. Exit code 4: somebody has one of them.
    """
    if turned is bool(target):
        raise click.UsageError("Name a sha256, a project or PROJECT==VERSION; or say --flips.")
    if turned:
        _flips(settings, days=days, limit=limit, as_json=as_json)
        return
    wanted = parse_target(target)

    async def work(store: Store) -> Installed:
        return await who_installed(store, _READER, wanted, limit=limit)

    found = with_store_to_read(settings, work)
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
        return
    holders = found.holders
    if not holders.count:
        click.echo("Nobody fetched it through this firewall.")
        return
    click.echo(f"{holders.count} client(s), {holders.fetches} fetch(es).")
    _table(holders.rows)
    if holders.count > len(holders.rows):
        click.echo(f"and {holders.count - len(holders.rows)} more (see --limit)")


def _flips(settings: Settings, *, days: int, limit: int, as_json: bool) -> None:
    since = utc_now() - timedelta(days=days)

    async def work(store: Store) -> tuple[Flip, ...]:
        return await flips(store, _READER, since=since, limit=limit, holders=HOLDERS_OF_A_FLIP)

    found = with_store_to_read(settings, work)
    for flip in found:
        if as_json:
            click.echo(msgspec.json.encode(_as_json(flip)).decode())
        else:
            _print(flip)
    if not found and not as_json:
        click.echo(f"Nothing that was served turned within {days} day(s).")
    if any(flip.exposure.holders.count for flip in found):
        raise click.exceptions.Exit(4)


def _print(flip: Flip) -> None:
    decision, exposure = flip.worsened.decision, flip.exposure
    click.echo(f"{flip.worsened.at:%Y-%m-%d %H:%M} UTC  {reason_line(decision)}")
    click.echo(
        f"  {printable(decision.ref.filename)}  {decision.ref.sha256}  decision {decision.id}"
    )
    if not exposure.holders.count:
        click.echo("  Nobody fetched it.\n")
        return
    click.echo(f"  {exposure.holders.count} client(s) have it:")
    _table(exposure.holders.rows)
    click.echo(f"  {exposure.rotation.sentence() or 'It was not seen to read or send a secret.'}\n")


def _table(rows: Iterable[Holder]) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("token", "groups", "address", "fetches", "first", "last", "sha256"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        cells = (
            *(row.requester, ", ".join(row.groups), row.address, str(row.fetches)),
            *(f"{row.first_at:%Y-%m-%d %H:%M}", f"{row.last_at:%Y-%m-%d %H:%M}"),
            f"{row.sha256[:12]}…",
        )
        table.add_row(*(escape(printable(cell)) for cell in cells))
    Console().print(table)


def _as_json(flip: Flip) -> dict[str, Any]:
    decision, rotation = flip.worsened.decision, flip.exposure.rotation
    return {
        "at": flip.worsened.at,
        "decision": decision.id,
        "served_by": flip.worsened.served.id if flip.worsened.served else None,
        "ref": decision.ref,
        "action": decision.action,
        "reason": reason_line(decision),
        "holders": flip.exposure.holders,
        "replace": {
            "anything": rotation.anything,
            "secrets": [
                {"kind": one.kind, "contact": one.contact, "words": one.words}
                for one in rotation.secrets
            ],
        },
    }
