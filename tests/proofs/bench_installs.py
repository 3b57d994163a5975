"""Whole installs by pip and uv, of one resolved set, directly and through each proxy."""

from __future__ import annotations

import hashlib
import io
import os
import re
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from packaging.utils import parse_wheel_filename

from bench.judged import Judged
from bench.load import cpu_s
from bench.peers import Server, peer
from proxy.index.default import default_upstream
from proxy.store.bounds import DATABASE
from tests.firewall import Firewall, scratch_folder
from tests.proofs.bench_stage import NO_BOXES, judged, judged_file, proxy_pids, with_token
from tests.proofs.proof import Outcome

COLD_MAX = 1.05
"""Time of a cold and judged install, of that of a direct one (issue 7)."""
ROUNDS = 3
"""After a first one, which fills the proxies; the index is asked no oftener than it must be."""
SETS = ("fastapi[standard]", "jupyterlab")
TOOLS = ("uv", "pip")
UPSTREAM, WARM, COLD = "direct", "Pratique, warm", "Pratique, cold and judged"
PEERS = ("proxpi", "devpi", "pypiserver")
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own in it
"""Where clients unpack, if it is there: a disk would add its moods to each install."""
INSTALL_S = 300
FAILED_CHARS = 160
"""Characters that are told of why an install through a peer failed."""
_METADATA = re.compile(r"[^/]+\.dist-info/METADATA")


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """A set resolved once: what is installed everywhere, and its files."""

    requirements: Path
    files: Path
    judged: tuple[Judged, ...]

    @property
    def size(self) -> str:
        """How much it is, in words."""
        total = sum(file.size_bytes for file in self.judged)
        return f"{len(self.judged)} packages, {total / 1e6:.1f} MB"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One install."""

    seconds: float
    client_cpu_s: float
    server_cpu_s: float


def installing(item: str) -> Outcome:
    """Turn by turn in one run; the cold one begins each with neither pages nor files."""
    _, tool, what = item.split()
    locked = locked_set(what)
    runs: dict[str, list[Run]] = {}
    first: dict[str, Run] = {}
    with places(locked) as where:
        failed: dict[str, str] = {}
        for name in where:
            if name not in (UPSTREAM, COLD, "pypiserver"):
                try:
                    first[name] = where[name](tool)
                except AssertionError as error:
                    if name not in PEERS:
                        raise
                    failed[name] = " ".join(str(error).split())[:FAILED_CHARS]
        names = [name for name in where if name not in failed]
        for number in range(ROUNDS):
            for name in names[number % len(names) :] + names[: number % len(names)]:
                runs.setdefault(name, []).append(where[name](tool))
    ratios = {name: _ratio(taken, runs[UPSTREAM]) for name, taken in runs.items()}
    return Outcome(
        item=item,
        holds=ratios[WARM] < 1 and ratios[COLD] <= COLD_MAX,
        detail=f"{locked.size}: "
        + ", ".join(
            f"{name} {_median(taken, 'seconds'):.2f} s ({ratios[name]:.2f})"
            for name, taken in runs.items()
        ),
        measures={f"{item} {name} ratio": ratio for name, ratio in ratios.items()},
        facts={"set": locked.size}
        | {name: f"failed: {why} |  |  |  | " for name, why in failed.items()}
        | {name: _row(taken, ratios[name], first.get(name)) for name, taken in runs.items()},
    )


@cache
def locked_set(what: str) -> Locked:
    """Resolve by uv and download once; wheels alone, so that nobody builds."""
    folder = scratch_folder()
    wanted, requirements, files = folder / "wanted", folder / "requirements.txt", folder / "files"
    wanted.write_text(what + "\n")
    run(
        [
            *_UV, "compile", "--quiet", "--no-config", "--no-cache", "--no-header", "--no-annotate",
            "--only-binary", ":all:", "--python", sys.executable, "--default-index",
            default_upstream(), str(wanted), "--output-file", str(requirements),
        ],
        folder,
    )  # fmt: skip
    run(
        [
            *_PIP, "download", "--quiet", "--no-deps", "--no-cache-dir", "--only-binary", ":all:",
            "--index-url", default_upstream(), "--dest", str(files), "--requirement",
            str(requirements),
        ],
        folder,
    )  # fmt: skip
    judged_files = tuple(_judged(file) for file in sorted(files.iterdir()))
    return Locked(requirements=requirements, files=files, judged=judged_files)


def _judged(file: Path) -> Judged:
    data = file.read_bytes()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        (inside,) = (name for name in archive.namelist() if _METADATA.fullmatch(name))
        metadata = archive.read(inside)
    project = parse_wheel_filename(file.name)[0]
    return judged_file(project, file.name, hashlib.sha256(data).hexdigest(), len(data), metadata)


@contextmanager
def places(locked: Locked) -> Iterator[Mapping[str, Callable[[str], Run]]]:
    """Everybody whom an install can go through, by name; each makes one by the tool it is given."""
    upstream = default_upstream()
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=MEMORY if MEMORY.is_dir() else None))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        warm, warm_secret = stack.enter_context(judged(upstream, locked.judged, *NO_BOXES))
        cold, cold_secret = stack.enter_context(judged(upstream, locked.judged, *NO_BOXES))
        peers: list[Server] = [
            stack.enter_context(
                peer(name, upstream=upstream, files=locked.files, folder=folder / name)
            )
            for name in PEERS
        ]

        def through(index_url: str, pids: Callable[[], tuple[int, ...]]) -> Callable[[str], Run]:
            return lambda tool: install(tool, locked.requirements, index_url, folder, pids())

        def emptied(tool: str) -> Run:
            empty(cold)
            url = with_token(cold.index_url, cold_secret)
            return install(tool, locked.requirements, url, folder, proxy_pids(cold))

        yield {
            UPSTREAM: through(upstream, tuple),
            WARM: through(with_token(warm.index_url, warm_secret), lambda: proxy_pids(warm)),
            COLD: emptied,
            **{each.name: through(each.index_url, lambda e=each: e.pids) for each in peers},  # type: ignore[misc]
        }


def empty(firewall: Firewall) -> None:
    """Neither pages nor bytes any more, on disk or in memory; decisions stay."""
    firewall.stop()
    shutil.rmtree(firewall.data_dir / "artifacts")
    with closing(sqlite3.connect(firewall.data_dir / DATABASE)) as db, db:
        db.execute("DELETE FROM pages")
    firewall.start()


_UV = [str(Path(sys.executable).parent / "uv"), "pip"]
_PIP = [sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check"]


def install(
    tool: str, requirements: Path, index_url: str, folder: Path, pids: Sequence[int]
) -> Run:
    """An install into an empty folder, without anything that the client kept from before."""
    target, cache_dir = folder / "target", folder / "uv-cache"
    for place in (target, cache_dir):
        shutil.rmtree(place, ignore_errors=True)
    common = ["--quiet", "--index-url", index_url, "--target", str(target), "--only-binary", ":all:",
              "--requirement", str(requirements)]  # fmt: skip
    argv = (
        [*_UV, "install", "--no-config", "--cache-dir", str(cache_dir), "--python", sys.executable]
        if tool == "uv"
        # Compiling takes pip longer than all else, is the same for all, and is not what uv does.
        else [*_PIP, "install", "--no-cache-dir", "--no-compile", "--progress-bar", "off"]
    )
    client, server, begun = _children_s(), cpu_s(tuple(pids)), time.monotonic()
    run([*argv, *common], folder)
    return Run(
        seconds=time.monotonic() - begun,
        client_cpu_s=_children_s() - client,
        server_cpu_s=cpu_s(tuple(pids)) - server,
    )


def run(argv: list[str], folder: Path) -> None:
    """A client with nothing of this machine's settings but how it reaches the network."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))
    }
    if certificates := os.environ.get("PIP_CERT"):
        kept["PIP_CERT"] = certificates
    done = subprocess.run(
        argv,
        capture_output=True,
        text=True,
        check=False,
        timeout=INSTALL_S,
        cwd=folder,
        env=kept | {"TMPDIR": str(folder), "HOME": str(folder), "PIP_CONFIG_FILE": os.devnull},
    )
    assert done.returncode == 0, done.stderr[-2000:]


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _ratio(taken: Sequence[Run], direct: Sequence[Run]) -> float:
    """The median over the rounds of its time by the direct one's."""
    return statistics.median(a.seconds / b.seconds for a, b in zip(taken, direct, strict=True))


def _median(taken: Sequence[Run], what: str) -> float:
    values: list[float] = [getattr(one, what) for one in taken]
    return statistics.median(values)


def _row(taken: Sequence[Run], ratio: float, first: Run | None) -> str:
    """Cells of a line in a table of the page."""
    return (
        f"{_median(taken, 'seconds'):.2f} | {ratio:.2f} | {first.seconds:.2f} | "
        if first is not None
        else f"{_median(taken, 'seconds'):.2f} | {ratio:.2f} |  | "
    ) + f"{_median(taken, 'client_cpu_s'):.2f} | {_median(taken, 'server_cpu_s'):.2f}"
