"""`pratique serve`: starts sandbox daemon, judge, proxy and worker, and keeps them up.

As root the supervisor opens the listening socket and nothing else of the network, and each child
runs as a uid of its own. As an ordinary user it starts the same processes without changing uid,
and the sandbox daemon then offers reader boxes only.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import socket
import stat
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import structlog

from analyzer.clean import printable
from analyzer.sandbox.launch import CODE_ROOT, daemon_argv
from models.errors import PratiqueError, SandboxUnavailable
from proxy.privileges import Roles, child_setup, hand_over, is_root, own_folder
from proxy.settings import Address, Settings
from proxy.store.bounds import STORE_FILES

LOG = structlog.get_logger()

RESTART_FIRST_S = 0.2
"""Seconds before a child that ended is started again; doubles up to RESTART_LAST_S."""
RESTART_LAST_S = 10.0
STABLE_S = 30.0
"""Seconds a child must have lived for its restart delay to begin anew."""
START_S = 60.0
"""Seconds a child may take until it says `ready`; loading BPF takes 1 s here, est. 5 s on a Pi 4."""
STOP_S = 10.0
"""Seconds a child may take to end after SIGTERM before it is killed."""
BEHIND_NICE = 5
"""Sandbox, judge and worker stand back by so much: who waits for an approved file goes first."""
FAILED_STARTS_MAX = 5
"""Starts in a row that may fail before the supervisor gives up at its own start."""

SAY = b"say "
"""How a child's line begins that is for whoever started us."""
SAID_CHARS_MAX = 500
"""Characters of such a line."""

INSTALLED_IN = frozenset({"site-packages", "dist-packages"})
"""Folders whose modules every child finds without being told."""
LISTEN_BACKLOG = 1024
"""Connections the kernel keeps waiting while the proxy is busy or being restarted."""


JUDGE_SOCKET = "judge/judge.sock"
SANDBOX_SOCKET = "sandbox/sandbox.sock"
WORKER_API_SOCKET = "proxy/worker.sock"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildConfig:
    """What proxy and worker read from standard input: no secret stands in an argv or a variable."""

    settings: Settings
    worker_secret: str
    unprivileged: bool
    """Started by an ordinary user: the embedded worker reads packages, and runs none."""
    judge_socket: Path
    sandbox_socket: Path
    worker_api_socket: Path
    """Where the proxy serves the worker API to the embedded worker, which has no network."""
    number: int = 0
    """Which of the proxy processes; 0 also does what must be done once."""
    listen_fd: int
    """The listening socket. The supervisor opened it, so that a restart refuses no connection."""


@dataclass(slots=True)
class Child:
    """One process and how to start it again."""

    name: str
    argv: Sequence[str]
    uid: int | None
    groups: tuple[int, ...] = ()
    network: bool = True
    reaches_upstream: bool = False
    """Whether it gets the certificates and the egress proxy of this machine's environment."""
    nice: int = 0
    """How far it stands back where there is not processor time for all."""
    inherits: tuple[int, ...] = ()
    """Descriptors it keeps."""
    standard_input: bytes = b""
    environment: dict[str, str] = field(default_factory=dict)
    needed: bool = True
    """Whether the firewall cannot start without it."""
    cwd: str = "/"
    process: asyncio.subprocess.Process | None = None
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    starts: int = 0


class Supervisor:
    """Owns the children. `run` returns when `stop` is set, or raises where a child cannot start."""

    def __init__(
        self,
        settings: Settings,
        *,
        announce: Callable[[str], None],
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._say = say
        self._socket = listening_socket(settings.listen)
        port = self._socket.getsockname()[1]
        self._settings = replace(settings, listen=replace(settings.listen, port=port))
        self._announce = announce
        self._tasks: list[asyncio.Task[None]] = []
        self._children = tuple(children_of(self._settings, listen_fd=self._socket.fileno()))

    @property
    def children(self) -> tuple[Child, ...]:
        """The children in the order in which they are started."""
        return self._children

    async def run(self, stop: asyncio.Event) -> None:
        """Start everything in order, announce the index URL, and watch until `stop`."""
        prepare_folders(self._settings)
        try:
            for child in self._children:
                await self._start_first(child, stop)
                if stop.is_set():
                    return
            self._announce(f"Pratique serves {self._settings.index_url}")
            waiting = [asyncio.create_task(stop.wait()), *self._tasks]
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            waiting[0].cancel()
            for task in done:
                task.result()
        finally:
            await self._stop_all()
            self._socket.close()
            remove_run_folder(self._settings.run_dir)

    async def _start_first(self, child: Child, stop: asyncio.Event) -> None:
        task = asyncio.create_task(self._keep_up(child), name=f"keep-{child.name}")
        self._tasks.append(task)
        ready = asyncio.create_task(child.ready.wait())
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait(
                (task, ready, stopped), timeout=START_S, return_when=asyncio.FIRST_COMPLETED
            )
            if task.done():
                self._tasks.remove(task)
                self._report(child, task)
            if not child.ready.is_set() and not stopped.done() and child.needed:
                raise PratiqueError(
                    f"The {child.name} process did not become ready within {START_S:.0f} s.",
                    next_step="Run `pratique doctor`, and look at the log lines above.",
                )
        finally:
            ready.cancel()
            stopped.cancel()

    def _report(self, child: Child, task: asyncio.Task[None]) -> None:
        """Raise what ended a child's start; without a sandbox, what is approved is still served."""
        try:
            task.result()
        except PratiqueError as error:
            if child.needed:
                raise
            LOG.error("child_given_up", child=child.name, error=str(error))
            self._say(
                f"{error.message} Until it starts, unseen packages stay held. {error.next_step}"
            )

    async def _keep_up(self, child: Child) -> None:
        delay = RESTART_FIRST_S
        failures = 0
        loop = asyncio.get_running_loop()
        while True:
            begun = loop.time()
            code = await self._run_once(child)
            LOG.warning("process_ended", child=child.name, exit_code=code, starts=child.starts)
            if not child.ready.is_set():
                failures += 1
                if code == os.EX_CONFIG or (child.needed and failures >= FAILED_STARTS_MAX):
                    raise PratiqueError(
                        f"The {child.name} process cannot start (exit code {code}).",
                        next_step="Its message stands above; `pratique doctor` checks the machine.",
                    )
            if loop.time() - begun > STABLE_S:
                delay = RESTART_FIRST_S
            await asyncio.sleep(delay)
            delay = min(delay * 2, RESTART_LAST_S)

    async def _run_once(self, child: Child) -> int:
        child.starts += 1
        child.process = await asyncio.create_subprocess_exec(
            *child.argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=child.cwd,
            pass_fds=child.inherits,
            env=environment_of(child),
            preexec_fn=child_setup(
                child.uid, groups=child.groups, network=child.network, nice=child.nice
            ),
        )
        LOG.info("process_started", child=child.name, pid=child.process.pid, uid=child.uid)
        assert child.process.stdin is not None and child.process.stdout is not None  # noqa: S101, PT018
        try:
            child.process.stdin.write(child.standard_input)
            await child.process.stdin.drain()
            child.process.stdin.close()
        except (BrokenPipeError, ConnectionResetError):
            pass  # it ended at once; its exit code says more than the pipe
        async for line in child.process.stdout:
            if line.strip() == b"ready":
                child.ready.set()
            elif line.startswith(SAY):
                # For the terminal alone: what stands here may open a door, and is in no log.
                self._say(
                    printable(line[len(SAY) :].strip().decode("utf-8", "replace"), SAID_CHARS_MAX)
                )
        return await child.process.wait()

    async def _stop_all(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        # Backwards: the worker lets go of its lease while the proxy still listens.
        for child in reversed(self._children):
            await _end(child)


async def _end(child: Child) -> None:
    process = child.process
    if process is None or process.returncode is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def children_of(settings: Settings, *, listen_fd: int) -> list[Child]:
    """The processes, in the order in which they are started.

    The first proxy comes before the others: it brings the database up to date.
    """
    roles = Roles.from_base(settings.uid_base)
    root = is_root()
    judge_socket = settings.run_dir / JUDGE_SOCKET
    sandbox_socket = settings.run_dir / SANDBOX_SOCKET
    config = ChildConfig(
        settings=settings,
        worker_secret=f"pratique_worker_{secrets.token_urlsafe(32)}",
        unprivileged=not root,
        judge_socket=judge_socket,
        sandbox_socket=sandbox_socket,
        worker_api_socket=settings.run_dir / WORKER_API_SOCKET,
        listen_fd=listen_fd,
    )
    python = [sys.executable, "-P", "-m"]
    analyzing = settings.boxes > 0
    children = [
        Child(
            name="sandbox",
            argv=daemon_argv(
                socket=sandbox_socket,
                client_uid=roles.worker if root else os.geteuid(),
                uid_base=roles.boxes,
                boxes=settings.boxes,
                run_dir=settings.run_dir / "boxes",
                harness=settings.harness,
                trace=not settings.without_behaviour,
                interpreters=settings.interpreters,
            ),
            uid=None,
            nice=BEHIND_NICE,
            needed=False,
        ),
        Child(
            name="judge",
            argv=[*python, "proxy.judge", "--socket", str(judge_socket)],
            uid=roles.judge if root else None,
            groups=(roles.proxy,),
            network=False,
            nice=BEHIND_NICE,
        ),
        *(
            Child(
                name=proxy_name(number),
                argv=[*python, "proxy.cli.door"],
                uid=roles.proxy if root else None,
                reaches_upstream=True,
                inherits=(listen_fd,),
                standard_input=_encoded(replace(config, number=number)),
            )
            for number in range(settings.processes)
        ),
        Child(
            name="worker",
            argv=[*python, "proxy.cli.embedded"],
            uid=roles.worker if root else None,
            groups=(roles.proxy,),
            network=False,
            nice=BEHIND_NICE,
            standard_input=_encoded(config),
        ),
    ]
    return [child for child in children if analyzing or child.name not in ("sandbox", "worker")]


def proxy_name(number: int) -> str:
    """What a proxy process is called: `proxy` is the one that also does what must be done once."""
    return f"proxy-{number + 1}" if number else "proxy"


def _encoded(config: ChildConfig) -> bytes:
    return msgspec.json.encode(config, enc_hook=str)


def listening_socket(address: Address) -> socket.socket:
    """A listening socket on `address`; port 0 picks a free one. Raises PratiqueError."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return socket.create_server(
            (address.host, address.port), family=family, backlog=LISTEN_BACKLOG
        )
    except OSError as error:
        raise PratiqueError(
            f"Cannot listen on {address.host}:{address.port}: {error.strerror}.",
            next_step="Something else may listen there; name another place with --listen.",
        ) from error


def prepare_folders(settings: Settings) -> None:
    """Make the data and run folders with owners and modes such that each role reaches its own."""
    roles = Roles.from_base(settings.uid_base)
    hand_over(settings.data_dir, STORE_FILES, uid=roles.proxy)
    own_folder(settings.data_dir, uid=roles.proxy, mode=0o750)
    own_folder(settings.run_dir, uid=None, mode=0o755)
    # The judge makes its socket here, the proxy's group may connect to it.
    own_folder(settings.run_dir / "judge", uid=roles.judge, mode=0o2750, group=roles.proxy)
    own_folder(settings.run_dir / "proxy", uid=roles.proxy, mode=0o750)
    own_folder(settings.run_dir / "sandbox", uid=None, mode=0o755)
    own_folder(settings.run_dir / "boxes", uid=None, mode=0o711)
    if settings.log_file is not None:
        settings.log_file.parent.mkdir(parents=True, exist_ok=True)
        _make_log_file(settings.log_file, group=roles.proxy)


def _make_log_file(path: Path, *, group: int) -> None:
    """Make the log writable to the proxy's group, which all roles are in.

    The folder may be the proxy's own, and this process root: a link planted there must not hand
    some other file to the proxy.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o660)
    except OSError as error:
        raise PratiqueError(
            f"The log file {path} cannot be written: {error.strerror}.",
            next_step="Name a file in a folder that exists, with --log-file.",
        ) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            raise PratiqueError(
                f"The log file {path} is no plain file, or has a second name.",
                next_step="Name another one with --log-file.",
            )
        if is_root():
            os.fchown(descriptor, 0, group)
            os.fchmod(descriptor, 0o660)
    finally:
        os.close(descriptor)


def remove_run_folder(run_dir: Path) -> None:
    """Take away sockets and empty folders; nothing in there outlives a stop."""
    for name in ("judge", "proxy", "sandbox", "boxes"):
        shutil.rmtree(run_dir / name, ignore_errors=True)
    with suppress(OSError):
        run_dir.rmdir()  # whatever else is in it is not ours


def decode_config(data: bytes) -> ChildConfig:
    """What `children_of` wrote, read back. Raises SandboxUnavailable on nonsense."""
    try:
        return msgspec.json.decode(
            data, type=ChildConfig, dec_hook=lambda kind, value: kind(value), strict=False
        )
    except msgspec.DecodeError as error:
        raise SandboxUnavailable(
            "The configuration on standard input cannot be read.",
            next_step="This process is started by `pratique serve`, not by hand.",
        ) from error


def environment_of(child: Child) -> dict[str, str]:
    """What a child finds in its environment: little of ours, and no secret."""
    kept = ["PATH", "LANG", "LC_ALL", "TZ"]
    if child.reaches_upstream:
        kept += ["SSL_CERT_FILE", "SSL_CERT_DIR"]
        kept += [k for k in os.environ if k.lower() in ("http_proxy", "https_proxy", "no_proxy")]
    return {key: os.environ[key] for key in kept if key in os.environ} | {
        # From a checkout that is not the one installed, children must be of its code as well.
        **({} if CODE_ROOT.name in INSTALLED_IN else {"PYTHONPATH": str(CODE_ROOT)}),
        "PYTHONUNBUFFERED": "1",
        "HOME": "/nonexistent",
        **child.environment,
    }
