"""Texts that a command reads from files its user names, each with a bound."""

from __future__ import annotations

from pathlib import Path

from models.errors import LockInvalid, PolicyInvalid, Problem
from proxy.lockfiles import LOCK_BYTES_MAX, Lock, read_lock
from proxy.policyfile import POLICY_BYTES_MAX


def read_policy_text(file: Path) -> str:
    """The text of a policy. Raises PolicyInvalid where it cannot be read."""
    try:
        with file.open("rb") as opened:
            data = opened.read(POLICY_BYTES_MAX + 1)
        if len(data) > POLICY_BYTES_MAX:
            raise ValueError(f"larger than {POLICY_BYTES_MAX} bytes")
        return data.decode()
    except (OSError, ValueError) as error:
        raise PolicyInvalid(
            str(file),
            (Problem(where=str(file), message=f"cannot be read: {error}"),),
            next_step="`pratique policy show` prints the policy that ships with Pratique.",
        ) from error


def read_lock_file(file: Path) -> Lock:
    """What a lock file pins. Raises LockInvalid, too where it cannot be read."""
    try:
        with file.open("rb") as opened:
            data = opened.read(LOCK_BYTES_MAX + 1)
    except OSError as error:
        problem = Problem(where=str(file), message=f"cannot be read: {error.strerror}")
        raise LockInvalid(str(file), (problem,), next_step="Name a file that is there.") from error
    return read_lock(file.name, data)
