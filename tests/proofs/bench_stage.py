"""What the long benchmark stands on: a firewall with approved wheels whose clients need a token."""

from __future__ import annotations

import asyncio
import atexit
import base64
import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from bench.judged import Judged, approve
from bench.load import Load, wrk
from models.artifact import parse_ref
from models.clock import utc_now
from proxy.demo.packages import BuiltFile, build_wheel
from proxy.demo.upstream import JSON, LocalUpstream
from proxy.store.bounds import DATABASE
from proxy.store.port import TokenKind
from proxy.store.sqlite import SqliteStore
from proxy.tokens import mint
from tests.firewall import Firewall, fetch, file_url, scratch_folder
from tests.proofs.background import running_upstream

NO_BOXES = ("--boxes", "0")
SMALL_BYTES = 10_800
"""Of the member of the small wheel, which then is one of 11 KB."""
TOKENS = 10
"""Clients: one may hold 128 requests, and a thousand are to be held."""


@dataclass
class Opened:
    """A firewall with an approved wheel called `small`, and its clients' headers."""

    firewall: Firewall
    upstream: LocalUpstream
    secrets: list[str] = field(default_factory=list)

    @property
    def headers(self) -> list[dict[str, str]]:
        """An Authorization header for each token."""
        return [_basic(secret) for secret in self.secrets]

    @property
    def pids(self) -> tuple[int, ...]:
        """The proxy processes that run now."""
        return proxy_pids(self.firewall)

    @property
    def wheel(self) -> str:
        """Path of the approved wheel."""
        return self.path(self.upstream.files[0])

    def path(self, file: BuiltFile) -> str:
        """Where it is."""
        page = urljoin(self.firewall.index_url, f"{file.project}/")
        answer = fetch(page, headers={"Accept": JSON} | self.headers[0])
        (url,) = (
            row["url"]
            for row in json.loads(answer.body)["files"]
            if row["filename"] == file.filename
        )
        return urlsplit(urljoin(page, str(url))).path

    def load(self, path: str, *, seconds: int, connections: int = 16) -> Load:
        """What it costs to answer that for so long."""
        headers = {"Accept": JSON, "Accept-Encoding": "identity"} | self.headers[0]
        url = self.firewall.origin + path
        return wrk(url, self.pids, headers, connections=connections, seconds=seconds)


@contextmanager
def opened(
    *options: str,
    grow: Callable[[Path], None] | None = None,
    more: Sequence[BuiltFile] = (),
    upstream: Callable[[list[BuiltFile]], LocalUpstream] = LocalUpstream,
) -> Iterator[Opened]:
    """A local upstream with an approved wheel; `grow` is given the store before the start."""
    model = _model()
    with (
        running_upstream(upstream([model.small, *more])) as running,
        _copy(model, running.url, options, grow or (lambda _: None)) as firewall,
    ):
        yield Opened(firewall, running, model.secrets)


@contextmanager
def judged(upstream: str, files: Sequence[Judged], *options: str) -> Iterator[tuple[Firewall, str]]:
    """A firewall in front of `upstream` that nobody asked yet, with `files` approved; and a token."""
    model = _model()
    like = parse_ref("pypi", model.small.project, model.small.sha256, model.small.filename)
    with _copy(
        model, upstream, options, lambda database: approve(database, like, files)
    ) as firewall:
        yield firewall, model.secrets[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Model:
    """The data of a firewall that analysed one wheel; made once, and copied for each stage."""

    data_dir: Path
    small: BuiltFile
    secrets: list[str]


@cache
def _model() -> _Model:
    small = build_wheel("small", "1.0", {"small.bin": os.urandom(SMALL_BYTES)})
    with (
        running_upstream(LocalUpstream([small])) as running,
        Firewall(upstream=running.url, harness=False) as firewall,
    ):
        answer = fetch(file_url(firewall.index_url, small.project, small.filename))
        assert answer.status == 200, answer.reason
        firewall.stop()
        secrets = asyncio.run(_tokens(firewall.data_dir / DATABASE))
        kept = scratch_folder()
        atexit.register(shutil.rmtree, kept, ignore_errors=True)
        _copy_tree(firewall.data_dir, kept / "data")
    return _Model(data_dir=kept / "data", small=small, secrets=secrets)


async def _tokens(database: Path) -> list[str]:
    """Secrets of new clients. A command for each would take a second for each."""
    store = SqliteStore.open(database, clock=utc_now)
    secrets = []
    try:
        for number in range(TOKENS):
            secret, token = mint(TokenKind.CLIENT, f"bench-{number}", clock=utc_now)
            await store.add_token(token, actor="bench")
            secrets.append(secret)
    finally:
        await store.close()
    return secrets


@contextmanager
def _copy(
    model: _Model, upstream: str, options: tuple[str, ...], change: Callable[[Path], None]
) -> Iterator[Firewall]:
    firewall = Firewall(upstream=upstream, harness=False, options=options)
    try:
        _copy_tree(model.data_dir, firewall.data_dir)
        change(firewall.data_dir / DATABASE)
        with closing(sqlite3.connect(firewall.data_dir / DATABASE)) as db, db:
            # The page names the files of an upstream that is gone: it is asked for anew.
            db.execute("UPDATE pages SET fetched_at = 0, etag = ''")
    except BaseException:
        shutil.rmtree(firewall.folder, ignore_errors=True)
        raise
    with firewall:
        yield firewall


def _copy_tree(source: Path, target: Path) -> None:
    """With owners: each process has its own."""
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)


def judged_file(
    project: str, filename: str, sha256: str, size_bytes: int, metadata: bytes = b""
) -> Judged:
    """One to be approved. Raises ValueInvalid."""
    ref = parse_ref("pypi", project, sha256, filename)
    return Judged(ref=ref, size_bytes=size_bytes, metadata=metadata)


def proxy_pids(firewall: Firewall) -> tuple[int, ...]:
    """Its proxy processes that run now."""
    return tuple(pid for name, pid in firewall.children().items() if name.startswith("proxy"))


def with_token(url: str, secret: str) -> str:
    """A URL as an installer is given it."""
    return url.replace("://", f"://bench:{secret}@", 1)


def _basic(secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"bench:{secret}".encode()).decode()}
