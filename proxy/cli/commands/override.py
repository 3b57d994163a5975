"""`pratique override`."""

from __future__ import annotations

import secrets
from dataclasses import replace

import click
from packaging.utils import NormalizedName

from models.artifact import Sha256, parse_project, parse_sha256, version_of
from models.clock import utc_now
from models.decision import Override, OverrideAction
from models.errors import OverrideInvalid, UpstreamError
from policies.overrides import problems_of
from policies.rules.names import contains
from proxy.admin.review import check_eyes
from proxy.behind import Behind
from proxy.cli.options import settings_options
from proxy.cli.store import with_store
from proxy.cli.times import parse_expiry
from proxy.policyfile import policy_in_force
from proxy.settings import Settings
from proxy.store.port import Store


@click.group()
def override() -> None:
    """Human exceptions: who, what, why, until when."""


@override.command()
@click.argument("action", type=click.Choice([a.value for a in OverrideAction]))
@click.option("--project", default="", help="The project it is about.")
@click.option("--specifier", default="", help="Only these versions, such as '>=2,<3'.")
@click.option("--sha256", default="", help="Only these bytes.")
@click.option("--actor", required=True, help="Who decides this.")
@click.option("--justification", required=True, help="Why.")
@click.option("--expires", required=True, metavar="WHEN", help="12h, 30d, 2w or a date.")
@click.option("--future", is_flag=True, help="An allow also covers files uploaded after today.")
@click.option("--above-proof", is_flag=True, help="An allow also beats a proof. Dangerous.")
@settings_options("data_dir", "upstream", "index_name", "policy")
def add(
    settings: Settings,
    action: str,
    project: str,
    specifier: str,
    sha256: str,
    actor: str,
    justification: str,
    expires: str,
    future: bool,
    above_proof: bool,
) -> None:
    """Allow or deny by project, version specifier or sha256.

    An allow binds the files that exist now: an upload made tomorrow under the same version is not
    covered, unless --future says so.
    """
    now = utc_now()
    name = parse_project(project) if project else None
    digest = parse_sha256(sha256.lower()) if sha256 else None
    if above_proof:
        click.echo(
            "This allow beats proofs: it will be shown in red wherever it is used.", err=True
        )

    asked = Override(
        id=secrets.token_hex(4),
        action=OverrideAction(action),
        project=name,
        specifier=specifier,
        sha256=digest,
        bound=(digest,) if digest else (),
        future=future,
        above_proof=above_proof,
        actor=actor,
        justification=justification,
        created_at=now,
        expires_at=parse_expiry(expires, now=now),
    )

    async def work(store: Store) -> Override:
        policy = await policy_in_force(store, settings.policy)
        if problems := problems_of(asked, policy):
            raise OverrideInvalid("The override", problems)
        made = asked
        if made.action is OverrideAction.ALLOW and digest is None and name and not future:
            made = replace(made, bound=await existing(store, settings, name, specifier))
        check_eyes(made.action, policy)
        await store.add_override(made)
        return made

    made = with_store(settings, work)
    scope = f" It binds {len(made.bound)} file(s) that exist now." if made.bound else ""
    click.echo(f"Added {made.id}: {describe(made)}.{scope}")
    if made.action is OverrideAction.ALLOW and not made.bound and not future:
        click.echo("No file matches it today, so it allows nothing yet (see --future).", err=True)


@override.command("list")
@click.option("--all", "everything", is_flag=True, help="Ended ones too.")
@settings_options("data_dir")
def list_(settings: Settings, everything: bool) -> None:
    """List overrides, oldest first."""
    now = utc_now()

    async def work(store: Store) -> tuple[Override, ...]:
        return await store.overrides(active_at=None if everything else now)

    rows = with_store(settings, work)
    if not rows:
        click.echo("There is no override in force.")
    for row in rows:
        state = "" if row.active(now) else " (revoked)" if row.revoked_at else " (ended)"
        click.echo(f"{row.id}  {describe(row)}{state} — {row.justification}")


@override.command()
@click.argument("override_id")
@click.option("--actor", required=True, help="Who ends it.")
@settings_options("data_dir")
def revoke(settings: Settings, override_id: str, actor: str) -> None:
    """End an override by its id; the decisions it made are derived again at once."""

    async def work(store: Store) -> Override:
        return await store.revoke_override(override_id, actor=actor, at=utc_now())

    click.echo(f"Revoked {with_store(settings, work).id}.")


def describe(row: Override) -> str:
    """One line for people."""
    subject = f"sha256 {row.sha256[:12]}…" if row.sha256 else f"{row.project}{row.specifier}"
    extra = (" (future uploads too)" if row.future else "") + (
        " ABOVE PROOF" if row.above_proof else ""
    )
    return f"{row.action.value} {subject}{extra} by {row.actor} until {row.expires_at:%Y-%m-%d %H:%M} UTC"


async def existing(
    store: Store, settings: Settings, name: NormalizedName, specifier: str
) -> tuple[Sha256, ...]:
    """The sha256s of the project's files that match, by upstream's page and by past decisions."""
    found = {ref.sha256: ref.filename for ref in await store.refs_of(name)}
    policy = await policy_in_force(store, settings.policy)
    behind = Behind(settings.upstreams, store, None, clock=utc_now, owned=lambda: policy.owned)
    async with behind:
        try:
            page = await behind.index.project(name)
            found |= {file.sha256: file.filename for file in page.files if file.sha256}
        except UpstreamError as error:
            click.echo(f"Upstream: {error.message} Only files already seen are bound.", err=True)
    return tuple(
        sorted(
            digest
            for digest, filename in found.items()
            if not specifier or ((v := version_of(filename)) and contains(specifier, v))
        )
    )
