"""The servers that we are measured beside, each in an environment of its own outside the source.

They are installed when they are first needed, in the versions named here, from the index that pip
on this machine uses.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import click

from bench.load import free_port
from tests.firewall import fetch

ROOT = Path(__file__).parent.parent
PLACE = ROOT / "var" / "peers"
"""Where their environments are; ignored by git."""
START_S = 60.0
VERSIONS: Mapping[str, tuple[str, ...]] = {
    "proxpi": ("proxpi==1.3.1", "gunicorn==27.0.1"),
    "devpi": ("devpi-server==6.20.3",),
    "pypiserver": ("pypiserver==2.4.2", "setuptools<81"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server: its index URL, and its processes."""

    name: str
    index_url: str
    pids: tuple[int, ...]


@contextmanager
def peer(name: str, *, upstream: str, files: Path, folder: Path) -> Iterator[Server]:
    """`name` in front of `upstream`, or over `files`; ended after the block.

    Raises ClickException where it cannot be installed or does not start.
    """
    port = free_port()
    environment = installed(name)
    start = {"proxpi": _proxpi, "devpi": _devpi, "pypiserver": _pypiserver}[name]
    folder.mkdir(parents=True, exist_ok=True)
    argv, variables, path = start(environment, port, upstream, files, folder)
    with process(name, argv, folder, variables) as pid:
        origin = f"http://127.0.0.1:{port}"
        wait_for(f"{origin}/", name)
        if name == "devpi":
            _mirror(origin, upstream)
        yield Server(name=name, index_url=origin + path, pids=(pid,))


@contextmanager
def nginx(root: Path, folder: Path) -> Iterator[Server]:
    """Nginx over a tree of prepared answers."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        raise click.ClickException("nginx is not installed (Debian: apt-get install nginx-light).")
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "nginx.conf"
    config.write_text(_NGINX.format(port=port, root=root, folder=folder))
    argv = [program, "-e", str(folder / "error.log"), "-c", str(config), "-g", "daemon off;"]
    with process("nginx", argv, folder, {}) as pid:
        wait_for(f"http://127.0.0.1:{port}/", "nginx")
        yield Server(name="nginx", index_url=f"http://127.0.0.1:{port}/simple/", pids=(pid,))


def installed(name: str) -> Path:
    """The environment of a peer, made where it is missing."""
    place = PLACE / name
    wanted = "\n".join(VERSIONS[name])
    mark = place / "installed"
    if mark.is_file() and mark.read_text() == wanted:
        return place
    click.echo(f"installing {', '.join(VERSIONS[name])} into {place}", err=True)
    shutil.rmtree(place, ignore_errors=True)
    try:
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
        pip = [str(place / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, "--disable-pip-version-check", *VERSIONS[name]], check=True)
    except subprocess.CalledProcessError as error:
        raise click.ClickException(
            f"{name} could not be installed; leave it out with --without {name}."
        ) from error
    mark.write_text(wanted)
    return place


@contextmanager
def process(
    name: str, argv: list[str], folder: Path, variables: Mapping[str, str]
) -> Iterator[int]:
    """A process whose output goes to a file in `folder`; its pid."""
    with (folder / f"{name}.log").open("ab") as log:
        running = subprocess.Popen(
            argv, cwd=folder, stdout=log, stderr=log, env=os.environ | dict(variables)
        )
    try:
        yield running.pid
    finally:
        running.terminate()
        try:
            running.wait(10)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


def wait_for(url: str, name: str) -> None:
    """Until somebody answers there, with whatever status."""
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        try:
            fetch(url)
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise click.ClickException(f"{name} did not start; leave it out with --without {name}.")


_Start = tuple[list[str], dict[str, str], str]
_Starter = Callable[[Path, int, str, Path, Path], _Start]


def _proxpi(environment: Path, port: int, upstream: str, _: Path, folder: Path) -> _Start:
    argv = [
        str(environment / "bin" / "gunicorn"), "--preload", "--threads", "2", "--no-control-socket",
        "--bind", f"127.0.0.1:{port}", "proxpi.server:app",
    ]  # fmt: skip
    variables = {
        "PROXPI_INDEX_URL": upstream,
        "PROXPI_CACHE_DIR": str(folder / "cache"),
        "PROXPI_LOGGING_LEVEL": "WARNING",
        "PROXPI_INDEX_TTL": "86400",
        "PROXPI_DOWNLOAD_TIMEOUT": "60",
    }
    return argv, variables, "/index/"


def _devpi(environment: Path, port: int, _upstream: str, _files: Path, folder: Path) -> _Start:
    place = str(folder / "server")
    subprocess.run(
        [str(environment / "bin" / "devpi-init"), "--serverdir", place, "--no-root-pypi"],
        check=True,
        capture_output=True,
    )
    argv = [
        str(environment / "bin" / "devpi-server"), "--serverdir", place,
        "--host", "127.0.0.1", "--port", str(port),
    ]  # fmt: skip
    return argv, {}, "/root/up/+simple/"


def _pypiserver(environment: Path, port: int, _upstream: str, files: Path, _: Path) -> _Start:
    program = str(environment / "bin" / "pypi-server")
    argv = [program, "run", "-p", str(port), "-i", "127.0.0.1", "--disable-fallback", str(files)]
    return argv, {}, "/simple/"


def _mirror(origin: str, upstream: str) -> None:
    """Make devpi's index `root/up` a mirror of `upstream`, by its web API."""
    login = _ask(f"{origin}/+login", "POST", {"user": "root", "password": ""}, {})
    name, secret = "root", login["result"]["password"]
    headers = {"X-Devpi-Auth": _basic(name, secret)}
    document = {"type": "mirror", "mirror_url": upstream, "mirror_cache_expiry": 86400}
    _ask(f"{origin}/root/up", "PUT", document, headers)


def _basic(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()


def _ask(
    url: str, method: str, document: object, headers: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    sent = {"Content-Type": "application/json", "Accept": "application/json", **headers}
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=30)
    try:
        connection.request(method, parts.path, json.dumps(document).encode(), sent)
        found: dict[str, dict[str, str]] = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    return found


_NGINX = """
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 2048; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;
  open_file_cache max=1000 inactive=60s;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  types {{ text/html html; application/vnd.pypi.simple.v1+json json; }}
  map $http_accept $suffix {{ default index.html; "~vnd\\.pypi\\.simple\\.v1\\+json" index.json; }}
  server {{
    listen 127.0.0.1:{port}; root {root};
    location ~ ^/simple/[^/]+/$ {{
      add_header Cache-Control no-cache; add_header Vary "Accept, Accept-Encoding";
      try_files $uri$suffix =404;
    }}
    location /files/ {{ default_type application/octet-stream; }}
  }}
}}
"""
