"""`pratique serve`."""

from __future__ import annotations

import asyncio
import functools
import signal

import click

from proxy.cli.options import settings_options
from proxy.log import configure_log
from proxy.privileges import is_root
from proxy.settings import Settings
from proxy.supervisor import Supervisor


@click.command()
@settings_options()
def serve(settings: Settings) -> None:
    """Run the firewall: proxy, judge, worker and sandbox, until SIGTERM or Ctrl-C.

    One line with the index URL appears on standard output when it is ready; log lines go to
    standard error. Started as root, each process drops to a uid of its own. Started as an ordinary
    user it runs without the behaviour layer, and says so on every page and decision.
    """
    configure_log(format_=settings.log_format, file=settings.log_file, process="supervisor")
    if not is_root() and settings.boxes > 0:
        click.echo(
            "Started without root: packages are read but not run, so nothing scores above MONITOR. "
            "`pratique doctor` says what the behaviour layer needs.",
            err=True,
        )
    asyncio.run(supervise(settings))


async def supervise(settings: Settings) -> None:
    """Run the supervisor until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    say = functools.partial(click.echo, err=True)
    await Supervisor(settings, announce=click.echo, say=say).run(stop)
