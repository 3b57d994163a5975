"""The policy in force: from a file, read again when that changes; else from the store, if it has one."""

from __future__ import annotations

from pathlib import Path

import structlog

from models.errors import PolicyInvalid, Problem
from policies.document import DEFAULT_POLICY_TOML, Policy, parse_policy
from proxy.store.policy_port import PolicyPort

LOG = structlog.get_logger()

POLICY_BYTES_MAX = 1024 * 1024
"""Bytes of a policy file; the default one is below 16 KiB."""


class PolicyFile:
    """`current()` is what is in force. A file with mistakes never replaces a sound policy."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._number = 0
        """Of the store's document that was read last."""
        self._passed_over = 0
        """Of the store's document that is not in force, since a file is."""
        self._policy = parse_policy(DEFAULT_POLICY_TOML, source="the default policy")
        if path is not None:
            self._policy, self._stamp = _read(path)

    def current(self) -> Policy:
        """The policy in force."""
        return self._policy

    async def follow(self, store: PolicyPort) -> bool:
        """Look again, at the file or, without one, at the store; whether another policy is in force now.

        Raises StoreError. A document that cannot be read, as one of a newer Pratique, changes nothing.
        """
        found = await store.policy_document()
        if self._path is not None:
            self._passed_over = found.number if found else 0
            return self.reload()
        if found is None or found.number == self._number:
            return False
        self._number = found.number
        before = self._policy.digest
        try:
            self._policy = parse_policy(found.text, source=f"policy {found.number} of the store")
        except PolicyInvalid as error:
            LOG.error("policy_refused", number=found.number, error=str(error))
            return False
        LOG.info("policy_loaded", number=found.number, policy_digest=self._policy.digest)
        return self._policy.digest != before

    def notices(self) -> tuple[str, ...]:
        """What admins must not overlook: a policy that was set, and is not in force."""
        if not self._passed_over:
            return ()
        number = self._passed_over
        return (f"A policy file (--policy) is in force; policy {number} of the store is not.",)

    def reload(self) -> bool:
        """Read the file again if it changed; whether another policy is in force now."""
        if self._path is None:
            return False
        try:
            status = self._path.stat()
            if (status.st_mtime_ns, status.st_size) == self._stamp:
                return False
            before = self._policy.digest
            self._policy, self._stamp = _read(self._path)
        except (OSError, PolicyInvalid) as error:
            # Said once for each change of the file, not at every look.
            stamp = _stamp(self._path)
            if stamp != self._stamp:
                LOG.error("policy_refused", file=str(self._path), error=str(error))
            self._stamp = stamp
            return False
        LOG.info("policy_loaded", file=str(self._path), policy_digest=self._policy.digest)
        return self._policy.digest != before


async def policy_in_force(store: PolicyPort | None, path: Path | None) -> Policy:
    """What a server with these settings has in force: the file, else the store's, else the default.

    Raises PolicyInvalid, StoreError.
    """
    return (await named_policy(store, path))[0]


async def named_policy(store: PolicyPort | None, path: Path | None) -> tuple[Policy, str]:
    """The same, and what it is called, for whoever wants to know which one it was."""
    if path is not None:
        return _read(path)[0], f"the policy file {path}"
    found = await store.policy_document() if store is not None else None
    source = "the default policy" if found is None else f"policy {found.number} of the store"
    text = DEFAULT_POLICY_TOML if found is None else found.text
    return parse_policy(text, source=source), source


def _read(path: Path) -> tuple[Policy, tuple[int, int] | None]:
    stamp = _stamp(path)
    try:
        data = path.read_bytes()
        if len(data) > POLICY_BYTES_MAX:
            raise ValueError(f"larger than {POLICY_BYTES_MAX} bytes")
        text = data.decode()
    except (OSError, ValueError) as error:
        problem = Problem(where=str(path), message=f"cannot be read: {error}")
        raise PolicyInvalid(
            str(path), (problem,), next_step="Make it readable to the proxy's uid."
        ) from error
    return parse_policy(text, source=str(path)), stamp


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
