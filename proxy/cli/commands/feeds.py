"""`pratique feeds`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from models.clock import utc_now
from models.errors import FeedError
from proxy.admin.access import at_the_machine
from proxy.admin.feeds import remove_feed
from proxy.cli.options import settings_options
from proxy.cli.store import with_store
from proxy.feeds.source import FeedSource, parse_source
from proxy.feeds.updating import FeedUpdater, Updated
from proxy.log import configure_log
from proxy.settings import Settings
from proxy.store.port import Feed, Store


@click.group()
def feeds() -> None:
    """Advisories: who says that a release is malicious or has a flaw.

    \b
    A feed is OSV records in a folder (a git checkout), in an archive (.zip, .tar.gz,
    .jsonl, .jsonl.gz) or behind an https:// URL. Two that speak of PyPI:
      OpenSSF malicious-packages   github.com/ossf/malicious-packages
      PyPA advisory-database       github.com/pypa/advisory-database
    Both, and more, come together in OSV's own archive for PyPI, called all.zip.

    `pratique serve` keeps the feeds of the setting `feeds` up to date by itself.
    """


@feeds.command()
@click.argument("sources", metavar="[[NAME=]SOURCE]...", nargs=-1)
@click.option("--feed", "names", multiple=True, metavar="NAME", help="Only this feed; repeatable.")
@click.option(
    "--accept-shrink",
    is_flag=True,
    help="Believe a feed that lost more than half of its records. Else the old ones stay.",
)
@settings_options("data_dir", "feeds")
def update(
    settings: Settings, sources: tuple[str, ...], names: tuple[str, ...], *, accept_shrink: bool
) -> None:
    """Bring feeds up to date: SOURCEs, or else those of the settings and those known by path.

    Only records that were modified since are taken, all or nothing: a broken feed changes nothing,
    and one odd record costs only itself. A running `pratique serve` notices by itself: files that a
    record is about are judged again within seconds, and who fetched them is told in the audit log.

    \b
    pratique feeds update ossf=/srv/malicious-packages
    pratique feeds update https://feeds.example/PyPI/all.zip
    pratique feeds update --feed ossf
    """
    # Log lines would stand between what is said here.
    configure_log(format_="json", file=Path(os.devnull), process="feeds")
    console = Console(stderr=True)
    known = {source.name for source in settings.feeds}
    failed: list[str] = []

    async def work(store: Store) -> list[Updated]:
        chosen = _chosen(settings, sources, names, await store.feeds())
        done = []
        with console.status("") as status:
            updater = FeedUpdater(
                store,
                settings.data_dir,
                clock=utc_now,
                progress=lambda feed, state: status.update(f"{feed}: {state}"),
            )
            for source in chosen:
                try:
                    done.append(
                        await updater.update(
                            source, accept_shrink=accept_shrink, remember=source.name in known
                        )
                    )
                except FeedError as error:
                    failed.append(str(error))
        return done

    for updated in with_store(settings, work):
        _print_updated(updated)
    for message in failed:
        click.echo(f"Error: {message}", err=True)
    if failed:
        raise click.exceptions.Exit(1)


@feeds.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@settings_options("data_dir", "feeds", "feeds_stale_h")
def status(settings: Settings, *, as_json: bool) -> None:
    """Say what each feed holds, how old it is, and how its last update went.

    Exit code 1: a feed is older than --feeds-stale-h, or was never read.
    """

    async def work(store: Store) -> tuple[Feed, ...]:
        return await store.feeds()

    rows = with_store(settings, work)
    known = {feed.name for feed in rows}
    rows += tuple(
        Feed(name=source.name, source=source.shown)
        for source in settings.feeds
        if source.name not in known
    )
    if as_json:
        for row in rows:
            click.echo(msgspec.json.encode(row).decode())
    elif not rows:
        click.echo(
            "There is no feed: advisories are off. Add one: pratique feeds update SOURCE "
            "(`pratique feeds --help` names some), or name it in the setting feeds."
        )
    else:
        Console().print(_table(rows, settings, now := utc_now()))
        for row in rows:
            if row.error:
                click.echo(f"{row.name}: {row.error}")
        _print_untold(rows, settings, now)
    if any(_late(row, settings, utc_now()) for row in rows):
        raise click.exceptions.Exit(1)


@feeds.command()
@click.argument("name")
@click.option("--actor", required=True, help="Who removes it; it goes into the audit log.")
@settings_options("data_dir")
def remove(settings: Settings, name: str, actor: str) -> None:
    """Forget the feed called NAME with all its records; what they were about is judged again."""

    async def work(store: Store) -> None:
        await remove_feed(store, at_the_machine(actor), name)

    with_store(settings, work)
    click.echo(f"Removed {name}.")


def _chosen(
    settings: Settings, texts: Sequence[str], names: Sequence[str], known: Sequence[Feed]
) -> list[FeedSource]:
    """What to update. Raises FeedError where there is nothing, or no such feed."""
    given = [parse_source(text) for text in texts]
    if given and not names:
        return given
    found = {feed.name: parse_source(f"{feed.name}={feed.source}") for feed in known}
    found |= {source.name: source for source in (*settings.feeds, *given)}
    unknown = sorted(set(names) - set(found))
    if unknown:
        raise FeedError(
            f"There is no feed called {unknown[0]}.",
            next_step="`pratique feeds status` lists them.",
        )
    if not found:
        raise FeedError(
            "There is no feed to update.",
            next_step="Name a source: pratique feeds update SOURCE (see --help).",
        )
    return [source for name, source in sorted(found.items()) if not names or name in names]


def _print_updated(updated: Updated) -> None:
    feed, imported = updated.feed, updated.imported
    if imported is None:
        click.echo(f"{feed.name}: nothing new since it was last read.")
        return
    click.echo(
        f"{feed.name}: {feed.records} records ({feed.malicious} malicious, {feed.withdrawn} "
        f"withdrawn); {imported.added} added, {imported.changed} changed, {imported.removed} gone."
    )
    if updated.foreign:
        click.echo(f"  {updated.foreign} are about other ecosystems alone, and left out.")
    for refused in updated.refused:
        click.echo(f"  refused: {refused.id} {refused.why}", err=True)
    left = feed.refused - len(updated.refused)
    if left > 0:
        click.echo(f"  … and {left} more refused.", err=True)


def _table(rows: Sequence[Feed], settings: Settings, now: datetime) -> Table:
    table = Table(box=None, pad_edge=False)
    columns = ("feed", "records", "malicious", "withdrawn", "refused", "newest", "read", "source")
    for heading in columns:
        table.add_column(heading, overflow="fold")
    for row in rows:
        colour = "red" if _late(row, settings, now) else "yellow" if row.error else "green"
        table.add_row(
            escape(row.name),
            str(row.records),
            str(row.malicious),
            str(row.withdrawn),
            str(row.refused),
            f"{row.newest_modified:%Y-%m-%d}" if row.newest_modified else "",
            f"[{colour}]{_age(row.succeeded_at, now)}[/]",
            escape(row.source),
        )
    return table


def _print_untold(rows: Sequence[Feed], settings: Settings, now: datetime) -> None:
    kept = {source.name for source in settings.feeds}
    by_hand = [row.name for row in rows if row.name not in kept]
    if by_hand:
        click.echo(
            f"Updated by hand alone: {', '.join(by_hand)}. Name them in the setting feeds, and "
            "`pratique serve` does it."
        )
    late = [row.name for row in rows if _late(row, settings, now)]
    if late:
        click.echo(f"Too old to speak for what they do not name: {', '.join(late)}.")


def _late(row: Feed, settings: Settings, now: datetime) -> bool:
    limit = timedelta(hours=settings.feeds_stale_h)
    return row.succeeded_at is None or now - row.succeeded_at > limit


def _age(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return "never"
    minutes = max(int((now - moment).total_seconds()) // 60, 0)
    if minutes < 120:
        return f"{minutes} min ago"
    hours = minutes // 60
    return f"{hours} h ago" if hours < 48 else f"{hours // 24} days ago"
