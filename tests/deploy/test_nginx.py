"""deploy/nginx.conf passes on all that a client or an admin of Pratique relies on."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from proxy.demo.packages import BuiltFile
from tests.clients.cases import DENIED
from tests.clients.stage import NARROW_S, Stage, stage
from tests.clients.tools import Tool
from tests.deploy.nginx import Nginx
from tests.firewall import fetch, wait_until

pytestmark = [pytest.mark.privileged, pytest.mark.timeout(300)]

CURL = Tool("curl", "any")
JSON = "application/vnd.pypi.simple.v1+json"
WAYS = ("plain", "tls")
PROTOCOL = {"plain": "1.1", "tls": "2"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Got:
    """The last answer that curl had."""

    protocol: str
    status: int
    phrase: str
    headers: dict[str, str]
    """By their names in small letters."""
    body: bytes


@pytest.fixture(scope="module")
def running() -> Iterator[Stage]:
    with stage([CURL]) as one:
        yield one


@pytest.mark.parametrize("way", WAYS)
def test_approved__goes_out_whole(running: Stage, way: str, tmp_path: Path) -> None:
    file = running.file("reenact-lib")
    asks = (
        "--header",
        "Accept-Encoding: gzip",
    )  # what is a packed file already is not packed again
    got = curl(running, way, path_of(running, file), *asks, folder=tmp_path)

    assert (got.protocol, got.status) == (PROTOCOL[way], 200)
    assert hashlib.sha256(got.body).hexdigest() == file.sha256
    assert got.headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize("way", WAYS)
def test_refused__is_told_why(running: Stage, way: str, tmp_path: Path) -> None:
    file = running.file("reenact-refused", "2.0")
    got = curl(running, way, path_of(running, file), folder=tmp_path)

    assert (got.protocol, got.status) == (PROTOCOL[way], 403)
    assert DENIED in json.loads(got.body)["detail"]
    assert (DENIED in got.phrase) == (way == "plain")  # HTTP/2 has no phrase
    assert "describedby" in got.headers["link"]


@pytest.mark.parametrize("way", WAYS)
def test_range__is_a_part(running: Stage, way: str, tmp_path: Path) -> None:
    file = running.file("reenact-lib")
    where = path_of(running, file)
    whole = curl(running, way, where, folder=tmp_path)
    part = curl(running, way, where, "--range", "2-9", folder=tmp_path)
    same = ("--range", "2-9", "--header", f"If-Range: {whole.headers['etag']}")
    other = ("--range", "2-9", "--header", 'If-Range: "other"')

    assert (part.status, part.body) == (206, file.data[2:10])
    assert part.headers["content-range"] == f"bytes 2-9/{len(file.data)}"
    assert curl(running, way, where, *same, folder=tmp_path).status == 206
    assert curl(running, way, where, *other, folder=tmp_path).body == file.data


@pytest.mark.parametrize("coding", ["identity", "gzip"])
@pytest.mark.parametrize("way", WAYS)
def test_page__keeps_its_strong_tag(running: Stage, way: str, coding: str, tmp_path: Path) -> None:
    asks = ("--header", f"Accept: {JSON}", "--header", f"Accept-Encoding: {coding}")
    page = curl(running, way, "/simple/reenact-lib/", *asks, folder=tmp_path)
    direct = fetch(
        f"{running.index}reenact-lib/", headers={"Accept": JSON, "Accept-Encoding": coding}
    )
    again = ("--header", f"If-None-Match: {page.headers['etag']}")
    unchanged = curl(running, way, "/simple/reenact-lib/", *asks, *again, folder=tmp_path)

    assert (page.status, page.body) == (200, direct.body)
    assert not page.headers["etag"].startswith("W/")
    assert page.headers.get("content-encoding", "identity") == direct.headers.get(
        "Content-Encoding", "identity"
    )
    assert (unchanged.status, unchanged.body) == (304, b"")


@pytest.mark.parametrize(("way", "late"), [("plain", "late"), ("tls", "late-tls")])
def test_held__is_served_once_allowed(running: Stage, way: str, late: str, tmp_path: Path) -> None:
    file = running.file(f"reenact-{late}-{CURL.slug}")
    argv = arguments(running, way, path_of(running, file), "--location", folder=tmp_path)
    with subprocess.Popen(argv) as client:
        running.until_redirected(file)
        running.allow(file.project)
        assert client.wait(NARROW_S) == 0

    assert answer_in(tmp_path).body == file.data


@pytest.mark.parametrize("way", WAYS)
def test_held_client_that_leaves__is_waited_for_no_more(
    running: Stage, way: str, tmp_path: Path
) -> None:
    where = path_of(running, running.file("reenact-held"))
    with subprocess.Popen(arguments(running, way, where, folder=tmp_path)) as client:
        wait_until(lambda: holds(running) == 1, seconds=NARROW_S)
        client.terminate()
    wait_until(lambda: holds(running) == 0, seconds=5)  # a hop alone would take ten


@pytest.mark.parametrize("way", WAYS)
def test_metrics__are_not_open_to_who_comes_through(
    running: Stage, way: str, tmp_path: Path
) -> None:
    assert fetch(f"{running.firewall.origin}/metrics").status == 200
    assert curl(running, way, "/metrics", folder=tmp_path).status == 401


@pytest.mark.parametrize("path", ["//simple/reenact-lib/", "/simple%2Freenact-lib/"])
@pytest.mark.parametrize("way", WAYS)
def test_path__goes_on_as_it_was_sent(running: Stage, way: str, path: str, tmp_path: Path) -> None:
    got = curl(running, way, path, "--path-as-is", folder=tmp_path)
    direct = fetch(running.firewall.origin + path)

    assert got.status == direct.status != 200  # normalised it would be a page


@pytest.mark.parametrize("sent_as", ["{}:", "alice:{}"])
def test_log__has_no_token(running: Stage, sent_as: str, tmp_path: Path) -> None:
    user = sent_as.format(running.secret)
    agent = f"asks-as-{sent_as[0]}"
    curl(running, "tls", "/simple/", "--user", user, "--user-agent", agent, folder=tmp_path)
    log = running.nginx.folder / "access.log"
    wait_until(lambda: agent in log.read_text(), seconds=5)

    assert running.secret not in log.read_text()


def path_of(running: Stage, file: BuiltFile) -> str:
    """Where the firewall has it, without its origin."""
    return running.url_of(file).removeprefix(running.firewall.origin)


def holds(running: Stage) -> int:
    """Requests that wait for a verdict now."""
    told = fetch(f"{running.firewall.origin}/metrics").body.decode()
    found = re.search(r"^pratique_holds (\d+)", told, re.MULTILINE)
    assert found, told
    return int(found[1])


def arguments(running: Stage, way: str, path: str, *more: str, folder: Path) -> list[str | Path]:
    """How curl is called; what it gets goes to `folder`."""
    nginx: Nginx = running.nginx
    index, protocol = (nginx.plain, "--http1.1") if way == "plain" else (nginx.tls, "--http2")
    return [
        "curl", "--silent", "--show-error", "--max-time", "60", protocol,
        "--cacert", nginx.authority, "--dump-header", folder / "head", "--output", folder / "body",
        *more, index.removesuffix("/simple/") + path,
    ]  # fmt: skip


def curl(running: Stage, way: str, path: str, *more: str, folder: Path) -> Got:
    """Ask once."""
    subprocess.run(arguments(running, way, path, *more, folder=folder), check=True, timeout=90)
    return answer_in(folder)


def answer_in(folder: Path) -> Got:
    """What curl wrote there; of several answers the last. The files are taken away."""
    last = (folder / "head").read_text().rstrip().split("\n\n")[-1]
    first, *lines = last.splitlines()
    protocol, status, *phrase = first.split(" ", 2)
    pairs = (line.partition(":") for line in lines)
    body = folder / "body"
    got = Got(
        protocol=protocol.removeprefix("HTTP/"),
        status=int(status),
        phrase="".join(phrase),
        headers={name.lower(): value.strip() for name, _, value in pairs},
        body=body.read_bytes() if body.exists() else b"",
    )
    body.unlink(missing_ok=True)
    return got
