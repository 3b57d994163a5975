"""`python -m tests.corpus [WORD…]`: try the recipes whose names hold all words, and their twins."""

from __future__ import annotations

import time

import click

from tests.corpus.building import build
from tests.corpus.lab import daemon, try_out
from tests.corpus.library import recipes
from tests.corpus.rules import violations


@click.command()
@click.argument("words", nargs=-1)
@click.option(
    "--rules-only", is_flag=True, help="Check the rules and run nothing (no root needed)."
)
def main(words: tuple[str, ...], rules_only: bool) -> None:
    """Say what the rules have against a recipe, then what the firewall makes of it."""
    chosen = [recipe for recipe in recipes() if all(word in recipe.project for word in words)]
    broken = 0
    for recipe in chosen:
        for problem in violations(recipe):
            broken += 1
            click.echo(f"{recipe.project}: {problem}")
    if broken or rules_only:
        raise SystemExit(bool(broken))
    with daemon(harness=True) as sandbox:
        for recipe in chosen:
            for twin in (False, True):
                begun = time.monotonic()
                verdict = try_out(build(recipe, twin=twin), sandbox)
                kind = "twin" if twin else recipe.phase
                took = time.monotonic() - begun
                click.echo(f"{recipe.project} {kind} {took:.1f} s: {verdict}")


if __name__ == "__main__":
    main()
