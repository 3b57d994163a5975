"""The policy in force on this machine, for a command that has no store of its own."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from models.clock import utc_now
from models.errors import PolicyInvalid, PratiqueError
from policies.policy import Policy
from proxy.policyfile import named_policy
from proxy.settings import Settings
from proxy.store.bounds import DATABASE
from proxy.store.sqlite import SqliteStore


def policy_for(settings: Settings) -> Policy:
    """`--policy FILE`, else what the store in `--data-dir` has in force, else the default; it is said which.

    The store is only read, and nothing makes one. Raises PolicyInvalid.
    """
    path = settings.data_dir / DATABASE
    there = settings.policy is None and path.is_file()
    policy, source = asyncio.run(_of_store(path) if there else named_policy(None, settings.policy))
    say_policy(policy, source)
    return policy


def say_policy(policy: Policy, source: str) -> None:
    """Tell whoever reads a judgement by which policy it was made."""
    digest = policy.digest.rpartition(":")[2][:12]
    click.echo(f"Judged by {source} ({digest}).", err=True)


async def _of_store(path: Path) -> tuple[Policy, str]:
    try:
        store = SqliteStore.look(path, clock=utc_now)
        try:
            return await named_policy(store, None)
        finally:
            await store.close()
    except PolicyInvalid:
        raise  # it is in force, and cannot be read here: another one would answer another question
    except (PratiqueError, OSError) as error:
        told = error.message if isinstance(error, PratiqueError) else str(error)
        policy, source = await named_policy(None, None)
        return policy, f"{source}, for {path} cannot be read: {told}"
