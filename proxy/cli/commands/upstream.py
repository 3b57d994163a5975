"""`pratique upstream`."""

from __future__ import annotations

import click

from models.artifact import parse_index_name, parse_project
from proxy.admin.access import Principal, Role
from proxy.admin.origins import move_name
from proxy.cli.commands.config import upstream_words
from proxy.cli.options import settings_options
from proxy.cli.store import with_store
from proxy.index.ownership import Ownership
from proxy.policyfile import policy_in_force
from proxy.settings import Settings
from proxy.store.origins_port import Origin, OriginMove
from proxy.store.port import Store

NEEDED = ("data_dir", "upstream", "index_name", "policy")
MOVED_AT_ONCE = 1_000
"""Names read at a time while all of an upstream are moved."""


@click.group()
def upstream() -> None:
    """The indexes behind us, and from which of them each name comes."""


@upstream.command("list")
@settings_options(*NEEDED)
def list_(settings: Settings) -> None:
    """List the upstreams in the order in which they are asked."""
    for one in settings.upstreams:
        click.echo(f"{one.name}  {upstream_words(one)}")


@upstream.command()
@click.argument("project")
@settings_options(*NEEDED)
def of(settings: Settings, project: str) -> None:
    """Say from which upstream PROJECT comes, and why."""
    name = parse_project(project)

    async def work(store: Store) -> tuple[Origin | None, tuple[str, ...], tuple[str, ...]]:
        policy = await policy_in_force(store, settings.policy)
        ownership = Ownership(settings.upstreams, lambda: policy.owned)
        return await store.origin(name), ownership.owners(name), ownership.candidates(name)

    origin, owners, candidates = with_store(settings, work)
    if owners:
        click.echo(f"{name} belongs to {', '.join(owners)}: no other upstream is asked for it.")
    elif origin is not None:
        click.echo(f"{name} comes from {origin.index} since {origin.since:%Y-%m-%d %H:%M} UTC.")
        if origin.index not in candidates:
            click.echo(f"{origin.index} does not answer for it any more, so nobody does.")
    else:
        order = ", ".join(candidates) or "nobody"
        click.echo(f"Nobody has asked for {name} yet; asked will be: {order}.")


@upstream.command()
@click.argument("projects", nargs=-1)
@click.option(
    "--all-of", default="", metavar="NAME", help="Every name that comes from this upstream."
)
@click.option("--to", required=True, metavar="NAME", help="The upstream that answers from now on.")
@click.option("--actor", required=True, help="Who moves it; it goes into the audit log.")
@click.option("--justification", required=True, help="Why.")
@settings_options(*NEEDED)
def move(
    settings: Settings,
    projects: tuple[str, ...],
    all_of: str,
    to: str,
    actor: str,
    justification: str,
) -> None:
    """Have PROJECTS come from another upstream; a running firewall follows within seconds.

    Their files were judged as those of the upstream before: as files of the new one they are unseen.
    """
    if bool(projects) == bool(all_of):
        raise click.UsageError("Name projects, or --all-of an upstream.")
    target = parse_index_name(to)
    by = Principal(name=actor, role=Role.ADMIN)
    known = [one.name for one in settings.upstreams]

    async def work(store: Store) -> list[OriginMove]:
        names = [parse_project(one) for one in projects]
        if all_of:
            while page := await store.origins(
                index=all_of, after=names[-1] if names else "", limit=MOVED_AT_ONCE
            ):
                names += [origin.project for origin in page]
        return [
            await move_name(
                store,
                by,
                name,
                target,
                justification=justification,
                known=known,
            )
            for name in names
        ]

    moved = with_store(settings, work)
    for one in moved[:100]:
        click.echo(f"{one.project} comes from {one.now} now, no longer from {one.was}.")
    if len(moved) != 1:
        click.echo(f"{len(moved)} name(s) moved.")
