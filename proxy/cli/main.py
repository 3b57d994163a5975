"""`pratique`: the command line's root."""

from __future__ import annotations

import sys
from importlib import import_module

import click

from models.errors import PratiqueError, SettingsInvalid
from proxy.log import keep_standard_output

_PLACE = "proxy.cli.commands"
COMMANDS = {
    "advisories": "advisories:advisories",
    "audit": "audit:audit",
    "backup": "backup:backup",
    "config": "config:config",
    "decisions": "decisions:decisions",
    "demo": "demo:demo",
    "doctor": "doctor:doctor",
    "drift": "drift:drift_",
    "explain": "explain:explain_",
    "feeds": "feeds:feeds",
    "graph": "graph:graph",
    "installed": "installed:installed",
    "keep": "keep:keep",
    "mirror": "mirror:mirror",
    "override": "override_requests:override",
    "policy": "policy:policy",
    "replay": "replay:replay_",
    "rescore": "rescore:rescore_",
    "research": "research:research",
    "restore": "backup:restore_",
    "scan": "scan:scan",
    "serve": "serve:serve",
    "token": "token:token",
    "trace": "trace:trace",
    "upstream": "upstream:upstream",
    "verdict": "verdict:verdict",
    "watch": "watch:watch",
    "webhook": "webhook:webhook",
    "worker": "worker:worker",
}
"""Command → module of `proxy.cli.commands` and what it is called there. A command is imported when it is
asked for: all of them together take longer than most of them run."""


class Pratique(click.Group):
    """Turns our errors into one plain paragraph and an exit code; a traceback would help nobody."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """All names, as `--help` lists them."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of that name, imported now."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        found: click.Command = getattr(import_module(f"{_PLACE}.{module}"), attribute)
        return found

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; PratiqueError ends in exit code 1 (78, EX_CONFIG, for settings)."""
        try:
            return super().invoke(ctx)
        except PratiqueError as error:
            click.echo(f"Error: {error.message}", err=True)
            if error.next_step:
                click.echo(f"Next: {error.next_step}", err=True)
            sys.exit(78 if isinstance(error, SettingsInvalid) else 1)


@click.group(
    cls=Pratique, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="pratique", prog_name="pratique")
def main() -> None:
    """A firewall in front of PyPI.

    Unseen packages are run in a traced sandbox, scored, and then served, held or refused, with the
    reason at pip's own prompt.

    \b
    Start it:           pratique serve
    Point pip at it:    pip install --index-url http://127.0.0.1:8080/simple/ requests
    See it refuse one:  pratique demo
    Is all in place?    pratique doctor
    """


def run() -> None:
    """What the command `pratique` starts."""
    keep_standard_output()
    main(prog_name="pratique")
