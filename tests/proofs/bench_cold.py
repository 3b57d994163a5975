"""First contacts: pages and files that the proxy has not, beside asking the index directly.

By curl, over connections that are open already on both sides: a handshake on one side alone would decide.
"""

from __future__ import annotations

import json
import statistics
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urljoin

from proxy.demo.upstream import JSON
from proxy.index.default import default_upstream
from tests.firewall import Firewall
from tests.proofs.bench_stage import NO_BOXES, judged, judged_file, with_token
from tests.proofs.proof import Outcome

COLD_MORE_MS = 30
"""Milliseconds that a cold page may take beyond a direct one (issue 7)."""
PAGES = (
    "requests", "click", "attrs", "packaging", "idna", "certifi", "urllib3", "six", "jinja2",
    "pyyaml", "rich", "pydantic", "httpx", "anyio", "pytest", "numpy", "pandas", "boto3", "sqlalchemy",
    "cryptography",
)  # fmt: skip
PRIME = "pip"
"""A project whose page opens the connections, and is not measured."""
SMALL = (
    "six", "mdurl", "sniffio", "iniconfig", "webencodings", "aiosignal", "zipp", "toml", "colorama",
    "annotated-types", "ptyprocess", "shellingham",
)  # fmt: skip
SMALL_BYTES = (4_000, 30_000)
LARGE = ("cryptography", "grpcio", "pandas", "mypy", "ruff", "numpy", "scipy")
LARGE_BYTES = (4_500_000, 50_000_000)


def cold_pages(item: str) -> Outcome:
    """Pages that nobody asked for yet, beside asking upstream directly."""
    upstream = default_upstream()
    with judged(upstream, (), *NO_BOXES) as (firewall, secret):
        ours_url = with_token(firewall.index_url, secret)
        timed(_page(ours_url, PRIME), _page(ours_url, PRIME))  # opens our own connection to it
        pairs, again = [], []
        for number, project in enumerate(PAGES):
            timed(_page(upstream, project), _page(upstream, project))  # warms upstream for both
            sides = [upstream, ours_url]
            taken = {}
            for side in sides if number % 2 else reversed(sides):
                taken[side] = timed(_page(side, PRIME), _page(side, project))
            pairs.append(Pair(direct_ms=taken[upstream], ours_ms=taken[ours_url]))
            again.append(timed(_page(ours_url, PRIME), _page(ours_url, project)))
    return Outcome(
        item=item,
        holds=statistics.median(pair.more_ms for pair in pairs) <= COLD_MORE_MS,
        detail=_said(pairs, again),
        measures=_measures(item, pairs),
        facts={"pages": _row(pairs, again, f"{len(pairs)} pages")},
    )


def cold_files(item: str) -> Outcome:
    """Files that were judged, and whose bytes the proxy has not, beside asking upstream directly."""
    upstream = default_upstream()
    found = {
        "small": [*_wheels(upstream, SMALL, SMALL_BYTES)],
        "large": [*_wheels(upstream, LARGE, LARGE_BYTES)],
    }
    files = [
        judged_file(one.project, one.filename, one.sha256, one.size_bytes)
        for kind in found.values()
        for one in kind
    ]
    pairs: dict[str, list[Pair]] = {name: [] for name in found}
    again: dict[str, list[float]] = {name: [] for name in found}
    with judged(upstream, files, *NO_BOXES) as (firewall, secret):
        for name, wheels in found.items():
            for number, one in enumerate(wheels):
                _pair(firewall, secret, one, number, pairs[name], again[name])
    return Outcome(
        item=item,
        holds=True,
        counted=False,  # the issue names no target for a file alone: whole installs have one
        detail="; ".join(f"{name}: {_said(pairs[name], again[name])}" for name in found),
        measures={k: v for name in found for k, v in _measures(f"{item} {name}", pairs[name]).items()},
        facts={
            name: _row(pairs[name], again[name], _sizes(wheels)) for name, wheels in found.items()
        },
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """A file as upstream lists it."""

    project: str
    filename: str
    url: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The same thing asked on both sides, one after the other."""

    direct_ms: float
    ours_ms: float

    @property
    def more_ms(self) -> float:
        return self.ours_ms - self.direct_ms

    @property
    def ratio(self) -> float:
        return self.ours_ms / self.direct_ms


def _pair(
    firewall: Firewall, secret: str, one: Wheel, number: int, pairs: list[Pair], again: list[float]
) -> None:
    """Ask for a file on both sides; an installer has seen the page and its connection is open."""
    ours_url = with_token(firewall.index_url, secret)
    page = _page(ours_url, one.project)
    rows = json.loads(_curl(["-H", f"Accept: {JSON}", page]))["files"]
    (path,) = (row["url"] for row in rows if row["filename"] == one.filename)
    ours = with_token(urljoin(urljoin(firewall.index_url, f"{one.project}/"), path), secret)
    timed(one.url, one.url)  # warms upstream for both
    sides = {"direct": (one.url, one.url), "ours": (page, ours)}
    taken = {}
    for side in sides if number % 2 else reversed(sides):
        prime, url = sides[side]
        taken[side] = timed(prime, url, head=side == "direct")
    pairs.append(Pair(direct_ms=taken["direct"], ours_ms=taken["ours"]))
    again.append(timed(page, ours))


def _wheels(
    upstream: str, projects: Sequence[str], bounds: tuple[int, int]
) -> Iterator[Wheel]:  # fmt: skip
    """The newest wheel of each project that is so large, whatever machine it is for."""
    for project in projects:
        page = json.loads(_curl(["-H", f"Accept: {JSON}", _page(upstream, project)]))
        for row in reversed(page["files"]):
            size = row.get("size") or 0
            if row["filename"].endswith(".whl") and bounds[0] <= size <= bounds[1]:
                yield Wheel(
                    project=project,
                    filename=row["filename"],
                    url=urljoin(_page(upstream, project), row["url"]),
                    sha256=row["hashes"]["sha256"],
                    size_bytes=size,
                )
                break


def timed(prime: str, url: str, *, head: bool = False) -> float:
    """Milliseconds of `url` after `prime` opened the connection (`head`: without its body)."""
    out = ["-o", "/dev/null", "-w", "%{http_code} %{time_total}\n", "-H", f"Accept: {JSON}"]
    first, second = [*out, *(["-I"] if head else []), prime], [*out, url]
    lines = _curl(["--compressed", *first, "--next", "-sSL", "--compressed", *second]).splitlines()
    status, seconds = lines[-1].split()
    assert status == "200", (url.rpartition("/")[2], lines)
    return float(seconds) * 1e3


def _curl(arguments: Sequence[str]) -> str:
    done = subprocess.run(["curl", "-sSL", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _page(index_url: str, project: str) -> str:
    return urljoin(index_url, f"{project}/")


def _said(pairs: Sequence[Pair], again: Sequence[float]) -> str:
    return (
        f"{statistics.median(p.direct_ms for p in pairs):.0f} ms direct, "
        f"{statistics.median(p.ours_ms for p in pairs):.0f} ms ours, "
        f"{statistics.median(p.more_ms for p in pairs):+.0f} ms, ratio "
        f"{statistics.median(p.ratio for p in pairs):.2f}, again {statistics.median(again):.1f} ms"
    )


def _row(pairs: Sequence[Pair], again: Sequence[float], what: str) -> str:
    """Cells of a line in a table of the page."""
    medians = (
        f"{statistics.median(p.direct_ms for p in pairs):.1f}",
        f"{statistics.median(p.ours_ms for p in pairs):.1f}",
        f"{statistics.median(p.more_ms for p in pairs):+.1f}",
        f"{statistics.median(p.ratio for p in pairs):.2f}",
        f"{statistics.median(again):.1f}",
    )
    return " | ".join((what, *medians))


def _measures(item: str, pairs: Sequence[Pair]) -> dict[str, float]:
    return {
        f"{item} more_ms": statistics.median(p.more_ms for p in pairs),
        f"{item} ratio": statistics.median(p.ratio for p in pairs),
    }


def _sizes(wheels: Sequence[Wheel]) -> str:
    low, high = (f(one.size_bytes for one in wheels) / 1e3 for f in (min, max))
    return f"{len(wheels)} wheels of {low:,.0f} to {high:,.0f} kB"
