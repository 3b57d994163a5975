"""`pratique worker` beside a firewall without boxes of its own, as on another machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from proxy.demo.packages import build_wheel
from proxy.demo.upstream import LocalUpstream
from tests.firewall import STOP_S, Answer, Firewall, fetch, file_url, wait_until
from tests.proofs.background import running_upstream

pytestmark = [pytest.mark.privileged, pytest.mark.timeout(300)]


def test_worker__analyses_for_a_firewall_elsewhere_until_its_token_is_revoked() -> None:
    wheel = build_wheel("reenact-remote", "1.0", {"reenact_remote.py": "VALUE = 1\n"})
    options = ("--boxes", "0", "--hold-s", "15")
    with (
        running_upstream(LocalUpstream([wheel])) as upstream,
        Firewall(upstream=upstream.url, uid_base=61600, options=options) as firewall,
    ):
        secret = firewall.cli("token", "add", "worker", "pi-1", "--actor", "ada").stdout.strip()
        url = file_url(firewall.index_url, "reenact-remote", wheel.filename)
        with _worker(firewall.origin, secret, firewall.folder / "token"):
            served = fetch(url)
            assert (served.status, served.body) == (200, wheel.data), served.reason
            (row,) = firewall.decisions()
            assert row["action"] == "SERVE"
            revoked = firewall.cli("token", "revoke", "pi-1", "--actor", "ada").stdout
            assert "1 decision(s) rest on its evidence" in revoked
            held = wait_until(lambda: _refused(url), seconds=30, every=0.5)
            assert held is not None
            assert held.status == 403, "what rests on a revoked worker is held again"
            assert wheel.data[:16] not in held.body


def _refused(url: str) -> Answer | None:
    answer = fetch(url)
    return answer if answer.status != 200 else None


@contextmanager
def _worker(server: str, secret: str, file: Path) -> Iterator[subprocess.Popen[bytes]]:
    file.write_text(secret + "\n")
    process = subprocess.Popen(
        [
            sys.executable, "-P", "-m", "proxy", "worker", "--server", server,
            "--token-file", str(file), "--boxes", "1", "--uid-base", "61700",
        ],
        cwd="/",
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent.parent)},
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(STOP_S)
