"""`pratique config`."""

from __future__ import annotations

import click

from proxy.cli.options import settings_options
from proxy.settings import TABLE, Settings


@click.group()
def config() -> None:
    """Look at the settings."""


@config.command()
@settings_options()
def check(settings: Settings) -> None:
    """Read the settings from file, environment and flags, and print what is in force.

    Every problem is named at once. Nothing is started.
    """
    for setting in TABLE:
        if setting.hidden:
            continue
        value = getattr(settings, setting.name)
        shown = f"{value.host}:{value.port}" if setting.name == "listen" else value
        click.echo(f"{setting.name} = {'' if shown is None else shown}")
    click.echo(f"\nThe settings are sound. Index URL: {settings.index_url}")
