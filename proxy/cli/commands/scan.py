"""`pratique scan`."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

import click
import msgspec
from rich.console import Console
from rich.status import Status

from analyzer.sandbox.client import SandboxClient
from analyzer.sandbox.protocol import INPUT_BYTES_MAX
from models.artifact import Sha256
from models.decision import Action
from models.errors import ValueInvalid
from proxy.cli.advised import advisories_for, project_named
from proxy.cli.analyzing import sandbox_daemon
from proxy.cli.inforce import policy_for
from proxy.cli.options import settings_options
from proxy.cli.report import print_report
from proxy.cli.surveying import READERS_MAX, listed, parse_layers, survey_files
from proxy.log import configure_log
from proxy.scanning import Found, Scanned, Scanner
from proxy.settings import Settings
from proxy.store.port import Store

PREVIOUS = "previous"
"""The word for the newest release before the one that is scanned."""
EXIT = {Action.SERVE: 0, Action.HOLD: 3, Action.DENY: 4}
PHASES = {
    "read": "reading the archive",
    "resolve": "resolving what it requires",
    "fetch": "fetching what it requires",
    "P1": "P1: installing",
    "P2": "P2: starting an interpreter",
    "P3": "P3: importing",
    "P4": "P4: using",
    "P5": "P5: waiting",
}


@click.command()
@click.argument("targets", metavar="FILE|REQUIREMENT", nargs=-1)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Decision, facts and evidence as one JSON object, with --layers one a line.",
)
@click.option(
    "--layers",
    metavar="metadata[,provenance][,reputation]",
    help="Read any number of files and run none. Without provenance and reputation, the network is "
    "left alone.",
)
@click.option(
    "--files-from",
    metavar="LIST",
    help="With --layers: a file with the name of one file a line; `-`: standard input.",
)
@click.option(
    "--readers",
    type=click.IntRange(0, READERS_MAX),
    default=0,
    metavar="NUMBER",
    help="With --layers: files that are read at once. Default: one for each processor.",
)
@click.option(
    "--unconfined",
    is_flag=True,
    help="With --layers: read archives in ordinary processes where there is nothing to confine them.",
)
@click.option(
    "--since",
    metavar="FILE|REQUIREMENT|previous",
    help="An older release to analyse first and compare with; `previous`: the newest before it.",
)
@settings_options(
    "data_dir", "upstream", "index_name", "policy", "uid_base", "interpreters", "harness"
)
def scan(
    settings: Settings,
    targets: tuple[str, ...],
    *,
    as_json: bool,
    layers: str | None,
    files_from: str | None,
    readers: int,
    unconfined: bool,
    since: str | None,
) -> None:
    """Analyse one wheel, sdist or requirement once, and say what would be done with it.

    Nothing is stored, and no firewall need run; the advisories of the one on this machine are asked
    where there is one (--data-dir), and its policy in force is the one that judges, unless --policy
    names another; which one it was is said. Started as root it is run in traced boxes, else
    only read. Exit code 0: it would be served; 3: held; 4: denied.

    With --layers, any number of files is read and none is run, each in a child of a confined
    process, as many at once as there are processors. A line is written for each as it is done, with
    the name that it was given under, so not in the order of the names. The exit code is the worst
    of all: 4, 3, then 1 where a file could not be read.
    """
    # Log lines would spoil the report; what went wrong is told as an error or in the evidence.
    configure_log(format_="json", file=Path(os.devnull), process="scan")
    if layers is None:
        if len(targets) != 1 or files_from is not None or unconfined or readers:
            raise ValueInvalid(
                "Without --layers, one file or requirement is scanned.",
                next_step="To read many files and run none: pratique scan --layers metadata FILE…",
            )
        _scan_one(settings, targets[0], since, as_json=as_json)
    if since is not None or settings.harness:
        raise ValueInvalid("--since and --harness are for one file that is run.")
    code = survey_files(
        settings,
        listed(targets, files_from),
        layers=parse_layers(layers),
        as_json=as_json,
        readers=readers,
        unconfined=unconfined,
    )
    sys.exit(code)


def _scan_one(settings: Settings, target: str, since: str | None, *, as_json: bool) -> NoReturn:
    policy = policy_for(settings)
    local = _read_local(Path(target))
    older = _read_local(Path(since)) if since and since != PREVIOUS else None
    advisories = _advisories(settings, target, local)
    console = Console(stderr=True)
    with (
        sandbox_daemon(
            uid_base=settings.uid_base,
            boxes=1,
            harness=settings.harness,
            interpreters=settings.interpreters,
        ) as socket,
        tempfile.TemporaryDirectory(prefix="pratique-scan-", dir="/tmp") as scratch,
        console.status(f"{target}: starting") as status,
    ):
        scanner = Scanner(
            upstreams=settings.upstreams,
            policy=policy,
            scratch=Path(scratch),
            sandbox=SandboxClient(socket),
            advisories=advisories,
            on_progress=lambda phase, state: _show(status, target, phase, state),
        )
        scanned = asyncio.run(_scan(scanner, (target, local), (since, older)))
    if as_json:
        click.echo(msgspec.json.encode(scanned).decode())
    else:
        print_report(scanned)
    sys.exit(EXIT[scanned.decision.action])


def _advisories(settings: Settings, target: str, data: bytes | None) -> Store | None:
    """What the feeds of the firewall on this machine say, read before privileges are dropped."""
    project = project_named(target)
    sha256 = Sha256(hashlib.sha256(data).hexdigest()) if data is not None else None
    return advisories_for(settings.data_dir, [(project, sha256)]) if project else None


async def _scan(
    scanner: Scanner, target: tuple[str, bytes | None], since: tuple[str | None, bytes | None]
) -> Scanned:
    name, data = since
    async with scanner:
        found = await _found(scanner, *target)
        if name is None:
            return await scanner.scan(found)
        if name == PREVIOUS:
            return await scanner.scan(found, since=await scanner.previous(found))
        return await scanner.scan(found, since=await _found(scanner, name, data))


async def _found(scanner: Scanner, name: str, data: bytes | None) -> Found:
    return await (scanner.find(name) if data is None else scanner.given(Path(name).name, data))


def _read_local(path: Path) -> bytes | None:
    """The bytes of a local file, read before privileges are dropped; None: it is a requirement."""
    if not path.is_file():
        if path.suffix in (".whl", ".gz", ".zip") or "/" in str(path):
            raise ValueInvalid(f"There is no file {path}.")
        return None
    if path.stat().st_size > INPUT_BYTES_MAX:
        raise ValueInvalid(f"{path} is larger than {INPUT_BYTES_MAX} bytes.")
    return path.read_bytes()


def _show(status: Status, target: str, phase: str, state: str) -> None:
    status.update(f"{target}: {PHASES.get(phase, phase)} ({state})")
