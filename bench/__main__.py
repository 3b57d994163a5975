"""`make bench`: wrk against Pratique and against a bare aiohttp handler, turn by turn, in one run.

Log, token check and fetch record are on. What counts is the ratio: both share the machine.
"""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import click

from proxy.demo.packages import BuiltFile, build_wheel
from proxy.demo.upstream import LocalUpstream
from tests.firewall import Firewall, fetch, file_url
from tests.proofs.background import running_upstream
from tests.proofs.proof import commit, machine

JSON = "application/vnd.pypi.simple.v1+json"
PIP_ACCEPT = f"{JSON}, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01"
ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Case:
    """One kind of request, and the ratio it should reach (the issue's target)."""

    name: str
    path: str
    headers: dict[str, str]
    connections: int
    target: float | None = None


@click.command()
@click.option("--rounds", default=5, show_default=True)
@click.option("--seconds", default=3, show_default=True, help="Of each wrk run, at most 10.")
@click.option("--out", type=click.Path(path_type=Path), default=ROOT / "docs" / "bench.json")
def bench(rounds: int, seconds: int, out: Path) -> None:
    """Compare, print a table, and write docs/bench.json."""
    files = [build_wheel("small", f"1.{n}", {"small.py": f"NUMBER = {n}\n"}) for n in range(30)] + [
        build_wheel("eleven", "1.0", {"eleven.bin": os.urandom(10_800)})
    ]
    with (
        running_upstream(LocalUpstream(files)) as upstream,
        Firewall(upstream=upstream.url, harness=False) as firewall,
    ):
        results = compare(firewall, files, rounds, min(seconds, 10))
    record = {"commit": commit(), "machine": machine(), "rounds": rounds, "cases": results}
    out.write_text(json.dumps(record, indent=1) + "\n")
    click.echo(
        "\n| case | bare aiohttp req/s | Pratique req/s | ratio | CPU us/req bare, ours | target |"
    )
    click.echo("|---|---:|---:|---:|---:|---:|")
    for row in results:
        click.echo(
            f"| {row['case']} | {row['bare_rps']:.0f} | {row['ours_rps']:.0f} | {row['ratio']:.2f} "
            f"| {row['bare_cpu_us']:.0f}, {row['ours_cpu_us']:.0f} | {row['target'] or ''} |"
        )


def compare(
    firewall: Firewall, files: list[BuiltFile], rounds: int, seconds: int
) -> list[dict[str, object]]:
    """Warm everything, record the answers for the peer, and measure turn by turn."""
    wheel = files[-1]
    wheel_path = urlsplit(file_url(firewall.index_url, "eleven", wheel.filename)).path
    assert fetch(urljoin(firewall.index_url, wheel_path)).status == 200
    secret = firewall.cli("token", "add", "client", "bench", "--actor", "bench").stdout.strip()
    firewall.stop()  # with a token in the store, the listener asks for one from the start
    firewall.start()
    token = {"Authorization": "Basic " + base64.b64encode(f"bench:{secret}".encode()).decode()}
    identity = {"Accept": PIP_ACCEPT, "Accept-Encoding": "identity"}
    etag = fetch(urljoin(firewall.index_url, "small/"), headers=identity | token).headers["Etag"]
    cases = [
        Case("small page, JSON", "/simple/small/", identity, 32, 0.6),
        Case(
            "small page, JSON, gzip", "/simple/small/", identity | {"Accept-Encoding": "gzip"}, 32
        ),
        Case("small page, HTML", "/simple/small/", {"Accept": "text/html"}, 32),
        Case("small page, 304", "/simple/small/", identity | {"If-None-Match": etag}, 32),
        Case("11 KB wheel", wheel_path, {"Accept-Encoding": "identity"}, 32),
    ]
    assert fetch(urljoin(firewall.index_url, "small/")).status == 401, "the token check is on"
    peer = start_peer(firewall, cases, token)
    try:
        return [measure(firewall, peer, case, token, rounds, seconds) for case in cases]
    finally:
        peer[0].kill()


def start_peer(
    firewall: Firewall, cases: list[Case], token: dict[str, str]
) -> tuple[subprocess.Popen[bytes], int]:
    """The bare handler, with what we answered as its recording."""
    recording: dict[str, list[list[object]]] = {}
    for case in cases:
        headers = {k: v for k, v in case.headers.items() if k != "If-None-Match"}
        answer = fetch(urljoin(firewall.index_url, case.path), headers=headers | token)
        kept = ("Content-Type", "Content-Encoding", "Etag", "Cache-Control", "Vary")
        recording.setdefault(case.path, []).append(
            [
                JSON if JSON in headers.get("Accept", "") else "",
                "gzip" if "gzip" in headers.get("Accept-Encoding", "") else "",
                {name: answer.headers[name] for name in kept if name in answer.headers},
                base64.b64encode(answer.body).decode(),
            ]
        )
    for rows in recording.values():
        rows.sort(key=lambda row: -len(f"{row[0]}{row[1]}"))
    file = firewall.folder / "recording.json"
    file.write_text(json.dumps(recording))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-m", "bench.peer", str(port), str(file)], cwd=ROOT)
    for _ in range(100):
        try:
            fetch(f"http://127.0.0.1:{port}/simple/small/")
            break
        except OSError:
            time.sleep(0.1)
    return process, port


def measure(
    firewall: Firewall,
    peer: tuple[subprocess.Popen[bytes], int],
    case: Case,
    token: dict[str, str],
    rounds: int,
    seconds: int,
) -> dict[str, object]:
    """Medians over the rounds; each round runs both, in turns."""
    ours_pid = firewall.children()["proxy"]
    bare: list[tuple[float, float]] = []
    ours: list[tuple[float, float]] = []
    for number in range(rounds):
        order = [
            (bare, peer[0].pid, f"http://127.0.0.1:{peer[1]}"),
            (ours, ours_pid, firewall.origin),
        ]
        for results, pid, origin in order if number % 2 else reversed(order):
            results.append(wrk(origin + case.path, case, token, seconds, pid))
    bare_rps, ours_rps = (statistics.median(r[0] for r in rows) for rows in (bare, ours))
    row: dict[str, object] = {
        "case": case.name,
        "bare_rps": round(bare_rps),
        "ours_rps": round(ours_rps),
        "ratio": round(ours_rps / bare_rps, 3),
        "bare_cpu_us": round(statistics.median(r[1] for r in bare), 1),
        "ours_cpu_us": round(statistics.median(r[1] for r in ours), 1),
        "target": case.target,
    }
    click.echo(f"{case.name}: {row['ratio']}", err=True)
    return row


def wrk(url: str, case: Case, token: dict[str, str], seconds: int, pid: int) -> tuple[float, float]:
    """(requests a second, CPU microseconds of the server a request)."""
    argv = ["wrk", "-t1", f"-c{case.connections}", f"-d{seconds}s", "--timeout", "10s"]
    for name, value in (case.headers | token).items():
        argv += ["-H", f"{name}: {value}"]
    before = cpu_s(pid)
    done = subprocess.run([*argv, url], capture_output=True, text=True, check=True)
    spent = cpu_s(pid) - before
    requests = re.search(r"(\d+) requests in", done.stdout)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", done.stdout)
    assert requests is not None, done.stdout
    assert rate is not None, done.stdout
    assert failed is None, done.stdout
    return float(rate[1]), spent / max(1, int(requests[1])) * 1e6


def cpu_s(pid: int) -> float:
    """User and system seconds of one process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    bench()
