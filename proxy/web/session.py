"""Signing in at the pages: who asks, what their role allows, and forms that only they can send."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn
from urllib.parse import parse_qsl, quote, urlsplit

from aiohttp import hdrs, web
from multidict import MultiDict, MultiDictProxy

from models.clock import Clock
from models.errors import NotAllowed, NotAuthorised, Overloaded, PratiqueError
from proxy.admin.access import Principal, Role
from proxy.admin.firstadmin import FirstAdmin
from proxy.admin.sessions import SESSION_HOURS, Sessions, csrf_matches, csrf_token
from proxy.store.access_port import AccessPort
from proxy.tokens import ANONYMOUS, principal_of
from proxy.web.auth import Callers
from proxy.web.door import TokensPort
from proxy.web.forwarded import Networks, address_of
from proxy.web.people import People
from proxy.web.problems import retry_after
from proxy.web.served import FACTS
from proxy.web.throttle import Throttle

FORM_BYTES_MAX = 64 * 1024
"""Bytes of a form; the largest field is a justification of a few hundred characters."""
LOGIN_TRIES_MAX = 10
"""Failed sign-ins from one address within the throttle's window."""
TOKEN_TRIES_MAX = 60
"""Wrong tokens in headers from one address within the throttle's window: a script that asks every
five seconds with a token that has ended."""
CHANGES_MAX = 300
"""Changes by one person within the throttle's window: one a second, for five minutes."""
CSRF_FIELD = "csrf"
NEXT_CHARS_MAX = 500
"""Characters of the path to return to."""

_SAME = frozenset({"same-origin", "none"})
_FORM = "application/x-www-form-urlencoded"
_BY_SESSION: web.RequestKey[bool] = web.RequestKey("by_session", bool)
"""Whether it was the cookie that told who asks: what a browser sends by itself proves no intent."""

Form = MultiDictProxy[str]


class Visitors:
    """Who is at the pages. `require` and `form` are what every page's handler begins with."""

    def __init__(
        self,
        store: AccessPort,
        tokens: TokensPort,
        callers: Callers,
        people: People,
        *,
        public_url: str,
        open_to_read: bool,
        first_admin: FirstAdmin | None,
        trusted: Networks,
        clock: Clock,
    ) -> None:
        """`trusted`: front ends that may say whom they ask for.

        `open_to_read`: whoever shows no token may look, as on a firewall for this machine alone.
        """
        self.sessions = Sessions(store, tokens, clock=clock)
        self._callers = callers
        self._people = people
        self._origin = public_url.rstrip("/")
        self._secure = self._origin.startswith("https:")
        self._open = open_to_read
        self._first_admin = first_admin
        self._trusted = trusted
        self._logins = Throttle(LOGIN_TRIES_MAX, clock=clock)
        self._headers = Throttle(TOKEN_TRIES_MAX, clock=clock)
        self._changes = Throttle(CHANGES_MAX, clock=clock)

    @property
    def cookie(self) -> str:
        """The cookie's name; `__Host-` binds it to this host and to TLS (RFC 6265bis, 4.1.3)."""
        return "__Host-pratique" if self._secure else "pratique"

    # -- who asks -----------------------------------------------------------------------------
    async def principal_of(self, request: web.Request) -> Principal | None:
        """By the session's cookie, else by an Authorization header; None where nobody is known.

        Raises NotAuthorised for a wrong token where one is required, and Overloaded for too many.
        """
        known = await self.sessions.principal(self._secret(request))
        request[_BY_SESSION] = known is not None
        if known is None and hdrs.AUTHORIZATION in request.headers:
            known = self._by_header(request)
        if known is not None:
            request[FACTS]["requester"] = known.name
        return known

    async def require(self, request: web.Request, role: Role = Role.VIEWER) -> Principal:
        """Whoever asks, with at least `role`. Sends strangers to sign in; raises NotAllowed."""
        known = await self._known(request)
        if known is None:
            if self._open and role is Role.VIEWER:
                return Principal(name=ANONYMOUS, role=Role.VIEWER)
            self._to_login(request)
        known.require(role)
        return known

    async def form(
        self, request: web.Request, role: Role, *, bytes_max: int = FORM_BYTES_MAX
    ) -> tuple[Principal, Form]:
        """Whoever sends a form with at least `role`, and what is in it.

        Only by a session: a browser would add a password by itself to a form from elsewhere.
        """
        self._check_origin(request)
        secret = self._secret(request)
        known = await self.sessions.principal(secret)
        if known is None:
            self._to_login(request)
        form = await read_form(request, bytes_max=bytes_max)
        if not csrf_matches(secret, str(form.get(CSRF_FIELD, ""))):
            raise NotAllowed(
                "This form is not of your session.", next_step="Go back, reload, and send it again."
            )
        known.require(role)
        self.changed(request, known)
        return known, form

    def changed(self, request: web.Request, who: Principal) -> None:
        """Count a change. Raises Overloaded where one person makes too many."""
        request[FACTS]["requester"] = who.name
        self._changes.check(who.name)
        self._changes.count(who.name)

    def csrf(self, request: web.Request) -> str:
        """What the session's forms carry; empty where there is no session."""
        secret = self._secret(request)
        return csrf_token(secret) if secret else ""

    def check_change(self, request: web.Request) -> None:
        """For a change that is no form: raises NotAllowed where another site's page sent it.

        Asked after `principal_of`. What counts is how somebody was known and not which headers
        there are: a worthless Authorization beside the cookie excuses nothing.
        """
        self._check_origin(request)
        if request.get(_BY_SESSION, True):
            sent = request.headers.get("X-CSRF-Token", "")
            if not csrf_matches(self._secret(request), sent):
                raise NotAllowed(
                    "A change by a session carries its X-CSRF-Token.",
                    next_step="Send a token in an Authorization header instead.",
                )

    # -- pages --------------------------------------------------------------------------------
    async def login_page(self, request: web.Request) -> web.StreamResponse:
        """GET, HEAD /login."""
        return self._login_page(_next_of(request.query))

    async def login(self, request: web.Request) -> web.StreamResponse:
        """POST /login: sign in with a token, and go on where one came from."""
        self._check_origin(request)
        form = await read_form(request)
        back = _next_of(form)
        address = address_of(request, self._trusted)
        try:
            secret, who = await self.sessions.begin(str(form.get("token", ""))[:1000])
        except (NotAuthorised, NotAllowed) as error:
            request[FACTS]["error"] = type(error).__name__
            return self._login_page(back, error=self._failed_login(address, error))
        request[FACTS]["requester"] = who.name
        response = web.Response(status=303, headers={hdrs.LOCATION: back})
        self._sign_in(response, secret)
        return response

    async def logout(self, request: web.Request) -> web.StreamResponse:
        """POST /logout."""
        _, _ = await self.form(request, Role.VIEWER)
        await self.sessions.end(self._secret(request))
        response = web.Response(status=303, headers={hdrs.LOCATION: "/login"})
        response.del_cookie(
            self.cookie, path="/", secure=self._secure, httponly=True, samesite="Strict"
        )
        return response

    async def setup_page(self, request: web.Request) -> web.StreamResponse:
        """GET, HEAD /setup?key=…: the first admin's form."""
        await self._setup().check(request.query.get("key", ""))
        return self._people.page(
            "setup.html", root="", key=request.query["key"], error=None, notices=()
        )

    async def setup(self, request: web.Request) -> web.StreamResponse:
        """POST /setup: make the first admin's token, show it once, and sign them in."""
        self._check_origin(request)
        form = await read_form(request)
        key, name = str(form.get("key", "")), str(form.get("name", "")).strip()
        try:
            secret, token = await self._setup().create(key, name)
        except PratiqueError as error:
            if isinstance(error, NotAllowed):
                raise
            return self._people.page(
                "setup.html", root="", status=422, key=key, error=error, notices=()
            )
        request[FACTS]["requester"] = token.name
        await self._callers.refresh()
        session, _ = await self.sessions.begin_for(token)
        response = self._people.page(
            "secret.html", root="", secret=secret, token=token, first=True, notices=()
        )
        self._sign_in(response, session)
        return response

    # -- inside -------------------------------------------------------------------------------
    async def _known(self, request: web.Request) -> Principal | None:
        try:
            return await self.principal_of(request)
        except NotAuthorised:
            return None

    def _by_header(self, request: web.Request) -> Principal | None:
        """A right token always passes: many share an address, and one of them may be wrong."""
        try:
            token = self._callers.token(request)
        except NotAuthorised:
            self._count_wrong(request)
            raise
        if token is None:
            self._count_wrong(request)
            return None
        return principal_of(token)

    def _failed_login(self, address: str, error: PratiqueError) -> PratiqueError:
        """What to say of one more failed sign-in.

        A right token always passes: behind a reverse proxy all share one address, and nobody may keep
        the others out; tokens are beyond guessing.
        """
        try:
            self._logins.check(address)
        except Overloaded as busy:
            return busy
        self._logins.count(address)
        return error

    def _count_wrong(self, request: web.Request) -> None:
        address = address_of(request, self._trusted)
        self._headers.check(address)
        self._headers.count(address)

    def _setup(self) -> FirstAdmin:
        if self._first_admin is None:
            raise web.HTTPNotFound
        return self._first_admin

    def _secret(self, request: web.Request) -> str:
        return request.cookies.get(self.cookie, "")

    def _sign_in(self, response: web.Response, secret: str) -> None:
        response.set_cookie(
            self.cookie,
            secret,
            max_age=SESSION_HOURS * 3600,
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="Strict",
        )

    def _login_page(self, back: str, error: PratiqueError | None = None) -> web.Response:
        match error:
            case None:
                status = 200
            case Overloaded():
                status = 429
            case NotAllowed():
                status = 403
            case _:
                status = 401
        response = self._people.page(
            "login.html", root="", status=status, back=back, error=error, notices=()
        )
        if error is not None:
            response.headers.update(retry_after(error))
        return response

    def _to_login(self, request: web.Request) -> NoReturn:
        where = request.rel_url.raw_path_qs if request.method in ("GET", "HEAD") else "/"
        raise web.HTTPSeeOther(f"/login?next={quote(where[:NEXT_CHARS_MAX], safe='/')}")

    def _check_origin(self, request: web.Request) -> None:
        """A browser says where a request comes from; another site's is refused (CSRF)."""
        site = request.headers.get("Sec-Fetch-Site")
        origin = request.headers.get(hdrs.ORIGIN)
        if site is not None:
            ours = site in _SAME
        else:
            ours = origin is None or origin in {self._origin, f"{request.scheme}://{request.host}"}
        if not ours:
            raise NotAllowed(
                "Another site's page sent this.", next_step="Use Pratique's own pages."
            )


async def read_form(request: web.Request, *, bytes_max: int = FORM_BYTES_MAX) -> Form:
    """A form's fields, all of them text. Raises HTTPException for what is none, or too large."""
    if request.content_type != _FORM:
        raise web.HTTPUnsupportedMediaType
    if (request.content_length or 0) > bytes_max:
        raise web.HTTPRequestEntityTooLarge(bytes_max, request.content_length or 0)
    body = bytearray()
    async for part in request.content.iter_any():
        body += part
        if len(body) > bytes_max:
            raise web.HTTPRequestEntityTooLarge(bytes_max, len(body))
    return _parsed(bytes(body))


def _parsed(body: bytes) -> Form:
    try:
        pairs = parse_qsl(
            body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=200
        )
    except ValueError as error:
        raise web.HTTPBadRequest(text="Too many fields.") from error
    return MultiDictProxy(MultiDict(pairs))


def _next_of(values: Mapping[str, object]) -> str:
    """A path of ours to go on at; anything that a browser could read as another host is `/`."""
    back = str(values.get("next", "/"))[:NEXT_CHARS_MAX]
    parts = urlsplit(back)
    own = back.startswith("/") and not back.startswith(("//", "/\\")) and not parts.netloc
    plain = all(" " < char <= "~" and char != "\\" for char in back)
    return back if own and plain else "/"
