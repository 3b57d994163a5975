"""Content that the next step of a downloader can use, an address of its own, a metadata service."""

from __future__ import annotations

import io
import json
import random
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from analyzer.sandbox import decoys, metadata
from analyzer.sandbox.answers import Answers
from analyzer.sandbox.http import Request

PLANTED = decoys.plant(random.Random(3))  # noqa: S311 - a test's own
ANSWERS = Answers(salt="salt", cloud=PLANTED.cloud)


def ask(
    target: str, *, method: str = "GET", host: str = "", address: str = "192.0.2.1", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """(status, headers, body) of the answer to a request; `_` in a header's name is a dash."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host or address}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    request = Request()
    request.feed("\r\n".join([*lines, "", ""]).encode())
    assert request.complete
    head, _, body = ANSWERS.to(request, host=host, address=address).partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    given_headers = dict(line.lower().split(": ", 1) for line in rest)
    assert method == "HEAD" or int(given_headers["content-length"]) == len(body)
    return int(first.split()[1]), given_headers, body


def test_content__a_script_ends_well(tmp_path: Path) -> None:
    for name in ("/install.sh", "/a/payload.bin?x=1", "/node.exe"):
        script = tmp_path / "script"
        script.write_bytes(ask(name)[2])
        assert subprocess.run(["/bin/sh", str(script)], check=True).returncode == 0
    compile(ask("/stage.py")[2], "stage", "exec")
    compile(ask("/raw/x7f")[2], "stage", "exec")


def test_content__an_archive_holds_what_it_is_named_for() -> None:
    with zipfile.ZipFile(io.BytesIO(ask("/v1/bun-linux-x64.zip")[2])) as archive:
        assert "bun-linux-x64/bun" in archive.namelist()
        assert archive.testzip() is None
    with tarfile.open(fileobj=io.BytesIO(ask("/node.tar.gz")[2])) as packed:
        assert "node/node" in packed.getnames()


@pytest.mark.parametrize(
    ("target", "accept", "kind"),
    [
        ("/", "text/html,application/xhtml+xml,*/*", "text/html"),
        ("/", "*/*", "application/json"),
        ("/", "application/json", "application/json"),
        ("/style.css", "*/*", "text/css"),
        ("/logo.png", "*/*", "image/png"),
        ("/data.json", "text/html", "application/json"),
    ],
)
def test_content__suits_the_suffix_then_the_client(target: str, accept: str, kind: str) -> None:
    status, headers, body = ask(target, Accept=accept)
    assert (status, headers["content-type"]) == (200, kind)
    assert body


def test_content__head_gets_no_body() -> None:
    assert ask("/a.sh", method="HEAD")[2] == b""


@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=255, exclude_characters=" "), max_size=60)
)
@example(".")
def test_content__no_path_raises_or_climbs(path: str) -> None:
    for suffix in ("", ".zip", ".tar.gz"):
        request = Request()
        request.feed(f"GET /{path}{suffix} HTTP/1.1\r\n\r\n".encode("latin-1"))
        body = ANSWERS.to(request, host="", address="192.0.2.1").partition(b"\r\n\r\n")[2]
        if body.startswith(b"PK"):
            names = zipfile.ZipFile(io.BytesIO(body)).namelist()
            assert not any(name.startswith("/") or ".." in name.split("/") for name in names)


@pytest.mark.parametrize(
    ("host", "target", "field"),
    [
        ("api.ipify.org", "/", ""),
        ("api.ipify.org", "/?format=json", "ip"),
        ("ifconfig.me", "/ip", ""),
        ("ip-api.com", "/json/", "query"),
        ("ipinfo.io", "/json", "ip"),
        ("httpbin.org", "/ip", "origin"),
    ],
)
def test_echo__tells_one_public_address(host: str, target: str, field: str) -> None:
    body = ask(target, host=host)[2].decode()
    told = json.loads(body)[field] if field else body.strip()
    assert told == ANSWERS.public_address()
    assert told != Answers(salt="other").public_address()


def imds(target: str, method: str = "GET", **headers: str) -> tuple[int, bytes]:
    status, _, body = ask(target, method=method, address=metadata.LINK_LOCAL, **headers)
    return status, body


def test_metadata__imds_v2_hands_out_the_role() -> None:
    life = {"X_aws_ec2_metadata_token_ttl_seconds": "21600"}
    assert imds("/latest/api/token")[0] == 400
    status, token = imds("/latest/api/token", "PUT", **life)
    shown = {"X_aws_ec2_metadata_token": token.decode()}
    folder = "/latest/meta-data/iam/security-credentials/"
    assert (status, imds(folder, **shown)[1]) == (200, metadata.ROLE.encode())
    role = json.loads(imds(folder + metadata.ROLE, **shown)[1])
    assert role["SecretAccessKey"] == PLANTED.cloud["ec2-secret"]
    assert imds(folder, X_aws_ec2_metadata_token="wrong")[0] == 401
    assert imds(folder)[0] == 200, "version 1 needs no token"


def test_metadata__google_asks_for_its_header() -> None:
    target = "/computeMetadata/v1/instance/service-accounts/default/token"
    assert imds(target)[0] == 403
    status, body = imds(target, Metadata_Flavor="Google")
    assert (status, json.loads(body)["access_token"]) == (200, PLANTED.cloud["gcp"])


def test_metadata__azure_asks_for_its_header() -> None:
    target = "/metadata/identity/oauth2/token?resource=x&api-version=2018-02-01"
    assert imds(target)[0] == 400
    status, body = imds(target, Metadata="true")
    assert (status, json.loads(body)["access_token"]) == (200, PLANTED.cloud["azure"])


def test_metadata__containers_have_their_own_role() -> None:
    body = ask("/v2/credentials/1-2-3", address=metadata.CONTAINER)[2]
    assert json.loads(body)["SecretAccessKey"] == PLANTED.cloud["ecs-secret"]


@pytest.mark.parametrize("target", ["/latest/meta-data/nothing", "/metadata/other", "/x", "*"])
def test_metadata__what_is_not_there_is_not_found(target: str) -> None:
    assert imds(target, Metadata="true")[0] == 404


def test_metadata__other_addresses_hand_out_nothing() -> None:
    body = ask(f"/latest/meta-data/iam/security-credentials/{metadata.ROLE}")[2]
    assert body == b"{}"
