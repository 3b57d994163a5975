"""`pratique demo`."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from proxy.cli.options import settings_options
from proxy.index.declared import plain
from proxy.log import configure_log
from proxy.privileges import Roles, child_setup, is_root
from proxy.settings import Settings, default_run_dir
from proxy.supervisor import Supervisor

WALK = """
Try this in another terminal:

  python3 -m venv /tmp/try && . /tmp/try/bin/activate
  pip install --index-url {index} reenact-demo==1.0    # clean: installs
  pip install --index-url {index} reenact-demo==2.0    # refused, with the reason at pip's prompt
  pip install --index-url {index} reenact-demo         # takes 1.0 by itself

Both are inert: they act only in boxes that show a test marker, as this demo's do.
The evidence is behind the short link in pip's message. Ctrl-C ends the demo and deletes its data.
"""


@click.command()
@settings_options("listen", "uid_base", "log_file")
def demo(settings: Settings) -> None:
    """Run a firewall in front of a local index that offers an inert hostile package.

    Nothing leaves this machine, and nothing of it is kept.
    """
    base = Path("/var/lib") if is_root() else None
    data_dir = Path(tempfile.mkdtemp(prefix="pratique-demo-", dir=base))
    log_file = settings.log_file or data_dir / "log" / "pratique.log"
    configure_log(format_="json", file=log_file, process="supervisor")
    upstream = _start_upstream(settings)
    try:
        assert upstream.stdout is not None  # noqa: S101 - asked for with PIPE
        url = upstream.stdout.readline().decode().strip()
        trial = trial_of(settings, upstream=url, data_dir=data_dir, log_file=log_file)
        click.echo(f"Local upstream: {url}\nLog: {log_file}")
        asyncio.run(_run(trial))
    finally:
        upstream.terminate()
        upstream.wait()
        shutil.rmtree(data_dir, ignore_errors=True)


def trial_of(settings: Settings, *, upstream: str, data_dir: Path, log_file: Path) -> Settings:
    """The settings of the demo: one local upstream and no other, whatever this machine has set."""
    return dataclasses.replace(
        settings,
        data_dir=data_dir,
        run_dir=default_run_dir(data_dir),
        upstream=upstream,
        upstreams=(plain(settings.index_name, upstream),),
        harness=True,
        log_file=log_file,
    )


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def announce(line: str) -> None:
        click.echo(line)
        click.echo(WALK.format(index=settings.index_url))

    say = functools.partial(click.echo, err=True)
    await Supervisor(settings, announce=announce, say=say).run(stop)


def _start_upstream(settings: Settings) -> subprocess.Popen[bytes]:
    # The hostile side of the play gets a uid that owns nothing.
    uid = Roles.from_base(settings.uid_base).boxes - 1 if is_root() else None
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "proxy.demo.upstream"],
        stdout=subprocess.PIPE,
        cwd="/",
        env={"PATH": os.environ.get("PATH", ""), "HOME": "/nonexistent"},
        preexec_fn=child_setup(uid),
    )
