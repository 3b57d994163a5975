"""The proxy's process: reads its configuration from standard input, and puts the door together."""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import os
import random
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
import uvloop
from aiohttp import web

from models.artifact import ArtifactRef, Sha256
from models.clock import Clock, utc_now
from models.decision import Action, Decision, HoldKind
from models.errors import PratiqueError
from models.evidence import Layer
from proxy.admin.access import Role
from proxy.admin.firstadmin import SETUP_MINUTES, FirstAdmin
from proxy.admin.reminders import Reminders
from proxy.artifacts.fetchers import Fetchers
from proxy.artifacts.folder import FolderArtifacts
from proxy.artifacts.provenance import ProvenanceObjects
from proxy.behind import Behind, modes_of
from proxy.departures import Departures
from proxy.driftwatch import DriftWatch
from proxy.feeds.schedule import FeedSchedule
from proxy.feeds.updating import FeedUpdater
from proxy.fetchlog import FetchLog
from proxy.gate import Gate
from proxy.holds import HOLDS_MAX, LocalHolds
from proxy.index.declared import Upstream
from proxy.index.known import WithoutKnown
from proxy.index.ownership import contradicted
from proxy.index.upstreams import Upstreams
from proxy.inquiry import Knowledge
from proxy.judge.client import JudgeClient
from proxy.judge.core import model_digest
from proxy.judge.desk import Desk
from proxy.keeping.eviction import Evictor
from proxy.keeping.keeper import Keeper
from proxy.keeping.manifest import JOURNALS, SPOOL_PART
from proxy.keeping.periods import periods_of
from proxy.log import configure_log
from proxy.peers import Peers
from proxy.policyfile import PolicyFile
from proxy.readiness import ClockWatch, disk_has_room, judge_listens, worker_seen
from proxy.resolve import Resolver
from proxy.settings import Settings
from proxy.simple.page import ProjectPage
from proxy.sources.composition import Means, advisories_of, sources_of
from proxy.store.bounds import DATABASE
from proxy.store.port import Store, Token, TokenKind
from proxy.store.sqlite import SqliteStore
from proxy.supervisor import SAY, ChildConfig, decode_config, proxy_name
from proxy.telling.delivering import Deliverer
from proxy.telling.metrics import Metrics
from proxy.telling.outbox import Outbox
from proxy.telling.requestfigures import PUBLISH_S
from proxy.telling.sending import HttpSender
from proxy.telling.workers import Workers
from proxy.tokens import EMBEDDED, TokenBook, hash_secret
from proxy.watching import WatchSchedule
from proxy.web.app import BELL, TASKS, make_app
from proxy.web.connections import HEADERS_MAX, ConnectionBounds, listen
from proxy.web.door import Door, DoorSettings

LOG = structlog.get_logger()

TASKS_LOOK_S = 1.0
"""Seconds between two looks at whether the door's tasks live."""
POLICY_LOOK_S = 2.0
"""Seconds between two looks at the policy file."""
ORIGINS_LOOK_S = 2.0
"""Seconds between two looks at which names were moved to another upstream."""
GRAPH_UNREAD_S = 1.0
"""Seconds that a file waits for its dependency graph on its way into the queue: a large tree of which
nothing is known takes ten, and is only needed once the file was analysed."""
FETCHES_MIN = 2
"""Downloads at once of one process however many there are: one must not stand behind a large file."""
SWITCH_S = 0.0005
"""Seconds after which a thread that computes lets the others run; the loop that answers requests is one
of them. Python's own 5 ms are the longest part of a request's time beside an analysis."""
GARBAGE_MIN = 20_000
"""Objects made before the collector looks at them. Python's own 700 have it look 60 times at a page of ten
thousand files, for a quarter of the time that the page takes."""
SHUTDOWN_S = 5.0
"""Seconds that requests under way get when the process ends."""


@dataclass(slots=True)
class Rooms:
    """What was put together, for whoever runs it."""

    door: Door
    index: Upstreams
    desk: Desk
    policy: PolicyFile
    feeds: FeedSchedule
    keeper: Keeper
    evictor: Evictor
    watch: WatchSchedule
    drift: DriftWatch
    workers: Workers
    reminders: Reminders
    deliverer: Deliverer
    app: web.Application


def main() -> None:
    """Run the proxy until SIGTERM; exit code 78 (EX_CONFIG) where it must not start as set."""
    config = decode_config(sys.stdin.buffer.read())
    settings = config.settings
    sys.setswitchinterval(SWITCH_S)
    gc.freeze()  # what was imported stays
    gc.set_threshold(GARBAGE_MIN)
    configure_log(
        format_=settings.log_format, file=settings.log_file, process=proxy_name(config.number)
    )
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(config))
    except PratiqueError as error:
        sys.stderr.write(f"Error: {error.message}\nNext: {error.next_step}\n")
        sys.exit(os.EX_CONFIG)


async def serve(config: ChildConfig) -> None:
    """Put everything together, listen, say `ready`, and run until SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with put_together(config, clock=utc_now) as rooms, listening(config, rooms):
        works: dict[str, Callable[[asyncio.Event], Coroutine[Any, Any, None]]] = {
            "feeds": rooms.feeds.run,
            "policy": partial(_watch_policy, rooms),
            "origins": partial(_watch_origins, rooms),
            "tasks": partial(_watch_tasks, rooms),
        }
        if config.settings.processes > 1:
            works["figures"] = partial(_publish, config, rooms.door.metrics)
        if config.number == 0:
            works |= {
                "desk": rooms.desk.run,
                "keeping": rooms.keeper.run,
                "eviction": rooms.evictor.run,
                "watch": rooms.watch.run,
                "drift": rooms.drift.run,
                "workers": rooms.workers.run,
                "reminders": rooms.reminders.run,
                "webhooks": rooms.deliverer.run,
            }
        tasks = [asyncio.create_task(work(stop), name=name) for name, work in works.items()]
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        waiting = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        waiting.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in done - {waiting}:
            task.result()  # a part that died is our failure: end, and be started again


@asynccontextmanager
async def listening(config: ChildConfig, rooms: Rooms) -> AsyncIterator[None]:
    """Answer on the inherited socket and, for the embedded worker, on a local one."""
    runner = web.AppRunner(
        rooms.app,
        access_log=None,
        handle_signals=False,
        shutdown_timeout=SHUTDOWN_S,
        keepalive_timeout=ConnectionBounds().idle_s,
        max_headers=HEADERS_MAX,
    )
    await runner.setup()
    try:
        server = listen(runner, socket.socket(fileno=config.listen_fd))
        if config.number == 0:
            # Only the proxy's own group may connect: the embedded worker is in it.
            config.worker_api_socket.unlink(missing_ok=True)
            await web.UnixSite(runner, str(config.worker_api_socket)).start()
            config.worker_api_socket.chmod(0o660)
        try:
            yield
        finally:
            server.close()
            rooms.door.holds.close()
    finally:
        await runner.cleanup()


@asynccontextmanager
async def put_together(config: ChildConfig, *, clock: Clock) -> AsyncIterator[Rooms]:
    """All collaborators, started; closed in reverse."""
    settings = config.settings
    async with AsyncExitStack() as stack:
        store = SqliteStore.open(settings.data_dir / DATABASE, clock=clock)
        stack.push_async_callback(store.close)
        if config.number == 0:
            await _own_worker_token(store, config.worker_secret, clock=clock)
        peers = Peers(
            config.worker_api_socket.parent,
            number=config.number,
            processes=settings.processes,
        )
        peers.start()
        stack.callback(peers.close)
        metrics = Metrics()
        departures = Departures(store, clock=clock, origin=settings.origin)
        artifacts = FolderArtifacts(
            settings.data_dir / "artifacts", bytes_max=settings.disk_bytes_max
        )
        policy = PolicyFile(settings.policy)
        await policy.follow(store)
        behind = await stack.enter_async_context(
            Behind(
                _shared(settings),
                store,
                artifacts,
                clock=clock,
                owned=lambda: policy.current().owned,
                looked_up=lambda hit: metrics.looked_up("pages", hit=hit),
                departures=departures,
            )
        )
        await behind.index.follow_moves()
        index, fetcher = behind.index, behind.fetchers
        provenance = ProvenanceObjects(behind.clients)
        stack.push_async_callback(provenance.close)
        judge = JudgeClient(config.judge_socket)
        stack.push_async_callback(judge.close)
        # A graph of its own: what leases may not have is what a graph must not overlook.
        grower = Resolver(index, fetcher)
        stack.callback(grower.close)
        means = Means(
            grower=grower,
            metadata=fetcher,
            graph_unread_s=GRAPH_UNREAD_S,
            index=index,
            clients=behind.clients,
            home=index.home,
            store=store,
            policy=policy.current,
            clock=clock,
            trust_root_dir=settings.data_dir / "trust" if settings.refresh_trust_root else None,
            feeds=tuple(source.name for source in settings.feeds),
            feeds_stale=timedelta(hours=settings.feeds_stale_h),
        )
        advisories = advisories_of(means)

        async def known(page: ProjectPage) -> frozenset[Sha256]:
            return await advisories.known_files(page, page.index, clock())

        resolver = Resolver(WithoutKnown(index, known), fetcher)
        stack.callback(resolver.close)
        sender = HttpSender(clock=clock)
        stack.push_async_callback(sender.close)
        deliverer = Deliverer(
            store, sender, clock=clock, jitter=random.random, attempted=metrics.attempted
        )
        yield await _rooms(
            config,
            policy,
            means,
            index,
            artifacts,
            fetcher,
            resolver,
            judge,
            metrics,
            deliverer,
            peers,
            provenance,
        )


async def _rooms(
    config: ChildConfig,
    policy: PolicyFile,
    means: Means,
    index: Upstreams,
    artifacts: FolderArtifacts,
    fetcher: Fetchers,
    resolver: Resolver,
    judge: JudgeClient,
    metrics: Metrics,
    deliverer: Deliverer,
    peers: Peers,
    provenance: ProvenanceObjects,
) -> Rooms:
    settings, store, clock = config.settings, means.store, means.clock
    off = layers_off(config)
    clients = TokenBook(store, TokenKind.CLIENT, clock)
    await clients.refresh()
    token_required = await must_have_tokens(settings, store, clock=clock)
    holds = LocalHolds(in_all_max=HOLDS_MAX // settings.processes)
    bells: list[Callable[[], None]] = []

    def nudge() -> None:
        for ring in bells:
            ring()
        peers.look()

    def delivering() -> None:
        deliverer.nudge()
        peers.look()

    teller = Outbox(store, nudge=delivering)
    workers = await _workers(store, teller, clock)

    def heard(worker: str) -> None:
        workers.heard(worker)
        peers.heard(worker)

    gate = Gate(
        store=store,
        policy=policy.current,
        clock=clock,
        layers_off=off,
        nudge=nudge,
        origin=settings.origin,
        index_modes=modes_of(settings.upstreams),
    )

    def decided(decision: Decision) -> None:
        gate.put(decision)
        holds.wake(decision.ref)
        metrics.decided(decision)
        delivering()

    knowledge = Knowledge(means.index, sources_of(means), clock=clock)
    advisories = advisories_of(means)

    async def refused(ref: ArtifactRef) -> bool:
        if not await advisories.proves(ref, clock()):
            return False
        decision = await desk.judge_ref(ref)
        return decision.action is not Action.HOLD or decision.hold is not HoldKind.ANALYSIS

    desk = Desk(
        store=store,
        judge=judge,
        policy=policy.current,
        model_digest=model_digest,
        clock=clock,
        on_decision=decided,
        layers_off=off,
        facts=knowledge.facts,
        advised=advisories,
        origin=settings.origin,
        lease_expired=workers.lease_expired,
    )
    bells.append(desk.nudge)
    feeds = _feeds(settings, store, clock, updates=config.number == 0)
    first_admin = FirstAdmin(store, clock=clock)
    if config.number == 0 and await first_admin.wanted():
        _say(
            f"There is no admin yet. Within {SETUP_MINUTES} minutes, open "
            f"{settings.origin}/setup?key={await first_admin.offer()}"
        )
    door = Door(
        settings=_door_settings(settings, token_required=token_required),
        store=store,
        gate=gate,
        holds=holds,
        fetch_log=FetchLog(
            store=store,
            folder=settings.data_dir / JOURNALS,
            left=settings.data_dir / SPOOL_PART,
        ),
        index=index,
        artifacts=artifacts,
        fetcher=fetcher,
        provenance=provenance,
        resolver=resolver,
        facts=knowledge.facts,
        announced=knowledge.announced,
        refused=refused,
        clients=clients,
        workers=TokenBook(store, TokenKind.WORKER, clock),
        clock=clock,
        first_admin=first_admin,
        plan=lambda: policy.current().plan,
        nudge=nudge,
        checks={
            "judge": lambda: judge_listens(config.judge_socket),
            "worker": lambda: worker_seen(workers),
            "disk": lambda: disk_has_room(artifacts),
            "clock": ClockWatch(store, clock=clock).trouble,
        },
        metrics=metrics,
        digests=lambda: {
            "policy": policy.current().digest,
            "model": model_digest(policy.current()),
        },
        heard=heard,
        notices=lambda: (
            *notices(off),
            *policy.notices(),
            *feeds.notices(),
            *contradicted(settings.upstreams, policy.current()),
        ),
    )
    app = make_app(door)

    def look() -> None:
        gate.look()
        app[BELL].ring()
        deliverer.nudge()
        desk.nudge()

    peers.listen(look=look, heard=workers.heard)
    keeper = Keeper(store, periods_of(settings), settings.data_dir, clock=clock)
    watch = WatchSchedule(
        store, desk.requeue, every=timedelta(hours=settings.watch_hours), clock=clock
    )
    return Rooms(
        door=door,
        index=index,
        desk=desk,
        policy=policy,
        feeds=feeds,
        keeper=keeper,
        evictor=Evictor(store, artifacts, clock=clock, unused_days=settings.keep_files_days),
        watch=watch,
        drift=DriftWatch(
            settings.data_dir / DATABASE,
            policy=policy.current,
            told=metrics.set_drift,
            clock=clock,
        ),
        reminders=Reminders(store, policy=policy.current, clock=clock, origin=settings.origin),
        workers=workers,
        deliverer=deliverer,
        app=app,
    )


def _shared(settings: Settings) -> tuple[Upstream, ...]:
    """The upstreams, with the share of their downloads that is this process's."""
    return tuple(
        replace(one, downloads=max(FETCHES_MIN, one.downloads // settings.processes))
        if settings.processes > 1
        else one
        for one in settings.upstreams
    )


def _say(text: str) -> None:
    """A line for whoever started the firewall; the supervisor passes it on, and no log has it."""
    sys.stdout.write(f"{SAY.decode()}{text}\n")
    sys.stdout.flush()


async def _workers(store: Store, teller: Outbox, clock: Clock) -> Workers:
    """Those that had leases when the process before this one ended are expected back."""
    workers = Workers(clock=clock, teller=teller)
    for job in await store.jobs():
        workers.expect(job.worker)
    return workers


def _feeds(settings: Settings, store: Store, clock: Clock, *, updates: bool) -> FeedSchedule:
    return FeedSchedule(
        FeedUpdater(store, settings.data_dir, clock=clock),
        store,
        settings.feeds,
        every=timedelta(hours=settings.feeds_every_h),
        stale_after=timedelta(hours=settings.feeds_stale_h),
        clock=clock,
        updates=updates,
    )


def _door_settings(settings: Settings, *, token_required: bool) -> DoorSettings:
    return DoorSettings(
        public_url=settings.origin,
        token_required=token_required,
        hold_s=float(settings.hold_s),
        metrics_public=settings.metrics_public,
        upstreams=tuple(one.name for one in settings.upstreams),
        watch_hours=settings.watch_hours,
        prefetch=settings.prefetch,
        trusted_proxies=tuple(ipaddress.ip_network(one) for one in settings.trusted_proxies),
    )


def layers_off(config: ChildConfig) -> tuple[Layer, ...]:
    """The layers that the operator switched off, by a setting or by starting as an ordinary user."""
    settings = config.settings
    off = settings.without_behaviour or (settings.boxes > 0 and config.unprivileged)
    return (Layer.BEHAVIOUR,) if off else ()


def notices(off: tuple[Layer, ...]) -> tuple[str, ...]:
    """Sentences that stand on every page."""
    if Layer.BEHAVIOUR not in off:
        return ()
    return (
        "The behaviour layer is off: packages are read, not run, and none scores above MONITOR.",
    )


async def must_have_tokens(settings: Settings, store: Store, *, clock: Clock) -> bool:
    """Whether clients must show a token. Raises where nobody could, and the listener is public."""
    if settings.anonymous:
        return False
    # Expired and revoked ones count: a door that once asked for tokens does not open by itself.
    # Those of people do not, while the index is this machine's own: the first admin's token must
    # not take the index from everybody else here.
    known = await store.tokens(kind=TokenKind.CLIENT)
    installers = [token for token in known if token.role is Role.INSTALLER]
    now = clock()
    if not any(token.active(now) for token in known) and not settings.listen.loopback:
        raise PratiqueError(
            f"{settings.listen.host} can be reached by others, and there is no client token.",
            next_step="Add one with `pratique token add client NAME --actor YOU`, or say --anonymous.",
        )
    return bool(installers) or (bool(known) and not settings.listen.loopback)


async def _own_worker_token(store: Store, secret: str, *, clock: Clock) -> None:
    """Make `secret` the embedded worker's token; the one of the run before ends."""
    now = clock()
    for token in await store.tokens(kind=TokenKind.WORKER):
        if token.name == EMBEDDED and token.active(now):
            if token.hash == hash_secret(secret):
                return
            await store.revoke_token(token.id, actor="serve", at=now)
    token = Token(
        id=hash_secret(secret)[:8],
        kind=TokenKind.WORKER,
        name=EMBEDDED,
        hash=hash_secret(secret),
        created_at=now,
    )
    await store.add_token(token, actor="serve")


async def _watch_tasks(rooms: Rooms, stop: asyncio.Event) -> None:
    """End where one of the door's own tasks died: without the gate's, denials would come late."""
    tasks = rooms.app[TASKS]
    while not stop.is_set():
        if not tasks.alive():
            raise RuntimeError("one of the door's tasks has ended")
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), TASKS_LOOK_S)


async def _publish(config: ChildConfig, metrics: Metrics, stop: asyncio.Event) -> None:
    """Tell the other processes what we counted, so that any of us can be asked for all."""
    folder = config.worker_api_socket.parent
    files = [folder / f"figures-{number}.json" for number in range(config.settings.processes)]
    ours = files.pop(config.number)
    metrics.requests.beside(tuple(files))
    while not stop.is_set():
        try:
            await asyncio.to_thread(metrics.requests.publish, ours)
        except OSError as error:
            LOG.warning("figures_not_published", error=str(error))
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), PUBLISH_S)


async def _watch_policy(rooms: Rooms, stop: asyncio.Event) -> None:
    while not stop.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), POLICY_LOOK_S)
        with suppress(
            PratiqueError
        ):  # the store is down, which is said elsewhere: it stays as it is
            if await rooms.policy.follow(rooms.door.store):
                rooms.desk.nudge()


async def _watch_origins(rooms: Rooms, stop: asyncio.Event) -> None:
    """A name that an admin moved is asked of its new home in every process."""
    while not stop.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), ORIGINS_LOOK_S)
        with suppress(PratiqueError):  # as above
            await rooms.index.follow_moves()


if __name__ == "__main__":
    main()
