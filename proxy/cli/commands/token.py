"""`pratique token`."""

from __future__ import annotations

import click

from models.clock import utc_now
from models.errors import ValueInvalid
from proxy.cli.options import settings_options
from proxy.cli.store import with_store
from proxy.cli.times import parse_expiry
from proxy.settings import Settings
from proxy.store.port import Store, Token, TokenKind
from proxy.tokens import EMBEDDED, mint


@click.group()
def token() -> None:
    """Tokens for clients (pip, uv, Poetry) and workers."""


@token.command()
@click.argument("kind", type=click.Choice([kind.value for kind in TokenKind]))
@click.argument("name")
@click.option(
    "--expires", metavar="WHEN", default=None, help="12h, 30d, 2w or a date. Default: never."
)
@click.option("--actor", required=True, help="Who adds it; it goes into the audit log.")
@settings_options("data_dir")
def add(settings: Settings, kind: str, name: str, expires: str | None, actor: str) -> None:
    """Add a token called NAME and print its secret, once.

    \b
    A client uses it as the password, with any user name:
      pip install --index-url https://any:SECRET@host/simple/ requests
    A worker reads it from a file:
      pratique worker --server https://host --token-file FILE
    """
    now = utc_now()
    moment = parse_expiry(expires, now=now) if expires else None
    secret, minted = mint(TokenKind(kind), name, clock=lambda: now, expires_at=moment)

    async def work(store: Store) -> None:
        await store.add_token(minted, actor=actor)

    with_store(settings, work)
    click.echo(secret)
    click.echo("This secret is shown only now; only its hash is stored.", err=True)
    if minted.kind is TokenKind.CLIENT:
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
        click.echo(
            f"{row.id}  {row.kind.value:7} {state:8} {row.name}  since {row.created_at:%Y-%m-%d}, {until}"
        )


@token.command()
@click.argument("token_id")
@click.option("--actor", required=True, help="Who revokes it; it goes into the audit log.")
@settings_options("data_dir")
def revoke(settings: Settings, token_id: str, actor: str) -> None:
    """Revoke a token by its id or name.

    Revoking a worker's token puts every decision that rests on its evidence back on hold.
    """

    async def work(store: Store) -> tuple[Token, int]:
        found = next((t for t in await store.tokens() if token_id in (t.id, t.name)), None)
        if found is None or found.kind is not TokenKind.WORKER:
            return await store.revoke_token(token_id, actor=actor, at=utc_now()), 0
        if found.name == EMBEDDED:
            raise ValueInvalid(
                "The embedded worker's token is `pratique serve`'s own, and new at every start.",
                next_step="To run without an embedded worker, start `pratique serve --boxes 0`.",
            )
        # Distrust first: were we killed in between, its evidence must not stay trusted.
        affected = await store.decisions_by_worker(found.name)
        await store.distrust_worker(found.name, actor=actor)
        for index, project in sorted({(d.ref.index, d.ref.project) for d in affected}):
            await store.touch_project(index, project)
        return await store.revoke_token(token_id, actor=actor, at=utc_now()), len(affected)

    ended, resting = with_store(settings, work)
    click.echo(f"Revoked {ended.kind.value} token {ended.name}.")
    if ended.kind is TokenKind.WORKER:
        click.echo(f"{resting} decision(s) rest on its evidence; they are put back on hold.")
