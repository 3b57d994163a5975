"""`pratique policy`."""

from __future__ import annotations

from pathlib import Path

import click

from models.errors import PolicyInvalid, Problem
from policies.document import DEFAULT_POLICY_TOML, parse_policy


@click.group()
def policy() -> None:
    """Look at policies."""


@policy.command()
@click.argument("file", type=click.Path(path_type=Path))
def check(file: Path) -> None:
    """Read a policy and name every mistake in it at once, with its line and a suggestion."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyInvalid(
            str(file),
            (Problem(where=str(file), message=f"cannot be read: {error}"),),
            next_step="`pratique policy show` prints the policy that ships with Pratique.",
        ) from error
    parsed = parse_policy(text, source=str(file))
    click.echo(f"{file} is sound. Digest: {parsed.digest}")


@policy.command()
def show() -> None:
    """Print the policy that ships with Pratique, a comment on every line, to start your own from."""
    click.echo(DEFAULT_POLICY_TOML, nl=False)
