"""Errors on the wire: problem+json (RFC 9457) beside a reason phrase, which is all that pip shows.

Statuses are chosen by what pip, uv and Poetry do with them (FACTS 1.1): 504 is not retried by pip and
ends in one clean line, while 503 ends in a traceback that hides the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import msgspec
from aiohttp import web

from models.errors import (
    CapabilityRefused,
    DocumentInvalid,
    LeaseLost,
    NotAllowed,
    NotAuthorised,
    Overloaded,
    PratiqueError,
    ResolutionFailed,
    StoreConflict,
    StoreError,
    UpstreamError,
    UpstreamHashMismatch,
    UpstreamNotFound,
    UpstreamUnavailable,
    ValueInvalid,
)

PROBLEM_TYPE = "application/problem+json"
"""Exactly this, without a charset: uv ignores the body otherwise (FACTS 1.1)."""
REASON_CHARS_MAX = 200
"""Characters of a reason phrase (FACTS 1.7)."""
OVERLOADED_RETRY_S = 5
"""Seconds in Retry-After at a bound, or while the store is down."""
CHALLENGE = 'Basic realm="pratique", charset="UTF-8"'

_NO_STORE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_RETRY = {"Retry-After": str(OVERLOADED_RETRY_S)}


class Surface(Enum):
    """Who reads the answer."""

    CLIENT = "client"
    WORKER = "worker"
    API = "api"


@dataclass(frozen=True, slots=True)
class _Wire:
    status: int
    title: str
    headers: Mapping[str, str] | None = None


_CLIENT: tuple[tuple[type[PratiqueError], _Wire], ...] = (
    (NotAuthorised, _Wire(401, "A token is needed", {"WWW-Authenticate": CHALLENGE})),
    (NotAllowed, _Wire(403, "Your role does not allow this")),
    (ValueInvalid, _Wire(404, "Not found")),
    (UpstreamNotFound, _Wire(404, "Not found")),
    (UpstreamUnavailable, _Wire(504, "The upstream index does not answer")),
    # Final: no retry will make these bytes those that were announced.
    (UpstreamHashMismatch, _Wire(403, "Refused by pratique")),
    (UpstreamError, _Wire(504, "The upstream index gave no usable answer")),
    (Overloaded, _Wire(429, "Too busy", _RETRY)),
    # Not a 5xx: pip waits Retry-After and, at the end, prints one clean line.
    (StoreError, _Wire(429, "The store does not answer", _RETRY)),
)
_WORKER: tuple[tuple[type[PratiqueError], _Wire], ...] = (
    (NotAuthorised, _Wire(401, "A worker token is needed", {"WWW-Authenticate": "Bearer"})),
    (ValueInvalid, _Wire(422, "Not of the expected form")),
    (LeaseLost, _Wire(409, "The lease is lost")),
    (StoreConflict, _Wire(409, "It contradicts what is stored")),
    (CapabilityRefused, _Wire(403, "Not in the resolved set")),
    (UpstreamNotFound, _Wire(404, "The upstream does not have it")),
    (UpstreamUnavailable, _Wire(504, "The upstream index does not answer")),
    (UpstreamError, _Wire(502, "The upstream index gave no usable answer")),
    (ResolutionFailed, _Wire(502, "The requirements cannot be resolved")),
    (Overloaded, _Wire(429, "Too busy", _RETRY)),
    (StoreError, _Wire(503, "The store does not answer", _RETRY)),
)
_API: tuple[tuple[type[PratiqueError], _Wire], ...] = (
    (NotAuthorised, _Wire(401, "A token is needed", {"WWW-Authenticate": "Bearer"})),
    (NotAllowed, _Wire(403, "Your role does not allow this")),
    (UpstreamNotFound, _Wire(404, "Not found")),
    (StoreConflict, _Wire(409, "Somebody was faster, or it contradicts what is stored")),
    (DocumentInvalid, _Wire(422, "Not of the expected form")),
    (ValueInvalid, _Wire(422, "Not of the expected form")),
    (Overloaded, _Wire(429, "Too busy", _RETRY)),
    (StoreError, _Wire(404, "Not found, or the store does not answer")),
)
_TABLES = {Surface.CLIENT: _CLIENT, Surface.WORKER: _WORKER, Surface.API: _API}
_OURS = _Wire(500, "Pratique failed")


def reason_phrase(text: str) -> str:
    """`text` as one line of printable ASCII, cut; a header can hold nothing else."""
    plain = "".join(char if " " <= char <= "~" else " " for char in text)
    return " ".join(plain.split())[:REASON_CHARS_MAX]


def problem(
    status: int,
    title: str,
    detail: str = "",
    *,
    reason: str = "",
    kind: str = "about:blank",
    instance: str = "",
    headers: Mapping[str, str] | None = None,
    pratique: Mapping[str, Any] | None = None,
) -> web.Response:
    """A problem document. The reason phrase is `reason`, else title and detail."""
    document: dict[str, Any] = {"type": kind, "title": title, "status": status}
    if detail:
        document["detail"] = detail
    if instance:
        document["instance"] = instance
    if pratique is not None:
        document["pratique"] = pratique
    line = reason or (f"{title}: {detail}" if detail else title)
    return web.Response(
        status=status,
        reason=reason_phrase(line),
        body=msgspec.json.encode(document),
        headers={**_NO_STORE, **(headers or {}), "Content-Type": PROBLEM_TYPE},
    )


def problem_of(error: PratiqueError, surface: Surface) -> web.Response:
    """The answer to an error of our tree."""
    wire = next((wire for kind, wire in _TABLES[surface] if isinstance(error, kind)), _OURS)
    headers = {**(wire.headers or {}), **retry_after(error)}
    return problem(wire.status, wire.title, str(error), headers=headers)


def retry_after(error: PratiqueError) -> dict[str, str]:
    """Retry-After, where the error knows when; empty for any other (RFC 9110, 10.2.3)."""
    if isinstance(error, Overloaded) and error.retry_s > 0:
        return {"Retry-After": str(error.retry_s)}
    return {}


def problem_of_http(error: web.HTTPException) -> web.Response:
    """The answer to one of aiohttp's own (404, 405, 413 …)."""
    headers = {key: error.headers[key] for key in ("Allow", "Location") if key in error.headers}
    detail = error.text if error.text and not error.text.startswith(str(error.status)) else ""
    return problem(error.status, error.reason or "Error", detail, headers=headers)
