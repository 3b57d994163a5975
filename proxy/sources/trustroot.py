"""Sigstore's trust root: the bundled one, renewed by TUF now and then where the operator says so."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from models.clock import Clock

if TYPE_CHECKING:
    from analyzer.provenance.trust import TrustRoot

# The libraries behind a trust root take a third of a second to load: they are, in a thread, where
# the first attestation is met, and never for the sake of `--help`.

LOG = structlog.get_logger()

RENEW = timedelta(days=1)
"""Between two looks; sigstore rotates keys about once a year, with months of overlap."""
RETRY = timedelta(hours=1)
RENEW_S = 5.0
"""Seconds that an answer waits for a look; the look itself may go on."""


class TrustRoots:
    """The trust root to verify with, now. Never fails for want of a network."""

    def __init__(
        self,
        *,
        clock: Clock,
        folder: Path | None = None,
        tuf_url: str = "",
        bootstrap: bytes | None = None,
    ) -> None:
        """`folder` is where TUF keeps its metadata; None: the bundled root is all there is.

        `tuf_url` is where to look; empty: at sigstore's own. `bootstrap` is the TUF root that is
        trusted from the start; None: the one that sigstore comes with.
        """
        self._clock = clock
        self._folder = folder
        self._tuf_url = tuf_url
        self._bootstrap = bootstrap
        self._root: TrustRoot | None = None
        self._due: datetime | None = None
        self._renewal: asyncio.Task[None] | None = None

    async def current(self) -> TrustRoot:
        """The newest root that could be had. Waits RENEW_S at most for a newer one."""
        if self._root is None:
            self._root = await asyncio.to_thread(_bundled_root)
        if self._folder is not None and (self._due is None or self._clock() >= self._due):
            if self._renewal is None:
                self._renewal = asyncio.create_task(self._renew(self._folder), name="trust-root")
            await asyncio.wait({self._renewal}, timeout=RENEW_S)
        return self._root

    async def _renew(self, folder: Path) -> None:
        try:
            self._root = await asyncio.to_thread(self._download, folder)
            self._due = self._clock() + RENEW
            LOG.info("trust_root_renewed")
        except Exception as error:  # noqa: BLE001 - task edge: TUF, its HTTP and sigstore each have a tree
            self._due = self._clock() + RETRY
            LOG.warning("trust_root_not_renewed", error=type(error).__name__)
        finally:
            self._renewal = None

    def _download(self, folder: Path) -> TrustRoot:
        """The root that TUF vouches for. Blocking."""
        from tuf.ngclient.updater import Updater  # noqa: PLC0415 - see the head

        from analyzer.provenance import trust  # noqa: PLC0415 - see the head

        tuf_url = self._tuf_url or trust.TUF_URL
        metadata, targets = folder / "metadata", folder / "targets"
        for part in (metadata, targets):
            part.mkdir(parents=True, exist_ok=True)
        updater = Updater(
            metadata_dir=str(metadata),
            metadata_base_url=tuf_url,
            target_dir=str(targets),
            target_base_url=f"{tuf_url}/targets/",
            bootstrap=self._bootstrap or trust.bundled(trust.BOOTSTRAP_FILE).read_bytes(),
        )
        updater.refresh()
        info = updater.get_targetinfo(trust.ROOT_FILE)
        if info is None:
            raise FileNotFoundError(trust.ROOT_FILE)
        path = updater.find_cached_target(info) or updater.download_target(info)
        return trust.read_root(Path(path))


def _bundled_root() -> TrustRoot:
    from analyzer.provenance.trust import bundled_root  # noqa: PLC0415 - see the head

    return bundled_root()
