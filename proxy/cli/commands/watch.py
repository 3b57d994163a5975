"""`pratique watch`."""

from __future__ import annotations

import click

from analyzer.clean import printable
from proxy.admin.access import Principal, Role
from proxy.admin.watch import ShownWatch, look_now, shown
from proxy.cli.options import settings_options
from proxy.cli.store import with_store
from proxy.settings import Settings
from proxy.store.port import Store


@click.group()
def watch() -> None:
    """The watch list: files that are served as MONITOR, and analysed again and again."""


@watch.command("list")
@click.option("--project", default="", help="Only this project's files.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
@settings_options("data_dir", "watch_hours")
def list_(settings: Settings, project: str, limit: int) -> None:
    """List watched files, the one whose turn comes next first."""

    async def work(store: Store) -> tuple[ShownWatch, ...]:
        return await shown(
            store,
            Principal(name="command line", role=Role.ADMIN),
            watch_hours=settings.watch_hours,
            project=project,
            limit=limit,
        )

    rows = with_store(settings, work)
    if not rows:
        click.echo("Nothing is on the watch list.")
    for row in rows:
        one = row.watched
        due = "as soon as there is room" if one.wanted else "on cause alone"
        if row.due_at and not one.wanted:
            due = f"from {row.due_at:%Y-%m-%d %H:%M} UTC"
        click.echo(
            f"{printable(one.ref.filename, 100)}  analysed {one.analysed_at:%Y-%m-%d %H:%M}  "
            f"next {due}"
        )


@watch.command()
@click.argument("project")
@click.option("--actor", required=True, help="Who asks; it goes into the audit log.")
@settings_options("data_dir")
def now(settings: Settings, project: str, actor: str) -> None:
    """Have the watched files of PROJECT analysed as soon as there is room."""

    async def work(store: Store) -> int:
        return await look_now(store, Principal(name=actor, role=Role.ADMIN), project)

    click.echo(f"{with_store(settings, work)} file(s) will be analysed again.")
