"""make_app: the routes, and the tasks that live as long as they do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import suppress
from typing import Any

import structlog
from aiohttp import hdrs, web

from models.errors import UpstreamNotFound
from proxy.web.admin.frame import Frame, reads_html
from proxy.web.admin.routes import add_admin
from proxy.web.auth import Callers
from proxy.web.delivery import Delivery
from proxy.web.door import Door
from proxy.web.files import Files
from proxy.web.health import Health
from proxy.web.home import Home
from proxy.web.intake import Intake
from proxy.web.lookahead import LookAhead
from proxy.web.metadata import MetadataSource
from proxy.web.metrics import MetricsPage
from proxy.web.pages import Pages
from proxy.web.people import People
from proxy.web.problems import Surface
from proxy.web.served import FACTS, METRICS, PATH_CHARS_MAX, Handler, served
from proxy.web.session import Visitors
from proxy.web.verdict import Verdicts
from proxy.web.waiting import Waiting
from proxy.web.worker_api import EVIDENCE_BODY_BYTES_MAX, Bell, WorkerApi

LOG = structlog.get_logger()

DOOR: web.AppKey[Door] = web.AppKey("door", Door)
CALLERS: web.AppKey[tuple[Callers, ...]] = web.AppKey("callers", tuple)
"""Whoever changes tokens in this process may refresh these at once; a task does it anyway."""
BELL: web.AppKey[Bell] = web.AppKey("bell", Bell)
"""Rung when a job may be leased; the composition root rings it after leases expired."""


class Tasks:
    """The door's own tasks: each has a name and an owner, and its death is noticed."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []
        self.stop = asyncio.Event()

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` until `stop`."""
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(_report)
        self._tasks.append(task)

    def alive(self) -> bool:
        """Whether all of them run."""
        return bool(self._tasks) and not any(task.done() for task in self._tasks)

    async def end(self) -> None:
        """Ask all to stop, and wait for them."""
        self.stop.set()
        await asyncio.gather(*self._tasks, return_exceptions=True)


FOR_PROGRAMS = ("/simple/", "/files/", "/api/", "/worker/", "/static/")
"""Where installers and programs ask; pip takes text/html too, and no page is meant for it."""
VISITORS: web.AppKey[Visitors] = web.AppKey("visitors", Visitors)
TASKS: web.AppKey[Tasks] = web.AppKey("tasks", Tasks)
"""The composition root ends the process where one of them dies."""


def make_app(door: Door) -> web.Application:
    """The application. Starting it reads the tokens and begins to follow the store."""
    app = web.Application(client_max_size=EVIDENCE_BODY_BYTES_MAX)
    tasks = Tasks()
    clients = Callers(door.clients, required=door.settings.token_required, clock=door.clock)
    workers = Callers(door.workers, required=True, clock=door.clock)
    delivery = Delivery(door.settings, drop=door.artifacts.remove)
    app[BELL] = bell = Bell()
    intake = Intake(door, ring=bell.ring)
    people = People()
    visitors = Visitors(
        door.store,
        door.clients,
        clients,
        people,
        public_url=door.settings.public_url,
        open_to_read=not door.settings.token_required,
        first_admin=door.first_admin,
        trusted=door.settings.trusted_proxies,
        clock=door.clock,
    )
    app[VISITORS] = visitors
    health = Health(door, alive=tasks.alive)
    worker_api = WorkerApi(door, workers, delivery, bell)
    app[DOOR] = door
    app[CALLERS] = callers = (clients, workers)
    app[TASKS] = tasks
    app[METRICS] = door.metrics
    door.gate.listen(door.holds.wake_project)

    metadata = MetadataSource(door)
    ahead = LookAhead(door, metadata)
    files = Files(door, clients, intake, delivery, Waiting(door, intake), metadata, ahead)
    pages = Pages(door, clients, metadata)
    _get(app, "healthz", "/healthz", health.healthz)
    _get(app, "readyz", "/readyz", health.readyz)
    _get(
        app,
        "metrics",
        "/metrics",
        MetricsPage(door, health, principal_of=visitors.principal_of).page,
    )
    _get(app, "simple_root", "/simple", pages.root_without_slash)
    _get(app, "project", "/simple/{project}/", pages.project)  # first, for it is asked for most
    _get(app, "projects", "/simple/", pages.projects)
    _get(app, "project_slash", "/simple/{project}", pages.project_without_slash)
    _get(app, "file", "/files/{index}/{project}/{sha256}/{filename}", files.file)
    frame = Frame(door, visitors, people)
    add_admin(app, frame, Home(door, clients, people, health), health)
    _add_people(app, Verdicts(frame, clients), frame, people)
    _add_visitors(app, visitors)
    _add_worker_api(app, worker_api)
    _add_rest(app, frame)

    async def live(_: web.Application) -> AsyncIterator[None]:
        await _refresh(callers)
        tasks.start("fetch_log", door.fetch_log.run(tasks.stop))
        tasks.start("gate", door.gate.follow(tasks.stop))
        tasks.start("tokens", _keep_tokens(callers, door.settings.tokens_refresh_s, tasks.stop))
        yield
        await ahead.close()
        await intake.close()
        await tasks.end()

    async def let_go(_: web.Application) -> None:
        door.holds.close()
        worker_api.stop()

    app.cleanup_ctx.append(live)
    app.on_shutdown.append(let_go)
    return app


async def nothing_here(request: web.Request) -> web.StreamResponse:
    """404 for whatever no route takes; 405 where only the method is wrong."""
    # Not `request.raw_path`: a proxy's request has credentials in its whole URL.
    request[FACTS]["path"] = request.rel_url.raw_path[:PATH_CHARS_MAX]
    allowed: set[str] = set()
    for resource in request.app.router.resources():
        _, methods = await resource.resolve(request)
        allowed |= methods
    allowed.discard(hdrs.METH_ANY)  # it is ours
    if allowed:
        raise web.HTTPMethodNotAllowed(request.method, sorted(allowed))
    if reads_html(request) and not request.path.startswith(FOR_PROGRAMS):
        raise UpstreamNotFound("There is no page at this address.")
    raise web.HTTPNotFound


def _add_rest(app: web.Application, frame: Frame) -> None:
    lost = frame.guarded(nothing_here, programs_too=False)
    app.router.add_route("*", "/{rest:.*}", served("none", lost))


def _get(app: web.Application, name: str, path: str, handler: Handler) -> None:
    # aiohttp answers HEAD through the same handler, so that no method has a rule of its own.
    app.router.add_get(path, served(name, handler))


def _add_people(app: web.Application, verdicts: Verdicts, frame: Frame, people: People) -> None:
    for name, path, page in (
        ("verdict", "/v/{decision_id}", verdicts.page),
        ("processes", "/v/{decision_id}/processes", verdicts.processes),
    ):
        _get(app, name, path, frame.guarded(page, programs_too=False))
    _get(app, "graph", "/v/{decision_id}/graph.svg", verdicts.graph)
    _get(app, "static", "/static/{name}", people.static)


def _add_visitors(app: web.Application, visitors: Visitors) -> None:
    _get(app, "login", "/login", visitors.login_page)
    _get(app, "setup", "/setup", visitors.setup_page)
    for name, path, handler in (
        ("login", "/login", visitors.login),
        ("logout", "/logout", visitors.logout),
        ("setup", "/setup", visitors.setup),
    ):
        app.router.add_post(path, served(name, handler))


def _add_worker_api(app: web.Application, api: WorkerApi) -> None:
    prefix = "/worker/v1"
    leased = prefix + "/leases/{lease_id}"
    for name, path, handler in (
        ("lease", f"{prefix}/lease", api.lease),
        ("heartbeat", f"{leased}/heartbeat", api.heartbeat),
        ("resolve", f"{leased}/resolve", api.resolve),
        ("evidence", f"{leased}/evidence", api.evidence),
        ("fail", f"{leased}/fail", api.fail),
    ):
        app.router.add_post(path, served(f"worker_{name}", handler, surface=Surface.WORKER))
    for name, path, handler in (
        ("artifact", f"{leased}/artifact", api.artifact),
        ("file", leased + "/files/{sha256}", api.file),
    ):
        app.router.add_get(path, served(f"worker_{name}", handler, surface=Surface.WORKER))


async def _refresh(callers: Sequence[Callers]) -> None:
    for known in callers:
        await known.refresh()


async def _keep_tokens(callers: Sequence[Callers], every_s: float, stop: asyncio.Event) -> None:
    """Read the tokens again and again; while the store is down, those in memory stay in force."""
    answered = True
    while not stop.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(every_s):
                await stop.wait()
        try:
            await _refresh(callers)
        except Exception as error:  # noqa: BLE001 - the edge of a task: tokens in memory stay in force
            if answered:
                LOG.warning("token_refresh_failed", error=repr(error))
            answered = False
        else:
            answered = True


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        LOG.error("task_died", task=task.get_name(), error=repr(task.exception()))
