"""`pratique policy grandfather`."""

from __future__ import annotations

from pathlib import Path

import click

from models.clock import utc_now
from proxy.admin.access import at_the_machine
from proxy.admin.grandfather import Grandfathered
from proxy.admin.grandfather import grandfather as allow
from proxy.cli.options import settings_options
from proxy.cli.store import with_store
from proxy.cli.texts import read_lock_file
from proxy.cli.times import parse_expiry
from proxy.policyfile import policy_in_force
from proxy.settings import Settings
from proxy.store.port import Store

NAMES_SHOWN = 20


@click.command()
@click.argument(
    "locks", metavar="LOCKFILE…", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option("--until", required=True, metavar="WHEN", help="12h, 30d, 2w or a date.")
@click.option("--actor", required=True, help="Who decides this.")
@click.option("--justification", default="", help="Why. Default: the names of the lock files.")
@click.option("--dry-run", is_flag=True, help="Only say what would be allowed.")
@settings_options("data_dir", "policy")
def grandfather(
    settings: Settings,
    locks: tuple[Path, ...],
    until: str,
    actor: str,
    justification: str,
    dry_run: bool,
) -> None:
    """Allow the files that lock files pin, until a day: what builds with them today goes on.

    Reads pylock.toml, uv.lock, poetry.lock and requirement files with hashes. Each release becomes
    one override, bound to the very bytes in the lock: no later upload is covered, and a proof still
    blocks. All of them are made or none, and the same lock again makes nothing new.
    """
    now = utc_now()
    read = tuple(read_lock_file(path) for path in locks)
    ends = parse_expiry(until, now=now)

    async def work(store: Store) -> Grandfathered:
        return await allow(
            store,
            at_the_machine(actor),
            read,
            policy=await policy_in_force(store, settings.policy),
            until=ends,
            clock=lambda: now,
            justification=justification,
            dry_run=dry_run,
        )

    outcome = with_store(settings, work)
    does = "Would allow" if dry_run else "Allowed"
    click.echo(
        f"{does} {outcome.files} file(s) of {len(outcome.made)} release(s) "
        f"until {ends:%Y-%m-%d %H:%M} UTC; {outcome.covered} release(s) were allowed already."
    )
    for one in outcome.malicious:
        click.echo(f"Left out, known to be malicious: {one.project} {one.version}", err=True)
    if outcome.unpinned:
        shown = ", ".join(outcome.unpinned[:NAMES_SHOWN])
        more = len(outcome.unpinned) - NAMES_SHOWN
        tail = f" and {more} more" if more > 0 else ""
        click.echo(f"Left out, for the lock has no sha256 of it: {shown}{tail}", err=True)
