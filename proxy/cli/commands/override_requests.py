"""`pratique override`: asking for an exception, answering, prolonging, uses."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import click
import msgspec
from packaging.utils import NormalizedName
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from analyzer.clean import printable
from models.artifact import Sha256
from models.clock import utc_now
from models.decision import Override
from proxy.admin.access import Principal, Role, at_the_machine
from proxy.admin.exceptions import DAYS, Ask, Exceptions, Expiring, Terms, asked_words
from proxy.cli.commands.override import describe, existing, override
from proxy.cli.options import settings_options
from proxy.cli.store import with_store, with_store_to_read
from proxy.cli.times import parse_expiry
from proxy.log import configure_log
from proxy.policyfile import policy_in_force
from proxy.settings import Settings
from proxy.store.exceptions_port import OverrideRequest, OverrideUses, RequestState, Scope
from proxy.store.port import Store

SHOWN_CHARS = 200
"""Characters of a justification in a list."""
NEEDED = ("data_dir", "policy", "listen", "public_url")

actor_option = click.option("--actor", required=True, help="Who does this; it is audited.")


@click.command()
@click.argument("decision_id")
@click.option(
    "--scope",
    type=click.Choice([scope.value for scope in Scope]),
    default=Scope.FILE.value,
    show_default=True,
    help="This file alone, all files of its release, or its project.",
)
@click.option("--specifier", default="", help="Only these versions of the project.")
@click.option("--days", type=click.IntRange(1), default=DAYS, show_default=True, help="How long.")
@click.option("--justification", required=True, help="Why.")
@actor_option
@settings_options(*NEEDED)
def request(
    settings: Settings,
    decision_id: str,
    scope: str,
    specifier: str,
    days: int,
    justification: str,
    actor: str,
) -> None:
    """Ask that what the decision DECISION_ID refuses be let through.

    The id stands at the end of the reason that pip prints: https://…/v/DECISION_ID
    """
    ask = Ask(
        decision_id=decision_id,
        justification=justification,
        scope=Scope(scope),
        specifier=specifier,
        days=days,
    )

    async def work(store: Store) -> OverrideRequest:
        return await (await _exceptions(store, settings)).request(at_the_machine(actor), ask)

    made = with_store(settings, work)
    click.echo(f"Asked for {asked_words(made)}: request {made.id}, open until {_day(made)}.")


@click.command()
@click.option("--all", "everything", is_flag=True, help="Those that are over too.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@settings_options("data_dir")
def requests(settings: Settings, everything: bool, limit: int, as_json: bool) -> None:
    """List requests that wait for an answer, newest first."""
    state = None if everything else RequestState.OPEN

    async def work(store: Store) -> tuple[tuple[int, OverrideRequest], ...]:
        return await store.requests(state=state, limit=limit)

    rows = [row for _, row in with_store_to_read(settings, work)]
    if as_json:
        for row in rows:
            click.echo(msgspec.json.encode(row).decode())
        return
    if not rows:
        click.echo("No request waits." if not everything else "There is no request.")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("request", "state", "asked", "by", "for", "decision", "why"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        state_words = row.state.value + (f" by {row.decided_by}" if row.decided_by else "")
        cells = (
            *(row.id, state_words, f"{row.created_at:%Y-%m-%d %H:%M}", row.requester),
            *(f"{asked_words(row)}, {row.days} days", row.decision_id, row.justification),
        )
        table.add_row(*(escape(printable(cell, SHOWN_CHARS)) for cell in cells))
    Console().print(table)


@click.command()
@click.argument("request_id")
@click.option("--expires", metavar="WHEN", default=None, help="12h, 30d, 2w or a date.")
@click.option("--answer", default="", help="A word to whoever asked.")
@click.option("--above-proof", is_flag=True, help="It also beats a proof. Dangerous.")
@actor_option
@settings_options(*NEEDED, "upstream", "index_name")
def approve(
    settings: Settings,
    request_id: str,
    expires: str | None,
    answer: str,
    above_proof: bool,
    actor: str,
) -> None:
    """Approve the request REQUEST_ID: the override is made with it.

    It binds the files that exist now, and lasts for as many days as were asked for, or until
    --expires.
    """
    terms = Terms(
        expires_at=parse_expiry(expires, now=utc_now()) if expires else None,
        answer=answer,
        above_proof=above_proof,
    )

    async def work(store: Store) -> tuple[OverrideRequest, Override]:
        by = at_the_machine(actor)
        return await (await _exceptions(store, settings)).approve(by, request_id, terms)

    _, made = with_store(settings, work)
    click.echo(f"Added {made.id}: {describe(made)}. It binds {len(made.bound)} file(s).")


@click.command()
@click.argument("request_id")
@click.option("--answer", required=True, help="Why not.")
@actor_option
@settings_options(*NEEDED)
def refuse(settings: Settings, request_id: str, answer: str, actor: str) -> None:
    """Refuse the request REQUEST_ID."""

    async def work(store: Store) -> OverrideRequest:
        return await (await _exceptions(store, settings)).refuse(
            at_the_machine(actor), request_id, answer
        )

    click.echo(f"Refused {with_store(settings, work).id}.")


@click.command()
@click.argument("request_id")
@actor_option
@settings_options(*NEEDED)
def withdraw(settings: Settings, request_id: str, actor: str) -> None:
    """Take the request REQUEST_ID back."""

    async def work(store: Store) -> OverrideRequest:
        return await (await _exceptions(store, settings)).withdraw(
            at_the_machine(actor), request_id
        )

    click.echo(f"Withdrew {with_store(settings, work).id}.")


@click.command()
@click.argument("override_id")
@click.option("--expires", required=True, metavar="WHEN", help="12h, 30d, 2w or a date.")
@click.option("--justification", required=True, help="Why it is still needed.")
@actor_option
@settings_options(*NEEDED)
def extend(
    settings: Settings, override_id: str, expires: str, justification: str, actor: str
) -> None:
    """Prolong an override: one with the same scope and the same files takes its place."""
    moment = parse_expiry(expires, now=utc_now())

    async def work(store: Store) -> Override:
        return await (await _exceptions(store, settings)).extend(
            at_the_machine(actor), override_id, expires_at=moment, justification=justification
        )

    made = with_store(settings, work)
    click.echo(f"Added {made.id} in the place of {override_id}: {describe(made)}.")


@click.command()
@click.argument("override_id")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@settings_options("data_dir")
def uses(settings: Settings, override_id: str, as_json: bool) -> None:
    """Show how often an override was used, when, and by whom."""

    async def work(store: Store) -> OverrideUses:
        return await store.override_uses(override_id)

    found = with_store_to_read(settings, work)
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
        return
    click.echo(f"{found.decisions} decision(s), {found.fetches} fetch(es).")
    if found.first_at and found.last_at:
        click.echo(
            f"First {found.first_at:%Y-%m-%d %H:%M}, last {found.last_at:%Y-%m-%d %H:%M} UTC."
        )
    for use in found.by:
        groups = f" ({', '.join(use.groups)})" if use.groups else ""
        line = (
            f"{use.requester}{groups} at {use.address}: {use.fetches}, last {use.last_at:%Y-%m-%d}"
        )
        click.echo(f"  {printable(line)}")
    if found.clients > len(found.by):
        click.echo(f"  and {found.clients - len(found.by)} more")


@click.command("expiring")
@click.option(
    "--days", type=click.IntRange(1, 3650), default=7, show_default=True, help="How soon."
)
@settings_options(*NEEDED)
def expiring_(settings: Settings, days: int) -> None:
    """List overrides that end soon."""

    async def work(store: Store) -> tuple[Expiring, ...]:
        viewer = Principal(name="", role=Role.VIEWER)
        return await (await _exceptions(store, settings)).expiring(viewer, timedelta(days=days))

    rows = with_store_to_read(settings, work)
    if not rows:
        click.echo(f"No override ends within {days} day(s).")
    for row in rows:
        line = f"{row.override.id}  {describe(row.override)} — {row.override.justification}"
        click.echo(f"ends {row.ends_at:%Y-%m-%d %H:%M}  {printable(line)}")


async def _exceptions(store: Store, settings: Settings) -> Exceptions:
    configure_log(format_="json", file=Path(os.devnull), process="override")

    async def files(project: NormalizedName, specifier: str) -> tuple[Sha256, ...]:
        return await existing(store, settings, project, specifier)

    policy = await policy_in_force(store, settings.policy)
    return Exceptions(
        store,
        policy=lambda: policy,
        clock=utc_now,
        existing=files,
        origin=settings.origin,
    )


def _day(made: OverrideRequest) -> str:
    return f"{made.expires_at:%Y-%m-%d}"


for _command in (request, requests, approve, refuse, withdraw, extend, uses, expiring_):
    override.add_command(_command)
