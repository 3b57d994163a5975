"""`pratique config`."""

from __future__ import annotations

import click

from proxy.cli.options import settings_options
from proxy.index.declared import Upstream
from proxy.settings import NO_UPSTREAM, TABLE, Settings, without_credentials

NAMES_SHOWN_MAX = 10
"""Names shown of one upstream."""


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
    for upstream in settings.upstreams:
        click.echo(f"upstream {upstream.name}: {upstream_words(upstream)}")
    click.echo(f"\nThe settings are sound. Index URL: {settings.index_url}")


def upstream_words(upstream: Upstream) -> str:
    """Where it is and what it is for, without its secret."""
    names = ", ".join(upstream.names[:NAMES_SHOWN_MAX])
    more = len(upstream.names) - NAMES_SHOWN_MAX
    words = [
        upstream.place,
        f"owns {names}{f' and {more} more' if more > 0 else ''}" if names else "every other name",
        f"mode {upstream.mode.value}" if upstream.mode else "",
        "with credentials" if upstream.authorization else "",
    ]
    return "; ".join(filter(None, words))


def _shown(settings: Settings, name: str) -> str:
    match name:
        case "listen":
            return f"{settings.listen.host}:{settings.listen.port}"
        case "upstream":
            return without_credentials(settings.upstream) or NO_UPSTREAM
        case "feeds":
            return ", ".join(f"{source.name}={source.shown}" for source in settings.feeds)
        case _:
            value = getattr(settings, name)
            return "" if value is None else str(value)
