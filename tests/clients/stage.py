"""What clients are run against: firewalls whose verdicts are known, nginx, and a second index.

One firewall asks for no token, and nginx stands before it with the file that is shipped; one asks.

Neither has a box (`--boxes 0`), so that nothing is ever analysed: what an admin allowed is
served, what one denied is refused, and the rest is held until its deadline.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from urllib.parse import urlsplit

from proxy.demo.packages import BuiltFile, build_wheel
from proxy.demo.upstream import LocalUpstream
from proxy.web.door import TOKENS_REFRESH_S
from tests.clients.tools import Tool
from tests.deploy.nginx import Nginx, running_nginx
from tests.firewall import Firewall, fetch, file_url, wait_until
from tests.proofs.background import running_upstream

HOLD_S = 18
"""Seconds until a held client is refused: longer than one hop (10 s), so that it follows one, and
so much that an admin can act meanwhile on a machine that is busy."""
NARROW_S = 30.0
"""Seconds in which a change by an admin must act."""
YOUNG = timedelta(days=1)
"""Age of the newer release of `reenact-young`."""
COOLDOWN_DAYS = 7
WHY_YANKED = "its author uploaded the wrong files"
USER = "alice"
LATE = ("late", "late-tls")
"""Projects of which each tool has one: held until a cell has them allowed."""


@dataclass
class Stage:
    """All that runs while cells are tried."""

    upstream: LocalUpstream
    firewall: Firewall
    guarded: Firewall
    admin: Admin
    secret: str
    second: LocalUpstream
    nginx: Nginx

    @property
    def index(self) -> str:
        """The firewall that asks for no token."""
        return self.firewall.index_url

    def with_token(self, secret: str = "") -> str:
        """The URL of the firewall that asks for one, with it."""
        return self.guarded.index_url.replace("http://", f"http://{USER}:{secret or self.secret}@")

    def file(self, project: str, version: str = "1.0") -> BuiltFile:
        """What upstream has."""
        (found,) = (
            file
            for file in self.upstream.files
            if file.project == project and f"-{version}-" in file.filename
        )
        return found

    def allow(self, project: str) -> None:
        """An admin lets it in."""
        self._override("allow", project)

    def deny(self, project: str) -> None:
        """An admin refuses it, and every process knows."""
        self._override("deny", project)
        url = self.url_of(self.file(project))
        wait_until(lambda: fetch(url).status == 403, seconds=NARROW_S)

    def url_of(self, file: BuiltFile) -> str:
        """Where the firewall has it."""
        return file_url(self.index, file.project, file.filename)

    def until_redirected(self, file: BuiltFile) -> None:
        """Wait until a client that waits for `file` was sent round once."""

        def redirected() -> bool:
            return any(
                line.get("filename") == file.filename and line.get("status") == 302
                for line in self.firewall.log_lines()
            )

        wait_until(redirected, seconds=NARROW_S, every=0.2)

    def _override(self, action: str, project: str) -> None:
        self.admin.post("overrides", {"action": action, "project": project})


@contextmanager
def stage(tools: Sequence[Tool]) -> Iterator[Stage]:
    """Everything, with projects of its own for each of `tools` where a cell changes a verdict."""
    allowed, rest = _packages(tools)
    second = LocalUpstream([file for file in rest if file.project == "reenact-refused"])
    with ExitStack() as stack:
        upstream = stack.enter_context(running_upstream(LocalUpstream([*allowed, *rest])))
        stack.enter_context(running_upstream(second))
        open_to_all, guarded = _firewall(upstream, 64200), _firewall(upstream, 64300)
        with ThreadPoolExecutor(2) as pool:
            starts = [pool.submit(stack.enter_context, one) for one in (open_to_all, guarded)]
        for start in starts:
            start.result()
        admin, other = (_admin(one) for one in (open_to_all, guarded))
        secret = _guard(guarded)
        admin.grandfather(allowed)
        admin.post(
            "overrides", {"action": "deny", "project": "reenact-refused", "specifier": "==2.0"}
        )
        other.grandfather([file for file in allowed if file.project == "reenact-lib"])
        nginx = stack.enter_context(running_nginx(open_to_all.origin))
        yield Stage(upstream, open_to_all, guarded, admin, secret, second, nginx)


@dataclass(frozen=True, slots=True)
class Admin:
    """Somebody with a token who changes verdicts over the API, which takes milliseconds."""

    firewall: Firewall
    secret: str

    def grandfather(self, files: Sequence[BuiltFile]) -> None:
        """Allow these bytes, as one does with the lock of a build."""
        lines = (
            f"{file.project}=={file.filename.split('-')[1]} --hash=sha256:{file.sha256}\n"
            for file in files
        )
        self.post("grandfather", {"locks": [{"name": "requirements.txt", "text": "".join(lines)}]})

    def known(self) -> bool:
        """Whether the token is taken by now."""
        return self._request("GET", "overrides") == 200

    def post(self, place: str, asked: dict[str, object]) -> None:
        """Make an exception that ends tomorrow."""
        body = json.dumps(asked | {"justification": "a test of clients", "days": 1}).encode()
        status = self._request("POST", place, body)
        assert status in (200, 201), status

    def _request(self, method: str, place: str, body: bytes | None = None) -> int:
        headers = {"Authorization": f"Bearer {self.secret}", "Content-Type": "application/json"}
        netloc = urlsplit(self.firewall.origin).netloc
        with closing(HTTPConnection(netloc, timeout=NARROW_S)) as connection:
            connection.request(method, f"/api/v1/{place}", body, headers)
            return connection.getresponse().status


def _firewall(upstream: LocalUpstream, uid_base: int) -> Firewall:
    return Firewall(
        upstream=upstream.url,
        harness=False,
        uid_base=uid_base,
        options=("--boxes", "0", "--hold-s", str(HOLD_S)),
    )


def _admin(firewall: Firewall) -> Admin:
    """One whose token the firewall has taken notice of."""
    admin = Admin(firewall, _token(firewall, "ann", "--role", "admin"))
    wait_until(admin.known, seconds=NARROW_S, every=TOKENS_REFRESH_S / 4)
    return admin


def _guard(firewall: Firewall) -> str:
    """From now on it asks for a token; this one."""
    secret = _token(firewall, USER)
    firewall.stop()  # with a client's token in the store, the listener asks for one from the start
    firewall.start()
    return secret


def _token(firewall: Firewall, name: str, *options: str) -> str:
    """The secret of a new one."""
    added = firewall.cli("token", "add", "client", name, *options, "--actor", "ada")
    return added.stdout.strip()


def _packages(tools: Sequence[Tool]) -> tuple[list[BuiltFile], list[BuiltFile]]:
    """(what is allowed from the start, the rest)."""
    now = datetime.now(UTC)
    yanked = replace(wheel("reenact-yanked", "2.0"), yanked=WHY_YANKED)
    allowed = [
        wheel("reenact-app", "1.0", requires=("reenact-lib>=1",)),
        wheel("reenact-lib", "1.0"),
        wheel("reenact-yanked", "1.0"),
        yanked,
        wheel("reenact-refused", "1.0"),
        wheel("reenact-young", "1.0"),
        wheel("reenact-young", "2.0", uploaded=now - YOUNG),
        *(wheel(f"reenact-turned-{tool.slug}", "1.0") for tool in tools),
    ]
    rest = [
        wheel("reenact-refused", "2.0"),
        wheel("reenact-held", "1.0"),
        *(wheel(f"reenact-{late}-{tool.slug}", "1.0") for tool in tools for late in LATE),
    ]
    return allowed, rest


def wheel(
    project: str, version: str, *, requires: tuple[str, ...] = (), uploaded: datetime | None = None
) -> BuiltFile:
    """An inert release."""
    module = project.replace("-", "_")
    files = {f"{module}.py": f'VERSION = "{version}"\n'}
    return build_wheel(project, version, files, requires=requires, uploaded=uploaded)
