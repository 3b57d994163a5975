"""`pratique graph`."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any, TextIO

import click
import msgspec
from rich.console import Console

from analyzer.graph.joined import Joined
from analyzer.graph.shape import cut_to
from analyzer.graph.svg import picture
from analyzer.interpreter import as_python, describe_interpreter
from models.clock import utc_now
from models.errors import StoreError
from models.evidence import Finding, Severity
from models.work import Target
from proxy.cli.options import settings_options
from proxy.cli.store import with_store
from proxy.cli.tree_report import print_graph
from proxy.graphing import Graphed, asked_for, graph_of
from proxy.log import configure_log
from proxy.settings import Settings
from proxy.sources.advisories import AdvisorySource
from proxy.sources.composition import standings_with
from proxy.store.bounds import DATABASE
from proxy.store.port import Store

WHOLE, DOUBTFUL, BAD = 0, 3, 4
"""Exit codes; 1 is an error of ours or of upstream, 2 one of the command line."""


@click.command()
@click.argument("requirement")
@click.option("--extras", default="", metavar="A,B", help="Extras to ask for, beside those named.")
@click.option(
    "--python", metavar="VERSION", help="Resolve for this Python (such as 3.13), on this platform."
)
@click.option(
    "--depth", type=click.IntRange(1, 64), help="Show so many levels; all of them are looked at."
)
@click.option(
    "--svg",
    type=click.File("w", encoding="utf-8"),
    metavar="FILE",
    help="Write a picture of it; - is standard output.",
)
@click.option("--json", "as_json", is_flag=True, help="Tree, features and findings as one object.")
@settings_options("upstream", "index_name", "data_dir")
def graph(
    settings: Settings,
    requirement: str,
    extras: str,
    python: str | None,
    depth: int | None,
    svg: TextIO | None,
    as_json: bool,
) -> None:
    """Show everything that a requirement hangs on, and what of it is doubtful.

    \b
    pratique graph jupyterlab
    pratique graph 'fastapi[standard]>=0.115' --python 3.13 --svg fastapi.svg
    pratique graph apache-airflow --depth 2

    Releases are chosen as an installer would, from the index's metadata alone: nothing is
    downloaded, built or run. Each line shows a mark, the version, the project's age, its place
    among the most downloaded, and, where there is a data folder, what was decided here:

    \b
    ● approved   ▲ watched   ○ not judged   ■ held or risky   ✗ refused
    ↑ under X    opened there, where its shortest path leads      ↺ a circle

    Exit code 0: all of it was found, and nothing is doubtful. 3: something could not be met or read,
    or is held, young or confusable. 4: something is refused or risky. 1: the requirement itself could not
    be met.
    """
    configure_log(format_="json", file=Path(os.devnull), process="graph")
    asked = asked_for(requirement, tuple(one.strip() for one in extras.split(",") if one.strip()))
    target = asyncio.run(_target(python))

    async def work(store: Store | None) -> Graphed:
        return await graph_of(
            asked,
            upstreams=settings.upstreams,
            target=target,
            store=store,
            clock=utc_now,
            standings=lambda home: standings_with(
                store, AdvisorySource(store) if store else None, utc_now, home=home
            ),
        )

    with Console(stderr=True).status(f"{requirement}: resolving"):
        graphed = _with_store_if_any(settings, work)
    if svg is not None:
        svg.write(picture(_shown(graphed.joined, depth)))
    if as_json:
        click.echo(msgspec.json.encode(graphed).decode())
    elif svg is None or svg.name != "<stdout>":
        print_graph(Console(), graphed, depth=depth)
    sys.exit(exit_code(graphed))


def exit_code(graphed: Graphed) -> int:
    """What the command ends with."""
    tree = graphed.joined.tree
    if _any(graphed.findings, Severity.HIGH, Severity.CRITICAL):
        return BAD
    unread = any(not release.described for release in tree.releases)
    open_ends = tree.unmet or tree.direct_urls or tree.cut or tree.stopped or unread
    return DOUBTFUL if open_ends or _any(graphed.findings, Severity.MEDIUM) else WHOLE


def _any(findings: Iterable[Finding], *severities: Severity) -> bool:
    return any(found.severity in severities for found in findings)


def _shown(joined: Joined, depth: int | None) -> Joined:
    return joined if depth is None else cut_to(joined, depth)


async def _target(python: str | None) -> Target:
    known = await describe_interpreter()
    return (known if python is None else as_python(known, python)).target


def _with_store_if_any(
    settings: Settings, work: Callable[[Store | None], Coroutine[Any, Any, Graphed]]
) -> Graphed:
    """Run `work` with the store of the data folder; without one where there is none to be read."""
    try:
        found = (settings.data_dir / DATABASE).is_file()
    except OSError:
        found = False
    if found:
        try:
            return with_store(settings, work)
        except StoreError as error:
            click.echo(f"Note: {error.message} Nothing of it counts as judged.", err=True)
    return asyncio.run(work(None))
