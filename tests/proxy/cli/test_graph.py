"""`pratique graph`, run as a person runs it, against an upstream on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from analyzer.graph.joined import Standing
from models.clock import utc_now
from models.decision import Action
from proxy.cli.tree_report import age_words
from proxy.demo.packages import build_wheel
from proxy.demo.upstream import LocalUpstream
from proxy.store.bounds import DATABASE
from proxy.store.sqlite import SqliteStore
from tests.firewall import scratch_folder
from tests.proofs.background import running_upstream
from tests.proxy.store.values import PYPI, make_decision, name

ROOT = Path(__file__).parent.parent.parent.parent
OLD = datetime(2020, 1, 1, tzinfo=UTC)
WHEELS = [
    build_wheel("reenact-top", "1.0", {"a.py": ""}, requires=("reenact-mid[x]",), uploaded=OLD),
    build_wheel(
        "reenact-mid",
        "2.0",
        {"b.py": ""},
        requires=("reenact-low; extra == 'x'", "reenact-top"),
        uploaded=OLD,
    ),
    build_wheel("reenact-low", "3.0", {"c.py": ""}, uploaded=OLD),
]


@pytest.fixture
def upstream() -> Iterator[LocalUpstream]:
    with running_upstream(LocalUpstream(WHEELS)) as running:
        yield running


def graph(
    upstream: LocalUpstream, *arguments: str, data_dir: Path | None = None
) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PRATIQUE_")}
    return subprocess.run(
        [sys.executable, "-P", "-m", "proxy", "graph", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd="/",
        env=kept
        | {
            "PYTHONPATH": str(ROOT),
            "COLUMNS": "160",
            "PRATIQUE_DATA_DIR": str(data_dir or scratch_folder() / "none"),
            "PRATIQUE_UPSTREAM": upstream.url,
        },
    )


def test_graph__prints_each_release_once_and_marks_circles(upstream: LocalUpstream) -> None:
    done = graph(upstream, "reenact-top")
    assert done.returncode == 0, done.stderr
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    assert lines[0] == "reenact-top 1.0"
    assert "○ reenact-mid 2.0" in lines[1]
    assert "[x]" in lines[1]
    assert "○ reenact-low 3.0" in lines[2]
    assert "circle" in done.stdout
    assert "2 releases (1 direct); 2 deep" in done.stdout
    assert "no data folder" in done.stdout


def test_graph__writes_a_picture(upstream: LocalUpstream) -> None:
    folder = scratch_folder()
    done = graph(upstream, "reenact-top", "--svg", str(folder / "top.svg"), "--depth", "1")
    assert done.returncode == 0, done.stderr
    drawn = (folder / "top.svg").read_text()
    ET.fromstring(drawn)  # noqa: S314 - our own output
    assert "reenact-mid" in drawn
    assert "reenact-low" not in drawn
    assert "… 1 more below" in done.stdout
    piped = graph(upstream, "reenact-top", "--svg", "-")
    assert piped.stdout.startswith("<svg ")
    assert piped.stdout.rstrip().endswith("</svg>")


def test_graph__as_json_has_tree_features_and_findings(upstream: LocalUpstream) -> None:
    done = graph(upstream, "reenact-mid", "--extras", "x", "--json")
    told = json.loads(done.stdout)
    assert told["requirement"] == "reenact-mid[x]"
    assert told["joined"]["tree"]["root"] == "reenact-mid"
    assert {one["name"]: one["value"] for one in told["signals"]}["graph.releases"] == 2
    assert told["findings"] == []


async def test_graph__with_a_data_folder_says_what_was_decided(upstream: LocalUpstream) -> None:
    data_dir = scratch_folder() / "data"
    data_dir.mkdir(mode=0o750)
    low = WHEELS[2]
    store = SqliteStore.open(data_dir / DATABASE, clock=utc_now)
    ref = make_decision().ref
    ref = replace(ref, index=PYPI, project=name("reenact-low"), filename=low.filename)
    await store.put_decision(
        make_decision(replace(ref, sha256=low.sha256), action=Action.DENY)  # type: ignore[arg-type]
    )
    await store.close()
    done = graph(upstream, "reenact-top", data_dir=data_dir)
    assert done.returncode == 4, done.stdout + done.stderr
    assert "✗ reenact-low 3.0" in done.stdout
    assert Standing.REFUSED.value in done.stdout
    assert "reenact-top > reenact-mid > reenact-low" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("reenact-nobody",), 1, "reenact-nobody cannot be met: the index has no such project."),
        (("reenact-top>5",), 1, "no release of it that can be used matches"),
        (("what is this",), 1, "is no requirement"),
        (("reenact-top", "--extras", "a b"), 1, "is no requirement"),
        (("reenact-top @ https://evil.test/x.whl",), 1, "on no index"),
        (("reenact-top", "--python", "2.7"), 1, "'2.7' is no version of Python 3."),
        (("reenact-top", "--depth", "0"), 2, "--depth"),
    ],
)
def test_graph__errors_are_plain(
    upstream: LocalUpstream, arguments: tuple[str, ...], code: int, said: str
) -> None:
    done = graph(upstream, *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_graph__of_an_open_end_or_a_young_project_is_doubtful() -> None:
    fresh = datetime.now(UTC) - timedelta(days=3)
    wheels = [
        build_wheel("reenact-open", "1.0", {"a.py": ""}, requires=("reenact-gone",), uploaded=OLD),
        build_wheel("requests", "1.0", {"a.py": ""}, requires=("reenact-new",), uploaded=OLD),
        build_wheel("reenact-new", "1.0", {"a.py": ""}, uploaded=fresh),
    ]
    with running_upstream(LocalUpstream(wheels)) as upstream:
        opened = graph(upstream, "reenact-open")
        young = graph(upstream, "requests")
    assert (opened.returncode, young.returncode) == (3, 3)
    assert (
        "not met  reenact-gone  (of reenact-open): the index has no such project" in opened.stdout
    )
    assert "requests > reenact-new" in young.stdout


@pytest.mark.parametrize(
    ("days", "words"),
    [(None, "age ?"), (0, "0 d"), (59, "59 d"), (60, "2 mo"), (729, "24 mo"), (730, "2 y")],
)
def test_age_words__are_short(days: int | None, words: str) -> None:
    assert age_words(days) == words
