"""deploy/nginx.conf, run as it is but for its addresses: on loopback, with a certificate of our own."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.firewall import scratch_folder, wait_until

SHIPPED = Path(__file__).parents[2] / "deploy" / "nginx.conf"
NAME = "pypi.example.test"
READY_S = 20.0
STOP_S = 10.0
WHOLE = """\
daemon off;
user root;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    gzip on;  # as Debian has it, and as many do who serve more than HTML
    gzip_types *;
    gzip_proxied any;
    include {folder}/pratique.conf;
}}
"""


@dataclass(frozen=True, slots=True)
class Nginx:
    """Where it listens. The host is an address, for clients that have no say in name resolution."""

    tls_port: int
    plain_port: int
    folder: Path

    @property
    def tls(self) -> str:
        """The index over TLS, with HTTP/2 for those who offer it."""
        return f"https://127.0.0.1:{self.tls_port}/simple/"

    @property
    def plain(self) -> str:
        """The index over HTTP/1.1."""
        return f"http://127.0.0.1:{self.plain_port}/simple/"

    @property
    def authority(self) -> Path:
        """The certificate that clients are told to trust."""
        return self.folder / "authority.pem"


def program() -> str | None:
    """Where nginx is; None where it is not installed."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


@contextmanager
def running_nginx(origin: str) -> Iterator[Nginx]:
    """In front of the firewall at `origin`."""
    folder = scratch_folder()
    one = Nginx(_free_port(), _free_port(), folder)
    try:
        _make_certificate(one)
        (folder / "pratique.conf").write_text(substituted(SHIPPED.read_text(), one, origin))
        (folder / "nginx.conf").write_text(WHOLE.format(folder=folder))
        found = program()
        assert found is not None, "nginx is missing: apt-get install nginx-light"
        argv: list[str | Path] = [found, "-e", folder / "error.log", "-c", folder / "nginx.conf"]
        with (folder / "said").open("wb") as said:
            running = subprocess.Popen(argv, stdout=said, stderr=said)
        try:
            wait_until(
                lambda: _listens(one.tls_port) or running.poll() is not None, seconds=READY_S
            )
            assert running.poll() is None, (folder / "error.log").read_text()
            yield one
        finally:
            running.terminate()
            running.wait(STOP_S)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def substituted(text: str, one: Nginx, origin: str) -> str:
    """The shipped file with other addresses, and a second way in without TLS.

    Each must stand there once, so that nothing is left pointing anywhere else.
    """
    for shipped, ours in (
        (
            "listen 443 ssl http2;",
            f"listen 127.0.0.1:{one.tls_port} ssl http2; listen 127.0.0.1:{one.plain_port};",
        ),
        ("    server 127.0.0.1:8080;", f"    server {urlsplit(origin).netloc};"),
        ("/etc/ssl/pypi.example.test.pem", str(one.folder / "certificate.pem")),
        ("/etc/ssl/private/pypi.example.test.key", str(one.folder / "key.pem")),
        ("/var/log/nginx/pratique.log", str(one.folder / "access.log")),
    ):
        assert text.count(shipped) == 1, shipped
        text = text.replace(shipped, ours)
    return text


def _make_certificate(one: Nginx) -> None:
    """For a day, by an authority of its own: uv takes no certificate that signs itself."""
    names = f"subjectAltName=DNS:{NAME},IP:127.0.0.1"
    ours = ("-CA", one.authority, "-CAkey", one.folder / "authority.key")
    _openssl("-subj", "/CN=An organisation", "-keyout", ours[3], "-out", one.authority)
    _openssl(
        *ours, "-subj", f"/CN={NAME}", "-addext", names, "-addext", "basicConstraints=CA:FALSE",
        "-keyout", one.folder / "key.pem", "-out", one.folder / "certificate.pem",
    )  # fmt: skip


def _openssl(*arguments: str | Path) -> None:
    kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1")
    argv: list[str | Path] = ["openssl", "req", "-x509", *kind, *arguments]
    subprocess.run(argv, check=True, capture_output=True)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0
