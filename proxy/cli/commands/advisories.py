"""`pratique advisories`."""

from __future__ import annotations

from collections.abc import Sequence

import click
import msgspec
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from analyzer.advisories.match import matched
from analyzer.advisories.record import Advisory
from models.artifact import Sha256, parse_project
from models.clock import utc_now
from models.errors import ValueInvalid
from proxy.cli.options import settings_options
from proxy.cli.store import with_store
from proxy.settings import Settings
from proxy.store.port import Fetch, Store

DECISIONS_MAX = 10_000
"""Files of a project whose fetches are looked for (the store gives no more at once)."""
FETCHES_MAX = 1_000
"""Fetches of one file that are read."""
VERSIONS_SHOWN = 6

Found = tuple[tuple[Advisory, ...], tuple[Fetch, ...]]


@click.command()
@click.argument("target", metavar="NAME[==VERSION]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object: records and fetches.")
@settings_options("data_dir")
def advisories(settings: Settings, target: str, *, as_json: bool) -> None:
    """Show what feeds say about a project, and who fetched files of it through this firewall.

    With ==VERSION, only records that speak of it, and only fetches of its files. Exit code 4: a
    record calls it malicious.
    """
    name, version = _parse(target)
    now = utc_now()

    async def work(store: Store) -> Found:
        known = await store.advisories_about(name)
        fetches: list[Fetch] = []
        for decision in await store.decisions(limit=DECISIONS_MAX, project=name):
            if not version or decision.ref.version == version:
                read = await store.fetches(sha256=decision.ref.sha256, limit=FETCHES_MAX)
                fetches += [fetch for fetch in read if fetch.ref == decision.ref]
        return known, tuple(sorted(fetches, key=lambda fetch: fetch.at, reverse=True))

    known, fetches = with_store(settings, work)
    if version:
        known = tuple(one for one in known if matched(one, name, version, Sha256("")))
    if as_json:
        value = {"advisories": known, "fetches": fetches}
        click.echo(msgspec.json.encode(value, order="deterministic").decode())
    else:
        _print(target, name, known, fetches)
    if any(one.malicious and one.in_force(now) for one in known):
        raise click.exceptions.Exit(4)


def _parse(target: str) -> tuple[NormalizedName, str]:
    try:
        requirement = Requirement(target)
    except InvalidRequirement as error:
        raise ValueInvalid(
            f"{target!r} is neither a project nor NAME==VERSION.",
            next_step="Write something like requests or requests==2.32.5.",
        ) from error
    pins = [spec for spec in requirement.specifier if spec.operator in ("==", "===")]
    if len(pins) != len(list(requirement.specifier)) or len(pins) > 1:
        raise ValueInvalid("Only one exact version can be looked up: NAME==VERSION.")
    return parse_project(requirement.name), pins[0].version if pins else ""


def _print(
    target: str, name: NormalizedName, known: Sequence[Advisory], fetches: Sequence[Fetch]
) -> None:
    out = Console()
    if not known:
        out.print(f"No feed speaks of {escape(target)}.")
    for one in known:
        withdrawn = f", withdrawn {one.withdrawn:%Y-%m-%d}" if one.withdrawn else ""
        kind = "[red]malicious[/]" if one.malicious else "[yellow]a flaw[/]"
        out.print(f"{escape(one.id)}  {kind}{withdrawn}  {escape(one.summary)}")
        out.print(f"  versions: {escape(_versions(one, name))}")
        if one.aliases:
            out.print(f"  also: {escape(', '.join(one.aliases[:VERSIONS_SHOWN]))}")
    if not fetches:
        out.print(f"Nobody fetched a file of {escape(target)} here.")
        return
    table = Table(box=None, pad_edge=False, title="Fetched by", title_justify="left")
    for heading in ("at", "requester", "address", "file"):
        table.add_column(heading, overflow="fold")
    for fetch in fetches:
        table.add_row(
            f"{fetch.at:%Y-%m-%d %H:%M}",
            escape(fetch.requester),
            escape(fetch.address),
            escape(fetch.ref.filename),
        )
    out.print(table)


def _versions(one: Advisory, name: NormalizedName) -> str:
    entries = [affected for affected in one.affected if affected.project == name]
    listed = sorted({version for affected in entries for version in affected.versions})
    parts = [", ".join(listed[:VERSIONS_SHOWN])] if listed else []
    if len(listed) > VERSIONS_SHOWN:
        parts.append(f"and {len(listed) - VERSIONS_SHOWN} more")
    parts += [
        " ".join(f"{event.kind.value} {event.version}" for event in spans.events)
        for affected in entries
        for spans in affected.ranges
    ]
    return "; ".join(parts) or "none named"
