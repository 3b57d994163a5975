"""What is asked for, and the stage for it: an upstream with files of our own, and a firewall before it."""

from __future__ import annotations

import base64
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urldefrag, urljoin, urlsplit

from aiohttp import web

from bench.peers import Server
from proxy.demo.packages import BuiltFile, build_wheel
from proxy.demo.upstream import JSON, LocalUpstream
from tests.firewall import Answer, Firewall, fetch
from tests.proofs.background import running_upstream

PIP_ACCEPT = f"{JSON}, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01"
HUGE_FILES = 100_000
LARGE_BYTES = 50_000_000
PEERS_REAL = ("proxpi", "devpi", "pypiserver")
WARM_S = 60.0
"""Seconds until a peer must answer by itself; some send their first clients to the upstream."""
_HREF = re.compile(r'href="([^"]+)"')


@dataclass(frozen=True, kw_only=True)
class Case:
    """One kind of request, and what it should reach beside whom."""

    name: str
    project: str
    filename: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    connections: int = 32
    targets: tuple[tuple[str, float], ...] = ()
    peers: bool = True
    """Whether the real peers are asked as well."""

    def for_(self, server: str) -> bool:
        """Whether `server` is asked."""
        return self.peers or server not in PEERS_REAL


class BenchUpstream(LocalUpstream):
    """With one huge page, made once."""

    def __init__(self, files: list[BuiltFile]) -> None:
        super().__init__(files)
        rows = [
            {
                "filename": f"huge-1.{number}-py3-none-any.whl",
                "url": f"../../packages/huge-1.{number}-py3-none-any.whl",
                "hashes": {"sha256": f"{number:064x}"},
                "size": 10_000 + number,
                "upload-time": "2026-01-01T00:00:00Z",
                "requires-python": ">=3.8",
                "yanked": False,
            }
            for number in range(HUGE_FILES)
        ]
        document = {"meta": {"api-version": "1.1"}, "name": "huge", "versions": [], "files": rows}
        self._huge = json.dumps(document).encode()

    async def _project(self, request: web.Request) -> web.Response:
        if request.match_info["project"] == "huge":
            return web.Response(body=self._huge, content_type=JSON)
        return _bare_type(await super()._project(request))

    async def _root(self, request: web.Request) -> web.Response:
        return _bare_type(await super()._root(request))


def _bare_type(response: web.Response) -> web.Response:
    """With the content type alone: peers take one with a charset for HTML."""
    return web.Response(body=response.body, content_type=JSON)


@dataclass(kw_only=True)
class Stage:
    """What all servers stand on."""

    firewall: Firewall
    upstream_url: str
    files_dir: Path
    token: dict[str, str]
    server: Server

    @property
    def folder(self) -> Path:
        """Scratch, gone at the end."""
        return self.firewall.folder

    def ask(self, project: str, headers: dict[str, str]) -> Answer:
        """A page of ours."""
        return fetch(urljoin(self.firewall.index_url, f"{project}/"), headers=headers | self.token)

    def url(self, server: Server, case: Case) -> str:
        """Where `server` has what `case` asks for, once it answers there by itself."""
        page = urljoin(server.index_url, f"{case.project}/")
        if not case.filename:
            return page
        if server.name in ("Pratique", "bare aiohttp", "nginx"):
            origin = server.index_url.removesuffix("/simple/")
            return origin + self.path_of(case.project, case.filename)
        url = urldefrag(_link(page, case.filename))[0]
        until = time.monotonic() + WARM_S
        while time.monotonic() < until:
            answer = fetch(url)
            if answer.status == 200 and answer.hops == 0:
                return url
            time.sleep(0.5)
        return ""  # it never answers by itself: it is left out

    def path_of(self, project: str, filename: str) -> str:
        """The path of a file of ours."""
        page = json.loads(self.ask(project, {"Accept": JSON}).body)
        (url,) = (file["url"] for file in page["files"] if file["filename"] == filename)
        base = urljoin(self.firewall.index_url, f"{project}/")
        return urlsplit(urljoin(base, str(url))).path


def made_files() -> list[BuiltFile]:
    """A small project of thirty releases, a small wheel, and a large one."""
    return [
        *(build_wheel("small", f"1.{n}", {"small.py": f"NUMBER = {n}\n"}) for n in range(30)),
        build_wheel("eleven", "1.0", {"eleven.bin": os.urandom(10_800)}),
        build_wheel("fifty", "1.0", {"fifty.bin": os.urandom(LARGE_BYTES)}),
    ]


@contextmanager
def open_stage(*, processes: int = 1) -> Iterator[Stage]:
    """The upstream, and a warm firewall whose files are approved and whose clients need a token."""
    files = made_files()
    options = ("--processes", str(processes))
    with (
        running_upstream(BenchUpstream(files)) as upstream,
        Firewall(upstream=upstream.url, harness=False, options=options) as firewall,
    ):
        files_dir = firewall.folder / "files"
        files_dir.mkdir()
        for file in files:
            (files_dir / file.filename).write_bytes(file.data)
        for file in files[-2:]:
            page = urljoin(firewall.index_url, f"{file.project}/")
            if fetch(_link(page, file.filename)).status != 200:
                raise AssertionError(f"{file.filename} is not served")
        secret = firewall.cli("token", "add", "client", "bench", "--actor", "bench").stdout.strip()
        firewall.stop()  # with a token in the store, the listener asks for one from the start
        firewall.start()
        token = {"Authorization": "Basic " + base64.b64encode(f"bench:{secret}".encode()).decode()}
        if fetch(urljoin(firewall.index_url, "small/")).status != 401:
            raise AssertionError("the token check is off")
        pids = tuple(pid for name, pid in firewall.children().items() if name.startswith("proxy"))
        server = Server(name="Pratique", index_url=firewall.index_url, pids=pids)
        yield Stage(
            firewall=firewall,
            upstream_url=upstream.url,
            files_dir=files_dir,
            token=token,
            server=server,
        )


IDENTITY = {"Accept": PIP_ACCEPT, "Accept-Encoding": "identity"}
GZIP = {"Accept": PIP_ACCEPT, "Accept-Encoding": "gzip"}
HTML = {"Accept": "text/html", "Accept-Encoding": "identity"}


def cases_of(stage: Stage) -> list[Case]:
    """All of them; the ratios are the issue's."""
    bare, nginx, proxpi = "bare aiohttp", "nginx", "proxpi"
    etag = {project: stage.ask(project, IDENTITY).headers["Etag"] for project in ("small", "huge")}
    names = {file.name.split("-")[0]: file.name for file in stage.files_dir.iterdir()}
    plain = {"Accept-Encoding": "identity"}
    return [
        Case(
            name="small page, JSON", project="small", headers=IDENTITY,
            targets=((bare, 0.6), (proxpi, 10)),
        ),
        Case(name="small page, JSON, gzip", project="small", headers=GZIP, targets=((bare, 0.6),)),
        Case(name="small page, HTML", project="small", headers=HTML, targets=((bare, 0.6),)),
        Case(
            name="small page, 304", project="small", peers=False,
            headers=IDENTITY | {"If-None-Match": etag["small"]}, targets=((bare, 0.7),),
        ),
        Case(
            name="11 KB wheel", project="eleven", filename=names["eleven"], headers=plain,
            targets=((bare, 0.6), (proxpi, 4)),
        ),
        Case(
            name="50 MB wheel", project="fifty", filename=names["fifty"], headers=plain,
            connections=4, targets=((nginx, 0.8),),
        ),
        Case(
            name="huge page, JSON", project="huge", headers=IDENTITY, connections=4, peers=False,
            targets=((bare, 0.9),),
        ),
        Case(
            name="huge page, JSON, gzip", project="huge", headers=GZIP, connections=4, peers=False,
            targets=((bare, 0.9),),
        ),
        Case(
            name="huge page, 304", project="huge", peers=False,
            headers=IDENTITY | {"If-None-Match": etag["huge"]}, targets=((bare, 0.7),),
        ),
    ]  # fmt: skip


def recording_of(stage: Stage) -> dict[str, list[list[object]]]:
    """What we answered, for the bare handler: it answers the same bytes."""
    recording: dict[str, list[list[object]]] = {}
    kept = ("Content-Type", "Content-Encoding", "Etag", "Cache-Control", "Vary")

    def add(path: str, accept: str, encoding: str, answer: Answer) -> None:
        headers = {name: answer.headers[name] for name in kept if name in answer.headers}
        body = base64.b64encode(answer.body).decode()
        recording.setdefault(path, []).append([accept, encoding, headers, body])

    for project in ("small", "huge"):
        for accept, encoding, headers in (
            (JSON, "gzip", GZIP),
            (JSON, "", IDENTITY),
            ("", "", HTML),
        ):
            add(f"/simple/{project}/", accept, encoding, stage.ask(project, headers))
    for project in ("eleven", "fifty"):
        path = _path(stage, project)
        add(path, "", "", fetch(stage.firewall.origin + path, headers=stage.token))
    return recording


def tree_of(stage: Stage) -> Path:
    """The same as files, for nginx."""
    root = stage.folder / "tree"
    for project in ("small", "huge"):
        place = root / "simple" / project
        place.mkdir(parents=True)
        (place / "index.json").write_bytes(stage.ask(project, IDENTITY).body)
        (place / "index.html").write_bytes(stage.ask(project, HTML).body)
    for project in ("eleven", "fifty"):
        path = _path(stage, project)
        file = root / path.removeprefix("/")
        file.parent.mkdir(parents=True)
        file.write_bytes(fetch(stage.firewall.origin + path, headers=stage.token).body)
    for place in (root, *root.rglob("*")):  # nginx' workers are of another user
        place.chmod(0o755 if place.is_dir() else 0o644)
    return root


def _path(stage: Stage, project: str) -> str:
    (name,) = (file.name for file in stage.files_dir.iterdir() if file.name.startswith(project))
    return stage.path_of(project, name)


def _link(page: str, filename: str) -> str:
    """The URL under which an index has a file, by its page in JSON or HTML."""
    answer = fetch(page, headers={"Accept": PIP_ACCEPT})
    if "json" in answer.headers.get("Content-Type", ""):
        links = [str(file["url"]) for file in json.loads(answer.body)["files"]]
    else:
        links = _HREF.findall(answer.body.decode())
    for link in links:
        if urldefrag(link)[0].split("?")[0].rsplit("/", 1)[-1] == filename:
            return urljoin(page, link)
    raise LookupError(f"{page} lists no {filename}")
