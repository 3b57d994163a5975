"""Around every handler: errors become answers, and each request leaves one canonical log line.

A wrapper at registration and not a middleware: aiohttp's middleware chain costs each request more
than the log line itself.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Awaitable, Callable
from time import perf_counter_ns
from typing import Any

import structlog
from aiohttp import web

from models.errors import PratiqueError
from proxy.telling.metrics import Metrics
from proxy.web.connections import connection_of
from proxy.web.lines import RequestLines
from proxy.web.problems import Surface, problem, problem_of, problem_of_http
from proxy.web.ready import Ready

LOG = structlog.get_logger()

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
LogFacts = dict[str, Any]
FACTS: web.RequestKey[LogFacts] = web.RequestKey("facts", dict)
"""What a handler adds to the request's log line."""
METRICS: web.AppKey[Metrics] = web.AppKey("metrics", Metrics)
"""Where requests are counted, if at all."""
CLIENT_LEFT = 499
"""For the log; nobody is there to read it."""
PATH_CHARS_MAX = 200
"""Characters of a path in the log, where no route matched."""

_PREFIX = secrets.token_hex(4)
_NUMBERS = itertools.count(1)
_LINES = RequestLines()


def served(route: str, handler: Handler, *, surface: Surface = Surface.CLIENT) -> Handler:
    """`handler` with its errors answered and its line logged."""

    async def serve(request: web.Request) -> web.StreamResponse:
        started = perf_counter_ns()
        facts: LogFacts = {}
        request[FACTS] = facts
        connection = connection_of(request)
        if connection is not None:
            connection.began(request.content)
        try:
            if not (request.remote or surface is Surface.WORKER):
                # By the unix socket comes the embedded worker alone: it has its API, and no more.
                raise web.HTTPNotFound
            response = await handler(request)
            if isinstance(response, Ready) and response.long:
                response = await response.send(request)
        except PratiqueError as error:
            response = problem_of(error, surface)
            facts["error"] = type(error).__name__
            facts["detail"] = error.message
        except web.HTTPException as error:
            response = problem_of_http(error)
        except asyncio.CancelledError:
            _log(route, request, CLIENT_LEFT, started, facts)
            raise
        except Exception as error:
            if isinstance(error, ConnectionError) and _left(request):
                response = web.Response(status=CLIENT_LEFT)  # no failure of ours
            else:
                LOG.exception("request_failed", route=route)
                response = problem(500, "Pratique failed", "The log of the proxy says why.")
        finally:
            if connection is not None:
                connection.ended()
        _log(route, request, response.status, started, facts)
        return response

    return serve


def _left(request: web.Request) -> bool:
    transport = request.transport
    return transport is None or transport.is_closing()


def _log(route: str, request: web.Request, status: int, started: int, facts: LogFacts) -> None:
    facts["request_id"] = f"{_PREFIX}-{next(_NUMBERS):x}"
    facts["route"] = route
    facts["method"] = request.method
    facts["status"] = status
    duration_ns = perf_counter_ns() - started
    facts["duration_us"] = duration_ns // 1_000
    metrics = request.app.get(METRICS)
    if metrics is not None:
        metrics.served(route, status, duration_ns / 1e9)
    _LINES.write(facts)
