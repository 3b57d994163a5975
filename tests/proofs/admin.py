"""How long pages, lists and queries take where 100,000 files were decided and fetched a million times.

Every GET route of the application is asked for by itself, with what `SAMPLES` fills in for its
placeholders; a later page needs a line there only where its placeholder is a new one. A query of the store
is one line of `admin_queries.QUERIES`.
"""

from __future__ import annotations

import asyncio
import random
import re
import shutil
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from proxy.admin.access import Role
from proxy.store.sqlite import SqliteStore
from proxy.web.api.operation import PREFIX, ROWS_MAX
from proxy.web.api.operations import OPERATIONS
from proxy.web.api.shapes import HOURS_MAX
from tests.proofs.admin_queries import INSTALLED_MS, QUERIES, TARGETS_MS
from tests.proofs.choosing import running_loop
from tests.proofs.estate import Estate, Known, make_estate
from tests.proofs.proof import Outcome
from tests.proxy.web.decided import DIGEST, POLICY, START
from tests.proxy.web.house import House, open_house

DECISIONS = 100_000
FETCHES = 1_000_000
TIMES = 40
"""Requests of one item."""
TARGET_MS = 100

SAMPLES: dict[str, Callable[[Known], str]] = {
    "decision_id": lambda k: k.decision_id,
    "project": lambda k: k.ref.project,
    "version": lambda k: k.ref.version or "",
    "sha256": lambda k: k.ref.sha256,
    "index": lambda k: k.ref.index,
    "filename": lambda k: k.ref.filename,
    "worker": lambda _: "worker-1",
    "token_id": lambda _: "00000001",
    "override_id": lambda _: "00000001",
    "request_id": lambda _: "request-00001",
    "digest": lambda _: POLICY.digest,
    "target": lambda k: k.ref.sha256,
    "number": lambda _: "1",
}
"""What stands for a placeholder of a route."""
LEFT_OUT = {
    "/files/{index}/{project}/{sha256}/{filename}": "bytes, not a page; `make bench` has it",
    "/simple/": "the list of all names is upstream's",
    "/worker/v1/leases/{lease_id}/artifact": "for workers alone",
    "/worker/v1/leases/{lease_id}/files/{sha256}": "for workers alone",
    "/static/{name}": "the browser keeps it for ever",
    "/setup": "once in the life of a firewall",
    "/api/v1/audit/verify": "walks every row of the log, once in a while",
    "/api/v1/policies/{number}": "no document was put in force here; `policies` reads the same row",
    "/{rest}": "what no other route takes",
}
"""Routes that are no page and no list, and why."""
OF_HELD = frozenset({"/v/{decision_id}/request"})
"""Routes that only a held file has."""
QUERY_STRINGS: dict[str, tuple[str, ...]] = {
    "/queue": ("?sort=fetches&page=200",),
    "/api/v1/decisions": ("?action=HOLD", "?action=DENY"),
    "/api/v1/held": ("?hold=age",),
    "/api/v1/overrides": ("?active=true",),
    "/api/v1/audit": ("?log=admin",),
    "/api/v1/turned": ("?days=3650",),
    "/api/v1/overview": (f"?hours={HOURS_MAX}",),
}
"""Further ways of asking for a route; of lists of the API the longest page is asked for too."""
OTHERWISE = {
    "/simple": 301,
    "/simple/{project}": 301,
    "/simple/{project}/": 404,
}
"""Routes that do not answer 200 here: the upstream of this proof is empty. A page
that sends strangers to a login must not be taken for a fast one."""


def paths() -> tuple[str, ...]:
    """Every GET route that is a page or a list."""

    async def ask() -> tuple[str, ...]:
        folder = Path(tempfile.mkdtemp(prefix="pratique-routes-"))
        try:
            async with open_house(folder) as house:
                return _routes(house.app)
        finally:
            shutil.rmtree(folder)

    return asyncio.run(ask())


def _routes(app: web.Application) -> tuple[str, ...]:
    found = {
        route.resource.canonical
        for route in app.router.routes()
        if route.method == "GET" and route.resource is not None
    }
    asked = sorted(found - set(LEFT_OUT))
    return tuple(
        path + query
        for path in asked
        for query in ("", *_longest(path), *QUERY_STRINGS.get(path, ()))
    )


def _longest(path: str) -> tuple[str, ...]:
    """The longest page of a list of the API."""
    listed = any(
        PREFIX + one.path == path and "limit" in one.query.__struct_fields__
        for one in OPERATIONS
        if not one.changes
    )
    return (f"?limit={ROWS_MAX}",) if listed else ()


class AdminProof:
    """See the module. The figures are of one process on one machine, with other work beside it."""

    name = "admin"
    claim = (
        f"With {DECISIONS:,} current decisions and {FETCHES:,} fetch records every page, every list "
        f"of the API and every query of the store answers within {TARGET_MS} ms at the median, and "
        f"who installed a file within {INSTALLED_MS} ms."
    )
    least_percent = 100
    sample = 5
    parallel = 1

    def items(self, seed: int) -> Sequence[str]:  # noqa: ARG002 - the protocol's; their order is no matter
        return [*(f"query {name}" for name in QUERIES), *(f"page {path}" for path in paths())]

    @contextmanager
    def set_up(self) -> Iterator[AdminExperiment]:
        folder = Path(tempfile.mkdtemp(prefix="pratique-admin-"))
        try:
            estate = make_estate(
                folder / "pratique.sqlite3",
                now=START,
                policy=POLICY.digest,
                model=DIGEST,
                decisions=DECISIONS,
                fetches=FETCHES,
                seed=1,
            )
            with running_loop() as loop:
                experiment = AdminExperiment(estate, loop)
                experiment.run(experiment.open(folder))
                try:
                    yield experiment
                finally:
                    experiment.run(experiment.close())
        finally:
            shutil.rmtree(folder)


class AdminExperiment:
    """One store of that size, and the door before it."""

    def __init__(self, estate: Estate, loop: asyncio.AbstractEventLoop) -> None:
        self._estate = estate
        self._loop = loop
        self._stack = AsyncExitStack()
        self._house: House | None = None
        self._dice = random.Random(1)  # noqa: S311 - which file is asked about, no secret

    def run(self, step: Any) -> Any:
        """Do something on the loop, and wait for it."""
        return asyncio.run_coroutine_threadsafe(step, self._loop).result()

    async def open(self, folder: Path) -> None:
        store = SqliteStore.open(self._estate.path, clock=lambda: self._estate.now)
        self._stack.push_async_callback(store.close)
        self._house = await self._stack.enter_async_context(
            open_house(folder, store=store, role=Role.ADMIN)
        )

    async def close(self) -> None:
        await self._stack.aclose()

    def attempt(self, item: str) -> Outcome:
        kind, _, name = item.partition(" ")
        once = self._query(name) if kind == "query" else self._page(name)
        took = self.run(self._measure(once, held=name in OF_HELD))
        if isinstance(took, str):
            return Outcome(item=item, holds=False, detail=took)
        median, p95 = statistics.median(took), sorted(took)[int(len(took) * 0.95)]
        target = INSTALLED_MS if "/installed/" in name else TARGETS_MS.get(name, TARGET_MS)
        return Outcome(
            item=item,
            holds=median <= target,
            detail=f"median {median:.1f} ms, p95 {p95:.1f} ms (target {target} ms)",
            measures={f"{kind} median_ms": median, f"{kind} p95_ms": p95},
            facts={"median": f"{median:.1f}", "p95": f"{p95:.1f}", "target": str(target)},
        )

    async def _measure(
        self, once: Callable[[Known], Awaitable[str]], *, held: bool
    ) -> list[float] | str:
        """Milliseconds of each request; words where one did not answer as it should."""
        took = []
        choice = [known for known in self._estate.known if known.held or not held]
        for number in range(TIMES + 1):
            known = self._dice.choice(choice)
            began = time.perf_counter()
            wrong = await once(known)
            if wrong:
                return wrong
            if number:  # the first fills caches that a running server has filled
                took.append((time.perf_counter() - began) * 1_000)
        return took

    def _query(self, name: str) -> Callable[[Known], Awaitable[str]]:
        house = self._house
        assert house is not None

        async def once(known: Known) -> str:
            await QUERIES[name](house.store, known, self._estate)
            return ""

        return once

    def _page(self, path: str) -> Callable[[Known], Awaitable[str]]:
        house = self._house
        assert house is not None
        unknown = set(re.findall(r"{(\w+)}", path)) - set(SAMPLES)

        async def once(known: Known) -> str:
            if unknown:
                return f"SAMPLES has nothing for {', '.join(sorted(unknown))}"
            asked = re.sub(r"{(\w+)}", lambda found: SAMPLES[found[1]](known), path)
            answer = await house.get(asked)
            wanted = OTHERWISE.get(path, 200)
            return "" if answer.status == wanted else f"{asked} answered {answer.status}"

        return once
