"""`pratique token`."""

from __future__ import annotations

import click

from models.clock import utc_now
from proxy.admin.access import Role, at_the_machine
from proxy.admin.tokens import Ended, create_token, revoke_token
from proxy.cli.options import settings_options
from proxy.cli.store import with_store
from proxy.cli.times import parse_expiry
from proxy.settings import Settings
from proxy.store.port import Store, Token, TokenKind


@click.group()
def token() -> None:
    """Tokens for clients (pip, uv, Poetry) and workers."""


@token.command()
@click.argument("kind", type=click.Choice([kind.value for kind in TokenKind]))
@click.argument("name")
@click.option(
    "--expires", metavar="WHEN", default=None, help="12h, 30d, 2w or a date. Default: never."
)
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    default=Role.INSTALLER.value,
    show_default=True,
    help="What it opens beside the index: viewer sees the pages, requester asks for exceptions, "
    "reviewer decides, admin does all.",
)
@click.option(
    "--group", "groups", multiple=True, help="A group of clients it belongs to; may be given again."
)
@click.option(
    "--person",
    default="",
    help="Whose it is. Default: NAME. Two tokens of one person count as one where policy wants two.",
)
@click.option("--actor", required=True, help="Who adds it; it goes into the audit log.")
@settings_options("data_dir")
def add(
    settings: Settings,
    kind: str,
    name: str,
    expires: str | None,
    role: str,
    groups: tuple[str, ...],
    person: str,
    actor: str,
) -> None:
    """Add a token called NAME and print its secret, once.

    \b
    A client uses it as the password, with any user name:
      pip install --index-url https://any:SECRET@host/simple/ requests
    A worker reads it from a file:
      pratique worker --server https://host --token-file FILE
    A person signs in at https://host/login with one of the role viewer or above.
    """
    now = utc_now()
    moment = parse_expiry(expires, now=now) if expires else None

    async def work(store: Store) -> tuple[str, Token]:
        return await create_token(
            store,
            at_the_machine(actor),
            name=name,
            kind=TokenKind(kind),
            role=Role(role),
            groups=groups,
            person=person,
            expires_at=moment,
            clock=lambda: now,
        )

    secret, minted = with_store(settings, work)
    click.echo(secret)
    click.echo("This secret is shown only now; only its hash is stored.", err=True)
    if minted.kind is TokenKind.CLIENT and minted.role is Role.INSTALLER:
        click.echo(
            "If it is the first client token, restart `pratique serve` to ask for it.", err=True
        )


@token.command("list")
@settings_options("data_dir")
def list_(settings: Settings) -> None:
    """List tokens: never their secrets."""

    async def work(store: Store) -> tuple[Token, ...]:
        return await store.tokens()

    now = utc_now()
    for row in with_store(settings, work):
        state = "active" if row.active(now) else "revoked" if row.revoked_at else "expired"
        until = f"until {row.expires_at:%Y-%m-%d %H:%M}" if row.expires_at else "no expiry"
        what = row.role.value if row.kind is TokenKind.CLIENT else row.kind.value
        groups = f"  ({', '.join(row.groups)})" if row.groups else ""
        person = f", of {row.person}" if row.person else ""
        click.echo(
            f"{row.id}  {what:9} {state:8} {row.name}{person}{groups}  "
            f"since {row.created_at:%Y-%m-%d}, {until}"
        )


@token.command()
@click.argument("token_id")
@click.option("--actor", required=True, help="Who revokes it; it goes into the audit log.")
@settings_options("data_dir")
def revoke(settings: Settings, token_id: str, actor: str) -> None:
    """Revoke a token by its id or name.

    Revoking a worker's token puts every decision that rests on its evidence back on hold.
    """

    async def work(store: Store) -> Ended:
        # Who has the file has everything in it: at the machine, the last admin may go as well.
        return await revoke_token(
            store, at_the_machine(actor), token_id, clock=utc_now, last_admin=True
        )

    ended = with_store(settings, work)
    click.echo(f"Revoked {ended.token.kind.value} token {ended.token.name}.")
    if ended.token.kind is TokenKind.WORKER:
        click.echo(f"{ended.resting} decision(s) rest on its evidence; they are put back on hold.")
