"""The frame of every page: who looks, where they may go, lists by number, and errors as pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import structlog
from aiohttp import hdrs, web

from models.errors import DocumentInvalid, NotAuthorised, PratiqueError, StoreConflict, ValueInvalid
from policies.policy import Policy
from proxy.admin.access import Principal, Role
from proxy.admin.exceptions import Exceptions
from proxy.admin.existing import existing_files
from proxy.store.exceptions_port import JUSTIFICATION_CHARS_MAX
from proxy.web.door import Door
from proxy.web.people import People
from proxy.web.problems import Surface, problem_of, retry_after
from proxy.web.served import FACTS, Handler
from proxy.web.session import FORM_BYTES_MAX, Form, Visitors

T = TypeVar("T")
LOG = structlog.get_logger()

ROWS = 50
"""Rows of one page of a list."""
DAYS = 90
"""Days that the form of a decision suggests, where policy allows as many."""
NUMBER_CHARS_MAX = 18
"""Digits of a number in a URL; a store's largest has 19."""

NAVIGATION = (
    ("overview", "/", "Overview", Role.VIEWER),
    ("queue", "/queue", "Review", Role.VIEWER),
    ("projects", "/projects", "Projects", Role.VIEWER),
    ("policy", "/policy", "Policy", Role.VIEWER),
    ("overrides", "/overrides", "Overrides", Role.VIEWER),
    ("requests", "/requests", "Requests", Role.VIEWER),
    ("audit", "/audit", "Audit", Role.VIEWER),
    ("workers", "/workers", "Workers", Role.VIEWER),
    ("tokens", "/tokens", "Tokens", Role.ADMIN),
)
"""(name, URL, words, who sees it)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed(Generic[T]):
    """One page of a list."""

    rows: tuple[T, ...]
    older: int
    """The number below which the next page begins; 0 where this is the last."""
    first: bool
    """Whether it is the newest page."""


class Frame:
    """What the pages share: the door, who looks, and how a page is put together."""

    def __init__(self, door: Door, visitors: Visitors, people: People) -> None:
        self.door = door
        self.visitors = visitors
        self._people = people
        self.existing = existing_files(door.store, door.index)
        self.exceptions = Exceptions(
            door.store,
            policy=door.gate.policy,
            clock=door.clock,
            existing=self.existing,
            origin=door.settings.public_url,
        )

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self.door.gate.policy()

    def show(
        self,
        request: web.Request,
        who: Principal | None,
        template: str,
        *,
        here: str,
        status: int = 200,
        script: bool = False,
        **values: Any,
    ) -> web.Response:
        """One page with its navigation, for somebody."""
        role = who.role if who else Role.INSTALLER
        return self._people.page(
            template,
            root="/",
            status=status,
            script=script,
            me=who,
            here=here,
            links=[link[:3] for link in NAVIGATION if role.covers(link[3])],
            csrf=self.visitors.csrf(request) if who and who.token_id else "",
            may_request=role.covers(Role.REQUESTER),
            may_review=role.covers(Role.REVIEWER),
            admin=role.covers(Role.ADMIN),
            now=self.door.clock(),
            notices=self.door.notices(),
            **values,
        )

    def part(self, template: str, **values: Any) -> bytes:
        """A part of a page, for one that grows."""
        return self._people.part(template, now=self.door.clock(), **values)

    async def post(
        self, request: web.Request, role: Role, *, bytes_max: int = FORM_BYTES_MAX
    ) -> tuple[Principal, Form]:
        """Who sends a form of ours, and what is in it."""
        return await self.visitors.form(request, role, bytes_max=bytes_max)

    def guarded(
        self,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
        *,
        programs_too: bool = True,
    ) -> Handler:
        """`handler`, whose errors become pages that say what to do next.

        Without `programs_too` for who reads pages alone: others get a problem document.
        """

        async def serve(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request)
            except NotAuthorised:
                raise  # the challenge is for clients, which read no page
            except web.HTTPRequestEntityTooLarge:
                large = ValueInvalid("That is too large.", next_step="Send less at once.")
                return await self._failed(request, large, 413)
            except PratiqueError as error:
                if not programs_too and not reads_html(request):
                    raise
                return await self._failed(request, error, status_of(error, request.method))

        return serve

    async def _failed(
        self, request: web.Request, error: PratiqueError, status: int
    ) -> web.Response:
        request[FACTS]["error"] = type(error).__name__
        request[FACTS]["detail"] = error.message
        who = None
        try:
            who = await self.visitors.principal_of(request)
        except PratiqueError:
            # Whoever cannot be named sees the error without navigation.
            LOG.debug("visitor_unknown")
        shown = self.show(request, who, "admin/error.html", here="", status=status, error=error)
        shown.headers.update(retry_after(error))
        return shown


def reads_html(request: web.Request) -> bool:
    """Whether a browser asks."""
    return "text/html" in request.headers.get(hdrs.ACCEPT, "")


def status_of(error: PratiqueError, method: str) -> int:
    """The status of an error on a page: of a form, what was sent is at fault and not the address."""
    if isinstance(error, StoreConflict):
        return 409
    if isinstance(error, DocumentInvalid) or (
        isinstance(error, ValueInvalid) and method not in ("GET", "HEAD")
    ):
        return 422
    return problem_of(error, Surface.CLIENT).status


def before_of(request: web.Request) -> int:
    """`?before=`: the number below which a list goes on; 0: from the newest. Raises ValueInvalid."""
    return number_of(request.query.get("before", "0"))


def number_of(text: str) -> int:
    """A whole number that somebody sent. Raises ValueInvalid."""
    if not (text.isascii() and text.isdigit() and len(text) <= NUMBER_CHARS_MAX):
        raise ValueInvalid("That is not a number.")
    return int(text)


def listed(
    rows: Sequence[T], number: Callable[[T], int], *, before: int, limit: int = ROWS
) -> Listed[T]:
    """A page of a list, of rows read with one more than `limit`."""
    more = len(rows) > limit
    kept = tuple(rows[:limit])
    return Listed(rows=kept, older=number(kept[-1]) if more else 0, first=before <= 0)


def field(form: Form, name: str, *, chars_max: int = 10_000) -> str:
    """A field of a form, without blank ends; empty where it is not there. Raises ValueInvalid."""
    text = str(form.get(name, "")).strip()
    if len(text) > chars_max:
        raise ValueInvalid(f"The field {name} has more than {chars_max} characters.")
    return text


def see(path: str) -> web.Response:
    """Go on at `path`, with GET."""
    return web.Response(status=303, headers={"Location": path})


def chosen(text: str, among: Iterable[T], *, what: str) -> T:
    """Which of a closed vocabulary somebody chose. Raises ValueInvalid."""
    for one in among:
        if str(one) == text:
            return one
    raise ValueInvalid(f"There is no {what} of that name.")


def form_values(frame: Frame) -> dict[str, int]:
    """What the form of a decision needs to know."""
    longest = frame.policy.override_days_max
    return {"days": min(DAYS, longest), "days_max": longest, "chars_max": JUSTIFICATION_CHARS_MAX}
