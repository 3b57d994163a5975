"""`pratique decisions`."""

from __future__ import annotations

import click
import msgspec
from rich.console import Console
from rich.table import Table

from models.decision import Action, Decision
from models.reason import reason_line
from proxy.cli.options import settings_options
from proxy.cli.store import with_store
from proxy.settings import Settings
from proxy.store.port import Store

STYLES = {Action.SERVE: "green", Action.HOLD: "yellow", Action.DENY: "red"}


@click.command()
@click.option("--project", default="", help="Only this project.")
@click.option(
    "--action", type=click.Choice([a.value for a in Action], case_sensitive=False), default=None
)
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@settings_options("data_dir", "listen", "public_url")
def decisions(
    settings: Settings, project: str, action: str | None, limit: int, as_json: bool
) -> None:
    """List what was decided, newest first, with the reason."""

    async def work(store: Store) -> tuple[Decision, ...]:
        return await store.decisions(limit=limit, action=action or "", project=project)

    rows = with_store(settings, work)
    if as_json:
        for row in rows:
            click.echo(msgspec.json.encode({"id": row.id, **msgspec.to_builtins(row)}).decode())
        return
    if not rows:
        click.echo("Nothing has been decided yet. Install something through the index first.")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("decided", "file", "action", "tier", "score", "why"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(
            f"{row.as_of:%Y-%m-%d %H:%M}",
            row.ref.filename,
            f"[{STYLES[row.action]}]{row.action.value}[/]",
            row.tier.value if row.tier else "",
            str(row.score.value) if row.score else "",
            reason_line(row, url=f"{settings.origin}/v/{row.id}").replace("[", r"\["),
        )
    Console().print(table)
