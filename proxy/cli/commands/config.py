"""`pratique config`."""

from __future__ import annotations

import click

from proxy.cli.options import settings_options
from proxy.settings import TABLE, Settings, without_credentials


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
        click.echo(f"{setting.name} = {_shown(settings, setting.name)}")
    click.echo(f"\nThe settings are sound. Index URL: {settings.index_url}")


def _shown(settings: Settings, name: str) -> str:
    match name:
        case "listen":
            return f"{settings.listen.host}:{settings.listen.port}"
        case "upstream":
            return without_credentials(settings.upstream)
        case "feeds":
            return ", ".join(f"{source.name}={source.shown}" for source in settings.feeds)
        case _:
            value = getattr(settings, name)
            return "" if value is None else str(value)
