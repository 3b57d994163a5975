"""The first admin of a fresh firewall: the printed link, a policy, and a package that is let through."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from http.client import HTTPConnection
from urllib.parse import urlencode, urlsplit

import pytest

from proxy.demo.packages import build_wheel
from proxy.demo.upstream import LocalUpstream
from tests.firewall import Firewall
from tests.proofs.background import running_upstream

pytestmark = [pytest.mark.privileged, pytest.mark.timeout(300)]


def answer(url: str, *, form: Mapping[str, str] | None = None, secret: str = "") -> tuple[int, str]:
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc)
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    if form is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    method, body = ("GET", None) if form is None else ("POST", urlencode(form))
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def test_first_admin__the_printed_link_works_once_and_stands_in_no_log() -> None:
    wheel = build_wheel("reenact-first", "1.0", {"reenact_first.py": "VALUE = 1\n"})
    with (
        running_upstream(LocalUpstream([wheel])) as upstream,
        Firewall(upstream=upstream.url, uid_base=61600) as firewall,
    ):
        said = firewall.said_file.read_text()
        found = re.search(r"open (http://\S+/setup)\?key=([A-Za-z0-9_-]+)$", said, re.MULTILINE)
        assert found is not None, said
        url, key = found.groups()
        assert key not in firewall.log_file.read_text()
        assert answer(f"{url}?key={key}")[0] == 200
        form = {"key": key, "name": "ada"}
        status, page = answer(url, form=form)
        assert status == 200
        secret = re.search(r"pratique_client_[A-Za-z0-9_-]+", page)
        assert secret is not None
        assert answer(url, form=form)[0] == 422

        status, told = answer(f"{firewall.origin}/api/v1/me", secret=secret[0])
        assert (status, json.loads(told)["role"]) == (200, "admin")
        # The index of this machine stays open to who has no token.
        assert answer(firewall.index_url + "reenact-first/")[0] == 200
        assert "ada" in firewall.cli("token", "list").stdout
        assert secret[0] not in firewall.log_file.read_text()
