"""`make bench`: wrk against Pratique and its peers, turn by turn, in one run.

Log, token check and fetch record are on. What counts is the ratio: all share the machine, and all
are asked in each round. A run that was broken off goes on where it was (by case, for one commit).
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import click

from bench.cases import Case, Stage, cases_of, open_stage, recording_of, tree_of
from bench.load import Load, free_port, need_wrk, rss_mib, wrk
from bench.peers import VERSIONS, Server, nginx, peer, process, wait_for
from tests.proofs.proof import commit, machine

ROOT = Path(__file__).parent.parent
STATE = ROOT / "var" / "bench"
"""Half-done runs; ignored by git."""
BARE, NGINX, OURS = "bare aiohttp", "nginx", "Pratique"
PEERS = tuple(VERSIONS)
WARM_S = 1
"""Seconds of a first run of each server."""


@click.command()
@click.option("--rounds", default=5, show_default=True)
@click.option("--seconds", default=2, show_default=True, help="Of each wrk run, at most 10.")
@click.option("--minutes", default=18, show_default=True, help="No case begins after so many.")
@click.option(
    "--without", multiple=True, help="Leave a peer out.", type=click.Choice([*PEERS, NGINX])
)
@click.option("--case", "only", multiple=True, help="Only cases whose name has this in it.")
@click.option("--processes", default=1, show_default=True, help="Proxy processes of ours.")
@click.option("--again", is_flag=True, help="Forget what an earlier run did.")
@click.option("--out", type=click.Path(path_type=Path), default=ROOT / "docs" / "bench.json")
def bench(
    rounds: int,
    seconds: int,
    minutes: int,
    without: tuple[str, ...],
    only: tuple[str, ...],
    processes: int,
    again: bool,
    out: Path,
) -> None:
    """Compare, say the ratios, and write docs/bench.json (`make docs` makes the page of it)."""
    need_wrk()
    until = monotonic() + minutes * 60
    state = STATE / f"{commit()[:12]}-{processes}.jsonl"
    if again:
        state.unlink(missing_ok=True)
    done = _load(state)
    with open_stage(processes=processes) as stage, servers(stage, without) as running:
        for case in cases_of(stage):
            if case.name in done or (only and not any(word in case.name for word in only)):
                continue
            if monotonic() > until:
                click.echo(f"{case.name}: no time left; run it again to go on", err=True)
                continue
            row = measure(stage, running, case, rounds, min(seconds, 10))
            done[case.name] = row
            _append(state, row)
            click.echo(said(row), err=True)
        memory = {server.name: round(rss_mib(server.pids), 1) for server in running}
    record = {
        "commit": commit(),
        "machine": machine(),
        "rounds": rounds,
        "processes": processes,
        "versions": [line for name in PEERS if name not in without for line in VERSIONS[name][:1]],
        "memory_mib": memory,
        "cases": list(done.values()),
    }
    out.write_text(json.dumps(record, indent=1) + "\n")
    sys.exit(0 if all(row["reached"] for row in done.values()) else 1)


@contextmanager
def servers(stage: Stage, without: Sequence[str]) -> Iterator[list[Server]]:
    """Everybody, warm."""
    with ExitStack() as stack:
        running = [stage.server]
        port = free_port()
        recording = stage.folder / "recording.json"
        recording.write_text(json.dumps(recording_of(stage)))
        argv = [sys.executable, "-m", "bench.peer", str(port), str(recording)]
        pid = stack.enter_context(process("bare", argv, stage.folder, {"PYTHONPATH": str(ROOT)}))
        wait_for(f"http://127.0.0.1:{port}/", BARE)
        running.append(Server(name=BARE, index_url=f"http://127.0.0.1:{port}/simple/", pids=(pid,)))
        if NGINX not in without:
            tree = tree_of(stage)
            running.append(stack.enter_context(nginx(tree, stage.folder / "nginx")))
        for name in PEERS:
            if name not in without:
                click.echo(f"starting {name}", err=True)
                running.append(
                    stack.enter_context(
                        peer(
                            name,
                            upstream=stage.upstream_url,
                            files=stage.files_dir,
                            folder=stage.folder / name,
                        )
                    )
                )
        yield running


def measure(
    stage: Stage, running: Sequence[Server], case: Case, rounds: int, seconds: int
) -> dict[str, Any]:
    """Medians over the rounds; in each, all are asked, another one first."""
    urls = {server.name: stage.url(server, case) for server in running if case.for_(server.name)}
    asked = [
        server
        for server in running
        if urls.get(server.name) and _warm(stage, server, case, urls[server.name])
    ]
    loads: dict[str, list[Load]] = {server.name: [] for server in asked}
    for number in range(rounds):
        turn = number % len(asked)
        for server in asked[turn:] + asked[:turn]:
            headers = case.headers | (stage.token if server.name in (OURS, BARE) else {})
            loads[server.name].append(
                wrk(
                    urls[server.name],
                    server.pids,
                    headers,
                    connections=case.connections,
                    seconds=seconds,
                )
            )
    rows = {name: _median(found) for name, found in loads.items()}
    row: dict[str, Any] = {"case": case.name, "servers": rows, "targets": []}
    for other, least in case.targets:
        if other in rows:
            ratio, cpu_ratio = _ratios(rows[OURS], rows[other])
            row["targets"].append(
                {"beside": other, "least": least, "ratio": ratio, "cpu_ratio": cpu_ratio}
            )
    # On a machine that does other things the ratio of CPU is the one to trust.
    row["reached"] = all(
        max(one["ratio"], one["cpu_ratio"]) >= one["least"] for one in row["targets"]
    )
    return row


def _warm(stage: Stage, server: Server, case: Case, url: str) -> bool:
    """A first run, which counts for nothing; whether the server answers such a request."""
    headers = case.headers | (stage.token if server.name in (OURS, BARE) else {})
    load = wrk(url, server.pids, headers, connections=case.connections, seconds=WARM_S)
    if load.failed:
        click.echo(f"{case.name}: {server.name} does not answer it", err=True)
    return not load.failed


def said(row: dict[str, Any]) -> str:
    """One line of progress."""
    parts = [
        f"{one['ratio']:.2f} of {one['beside']} (by CPU {one['cpu_ratio']:.2f}, "
        f"wanted {one['least']:g})"
        for one in row["targets"]
    ]
    return f"{row['case']}: {'; '.join(parts)}"


def _median(loads: Sequence[Load]) -> dict[str, float]:
    return {
        "rps": round(statistics.median(load.rps for load in loads), 2),
        "cpu_us": round(statistics.median(load.cpu_us for load in loads), 1),
        "failed": max(load.failed for load in loads),
    }


def _ratios(ours: dict[str, float], other: dict[str, float]) -> tuple[float, float]:
    return (
        round(ours["rps"] / max(other["rps"], 1e-9), 3),
        round(other["cpu_us"] / max(ours["cpu_us"], 1e-9), 3),
    )


def _load(state: Path) -> dict[str, dict[str, Any]]:
    if not state.is_file():
        return {}
    rows = [json.loads(line) for line in state.read_text().splitlines()]
    return {row["case"]: row for row in rows}


def _append(state: Path, row: dict[str, Any]) -> None:
    state.parent.mkdir(parents=True, exist_ok=True)
    with state.open("a") as file:
        file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    bench()
