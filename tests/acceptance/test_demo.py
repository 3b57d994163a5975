"""`pratique demo` as a newcomer starts it: its own index, refused with the reason, and nobody else's."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest

pytestmark = [pytest.mark.privileged, pytest.mark.timeout(180)]

STOP_S = 30


@contextmanager
def running(said: Path) -> Iterator[str]:
    """The demo; its index URL."""
    command = ["-P", "-m", "proxy", "demo", "--listen", "127.0.0.1:0", "--uid-base", "62500"]
    with said.open("wb") as words:
        process = subprocess.Popen(
            [sys.executable, *command],
            stdout=subprocess.PIPE,
            stderr=words,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent.parent)},
        )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if found := re.search(rb"serves (http://\S+)", line):
                yield found[1].decode()
                break
        else:
            raise AssertionError(said.read_text())
    finally:
        process.terminate()
        process.communicate(timeout=STOP_S)


def answer(url: str) -> tuple[int, str]:
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc)
    try:
        connection.request("GET", parts.path, headers={"Accept": "text/html"})
        response = connection.getresponse()
        return response.status, response.reason + response.read().decode()
    finally:
        connection.close()


def test_demo__offers_its_own_packages_and_refuses_the_hostile_one(tmp_path: Path) -> None:
    with running(tmp_path / "said") as index:
        status, page = answer(f"{index}reenact-demo/")
        assert status == 200, page
        files = {name: url for url, name in re.findall(r'href="([^"#]+)[^"]*"[^>]*>([^<]+)<', page)}
        (hostile,) = (url for name, url in files.items() if "-2.0-" in name)
        status, told = answer(urljoin(f"{index}reenact-demo/", hostile))
        assert status == 403
        assert "sent a planted AWS key to 203.0.113.7" in told
        # Whatever index this machine has, the demo asks its own alone.
        assert answer(f"{index}six/")[0] == 404
    assert "open http://127.0.0.1:" in (tmp_path / "said").read_text()
