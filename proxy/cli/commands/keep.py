"""`pratique keep`."""

from __future__ import annotations

from collections.abc import Sequence

import click
from rich.console import Console
from rich.table import Table

from models.clock import utc_now
from proxy.cli.options import settings_options
from proxy.cli.store import with_store, with_store_to_read
from proxy.keeping.keeper import Keeper, Kept
from proxy.keeping.periods import periods_of
from proxy.privileges import become_owner_of
from proxy.settings import Settings
from proxy.store.bounds import DATABASE
from proxy.store.port import Store
from proxy.store.sql.copying import compact

WORDS = {
    "fetches": "fetch records",
    "decisions": "decisions that were replaced",
    "evidence": "evidence",
    "facts": "facts",
    "traces": "recordings of runs",
    "orphans": "blobs that nothing names",
    "pages": "upstream's pages",
    "audit": "audit rows, into an archive",
}


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what would go, and change nothing.")
@click.option(
    "--compact",
    "compacted",
    is_flag=True,
    help="Only write the database anew without free pages. No server may run.",
)
@settings_options(
    "data_dir",
    "keep_fetches_days",
    "keep_evidence_days",
    "keep_traces_days",
    "keep_decisions_days",
    "keep_pages_days",
    "keep_audit_days",
)
def keep(settings: Settings, *, dry_run: bool, compacted: bool) -> None:
    """Let go of history that is older than the settings say, as `pratique serve` does once a day.

    In small steps, so that a server may run meanwhile. Nothing goes that a decision in force rests on,
    and no fetch record that is needed to say who has a malicious file. `pratique keep --dry-run` first.
    """
    if compacted:
        become_owner_of(settings.data_dir)
        before, after = compact(settings.data_dir / DATABASE)
        click.echo(f"The database has {after >> 20} MiB; it had {before >> 20} MiB.")
        return

    def keeper_of(store: Store) -> Keeper:
        return Keeper(store, periods_of(settings), settings.data_dir, clock=utc_now)

    console = Console(stderr=True)
    with console.status("") as status:

        async def work(store: Store) -> tuple[Kept, ...]:
            if dry_run:
                return await keeper_of(store).look()
            return await keeper_of(store).keep(
                progress=lambda what, gone: status.update(f"{WORDS[what]}: {gone}")
            )

        kept = (with_store_to_read if dry_run else with_store)(settings, work)
    Console().print(_table(kept, dry_run=dry_run))
    if not dry_run:
        click.echo(
            "Free space in the file is used again; `--compact` gives all of it back at once."
        )


def _table(kept: Sequence[Kept], *, dry_run: bool) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("what", "from before", "would go" if dry_run else "went", "MiB", "file"):
        table.add_column(heading, overflow="fold")
    for one in kept:
        size = f"{one.size_bytes / 2**20:.1f}" if one.size_bytes else ""
        table.add_row(
            WORDS[one.what], f"{one.before:%Y-%m-%d %H:%M}", str(one.gone), size, one.file
        )
    return table
