"""What every client is tried at."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.clients.drivers import Ask, Driver
from tests.clients.place import Place, Said
from tests.clients.stage import COOLDOWN_DAYS, USER, WHY_YANKED, Stage
from tests.clients.tools import Tool

DENIED = "was denied by an administrator"
CHECKING = "is still being checked"
NO_TOKEN = "There is no token"
WRONG_TOKEN = "The token is unknown, revoked or expired"
WRONG_SHA256 = "0" * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """One client in one place on the stage."""

    stage: Stage
    tool: Tool
    driver: Driver
    place: Place

    def ask(self, wanted: str) -> Ask:
        """From the firewall that asks for no token."""
        return Ask(wanted=wanted, index=self.stage.index)

    def own(self, kind: str) -> str:
        """The project that no other client has a part in."""
        return f"reenact-{kind}-{self.tool.slug}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One thing that clients do. `run` answers None where the client has no way of doing it."""

    title: str
    run: Callable[[Bench], Said | None]
    reason: str = ""
    """What the firewall has to say; whether the client's user reads it is recorded."""
    never: tuple[str, ...] = ()
    """What must not be installed afterwards, as `project version`, whatever is recorded."""
    heard: bool = False
    """Whether the words are recorded."""


def install(wanted: str) -> Callable[[Bench], Said]:
    """Plainly, from the firewall."""
    return lambda bench: bench.driver.install(bench.place, bench.ask(wanted))


def lock(bench: Bench) -> Said | None:
    return bench.driver.lock(bench.place, bench.ask("reenact-app"))


def sync(bench: Bench) -> Said | None:
    ask = bench.ask("reenact-app")
    if (locked := bench.driver.lock(bench.place, ask)) is None:
        return None
    assert locked.exit == 0, locked.words
    return bench.driver.sync(bench.place, ask)


def sync_turned(bench: Bench) -> Said | None:
    project = bench.own("turned")
    ask = bench.ask(f"{project}==1.0")
    if (locked := bench.driver.lock(bench.place, ask)) is None:
        return None
    assert locked.exit == 0, locked.words
    bench.stage.deny(project)
    return bench.driver.sync(bench.place, ask)


def hashed(sha256: str = "") -> Callable[[Bench], Said]:
    """With a required hash, the right one where none is said."""

    def run(bench: Bench) -> Said:
        right = bench.stage.file("reenact-lib").sha256
        ask = bench.ask("reenact-lib==1.0")
        return bench.driver.hashed(bench.place, ask, right, sha256 or right)

    return run


def held_then_served(bench: Bench) -> Said:
    """An admin allows it while the client waits, after it was sent round once."""
    return _allowed_meanwhile(bench, bench.ask(bench.own("late")))


def through_tls(wanted: str) -> Callable[[Bench], Said]:
    """From nginx, with HTTP/2 for a client that offers it."""
    return lambda bench: bench.driver.install(bench.place, _over_tls(bench, wanted))


def through_nginx(wanted: str) -> Callable[[Bench], Said]:
    """From nginx, without TLS."""
    return lambda bench: bench.driver.install(
        bench.place, Ask(wanted=wanted, index=bench.stage.nginx.plain)
    )


def tls_held_then_served(bench: Bench) -> Said:
    return _allowed_meanwhile(bench, _over_tls(bench, bench.own("late-tls")))


def _allowed_meanwhile(bench: Bench, ask: Ask) -> Said:
    file = bench.stage.file(ask.wanted)
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(bench.driver.install, bench.place, ask)
        bench.stage.until_redirected(file)
        bench.stage.allow(file.project)
        return done.result()


def _over_tls(bench: Bench, wanted: str) -> Ask:
    """By the authority of an organisation: pip, uv and Poetry read one of these each."""
    for name in ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        bench.place.variables[name] = str(bench.stage.nginx.authority)
    return Ask(wanted=wanted, index=bench.stage.nginx.tls)


def cooled(bench: Bench) -> Said | None:
    before = datetime.now(UTC) - timedelta(days=COOLDOWN_DAYS)
    ask = Ask(
        wanted="reenact-young",
        index=bench.stage.index,
        days_old=COOLDOWN_DAYS,
        before=before.strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
    return bench.driver.cooled(bench.place, ask)


def extra_index(bench: Bench) -> Said:
    ask = Ask(
        wanted="reenact-refused==2.0",
        index=bench.stage.index,
        extra_index=bench.stage.second.url,
    )
    return bench.driver.install(bench.place, ask)


def _lib(index: str) -> Ask:
    return Ask(wanted="reenact-lib", index=index)


def token_in_url(bench: Bench) -> Said:
    return bench.driver.install(bench.place, _lib(bench.stage.with_token()))


def token_in_netrc(bench: Bench) -> Said:
    line = f"machine 127.0.0.1 login {USER} password {bench.stage.secret}\n"
    bench.place.write(".netrc", line, mode=0o600)
    return bench.driver.install(bench.place, _lib(bench.stage.guarded.index_url))


def token_stored(bench: Bench) -> Said:
    ask = _lib(bench.stage.guarded.index_url)
    return bench.driver.stored_secret(bench.place, ask, USER, bench.stage.secret)


def no_token(bench: Bench) -> Said:
    return bench.driver.install(bench.place, _lib(bench.stage.guarded.index_url))


def wrong_token(bench: Bench) -> Said:
    return bench.driver.install(bench.place, _lib(bench.stage.with_token("wrong")))


CASES: dict[str, Case] = {
    "install": Case(title="install, with a dependency", run=install("reenact-app")),
    "lock": Case(title="lock", run=lock, never=("reenact-app 1.0",)),
    "sync": Case(title="install from the lock", run=sync),
    "sync-turned": Case(
        title="install from a lock whose release was refused since",
        run=sync_turned,
        reason=DENIED,
        never=("reenact-turned 1.0",),
        heard=True,
    ),
    "hashes": Case(title="required hash", run=hashed()),
    "wrong-hash": Case(
        title="required hash, a wrong one",
        run=hashed(WRONG_SHA256),
        never=("reenact-lib 1.0",),
    ),
    "yanked-open": Case(
        title="newest release yanked, any version asked for",
        run=install("reenact-yanked"),
        never=("reenact-yanked 2.0",),
    ),
    "yanked-pin": Case(
        title="yanked release, pinned",
        run=install("reenact-yanked==2.0"),
        reason=WHY_YANKED,
        heard=True,
    ),
    "refused-open": Case(
        title="newest release refused, any version asked for",
        run=install("reenact-refused"),
        never=("reenact-refused 2.0",),
    ),
    "refused-pin": Case(
        title="refused release, pinned",
        run=install("reenact-refused==2.0"),
        reason=DENIED,
        never=("reenact-refused 2.0",),
        heard=True,
    ),
    "held-refused": Case(
        title="held until the deadline",
        run=install("reenact-held"),
        reason=CHECKING,
        never=("reenact-held 1.0",),
        heard=True,
    ),
    "held-served": Case(title="held, then allowed while the client waits", run=held_then_served),
    "cooldown": Case(
        title="its own cooldown of a week, by `upload-time`",
        run=cooled,
        never=("reenact-young 2.0",),
    ),
    "extra-index": Case(
        title="refused release, pinned, that a second index has",
        run=extra_index,
        reason=DENIED,
        heard=True,
    ),
    "token-url": Case(title="token in the URL", run=token_in_url),
    "token-netrc": Case(title="token in netrc", run=token_in_netrc),
    "token-stored": Case(title="token in a keyring or a variable", run=token_stored),
    "no-token": Case(
        title="no token", run=no_token, reason=NO_TOKEN, never=("reenact-lib 1.0",), heard=True
    ),
    "wrong-token": Case(
        title="wrong token",
        run=wrong_token,
        reason=WRONG_TOKEN,
        never=("reenact-lib 1.0",),
        heard=True,
    ),
    "nginx-install": Case(title="install, through nginx, plain", run=through_nginx("reenact-app")),
    "nginx-refused": Case(
        title="refused release, pinned, through nginx, plain",
        run=through_nginx("reenact-refused==2.0"),
        reason=DENIED,
        never=("reenact-refused 2.0",),
        heard=True,
    ),
    "tls-install": Case(title="install, through nginx, TLS", run=through_tls("reenact-app")),
    "tls-refused": Case(
        title="refused release, pinned, through nginx, TLS",
        run=through_tls("reenact-refused==2.0"),
        reason=DENIED,
        never=("reenact-refused 2.0",),
        heard=True,
    ),
    "tls-held-served": Case(
        title="held, then allowed while the client waits, through nginx, TLS",
        run=tls_held_then_served,
    ),
}
