"""Profiles of real runs: two runs of one release are one profile, and a hijack is a difference."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace

import pytest

from analyzer.memfd import sealed
from analyzer.pipeline import analyse
from models.behaviour import Act, ActKind, Baseline
from models.canonical import digest_of
from models.clock import utc_now
from models.evidence import Evidence, Severity
from models.phase import Phase
from tests.analyzer.archives import make_wheel
from tests.analyzer.fakes import FakeProxy, lease_of, sha256_of
from tests.analyzer.reenactments import GUARD, acting_modules
from tests.analyzer.sandbox import lab
from tests.analyzer.test_end_to_end import sdist

pytestmark = pytest.mark.privileged

MAKES_UP_NAMES = (
    GUARD
    + """\
if ACT:
    import tempfile, uuid, hashlib, time, http.client
    version = "VERSION"
    for folder in (tempfile.mkdtemp(), tempfile.mkdtemp(prefix="work-")):
        pathlib.Path(folder, "data.txt").write_text("x")
    tempfile.NamedTemporaryFile(suffix=".log", delete=False).write(b"x")
    (HOME / f".cache/reenact-demo-{version}").mkdir(parents=True)
    (HOME / f".cache/{uuid.uuid4()}").write_text("x")
    (HOME / f".cache/{hashlib.sha256(os.urandom(8)).hexdigest()}.bin").write_text("x")
    (HOME / f".cache/{time.time_ns()}.json").write_text("x")
    pathlib.Path(f"/tmp/lock-{os.getpid()}").write_text("x")
    subprocess.run(["sh", "-c", "uname -m"], stdout=subprocess.DEVNULL)
    for host in ("telemetry.test", "updates.test"):
        try:
            http.client.HTTPConnection(host, timeout=3).request("GET", "/")
        except OSError:
            pass
"""
)
"""Everything that chance makes up, made up by one module. Inert: names in the box's own home."""


@pytest.fixture(scope="module")
def daemon() -> Iterator[lab.Lab]:
    run_dir = lab.run_dir()
    made = lab.Lab(run_dir, uid_base=64500)
    yield made
    code, said = made.stop()
    shutil.rmtree(run_dir, ignore_errors=True)
    assert code == 0, said


def evidence_of(
    daemon: lab.Lab, filename: str, data: bytes, *, baseline: Baseline | None = None
) -> Evidence:
    descriptor = sealed(data, sha256_of(data))
    try:
        post = asyncio.run(
            analyse(
                lease=replace(lease_of(filename, data), baseline=baseline),
                artifact_fd=descriptor,
                sandbox=daemon.client,
                proxy=FakeProxy(),
                clock=utc_now,
                worker_name="test",
            )
        )
    finally:
        os.close(descriptor)
    return post.evidence


def wheel(version: str, files: dict[str, str]) -> tuple[str, bytes]:
    written = {path: text.replace("VERSION", version) for path, text in files.items()}
    return f"reenact_demo-{version}-py3-none-any.whl", make_wheel(written, version=version)


def baseline_of(seen: Evidence) -> Baseline:
    assert seen.profile is not None
    return Baseline(
        filename=seen.filename,
        sha256=seen.sha256,
        evidence_digest=digest_of(seen),
        profile=seen.profile,
        phases=tuple(phase.phase for phase in seen.phases),
    )


@pytest.mark.parametrize(
    "files",
    [{"reenact_demo/__init__.py": MAKES_UP_NAMES}, acting_modules("reenact_demo")],
    ids=["made-up-names", "every-re-enactment"],
)
def test_profile__two_runs_and_a_version_bump_make_no_difference(
    daemon: lab.Lab, files: dict[str, str]
) -> None:
    first = evidence_of(daemon, *wheel("1.0", files))
    again = evidence_of(daemon, *wheel("1.0", files))
    assert first.profile is not None
    assert len(first.profile.acts) >= 8
    assert again.profile == first.profile
    bumped = evidence_of(daemon, *wheel("2.0", files), baseline=baseline_of(first))
    assert bumped.changes is not None
    assert (bumped.changes.added, bumped.changes.gone) == ((), ())
    assert "behaviour-changed" not in {found.id for found in bumped.findings}


def test_profile__of_an_sdist_is_the_same_twice_and_holds_none_of_its_build_tree(
    daemon: lab.Lab,
) -> None:
    setup = "import subprocess, pathlib\nsubprocess.run(['git', '--version'], check=False)\n"
    setup += "pathlib.Path('build').mkdir()\npathlib.Path('build/log').write_text('x')\n"
    profiles = [
        evidence_of(daemon, "reenact_demo-1.0.tar.gz", sdist(setup)).profile for _ in range(2)
    ]
    assert profiles[0] == profiles[1]
    assert profiles[0] is not None
    assert Act(kind=ActKind.EXECUTABLE, phase=Phase.INSTALL, value="git") in profiles[0].acts
    assert [act for act in profiles[0].acts if act.kind is ActKind.WRITTEN] == []


def test_changes__a_quiet_release_that_begins_to_call_home_is_told_apart(daemon: lab.Lab) -> None:
    quiet = evidence_of(daemon, *wheel("1.0", {"reenact_demo/__init__.py": "x = 1\n"}))
    assert quiet.profile is not None
    assert quiet.profile.acts == ()
    hijacked = evidence_of(
        daemon,
        *wheel("1.1", {"reenact_demo/__init__.py": MAKES_UP_NAMES}),
        baseline=baseline_of(quiet),
    )
    (found,) = [found for found in hijacked.findings if found.id == "behaviour-changed"]
    assert (found.severity, found.what, found.place.host) == (
        Severity.MEDIUM,
        "host",
        "telemetry.test",
    )
    assert hijacked.signal("behaviour.new_hosts") == 2
    assert hijacked.signal("behaviour.baseline_known") is True
