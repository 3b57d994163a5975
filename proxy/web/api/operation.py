"""What an operation of the API is: a route, who may, what it takes and gives; checked at the door."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import msgspec
from aiohttp import hdrs, web

from models.errors import NotAllowed, NotAuthorised, ValueInvalid
from proxy.admin.access import Principal, Role
from proxy.web.admin.frame import Frame
from proxy.web.admin.trial import Trials

PREFIX = "/api/v1"
BODY_BYTES_MAX = 1024 * 1024
"""Bytes of a body; the largest is a policy, of a million characters at most."""
ROWS_MAX = 500
"""Rows of one page of a list."""
ROWS = 100
"""Rows where a caller does not say."""
JSON = "application/json"
_NEXT = "GET /api/v1/openapi.json says what is expected."

T = TypeVar("T")


class Empty(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing is taken."""


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One page of a list, newest first (of what is held: the one held longest first)."""

    items: tuple[T, ...]
    next: int | None
    """Give it as `before` (of what is held: as `after`) for the next page; null where this is the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call, checked: who asks, the path's parts, the query and the body of their types."""

    frame: Frame
    trials: Trials
    who: Principal
    path: Mapping[str, str]
    query: Any
    body: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation. Its handler returns what `gives` says; the status is 200, or 201 for a new thing."""

    method: str
    path: str
    """Below PREFIX, such as `/decisions/{decision_id}`."""
    name: str
    """Its operationId."""
    summary: str
    role: Role
    gives: Any
    handler: Callable[[Call], Awaitable[Any]]
    query: type[msgspec.Struct] = Empty
    body: type[msgspec.Struct] | None = None
    status: int = 200

    @property
    def changes(self) -> bool:
        """Whether it changes anything."""
        return self.method != hdrs.METH_GET


class Declared(Protocol):
    """How a line of the table is written."""

    def __call__(
        self,
        path: str,
        name: str,
        summary: str,
        gives: Any,
        handler: Callable[[Call], Awaitable[Any]],
        **more: Any,
    ) -> Operation:
        """One operation."""


def _by(method: str, role: Role) -> Declared:
    """Operations of one method, for a role where nothing else is said."""

    def declare(
        path: str,
        name: str,
        summary: str,
        gives: Any,
        handler: Callable[[Call], Awaitable[Any]],
        **more: Any,
    ) -> Operation:
        return Operation(
            method=method,
            path=path,
            name=name,
            summary=summary,
            gives=gives,
            handler=handler,
            **{"role": role, **more},
        )

    return declare


reads = _by(hdrs.METH_GET, Role.VIEWER)
acts = _by(hdrs.METH_POST, Role.ADMIN)
ends = _by(hdrs.METH_DELETE, Role.ADMIN)


def handler_of(operation: Operation, frame: Frame, trials: Trials) -> Callable[[web.Request], Any]:
    """The route's handler: who may, what is sent, what comes of it."""

    async def serve(request: web.Request) -> web.StreamResponse:
        who = await _who(operation, frame, request)
        call = Call(
            frame=frame,
            trials=trials,
            who=who,
            path=request.match_info,
            query=_query(operation, request),
            body=await _body(operation, request),
        )
        given = await operation.handler(call)
        if operation.changes:
            frame.door.nudge()
        return web.Response(
            status=operation.status,
            body=msgspec.json.encode(given),
            headers={
                hdrs.CONTENT_TYPE: JSON,
                hdrs.CACHE_CONTROL: "no-store",
                "X-Content-Type-Options": "nosniff",
            },
        )

    return serve


async def _who(operation: Operation, frame: Frame, request: web.Request) -> Principal:
    """By a token or a session; strangers get a challenge and no page to sign in at."""
    who = await frame.visitors.principal_of(request)
    if who is None:
        raise NotAuthorised(
            "There is no token.", next_step="Send it as `Authorization: Bearer TOKEN`."
        )
    who.require(operation.role)
    if operation.changes:
        frame.visitors.check_change(request)
        frame.visitors.changed(request, who)
    return who


def _query(operation: Operation, request: web.Request) -> Any:
    repeated = [key for key in request.query if len(request.query.getall(key)) > 1]
    if repeated:
        raise ValueInvalid(f"{repeated[0][:40]!r} stands twice in the query.", next_step=_NEXT)
    try:
        return msgspec.convert(dict(request.query), operation.query, strict=False)
    except msgspec.ValidationError as error:
        raise ValueInvalid(f"The query is not as expected: {error}.", next_step=_NEXT) from error


async def _body(operation: Operation, request: web.Request) -> Any:
    if operation.body is None:
        return None
    if request.content_type != JSON:
        raise web.HTTPUnsupportedMediaType
    if (request.content_length or 0) > BODY_BYTES_MAX:
        raise web.HTTPRequestEntityTooLarge(BODY_BYTES_MAX, request.content_length or 0)
    data = bytearray()
    async for part in request.content.iter_chunked(64 * 1024):
        data += part
        if len(data) > BODY_BYTES_MAX:
            raise web.HTTPRequestEntityTooLarge(BODY_BYTES_MAX, len(data))
    try:
        return msgspec.convert(_whole(msgspec.json.decode(data)), operation.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueInvalid(f"The body is not as expected: {error}.", next_step=_NEXT) from error


def _whole(value: Any) -> Any:
    """The same with whole numbers as integers: JSON Schema makes no difference of 47 and 47.0."""
    if isinstance(value, dict):
        return {key: _whole(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_whole(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def page_of(rows: tuple[tuple[int, T], ...], limit: int) -> Page[T]:
    """A page out of `limit` + 1 numbered rows: the one too many says that there are more."""
    shown = rows[:limit]
    more = len(rows) > limit and bool(shown)
    return Page(items=tuple(row for _, row in shown), next=shown[-1][0] if more else None)


__all__ = ["Call", "Empty", "NotAllowed", "Operation", "Page", "handler_of", "page_of"]
