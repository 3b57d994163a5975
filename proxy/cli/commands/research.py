"""`pratique research`: the six stages, from a corpus of artifacts to a packaged model."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from analyzer.readers.confinement import choose_confinement
from analyzer.readers.pool import ReaderPool
from analyzer.readers.porter import Porter
from analyzer.sandbox.client import SandboxClient
from models.artifact import parse_index_name
from models.errors import ValueInvalid
from models.research.choosing import Sizes, choose
from models.research.manifest import Item, read_manifest
from models.research.rows import Population, write_table
from policies.policy import Policy
from proxy.cli.analyzing import sandbox_daemon
from proxy.cli.commands.research_audit import audit_qut
from proxy.cli.commands.research_model import compare, package, score
from proxy.cli.commands.research_select import select
from proxy.cli.inforce import policy_for
from proxy.cli.options import settings_options
from proxy.index.declared import plain
from proxy.log import configure_log
from proxy.privileges import Roles, become_owner_of, is_root, own_folder
from proxy.research.corpus import FAILED, Collector, join
from proxy.research.tabling import read_guarddog, tables_of
from proxy.research.tracing import (
    SCRATCH,
    Traced,
    left,
    make_folders,
    read_all,
    runs,
    trace_all,
)
from proxy.scanning import Scanner
from proxy.settings import Settings

FOLDER = click.Path(file_okay=False, path_type=Path)


@click.group()
def research() -> None:
    """Make the corpus, the features, the model and its evaluation again: six stages.

    \b
    1. corpus   fetch honest artifacts, join folders of re-enactments or of malware
    2. trace    run them in the sandbox, by one route for every class; malware is read, never run
    3. graph    features out of what was seen: the table that training reads
    4. score    train, calibrate, and score every row out of fold
    5. compare  the evaluation, with intervals, controls and baselines
    6. package  data set, model, card and report in one folder

    Each stage takes a folder, shows progress, and goes on where it was stopped. Without a corpus,
    stages 4 to 6 work from the table that Pratique ships.
    """


@research.command()
@click.argument("folder", type=FOLDER)
@settings_options("upstream", "uid_base")
@click.option("--popular", default=500, show_default=True, help="Most downloaded projects.")
@click.option("--long-tail", default=150, show_default=True, help="Drawn from the list's rest.")
@click.option("--hard", default=100, show_default=True, help="Installers, builds, security tools.")
@click.option("--similar", default=100, show_default=True, help="Drawn from --similar-list.")
@click.option(
    "--similar-list",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="QUT-DV25's package list: honest names that are like malicious ones.",
)
@click.option(
    "--join",
    "others",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder with a manifest to add: grafts and twins, or malware. May be given again.",
)
@click.option("--seed", default=1, show_default=True, help="Of the draw and the order.")
def corpus(
    settings: Settings,
    folder: Path,
    popular: int,
    long_tail: int,
    hard: int,
    similar: int,
    similar_list: Path | None,
    others: tuple[Path, ...],
    seed: int,
) -> None:
    """Fetch the newest wheel and sdist of honest projects into FOLDER, and list them.

    Nothing is opened or run. Called again it fetches what is missing. Started as root it gives root
    up: a new FOLDER belongs to the worker's uid, and an older one is worked on as its owner.
    """
    if not folder.exists():
        uid = Roles.from_base(settings.uid_base).worker
        own_folder(folder, uid=uid, mode=0o755)
    become_owner_of(folder)
    sizes = Sizes(popular=popular, long_tail=long_tail, similar=similar, hard=hard)
    wanted = choose(sizes, seed=seed, similar=similar_list)
    with _progress("fetching", len(wanted)) as advance:

        async def collect() -> tuple[Item, ...]:
            async with Collector(folder, upstream=settings.upstream) as collector:
                return await collector.collect(wanted, lambda _n, _of, name: advance(name))

        items = asyncio.run(collect())
    for other in others:
        click.echo(f"{other}: {join(folder, other)} joined", err=True)
    _say_corpus(folder, items)


@research.command()
@click.argument("folder", type=FOLDER)
@settings_options("data_dir", "upstream", "policy", "uid_base", "interpreters")
@click.option("--boxes", default=2, show_default=True, help="Artifacts that run at once.")
@click.option("--minutes", type=float, help="Stop after so long; the next call goes on.")
@click.option(
    "--only",
    type=click.Choice([one.value for one in Population]),
    help="Of one population only.",
)
def trace(
    settings: Settings, folder: Path, boxes: int, minutes: float | None, only: str | None
) -> None:
    """Run every artifact of FOLDER in the sandbox; real malware is read, and never run.

    One route for every class: no facts, no page, the harness marker in every box. What was seen goes
    to FOLDER/evidence and FOLDER/traces; what is there already is not run again.

    Exit code 1: some could not be traced, for a reason of ours; the next call tries them again.
    """
    known = read_manifest(folder)
    if not known:
        raise ValueInvalid(
            f"{folder} has no manifest.", next_step=f"Begin with: pratique research corpus {folder}"
        )
    items = [item for item in left(folder, known) if only in (None, item.population.value)]
    if not items:
        click.echo("Everything is traced.")
        return
    configure_log(format_="json", file=Path(os.devnull), process="research")
    policy = policy_for(settings)
    roles = Roles.from_base(settings.uid_base)
    make_folders(folder, roles.worker if is_root() else None)
    deadline = None if minutes is None else time.monotonic() + minutes * 60
    porter = Porter(
        [],
        confinement=choose_confinement(unconfined=False),
        reader_uid=roles.boxes if is_root() else None,
    )
    with sandbox_daemon(
        uid_base=settings.uid_base, boxes=boxes, harness=True, interpreters=settings.interpreters
    ) as socket:
        with _progress("tracing", len(items)) as advance:
            failed = _trace(
                settings,
                folder,
                items,
                policy,
                SandboxClient(socket),
                porter,
                boxes=boxes,
                deadline=deadline,
                advance=advance,
            )
        porter.close()
        if failed:
            raise ValueInvalid(
                f"{failed} could not be traced; why stands above.",
                next_step="Call again to try them once more.",
            )


@research.command()
@click.argument("folder", type=FOLDER)
@click.option(
    "--guarddog",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="GuardDog's results on the same files, <sha256>.json each, to compare with.",
)
@click.option("-o", "--out", type=FOLDER, help="Where the tables go; FOLDER/tables if not said.")
def graph(folder: Path, guarddog: Path | None, out: Path | None) -> None:
    """Features out of what was seen: rows.csv.gz (ours), dysec.csv.gz (the thesis' 36), baselines.csv.gz.

    Nothing is run. The same evidence gives the same bytes.
    """
    become_owner_of(folder)
    known = read_manifest(folder)
    said = read_guarddog(guarddog) if guarddog else {}
    with _progress("features", len(known)) as advance:
        tables = tables_of(folder, known, advance, said)
    place = out or folder / "tables"
    place.mkdir(parents=True, exist_ok=True)
    for name, table in (
        ("rows", tables.ours),
        ("dysec", tables.dysec),
        ("baselines", tables.baselines),
    ):
        write_table(table, place / f"{name}.csv.gz")
        click.echo(f"{name}: {len(table.rows)} rows of {len(table.features)} features")
    for why, count in sorted(tables.left_out.items()):
        click.echo(f"left out, {why}: {count}")
    click.echo("Next: pratique research score")


def _trace(
    settings: Settings,
    folder: Path,
    items: list[Item],
    policy: Policy,
    sandbox: SandboxClient,
    porter: Porter,
    *,
    boxes: int,
    deadline: float | None,
    advance: Callable[[str], None],
) -> int:
    """How many could not be traced for a reason of ours."""
    failed = 0

    def tell(traced: Traced) -> None:
        nonlocal failed
        if traced.error:
            failed += 1
            click.echo(f"{traced.item.filename}: {traced.error}", err=True)
        advance(traced.item.filename)

    if any(not runs(item) for item in items):
        with ReaderPool(porter, size=boxes) as pool:
            read_all(folder, items, pool, deadline=deadline, tell=tell)
    scanner = Scanner(
        upstreams=(plain(parse_index_name("corpus"), settings.upstream),),
        policy=policy,
        scratch=folder / SCRATCH,
        sandbox=sandbox,
    )
    asyncio.run(trace_all(folder, items, scanner, boxes=boxes, deadline=deadline, tell=tell))
    return failed


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[str], None]]:
    """A bar; what it yields moves it by one, with the name of what was done."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[name]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(what, total=total, name="")
        yield lambda name: progress.update(task, advance=1, name=name[:40])


def _say_corpus(folder: Path, items: tuple[Item, ...]) -> None:
    have = [item for item in read_manifest(folder) if item.sha256]
    counts: dict[str, int] = {}
    for item in have:
        word = f"{item.population.value} {item.kind.value}"
        counts[word] = counts.get(word, 0) + 1
    for word, count in sorted(counts.items()):
        click.echo(f"{count:6} {word}s")
    failed = sum(item.note.startswith(FAILED) for item in items)
    if failed:
        click.echo(f"{failed} could not be fetched; call again to try them once more.", err=True)
    click.echo(f"Next: pratique research trace {folder}")


for stage in (score, compare, select, package, audit_qut):
    research.add_command(stage)
