"""The door's collaborators and bounds: what the composition root hands to `make_app`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from packaging.utils import NormalizedName

from models.artifact import ArtifactRef, IndexName, Sha256
from models.clock import Clock
from models.errors import UpstreamNotFound
from models.facts import Facts
from models.work import AnalysisPlan, ResolvedSet, ResolveRequest
from proxy.admin.firstadmin import FirstAdmin
from proxy.fetchlog import FetchLog
from proxy.gate import Gate
from proxy.holds import Holds
from proxy.index.freshness import Freshness
from proxy.index.port import Ahead
from proxy.simple.page import IndexFile, ProjectPage
from proxy.store.port import Store, Token
from proxy.telling.metrics import Metrics
from proxy.web.forwarded import Network
from proxy.web.share import QUEUE_SHARE_MAX

HOP_S = 10.0
"""Seconds of one held request; below the read timeout of pip and Poetry, 15 s (FACTS 1.2)."""
HOPS_MAX = 9
"""Redirects for uv and unknown clients; uv gives up after 10 (FACTS 1.2)."""
HOPS_PATIENT_MAX = 29
"""Redirects for `pip/` and `poetry/`; requests gives up after 30 (FACTS 1.2)."""
HOLD_S = 300.0
"""Seconds that one client is kept waiting for one file (DESIGN.md, Bounds)."""
OBSERVE_HOLD_S = 30.0
"""The same where nothing is enforced: most analyses end within it; then the file goes out unjudged, once
recorded, and at once from then on (docs/decisions/0023)."""
RETRY_AFTER_S = 2
"""Seconds in Retry-After once hops are used up; each further try is itself held for a hop."""
TOKENS_REFRESH_S = 2.0
"""Seconds until a new or revoked token counts in this process."""
LEASE_WAIT_MAX_S = 25.0
"""Seconds that a worker's request for a lease may be kept (the worker API)."""
LEASE_WAITERS_MAX = 256
"""Workers that wait for a lease at once."""
LEASE_POLL_S = 2.0
"""Seconds between two looks for a job that another process queued; our own rings a bell."""
HOT_BYTES_MAX = 64 * 1024 * 1024
"""Bytes of small files kept in memory."""
HOT_FILE_BYTES_MAX = 256 * 1024
"""Bytes of the largest file kept in memory; half of all wheels on PyPI are below 60 KiB."""
PAGES_BYTES_MAX = 256 * 1024 * 1024
"""Bytes of rendered pages; the largest page is 3 MiB, the median 6 KiB."""
PAGE_BELIEVED_S = 0.1
"""Seconds in which the index layers are not asked again whether a page is fresh; theirs is minutes."""
METADATA_BYTES_MAX = 16 * 1024 * 1024
"""Bytes of core metadata kept in memory."""
TRANSFERS_MAX = 512
"""Files that are being sent at once; each holds a socket and a descriptor."""
TRANSFERS_PER_CLIENT_MAX = 128
"""Files that are being sent to one client at once; uv asks for at most 50."""
TRANSFER_S = 3_600.0
"""Seconds one transfer may take: 500 MiB at 150 KiB/s; a stalled reader is cut off long before."""
FETCHES_MAX = 8
"""Files that are fetched from upstream at once because somebody waits for them."""
FETCHES_AHEAD_MAX = 4
"""Files that are fetched at once because their metadata was asked for."""
INTAKE_MAX = 512
"""Files that are on their way into the queue at once."""
INTAKE_PER_CLIENT_MAX = 128
"""The same for one client."""
RESOLVES_PER_LEASE_MAX = 8
"""Resolutions one lease may ask for; a run needs one for its run and one for its build set."""


class IndexPort(Protocol):
    """All upstreams as one index, in which every name has one home."""

    def home(self, name: NormalizedName) -> IndexName | None:
        """Where a name comes from, as memory has it; None: ask for its page first."""

    async def serves(self, index: IndexName, name: NormalizedName) -> bool:
        """Whether files of a name may come from an upstream."""

    async def project(self, name: NormalizedName) -> ProjectPage:
        """The page. Raises UpstreamNotFound, or another UpstreamError."""

    async def projects(self) -> tuple[str, ...]:
        """All project names."""

    async def refresh(self, name: NormalizedName) -> ProjectPage:
        """The page as upstream has it now."""

    async def ahead(self, name: NormalizedName, *, told_by: IndexName) -> Ahead:
        """Have a page at hand that nobody asked for yet. Raises PratiqueError."""

    def serial(self, name: NormalizedName) -> Hashable:
        """Changes when the page changes."""

    def freshness(self, name: NormalizedName) -> Freshness | None:
        """How old the page in memory is, as upstream's word; None where nobody knows."""


class ArtifactsPort(Protocol):
    """Verified bytes by digest."""

    def path(self, sha256: Sha256) -> Path | None:
        """Where the bytes lie; None where they do not."""

    @property
    def bytes_max(self) -> int:
        """Bytes that may be kept."""

    def used_bytes(self) -> int:
        """Bytes that are kept."""

    def remove(self, sha256: Sha256) -> bool:
        """Take a file out; False where it is not there. Blocking."""


class FetcherPort(Protocol):
    """Brings bytes from upstream; what it returns has the digest and the size announced."""

    async def ensure(self, ref: ArtifactRef) -> Path:
        """The file of a ref."""

    async def ensure_ahead(self, ref: ArtifactRef) -> Ahead:
        """Have the file of a ref at hand before anybody asks for it. Raises PratiqueError."""

    async def metadata(self, ref: ArtifactRef) -> bytes:
        """The core metadata that upstream announces with a sha256. Raises UpstreamNotFound."""

    async def ensure_url(self, sha256: Sha256, place: str, size: int | None) -> Path:
        """The file at an `IndexFile.place`."""


class ProvenancePort(Protocol):
    """Provenance objects (PEP 740), as upstream has them."""

    async def of(self, ref: ArtifactRef, entry: IndexFile) -> bytes:
        """The object that `entry`, the ref's on its page, announces. Raises UpstreamNotFound."""


class NoProvenance:
    """Where the index has none."""

    async def of(self, ref: ArtifactRef, entry: IndexFile) -> bytes:  # noqa: ARG002 - the port's
        """Raises UpstreamNotFound."""
        raise UpstreamNotFound("There is no provenance of this file.")


class ResolverPort(Protocol):
    """Turns requirement lines into a closed set of files."""

    async def resolve(
        self, request: ResolveRequest
    ) -> tuple[ResolvedSet, Mapping[Sha256, tuple[str, int]]]:
        """The set, and where each of its files lies."""


class TokensPort(Protocol):
    """Who a secret belongs to, from memory."""

    async def refresh(self) -> None:
        """Read the tokens from the store again."""

    def check(self, secret: str) -> Token | None:
        """The active token of `secret`."""

    def by_id(self, token_id: str) -> Token | None:
        """The active token of that id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorSettings:
    """What the operator set, and the bounds."""

    public_url: str
    """Our origin as clients see it, without a slash at its end; never taken from a Host header."""
    token_required: bool = True
    verdicts_public: bool = False
    """Whether `/` and `/v/…` open without a token; the pages quote evidence."""
    metrics_public: bool = False
    """Whether `/metrics` opens to everybody who can reach us."""
    trusted_proxies: tuple[Network, ...] = ()
    """Front ends that may say whom they ask for."""
    upstreams: tuple[IndexName, ...] = ()
    """The upstreams by name, in the order in which they are asked."""
    prefetch: bool = True
    """Whether what is likely asked for next is brought in before."""
    watch_hours: int = 0
    """Hours until a watched file's turn comes again; 0: never by itself."""
    hop_s: float = HOP_S
    hops_max: int = HOPS_MAX
    hops_patient_max: int = HOPS_PATIENT_MAX
    hold_s: float = HOLD_S
    observe_hold_s: float = OBSERVE_HOLD_S
    retry_after_s: int = RETRY_AFTER_S
    tokens_refresh_s: float = TOKENS_REFRESH_S
    lease_wait_max_s: float = LEASE_WAIT_MAX_S
    lease_poll_s: float = LEASE_POLL_S
    hot_bytes_max: int = HOT_BYTES_MAX
    hot_file_bytes_max: int = HOT_FILE_BYTES_MAX
    pages_bytes_max: int = PAGES_BYTES_MAX
    page_believed_s: float = PAGE_BELIEVED_S
    transfers_max: int = TRANSFERS_MAX
    transfers_per_client_max: int = TRANSFERS_PER_CLIENT_MAX
    transfer_s: float = TRANSFER_S
    intake_max: int = INTAKE_MAX
    intake_per_client_max: int = INTAKE_PER_CLIENT_MAX
    queue_share_max: int = QUEUE_SHARE_MAX


async def _nothing_known(_: ArtifactRef) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Everything behind the routes. The app runs `gate.follow`, `fetch_log.run` and token refresh."""

    settings: DoorSettings
    store: Store
    gate: Gate
    holds: Holds
    fetch_log: FetchLog
    index: IndexPort
    artifacts: ArtifactsPort
    fetcher: FetcherPort
    resolver: ResolverPort
    facts: Callable[[ArtifactRef], Awaitable[Facts]]
    """All that is known of a file; asking every source may take seconds."""
    announced: Callable[[ArtifactRef], Awaitable[Facts]]
    """What its page says of a file, and no more."""
    clients: TokensPort
    workers: TokensPort
    clock: Clock
    provenance: ProvenancePort = field(default_factory=NoProvenance)
    refused: Callable[[ArtifactRef], Awaitable[bool]] = _nothing_known
    """Whether what is known of a file settles it: then its decision is stored, and it is neither
    fetched nor run. Asked before anything is fetched."""
    plan: Callable[[], AnalysisPlan] = AnalysisPlan
    """What analyses do, as the policy in force has it."""
    nudge: Callable[[], None] = lambda: None
    """Rings the desk: something waits for the judge."""
    first_admin: FirstAdmin | None = None
    """Makes the first admin's token for whoever started the firewall."""
    checks: Mapping[str, Callable[[], Awaitable[str]]] = field(default_factory=dict)
    """More of what `/readyz` asks, by name (such as `judge`): empty where it is there, else why not."""
    metrics: Metrics = field(default_factory=Metrics)
    digests: Callable[[], Mapping[str, str]] = dict
    """Digests of what is in force: `policy`, `model`."""
    heard: Callable[[str], None] = lambda _: None
    """Told the name of every worker that asks for something."""
    notices: Callable[[], tuple[str, ...]] = tuple
    """Sentences that stand on every page, such as: The behaviour layer is off."""
