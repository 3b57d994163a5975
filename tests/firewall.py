"""A real firewall for tests, proofs and benchmarks: `pratique serve` as a child, and its clients."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urljoin, urlsplit

Answered = TypeVar("Answered")

READY_S = 60.0
"""Seconds until the index URL must have been printed."""
STOP_S = 30.0


def scratch_folder() -> Path:
    """A fresh folder that dropped uids can pass (pytest's tmp_path is private to its user)."""
    folder = Path(tempfile.mkdtemp(prefix="pratique-test-"))
    folder.chmod(0o755)
    return folder


@dataclass
class Firewall:
    """`pratique serve` with its own data folder; a context manager."""

    upstream: str
    harness: bool = True
    policy: str = ""
    options: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    uid_base: int = 61000
    folder: Path = field(default_factory=scratch_folder)
    process: subprocess.Popen[bytes] | None = None
    index_url: str = ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _tb: TracebackType | None,
    ) -> None:
        self.stop()
        if error is not None:
            sys.stderr.write(self.log_tail())
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def data_dir(self) -> Path:
        return self.folder / "data"

    @property
    def log_file(self) -> Path:
        return self.folder / "log" / "pratique.log"

    @property
    def said_file(self) -> Path:
        """What it wrote to standard error, for whoever started it."""
        return self.folder / "said"

    @property
    def origin(self) -> str:
        return self.index_url.removesuffix("/simple/")

    def start(self) -> None:
        """Start it and wait for its index URL."""
        argv = [
            sys.executable, "-P", "-m", "proxy", "serve",
            "--listen", "127.0.0.1:0" if not self.index_url else self.origin.removeprefix("http://"),
            "--data-dir", str(self.data_dir),
            "--upstream", self.upstream,
            "--uid-base", str(self.uid_base),
            "--log-file", str(self.log_file),
            *(["--harness"] if self.harness else []),
            *(["--policy", str(self._policy_file())] if self.policy else []),
            *self.options,
        ]  # fmt: skip
        with self.said_file.open("ab") as said:
            self.process = subprocess.Popen(
                argv,
                stdout=subprocess.PIPE,
                stderr=said,
                env=os.environ
                | {"PYTHONPATH": str(Path(__file__).parent.parent)}
                | self.environment,
                start_new_session=True,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline().decode()
        if "http" not in line:
            self.stop()
            raise AssertionError(f"no index URL but {line!r}\n{self.log_tail()}")
        self.index_url = line.split()[-1]

    def stop(self) -> int | None:
        """SIGTERM and wait; its exit code."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        return self.process.returncode

    def children(self) -> dict[str, int]:
        """Pid of each process by its name, as the log has it (the newest start counts)."""
        return {
            event["child"]: event["pid"]
            for event in self.log_lines()
            if event["event"] == "process_started"
        }

    def log_lines(self) -> Iterator[dict[str, Any]]:
        """The log as dictionaries."""
        if self.log_file.exists():
            for line in self.log_file.read_text(errors="replace").splitlines():
                try:
                    yield json.loads(line)
                except ValueError:
                    continue

    def log_tail(self, lines: int = 60) -> str:
        """The end of the log, for a failing test."""
        if not self.log_file.exists():
            return "(no log)\n"
        return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-lines:]) + "\n"

    def cli(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `pratique …` on this firewall's data."""
        done = subprocess.run(
            [sys.executable, "-P", "-m", "proxy", *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ
            | {
                "PYTHONPATH": str(Path(__file__).parent.parent),
                "PRATIQUE_DATA_DIR": str(self.data_dir),
                "PRATIQUE_UPSTREAM": self.upstream,
                "COLUMNS": "200",
            },
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def decisions(self) -> list[dict[str, Any]]:
        """What was decided, newest first."""
        return [json.loads(line) for line in self.cli("decisions", "--json").stdout.splitlines()]

    def _policy_file(self) -> Path:
        file = self.folder / "policy.toml"
        file.write_text(self.policy)
        return file


@contextmanager
def client_environment(index_url: str) -> Iterator[ClientEnvironment]:
    """An empty environment with pip and uv pointed at `index_url`, and nothing of this machine's."""
    folder = scratch_folder()
    try:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "env"], check=True)
        yield ClientEnvironment(folder=folder, index_url=index_url)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class ClientEnvironment:
    """Real pip and uv against a firewall, installing into an environment of their own."""

    folder: Path
    index_url: str

    @property
    def python(self) -> Path:
        return self.folder / "env" / "bin" / "python"

    def _run(self, argv: list[str], seconds: float) -> subprocess.CompletedProcess[str]:
        kept = {k: os.environ[k] for k in ("PATH", "LANG") if k in os.environ}
        return subprocess.run(
            argv,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
            cwd=self.folder,
            env=kept
            | {
                "HOME": str(self.folder),
                "PIP_CONFIG_FILE": os.devnull,
                "PIP_DISABLE_PIP_VERSION_CHECK": "1",
                "UV_NO_CONFIG": "1",
                "UV_CACHE_DIR": str(self.folder / "uv-cache"),
                "UV_PYTHON_DOWNLOADS": "never",
            },
        )

    def pip(self, *arguments: str, seconds: float = 240) -> subprocess.CompletedProcess[str]:
        """`pip install …` into the environment."""
        return self._run(
            [sys.executable, "-m", "pip", "--python", str(self.python), "install",
             "--no-cache-dir", "--index-url", self.index_url, *arguments],
            seconds,
        )  # fmt: skip

    def uv(self, *arguments: str, seconds: float = 240) -> subprocess.CompletedProcess[str]:
        """`uv pip install …` into the environment."""
        return self._run(
            [str(Path(sys.executable).parent / "uv"), "pip", "install", "--python", str(self.python),
             "--index-url", self.index_url, *arguments],
            seconds,
        )  # fmt: skip

    def installed(self) -> dict[str, str]:
        """Project → version of what is installed."""
        script = (
            "import importlib.metadata as m, json;"
            "print(json.dumps({d.metadata['Name'].lower(): d.version for d in m.distributions()}))"
        )
        found: dict[str, str] = json.loads(self._run([str(self.python), "-c", script], 60).stdout)
        return found


def wait_until(
    question: Callable[[], Answered], *, seconds: float, every: float = 0.05
) -> Answered:
    """Ask `question()` until it answers with something true; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := question():
            return answer
        time.sleep(every)
    raise AssertionError(f"nothing true within {seconds} s")


@dataclass(frozen=True)
class Answer:
    """The last answer to a request whose redirects were followed."""

    status: int
    reason: str
    headers: dict[str, str]
    body: bytes
    hops: int


def fetch(
    url: str, *, method: str = "GET", headers: dict[str, str] | None = None, seconds: float = 300
) -> Answer:
    """Ask as pip does (its User-Agent, 30 redirects, 429 with Retry-After heeded)."""
    sent = {"User-Agent": "pip/26.3", "Accept-Encoding": "identity"} | (headers or {})
    deadline = time.monotonic() + seconds
    hops = 0
    while True:
        parts = urlsplit(url)
        connection = HTTPConnection(parts.netloc, timeout=60)
        try:
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            connection.request(method, target, headers=sent)
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        if response.status in (301, 302, 303, 307, 308) and hops < 30:
            hops += 1
            url = urljoin(url, response.headers["Location"])
            continue
        if response.status == 429 and time.monotonic() < deadline:
            time.sleep(float(response.headers.get("Retry-After", "1")))
            continue
        return Answer(response.status, response.reason, dict(response.headers), body, hops)


def project_page(index_url: str, project: str) -> dict[str, Any]:
    """A project's page in JSON."""
    answer = fetch(
        urljoin(index_url, f"{project}/"), headers={"Accept": "application/vnd.pypi.simple.v1+json"}
    )
    assert answer.status == 200, (answer.status, answer.reason)
    page: dict[str, Any] = json.loads(answer.body)
    return page


def file_url(index_url: str, project: str, filename: str) -> str:
    """The URL of a file, as the page has it."""
    page = project_page(index_url, project)
    (url,) = (str(file["url"]) for file in page["files"] if file["filename"] == filename)
    return urljoin(urljoin(index_url, f"{project}/"), url)
