"""What the world answers over HTTP: harmless content of the kind that was asked for.

A package that downloads and runs something is to go on to its next step, so a script is one that
ends well, an archive can be unpacked, and a document parses. Nothing here does anything.
"""

from __future__ import annotations

import base64
import functools
import gzip
import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from urllib.parse import unquote

from analyzer.sandbox import metadata
from analyzer.sandbox.dns import FIRST_OCTETS
from analyzer.sandbox.http import Request
from analyzer.sandbox.metadata import Reply

NAME_CHARS_MAX = 100
"""Characters of a member's name in an archive that is made for a request."""
TUNNEL = b"HTTP/1.1 200 Connection established\r\n\r\n"
_SHELL = b"#!/bin/sh\nexit 0\n"
_JSON = Reply(body=b"{}", kind="application/json")
_HTML = Reply(
    body=b"<!DOCTYPE html>\n<html><head><title>Welcome</title></head><body></body></html>\n",
    kind="text/html",
)
_PIXEL = base64.b64decode(
    b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
_DOCUMENTS: Mapping[str, tuple[str, bytes]] = {
    ".json": ("application/json", b"{}"),
    ".py": ("text/x-python", b"pass\n"),
    ".pyw": ("text/x-python", b"pass\n"),
    ".sh": ("text/x-shellscript", _SHELL),
    ".bash": ("text/x-shellscript", _SHELL),
    ".ps1": ("text/plain", b"exit 0\r\n"),
    ".bat": ("text/plain", b"@exit /b 0\r\n"),
    ".js": ("application/javascript", b";\n"),
    ".txt": ("text/plain", b"ok\n"),
    ".md": ("text/plain", b"ok\n"),
    ".csv": ("text/csv", b"id,name\n"),
    ".xml": ("application/xml", b"<root/>\n"),
    ".yml": ("text/yaml", b"{}\n"),
    ".yaml": ("text/yaml", b"{}\n"),
    ".toml": ("text/plain", b"\n"),
    ".css": ("text/css", b"\n"),
    ".png": ("image/png", _PIXEL),
    ".bin": ("application/octet-stream", _SHELL),
    ".elf": ("application/octet-stream", _SHELL),
    ".exe": ("application/octet-stream", _SHELL),
    ".run": ("application/octet-stream", _SHELL),
    ".so": ("application/octet-stream", _SHELL),
}
_ECHOES = frozenset(
    {
        *("api.ipify.org", "api64.ipify.org", "api4.ipify.org", "ipify.org", "ifconfig.me"),
        *("ifconfig.co", "ifconfig.io", "icanhazip.com", "ipv4.icanhazip.com", "ident.me"),
        *("v4.ident.me", "ipecho.net", "checkip.amazonaws.com", "myexternalip.com", "ip.me"),
        *("wtfismyip.com", "ipinfo.io", "ip-api.com", "api.myip.com", "ipapi.co", "ipwho.is"),
        *("freeipapi.com", "api.ip.sb", "ip.sb", "geolocation-db.com", "freegeoip.app"),
        *("httpbin.org", "api.db-ip.com", "ipwhois.app", "checkip.dyndns.org"),
    }
)
"""Services that tell a caller its own address."""
_ECHO_IN_JSON = frozenset(
    {
        *("ip-api.com", "api.myip.com", "ipwho.is", "freeipapi.com", "httpbin.org"),
        *("geolocation-db.com", "freegeoip.app", "api.db-ip.com", "ipwhois.app"),
    }
)

_PLACE: Mapping[str, object] = {
    "status": "success",
    "success": True,
    "country": "Germany",
    "countryCode": "DE",
    "country_code": "DE",
    "region": "HE",
    "regionName": "Hesse",
    "city": "Frankfurt",
    "zip": "60313",
    "loc": "50.1155,8.6842",
    "lat": 50.1155,
    "lon": 8.6842,
    "timezone": "Europe/Berlin",
    "isp": "Deutsche Telekom AG",
    "as": "AS3320",
    "org": "AS3320 Deutsche Telekom AG",
    "hosting": False,
    "proxy": False,
}
"""Where the box seems to be, in the fields of several services."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Answers for one run. `cloud`: planted credentials by name; `salt` makes the box's address."""

    salt: str
    cloud: Mapping[str, str] = field(default_factory=dict)

    def to(self, request: Request, *, host: str, address: str) -> bytes:
        """The whole response to a request that came in for `host` at `address`."""
        if address in metadata.ADDRESSES and self.cloud:
            return written(metadata.reply(request, address, self.cloud), request)
        named = request.headers.get("host", "").partition(":")[0].lower()
        if _ECHOES & {host.lower(), named}:
            return written(self._echo(request, named), request)
        return written(content(request), request)

    def public_address(self) -> str:
        """The address that the box seems to have to the world."""
        a, b, c, d = hashlib.sha256(f"{self.salt} own".encode()).digest()[:4]
        return f"{FIRST_OCTETS[a % len(FIRST_OCTETS)]}.{b}.{c}.{d % 253 + 1}"

    def _echo(self, request: Request, host: str) -> Reply:
        address = self.public_address()
        wants_json = (
            "json" in request.target
            or "json" in request.headers.get("accept", "")
            or host in _ECHO_IN_JSON
            or (host in ("ipinfo.io", "ipapi.co") and "/ip" not in request.target)
        )
        if not wants_json:
            return Reply(body=address.encode() + b"\n")
        place = {
            **_PLACE,
            **dict.fromkeys(("ip", "query", "origin", "ipAddress", "IPv4"), address),
        }
        return Reply(body=json.dumps(place).encode(), kind="application/json")


def content(request: Request) -> Reply:
    """Content that suits the path's suffix, else what the client says it takes."""
    path = PurePosixPath(unquote(request.target.partition("?")[0], "latin-1"))
    name = path.name.lower()
    for suffix, make in _ARCHIVES.items():
        if name.endswith(suffix):
            stem = path.name[: -len(suffix)][:NAME_CHARS_MAX]
            return Reply(body=make(stem or "file"), kind="application/octet-stream")
    document = _DOCUMENTS.get(path.suffix.lower())
    if document is not None:
        return Reply(kind=document[0], body=document[1])
    if "text/html" in request.headers.get("accept", ""):
        return _HTML
    return _JSON


def written(reply: Reply, request: Request) -> bytes:
    """A reply as it goes over the wire."""
    lines = [f"HTTP/1.1 {reply.status}", f"Content-Type: {reply.kind}"]
    lines += [f"{name}: {value}" for name, value in reply.headers]
    lines += [f"Content-Length: {len(reply.body)}", "Connection: close", "", ""]
    head = "\r\n".join(lines).encode("latin-1", "replace")
    return head if request.method == "HEAD" else head + reply.body


def _members(stem: str) -> tuple[str, ...]:
    """Names under which a downloader looks for what an archive holds: `bun-linux-x64/bun`."""
    safe = (
        "".join(sign if sign.isalnum() or sign in "._-" else "-" for sign in stem).strip(".")
        or "file"
    )
    first = safe.partition("-")[0]
    return tuple(dict.fromkeys(("README.txt", f"{safe}/{safe}", f"{safe}/{first or 'run'}")))


@functools.lru_cache(maxsize=32)
def _zip(stem: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in _members(stem):
            member = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
            member.external_attr = 0o100755 << 16
            archive.writestr(member, _SHELL)
    return buffer.getvalue()


@functools.lru_cache(maxsize=32)
def _tar(stem: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in _members(stem):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(_SHELL), 0o755
            archive.addfile(member, io.BytesIO(_SHELL))
    return buffer.getvalue()


_ARCHIVES: Mapping[str, Callable[[str], bytes]] = {
    ".tar.gz": lambda stem: gzip.compress(_tar(stem), mtime=0),
    ".tgz": lambda stem: gzip.compress(_tar(stem), mtime=0),
    ".tar": _tar,
    ".zip": _zip,
    ".whl": _zip,
    ".jar": _zip,
    ".gz": lambda _: gzip.compress(_SHELL, mtime=0),
}
