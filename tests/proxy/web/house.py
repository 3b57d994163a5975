"""A door with everything real behind it, but for an upstream and a resolver that tests own."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientTimeout, encode_basic_auth, web
from multidict import CIMultiDict
from packaging.utils import NormalizedName

from models.artifact import ArtifactRef, IndexName, Sha256
from models.clock import Clock
from models.decision import Decision
from models.errors import (
    StoreError,
    UpstreamError,
    UpstreamHashMismatch,
    UpstreamNotFound,
    UpstreamUnavailable,
)
from models.facts import Facts
from models.phase import Phase
from models.work import AnalysisPlan, ResolvedSet, ResolveRequest
from policies.modes import Mode
from policies.policy import Policy
from proxy.admin.access import Role
from proxy.admin.events import Event
from proxy.admin.firstadmin import FirstAdmin
from proxy.artifacts.folder import FolderArtifacts
from proxy.fetchlog import FetchLog
from proxy.gate import Gate
from proxy.holds import LocalHolds
from proxy.index.freshness import Freshness
from proxy.index.port import Ahead
from proxy.inquiry import Inquiry
from proxy.simple.page import IndexFile, ProjectPage
from proxy.store.memory import MemoryStore
from proxy.store.port import Change, Fetch, Token, TokenKind
from proxy.tokens import TokenBook, mint
from proxy.web.app import CALLERS, make_app
from proxy.web.connections import HEADERS_MAX, ConnectionBounds, listen
from proxy.web.door import Door, DoorSettings
from tests.proxy.web.decided import INDEX, POLICY, START, StillClock, ref_of, sha256_of

PLAN = AnalysisPlan(phases=(Phase.INSTALL, Phase.START, Phase.IMPORT), variations=())

PUBLIC_URL = "https://pratique.example"
DEMO = NormalizedName("demo")
_TIMEOUT = ClientTimeout(total=30)


class Upstream:
    """An index and its files, in memory; `fault` is raised instead of any answer."""

    name: IndexName = INDEX

    def __init__(self, folder: FolderArtifacts) -> None:
        self._folder = folder
        self.pages: dict[str, ProjectPage] = {}
        self.bytes: dict[Sha256, bytes] = {}
        self.metadata_of: dict[str, bytes] = {}
        self.provenance_of: dict[str, bytes] = {}
        self.fault: UpstreamError | None = None
        self.fresh: dict[str, Freshness] = {}
        self.asked = 0
        self.fetched: list[str] = []
        self.asked_ahead: list[str] = []
        self.ahead_fault: UpstreamError | None = None
        self.may_fetch = asyncio.Event()
        self.may_fetch.set()

    def publish(self, filename: str, data: bytes, **rest: Any) -> ArtifactRef:
        ref = ref_of(filename, data)
        page = self.pages.get(
            ref.project, ProjectPage(name=ref.project, api_version="1.1", index=INDEX)
        )
        file = IndexFile(
            filename=filename,
            url=f"https://files.invalid/{filename}",
            sha256=ref.sha256,
            hashes={"sha256": ref.sha256},
            size=len(data),
            upload_time=START,
            **rest,
        )
        self.pages[ref.project] = replace(page, files=(*page.files, file))
        self.bytes[ref.sha256] = data
        return ref

    async def project(self, name: NormalizedName) -> ProjectPage:
        self.asked += 1
        self._answer()
        if name not in self.pages:
            raise UpstreamNotFound(f"The upstream has no project {name}.")
        return self.pages[name]

    async def refresh(self, name: NormalizedName) -> ProjectPage:
        return await self.project(name)

    async def projects(self) -> tuple[str, ...]:
        self._answer()
        return tuple(self.pages)

    async def ahead(self, name: NormalizedName, *, told_by: IndexName) -> Ahead:
        assert told_by == INDEX
        self.asked_ahead.append(name)
        await self.may_fetch.wait()
        if self.ahead_fault is not None:
            raise self.ahead_fault
        await self.project(name)
        return Ahead.FETCHED

    def serial(self, name: NormalizedName) -> Hashable:
        return id(self.pages.get(name))

    def freshness(self, name: NormalizedName) -> Freshness | None:
        return self.fresh.get(name)

    def home(self, name: NormalizedName) -> IndexName | None:
        return INDEX if name in self.pages else None

    async def serves(self, index: IndexName, name: NormalizedName) -> bool:  # noqa: ARG002 - the port's
        return index == INDEX

    async def ensure_ahead(self, ref: ArtifactRef) -> Ahead:
        await self.ensure(ref)
        return Ahead.FETCHED

    async def ensure(self, ref: ArtifactRef) -> Path:
        return await self.ensure_url(ref.sha256, ref.filename, None)

    async def ensure_url(self, sha256: Sha256, place: str, size: int | None) -> Path:  # noqa: ARG002 - the port's
        path = self._folder.path(sha256)
        if path is not None:
            return path
        await self.may_fetch.wait()
        self._answer()
        self.fetched.append(place)
        data = self.bytes.get(sha256)
        if data is None:
            raise UpstreamNotFound("The upstream has no such file.")
        if sha256_of(data) != sha256:
            raise UpstreamHashMismatch("The bytes do not have the sha256 that was announced.")
        with self._folder.begin(len(data)) as partial:
            partial.write(data)
            return partial.keep(sha256)

    async def metadata(self, ref: ArtifactRef) -> bytes:
        self._answer()
        if ref.filename not in self.metadata_of:
            raise UpstreamNotFound("The upstream announces no metadata.")
        return self.metadata_of[ref.filename]

    async def of(self, ref: ArtifactRef, entry: IndexFile) -> bytes:
        self._answer()
        if ref.filename not in self.provenance_of or not entry.extra.get("provenance"):
            raise UpstreamNotFound("The upstream announces no provenance.")
        return self.provenance_of[ref.filename]

    def _answer(self) -> None:
        if self.fault is not None:
            raise self.fault


class HouseStore(MemoryStore):
    """The store's twin, which can be down or slow where a test wants it."""

    def __init__(self, *, clock: Clock) -> None:
        super().__init__(clock=clock)
        self.down = False
        self.record_began = asyncio.Event()
        self.record_may_end = asyncio.Event()
        self.record_may_end.set()

    async def record_fetches(self, fetches: Sequence[Fetch]) -> None:
        self._answer()
        self.record_began.set()
        await self.record_may_end.wait()
        await super().record_fetches(fetches)

    async def decisions_of(self, index: IndexName, project: NormalizedName) -> tuple[Decision, ...]:
        self._answer()
        return await super().decisions_of(index, project)

    async def decisions(
        self, *, limit: int = 100, action: str = "", project: str = ""
    ) -> tuple[Decision, ...]:
        self._answer()
        return await super().decisions(limit=limit, action=action, project=project)

    async def changes_since(
        self, generation: int, *, limit: int | None = None
    ) -> tuple[Change, ...]:
        self._answer()
        return await super().changes_since(generation, limit=limit)

    async def put_decision(
        self, decision: Decision, *, actor: str = "judge", telling: Sequence[Event] = ()
    ) -> None:
        self._answer()
        await super().put_decision(decision, actor=actor, telling=telling)

    async def tokens(self, *, kind: TokenKind | None = None) -> tuple[Token, ...]:
        self._answer()
        return await super().tokens(kind=kind)

    def _answer(self) -> None:
        if self.down:
            raise StoreError("The store is down.")


class Resolver:
    """Answers what a test put there."""

    def __init__(self) -> None:
        self.answer = ResolvedSet(files=())
        self.places: dict[Sha256, tuple[str, int]] = {}
        self.asked: list[ResolveRequest] = []

    async def resolve(
        self, request: ResolveRequest
    ) -> tuple[ResolvedSet, Mapping[Sha256, tuple[str, int]]]:
        self.asked.append(request)
        return self.answer, self.places


@dataclass(kw_only=True)
class House:
    """The parts, and short ways to what tests do with them."""

    clock: StillClock
    store: HouseStore
    gate: Gate
    holds: LocalHolds
    upstream: Upstream
    resolver: Resolver
    folder: FolderArtifacts
    root: Path
    door: Door
    client_secret: str = ""
    worker_secret: str = ""
    nudges: list[str] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    """Names of workers that asked for something."""
    known: dict[ArtifactRef, Decision] = field(default_factory=dict)
    """What advisories settle before anything is fetched."""
    session: ClientSession = field(init=False)
    app: web.Application = field(init=False)
    host: str = "127.0.0.1"
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    async def decide(self, decision: Decision) -> Decision:
        """What the desk does: store it, then tell the gate."""
        await self.store.put_decision(decision)
        self.gate.put(decision)
        return decision

    async def reload(self) -> None:
        assert await self.gate.poll()

    async def read_tokens(self) -> None:
        for callers in self.app[CALLERS]:
            await callers.refresh()

    async def token(self, name: str, role: Role, **more: Any) -> str:
        """The secret of a person's token."""
        secret, token = mint(TokenKind.CLIENT, name, clock=self.clock, role=role, **more)
        await self.store.add_token(token, actor="test")
        await self.read_tokens()
        return secret

    async def post(
        self, path: str, form: Mapping[str, str], *, cookie: str = "", **headers: str
    ) -> Answer:
        """A form, as a browser sends it: no Authorization, and no redirect followed."""
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        if cookie:
            named["Cookie"] = cookie
        async with (
            ClientSession(timeout=_TIMEOUT) as browser,
            browser.post(
                self.url + path, data=dict(form), headers=named, allow_redirects=False
            ) as response,
        ):
            return Answer(
                response.status,
                response.reason or "",
                CIMultiDict(response.headers),
                await response.read(),
            )

    async def sign_in(self, role: Role, name: str = "someone") -> str:
        """The cookie of a session of somebody with that role, as a Cookie header has it."""
        secret = await self.token(name, role)
        answer = await self.post("/login", {"token": secret})
        assert answer.status == 303, answer.body
        return answer.headers["Set-Cookie"].partition(";")[0]

    async def get(self, path: str, *, method: str = "GET", **headers: str) -> Answer:
        """One request as a client with a token, no redirect followed."""
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        async with self.session.request(
            method, self.url + path, headers=named, allow_redirects=False
        ) as response:
            answer = Answer(
                response.status,
                response.reason or "",
                CIMultiDict(response.headers),
                await response.read(),
            )
        await self.door.fetch_log.flush()  # so that a test sees at once what was recorded
        return answer

    async def fetches(self, *, sha256: Sha256 | None = None, limit: int = 100) -> tuple[Fetch, ...]:
        """What was recorded up to now."""
        await self.door.fetch_log.flush()
        return await self.store.fetches(sha256=sha256, limit=limit)

    async def raw(self, request: bytes, *, hang_up: bool = False) -> bytes:
        """The whole answer to bytes on a socket, which need not be HTTP as any library writes it.

        The request asks for `Connection: close`, or we hang up after the first part of the answer.
        """
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            writer.write(request)
            await writer.drain()
            async with asyncio.timeout(20):
                first = await reader.read(65_536) if hang_up else b""
                if hang_up:
                    writer.close()
                    return first
                return await reader.read()
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    reason: str
    headers: CIMultiDict[str]
    body: bytes


def path_of(ref: ArtifactRef) -> str:
    return f"/files/{ref.index}/{ref.project}/{ref.sha256}/{ref.filename}"


@asynccontextmanager
async def open_house(
    root: Path,
    *,
    store: Any = None,
    role: Role = Role.INSTALLER,
    policy: Policy = POLICY,
    current: Callable[[], Policy] | None = None,
    checks: Mapping[str, Callable[[], Awaitable[str]]] | None = None,
    digests: Mapping[str, str] | None = None,
    bounds: ConnectionBounds | None = None,
    index_modes: Mapping[IndexName, Mode] | None = None,
    **settings: Any,
) -> AsyncIterator[House]:
    """A door that listens on a free port of the loopback; before another `store` than its own if given.

    `current`: a policy that may change, instead of `policy`.
    """
    clock = StillClock()
    store = store or HouseStore(clock=clock)
    folder = FolderArtifacts(root / "artifacts")
    upstream = Upstream(folder)
    nudges: list[str] = []
    heard: list[str] = []
    gate = Gate(
        store=store,
        policy=current or (lambda: policy),
        clock=clock,
        nudge=lambda: nudges.append("gate"),
        poll_s=3600,
        index_modes=index_modes,
    )
    holds = LocalHolds()
    resolver = Resolver()
    client_secret, client = mint(TokenKind.CLIENT, "ci", clock=clock, role=role)
    worker_secret, worker = mint(TokenKind.WORKER, "box-1", clock=clock)
    for token in (client, worker):
        await store.add_token(token, actor="test")
    inquiry = Inquiry()

    async def facts(ref: ArtifactRef) -> Facts:
        return await inquiry.facts(ref, await upstream.project(ref.project), clock())

    known: dict[ArtifactRef, Decision] = {}

    async def refused(ref: ArtifactRef) -> bool:
        if ref not in known:
            return False
        await store.put_decision(known[ref])
        gate.put(known[ref])
        return True

    door = Door(
        settings=DoorSettings(
            **{
                "public_url": PUBLIC_URL,
                "page_believed_s": 0,
                "hop_s": 0.02,
                "lease_poll_s": 0.05,
                **settings,
            },
        ),
        store=store,
        gate=gate,
        holds=holds,
        fetch_log=FetchLog(store=store, folder=root / "fetches"),
        index=upstream,
        artifacts=folder,
        fetcher=upstream,
        provenance=upstream,
        resolver=resolver,
        facts=facts,
        announced=facts,
        refused=refused,
        clients=TokenBook(store, TokenKind.CLIENT, clock),
        workers=TokenBook(store, TokenKind.WORKER, clock),
        clock=clock,
        first_admin=FirstAdmin(store, clock=clock),
        plan=lambda: PLAN,
        nudge=lambda: nudges.append("door"),
        checks=checks or {},
        digests=lambda: digests or {},
        heard=heard.append,
    )
    house = House(
        clock=clock,
        store=store,
        gate=gate,
        holds=holds,
        upstream=upstream,
        resolver=resolver,
        folder=folder,
        root=root,
        door=door,
        client_secret=client_secret,
        worker_secret=worker_secret,
        nudges=nudges,
        heard=heard,
        known=known,
    )
    house.app = make_app(door)
    runner = web.AppRunner(
        house.app,
        access_log=None,
        max_headers=HEADERS_MAX,
        # aiohttp reads on for 10 s after a refused body, even where its sender has left.
        lingering_time=0.2,
    )
    await runner.setup()
    listener = socket.create_server((house.host, 0))
    house.port = listener.getsockname()[1]
    server = listen(runner, listener, bounds=bounds)
    house.session = ClientSession(
        headers={"Authorization": encode_basic_auth("token", client_secret)},
        auto_decompress=False,
        timeout=_TIMEOUT,
    )
    try:
        yield house
    finally:
        await house.session.close()
        server.close()
        await runner.cleanup()


def unavailable() -> UpstreamUnavailable:
    return UpstreamUnavailable("The upstream does not answer.")
