"""`pratique worker`."""

from __future__ import annotations

import asyncio
import platform
import signal
from contextlib import suppress
from pathlib import Path

import click
import structlog

from analyzer.sandbox.client import SandboxClient
from analyzer.worker import Worker
from models.errors import SandboxUnavailable, ValueInvalid
from proxy.cli.analyzing import sandbox_daemon
from proxy.log import configure_log
from proxy.settings import parse_boxes, parse_interpreters

LOG = structlog.get_logger()

TOKEN_BYTES_MAX = 4096
"""Bytes of a token file; ours hold below 80."""


def _boxes(context: click.Context, parameter: click.Parameter, text: str) -> int:
    try:
        number = parse_boxes(text)
    except ValueError as error:
        raise click.BadParameter(str(error), context, parameter) from error
    if number == 0:
        raise click.BadParameter("a worker needs a box", context, parameter)
    return number


def _interpreters(
    context: click.Context, parameter: click.Parameter, text: str
) -> tuple[Path, ...]:
    try:
        return parse_interpreters(text)
    except ValueError as error:
        raise click.BadParameter(str(error), context, parameter) from error


@click.command()
@click.option(
    "--server",
    required=True,
    metavar="URL",
    envvar="PRATIQUE_SERVER",
    help="The firewall. [PRATIQUE_SERVER]",
)
@click.option(
    "--token-file",
    required=True,
    envvar="PRATIQUE_TOKEN_FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with the secret that `pratique token add worker NAME` printed. [PRATIQUE_TOKEN_FILE]",
)
@click.option(
    "--boxes",
    callback=_boxes,
    default="auto",
    show_default=True,
    metavar="auto|N",
    help="Boxes at once; auto: one a core, as far as memory goes.",
)
@click.option(
    "--interpreters",
    callback=_interpreters,
    default="auto",
    show_default=True,
    metavar="auto|PATHS",
    help="Pythons that boxes may run beside /usr/bin/python3, with commas between them.",
)
@click.option("--uid-base", type=click.IntRange(1000, 65000), default=64800, show_default=True)
def worker(
    server: str, token_file: Path, boxes: int, interpreters: tuple[Path, ...], uid_base: int
) -> None:
    """Analyse for a firewall elsewhere: lease jobs, run boxes, post evidence.

    Start it as root; it keeps a sandbox daemon and drops its own privileges. Nothing has to be
    opened on this machine: it only asks the server.
    """
    with token_file.open("rb") as file:
        token = file.read(TOKEN_BYTES_MAX).decode("ascii", errors="replace").strip()
    if not token:
        raise ValueInvalid(
            f"{token_file} is empty.",
            next_step="Write the secret of `pratique token add worker` into it.",
        )
    configure_log(format_="json", file=None, process="worker")
    with sandbox_daemon(uid_base=uid_base, boxes=boxes, interpreters=interpreters) as socket:
        asyncio.run(run_worker(server=server, token=token, socket=socket, boxes=boxes))


async def run_worker(*, server: str, token: str, socket: Path, boxes: int) -> None:
    """Work until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    sandbox = SandboxClient(socket)
    await _say_what_is_missing(sandbox)
    await Worker(
        server=server,
        token=token,
        sandbox=sandbox,
        name=platform.node() or "worker",
        parallel=boxes,
    ).run(stop)


async def _say_what_is_missing(sandbox: SandboxClient) -> None:
    """One line where boxes are made but not traced: every decision would say it, and none why."""
    with suppress(SandboxUnavailable):  # the worker waits for it, and says so
        hello = await sandbox.hello()
        if hello.why_not:
            LOG.warning("sandbox_untraced", why_not=hello.why_not)
