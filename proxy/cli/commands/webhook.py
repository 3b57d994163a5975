"""`pratique webhook`."""

from __future__ import annotations

import secrets
import sys

import click

from analyzer.clean import printable
from models.clock import utc_now
from proxy.admin.access import Principal, Role
from proxy.admin.events import EventKind
from proxy.admin.webhooks import ShownWebhook, Webhooks
from proxy.cli.options import settings_options
from proxy.cli.store import with_store
from proxy.settings import Settings
from proxy.store.port import Store
from proxy.store.telling_port import Delivery, Template, Webhook
from proxy.telling.sending import HttpSender, Outcome

FAILED = 3
"""Exit code where a test did not arrive."""
KINDS = [kind.value for kind in EventKind if kind is not EventKind.TEST]


@click.group()
def webhook() -> None:
    """Webhooks: who is told, by HTTP, of what happens here."""


@webhook.command()
@click.argument("name")
@click.argument("url")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(KINDS),
    help="Only events of this kind; may be given again. Default: all.",
)
@click.option(
    "--template",
    type=click.Choice([template.value for template in Template]),
    default=Template.JSON.value,
    show_default=True,
    help="The form: plain JSON, or a message for a chat.",
)
@click.option(
    "--allow-private",
    is_flag=True,
    help="The receiver may lie on this machine or in a private network, and may speak plain http.",
)
@click.option("--actor", required=True, help="Who adds it; it goes into the audit log.")
@settings_options("data_dir")
def add(
    settings: Settings,
    name: str,
    url: str,
    kinds: tuple[str, ...],
    template: str,
    allow_private: bool,
    actor: str,
) -> None:
    """Add a webhook called NAME and print its signing secret, once.

    A chat's URL is a secret: with '-' as URL it is read from standard input, and stands in no
    shell's history.
    """
    if url == "-":
        url = sys.stdin.readline(4_096).strip()

    async def work(store: Store) -> Webhook:
        return await _of(store).add(
            _admin(actor),
            name=name,
            url=url,
            kinds=[EventKind(kind) for kind in kinds],
            template=Template(template),
            allow_private=allow_private,
        )

    made = with_store(settings, work)
    click.echo(made.secret)
    click.echo(
        "This secret verifies signatures (Standard Webhooks); it is shown only now.", err=True
    )
    click.echo(f"Try it: pratique webhook test {made.name} --actor {actor}", err=True)


@webhook.command("list")
@settings_options("data_dir")
def list_(settings: Settings) -> None:
    """List webhooks: never their secrets, and of their URLs the host."""

    async def work(store: Store) -> tuple[ShownWebhook, ...]:
        return await _of(store).shown(_admin("command line"))

    rows = with_store(settings, work)
    if not rows:
        click.echo("There is no webhook.")
    for row in rows:
        kinds = ", ".join(kind.value for kind in row.kinds) or "all events"
        private = "  (private addresses allowed)" if row.allow_private else ""
        click.echo(f"{row.name}  {row.template.value}  {printable(row.url)}  {kinds}{private}")


@webhook.command()
@click.argument("name")
@click.option("--actor", required=True, help="Who removes it; it goes into the audit log.")
@settings_options("data_dir")
def remove(settings: Settings, name: str, actor: str) -> None:
    """Remove a webhook, with all that waits to be delivered to it."""

    async def work(store: Store) -> ShownWebhook:
        return await _of(store).remove(_admin(actor), name)

    click.echo(f"Removed {with_store(settings, work).name}.")


@webhook.command()
@click.argument("name")
@click.option("--actor", required=True, help="Who tries it; the message names them.")
@settings_options("data_dir")
def test(settings: Settings, name: str, actor: str) -> None:
    """Send a test to a webhook now, and say how that went.

    Exit code 0: it arrived; 3: it did not.
    """

    async def work(store: Store) -> Outcome:
        sender = HttpSender(clock=utc_now)
        try:
            return await _of(store).test(_admin(actor), name, sender=sender)
        finally:
            await sender.close()

    outcome = with_store(settings, work)
    if not outcome.arrived:
        click.echo(f"It did not arrive: {outcome.error}.", err=True)
        sys.exit(FAILED)
    click.echo(f"It arrived: HTTP {outcome.status}, after {outcome.duration_ms} ms.")


@webhook.command()
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1_000))
@settings_options("data_dir")
def dead(settings: Settings, limit: int) -> None:
    """List dead letters: deliveries that are not tried again by themselves, the newest first."""

    async def work(store: Store) -> tuple[tuple[str, Delivery], ...]:
        return await _of(store).dead(_admin("command line"), limit=limit)

    rows = with_store(settings, work)
    if not rows:
        click.echo("There is no dead letter.")
    for name, one in rows:
        at = f"{one.event.at:%Y-%m-%d %H:%M}"
        click.echo(
            f"{one.number}  {name}  {at}  {one.event.kind.value}  "
            f"{printable(one.event.subject, 60)}  after {one.attempts} attempts: {one.error}"
        )


@webhook.command()
@click.argument("numbers", nargs=-1, type=click.IntRange(1))
@click.option("--all", "everything", is_flag=True, help="All dead letters.")
@click.option("--actor", required=True, help="Who does it; it goes into the audit log.")
@settings_options("data_dir")
def retry(settings: Settings, numbers: tuple[int, ...], everything: bool, actor: str) -> None:
    """Try dead letters again, by the numbers that `dead` lists."""
    if bool(numbers) is everything:
        raise click.UsageError("Name dead letters by their numbers, or say --all.")

    async def work(store: Store) -> int:
        return await _of(store).retry(_admin(actor), None if everything else numbers)

    click.echo(f"{with_store(settings, work)} delivery(s) will be tried again.")


def _of(store: Store) -> Webhooks:
    return Webhooks(store, clock=utc_now, random_bytes=secrets.token_bytes)


def _admin(actor: str) -> Principal:
    """At the machine itself, the file system says who may."""
    return Principal(name=actor, role=Role.ADMIN)
