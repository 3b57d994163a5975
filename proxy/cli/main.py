"""`pratique`: the command line's root."""

from __future__ import annotations

import sys

import click

from models.errors import PratiqueError, SettingsInvalid
from proxy.cli.commands.advisories import advisories
from proxy.cli.commands.audit import audit
from proxy.cli.commands.backup import backup, restore_
from proxy.cli.commands.config import config
from proxy.cli.commands.decisions import decisions
from proxy.cli.commands.demo import demo
from proxy.cli.commands.doctor import doctor
from proxy.cli.commands.drift import drift_
from proxy.cli.commands.explain import explain_
from proxy.cli.commands.feeds import feeds
from proxy.cli.commands.graph import graph
from proxy.cli.commands.installed import installed
from proxy.cli.commands.keep import keep
from proxy.cli.commands.mirror import mirror
from proxy.cli.commands.override import override
from proxy.cli.commands.override_requests import (
    approve,
    expiring_,
    extend,
    refuse,
    request,
    requests,
    uses,
    withdraw,
)
from proxy.cli.commands.policy import policy
from proxy.cli.commands.replay import replay_
from proxy.cli.commands.rescore import rescore_
from proxy.cli.commands.research import research
from proxy.cli.commands.scan import scan
from proxy.cli.commands.serve import serve
from proxy.cli.commands.token import token
from proxy.cli.commands.trace import trace
from proxy.cli.commands.upstream import upstream
from proxy.cli.commands.verdict import verdict
from proxy.cli.commands.watch import watch
from proxy.cli.commands.webhook import webhook
from proxy.cli.commands.worker import worker
from proxy.log import keep_standard_output


class Pratique(click.Group):
    """Turns our errors into one plain paragraph and an exit code; a traceback would help nobody."""

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


for command in (
    *(serve, worker, scan, graph, decisions, trace, feeds, advisories),
    *(explain_, rescore_, replay_, drift_, verdict),
    *(backup, restore_, keep),
    *(
        override,
        audit,
        installed,
        token,
        webhook,
        watch,
        policy,
        upstream,
        mirror,
        doctor,
        config,
        demo,
        research,
    ),
):
    main.add_command(command)
for command in (request, requests, approve, refuse, withdraw, extend, uses, expiring_):
    override.add_command(command)


def run() -> None:
    """What the command `pratique` starts."""
    keep_standard_output()
    main(prog_name="pratique")
