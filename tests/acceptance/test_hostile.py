"""Real pip and uv against a real firewall whose upstream offers inert hostile releases."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from policies.document import DEFAULT_POLICY_TOML
from proxy.demo.packages import STEALS_DECOY, BuiltFile, build_sdist, build_wheel, demo_packages
from proxy.demo.upstream import LocalUpstream
from tests.firewall import (
    ClientEnvironment,
    Firewall,
    client_environment,
    fetch,
    file_url,
    project_page,
    wait_until,
)
from tests.proofs.background import running_upstream

pytestmark = [pytest.mark.privileged, pytest.mark.timeout(400)]

REASON = "Blocked by pratique: reenact-demo 2.0 sent a planted AWS key to 203.0.113.7 on import."


@dataclass
class Stage:
    upstream: LocalUpstream
    firewall: Firewall


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with (
        running_upstream(LocalUpstream(demo_packages())) as upstream,
        Firewall(upstream=upstream.url) as firewall,
    ):
        yield Stage(upstream, firewall)


@pytest.fixture
def client(stage: Stage) -> Iterator[ClientEnvironment]:
    with client_environment(stage.firewall.index_url) as environment:
        yield environment


def test_pip_pinned__prints_our_reason_and_installs_nothing(client: ClientEnvironment) -> None:
    # The older release is approved first, so that the reason can name a pin that works.
    assert client.pip("reenact-demo==1.0").returncode == 0
    refused = client.pip("reenact-demo==2.0")
    assert refused.returncode != 0
    assert REASON in refused.stderr
    assert "Use reenact-demo==1.0" in refused.stderr
    assert client.installed()["reenact-demo"] == "1.0"
    short = re.search(r"http://\S+/v/\w+", refused.stderr)
    assert short, refused.stderr
    page = fetch(short[0])
    assert page.status == 200
    assert "203.0.113.7" in page.body.decode()


def test_uv_pinned__prints_our_reason(client: ClientEnvironment) -> None:
    refused = client.uv("reenact-demo==2.0")
    assert refused.returncode != 0
    assert "sent a planted AWS key to 203.0.113.7 on import" in refused.stderr
    assert client.installed().get("reenact-demo") is None


@pytest.mark.parametrize(("tool", "uid_base"), [("pip", 61800), ("uv", 61900)])
def test_unpinned__first_contact_names_a_pin_and_the_next_resolution_takes_it(
    tool: str, uid_base: int
) -> None:
    # A firewall that has never seen the project: no release of it is approved yet.
    with (
        running_upstream(LocalUpstream(demo_packages())) as upstream,
        Firewall(upstream=upstream.url, uid_base=uid_base) as firewall,
        client_environment(firewall.index_url) as fresh,
    ):
        install = fresh.pip if tool == "pip" else fresh.uv
        first = install("reenact-demo")
        assert first.returncode != 0
        assert "sent a planted AWS key" in first.stderr
        assert "Try reenact-demo==1.0." in first.stderr
        second = install("reenact-demo")
        assert second.returncode == 0, second.stderr
        assert fresh.installed()["reenact-demo"] == "1.0"


def test_sdist__is_caught_at_build(client: ClientEnvironment) -> None:
    refused = client.pip("reenact-demo-sdist==2.0")
    assert refused.returncode != 0
    assert "sent a planted AWS key to 203.0.113.7 while" in refused.stderr
    assert client.installed().get("reenact-demo-sdist") is None


def test_sdist__clean_one_is_served(client: ClientEnvironment) -> None:
    served = client.pip(
        "--no-build-isolation", "--no-deps", "--no-binary", ":all:", "reenact-demo-sdist==1.0"
    )
    # pip builds it here with this environment's own setuptools, which it may lack: what counts
    # is that the file came through.
    assert "Blocked" not in served.stderr
    assert "Saved" in served.stdout or "Downloading" in served.stdout or served.returncode == 0


SPELLINGS = (
    "{origin}/files/pypi/{project}/{sha256}/{filename}",
    "{origin}/files/pypi/Reenact_Demo/{sha256}/{filename}",
    "{origin}/files/pypi/reenact.demo/{sha256}/{filename}",
    "{origin}/files/pypi/{project}/{upper}/{filename}",
    "{origin}/files/other/{project}/{sha256}/{filename}",
    "{origin}/files/pypi/another/{sha256}/{filename}",
    "{origin}/files/pypi/{project}/{sha256}/reenact_demo-1.0-py3-none-any.whl",
    "{origin}/files/pypi/{project}/{sha256}/%72eenact_demo-2.0-py3-none-any.whl",
    "{origin}/files/pypi/{project}/{sha256}/x/../{filename}",
    "{origin}//files/pypi/{project}/{sha256}/{filename}",
    "{origin}/files/pypi/{project}/{sha256}/{filename}?hop=99",
    "{origin}/files/pypi/{project}/{sha256}/{filename}%00.whl",
    "{origin}/packages/{filename}",
)


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize(
    ("method", "headers"),
    [("GET", {}), ("HEAD", {}), ("GET", {"Range": "bytes=0-99"}), ("GET", {"Range": "bytes=-100"})],
)
def test_refused_file__gives_not_one_byte(
    stage: Stage, spelling: str, method: str, headers: dict[str, str]
) -> None:
    hostile = demo_packages()[1]
    fetch(file_url(stage.firewall.index_url, "reenact-demo", hostile.filename), method="HEAD")
    url = spelling.format(
        origin=stage.firewall.origin,
        project="reenact-demo",
        sha256=hostile.sha256,
        upper=hostile.sha256.upper(),
        filename=hostile.filename,
    )
    answer = fetch(url, method=method, headers=headers)
    assert answer.status in (301, 400, 403, 404), (answer.status, answer.reason)
    assert hostile.data[:16] not in answer.body
    assert "Content-Range" not in answer.headers
    assert answer.headers.get("Content-Length") != str(len(hostile.data))


def test_page__marks_the_refused_release_and_its_siblings(stage: Stage) -> None:
    hostile = demo_packages()[1]
    fetch(file_url(stage.firewall.index_url, "reenact-demo", "reenact_demo-1.0-py3-none-any.whl"))
    fetch(file_url(stage.firewall.index_url, "reenact-demo", hostile.filename))
    files = {
        f["filename"]: f for f in project_page(stage.firewall.index_url, "reenact-demo")["files"]
    }
    assert "planted AWS key" in files[hostile.filename]["yanked"]
    assert not files["reenact_demo-1.0-py3-none-any.whl"]["yanked"]
    for file in files.values():
        assert not urlsplit(file["url"]).scheme, "file URLs are relative"


def test_fallback__first_contact_already_takes_the_older_release() -> None:
    policy = DEFAULT_POLICY_TOML.replace('\nunseen = "hold"', '\nunseen = "fallback"')
    assert policy != DEFAULT_POLICY_TOML
    older, hostile = demo_packages()[:2]
    with (
        running_upstream(LocalUpstream([older])) as upstream,
        Firewall(upstream=upstream.url, policy=policy, uid_base=61100) as firewall,
        client_environment(firewall.index_url) as client,
    ):
        assert client.pip("reenact-demo").returncode == 0
        firewall.stop()
        upstream.files.append(hostile)
        # A restarted firewall asks the upstream again before it answers.
        firewall.start()
        with client_environment(firewall.index_url) as other:
            done = other.pip("reenact-demo")
            assert done.returncode == 0, done.stderr
            assert other.installed()["reenact-demo"] == "1.0"


def test_override__allows_and_its_end_refuses_again(
    stage: Stage, client: ClientEnvironment
) -> None:
    held = build_wheel("reenact-held", "1.0", {"reenact_held.py": "VALUE = 1\n"})
    stage.upstream.files.append(held)
    deny = stage.firewall.cli(
        "override", "add", "deny", "--project", "reenact-held", "--actor", "ada",
        "--justification", "not in this house", "--expires", "1d",
    )  # fmt: skip
    identifier = deny.stdout.split()[1].rstrip(":")
    refused = client.pip("reenact-held==1.0")
    assert refused.returncode != 0
    assert "Blocked by pratique: reenact-held 1.0" in refused.stderr
    stage.firewall.cli("override", "revoke", identifier, "--actor", "ada")
    served = client.pip("reenact-held==1.0")
    assert served.returncode == 0, served.stderr


def test_override__above_proof_serves_what_is_proven_bad(
    stage: Stage, client: ClientEnvironment
) -> None:
    proven = _thief("reenact-proven")
    stage.upstream.files.append(proven)
    assert client.pip("reenact-proven==1.0").returncode != 0
    ordinary = _allow(stage, "reenact-proven")
    assert client.pip("reenact-proven==1.0").returncode != 0, "an allow does not beat a proof"
    stage.firewall.cli("override", "revoke", ordinary, "--actor", "ada")
    _allow(stage, "reenact-proven", "--above-proof")
    # Another process gave it: the judge derives the decision again within a second or two.
    url = file_url(stage.firewall.index_url, "reenact-proven", proven.filename)
    wait_until(lambda: fetch(url, method="HEAD").status == 200, seconds=20, every=0.3)
    assert client.pip("reenact-proven==1.0").returncode == 0


def test_start_hook__is_caught_before_any_import(stage: Stage, client: ClientEnvironment) -> None:
    hook = STEALS_DECOY.replace("\n\n", "\n")
    hostile = build_wheel(
        "reenact-hook",
        "1.0",
        {"reenact_hook.pth": "import reenact_hook_start\n", "reenact_hook_start.py": hook},
    )
    stage.upstream.files.append(hostile)
    refused = client.pip("reenact-hook==1.0")
    assert "sent a planted AWS key to 203.0.113.7 at interpreter start" in refused.stderr


def test_sdist_of_legacy_kind__builds_without_pyproject(stage: Stage) -> None:
    plain = build_sdist(
        "reenact-plain", "1.0", {"reenact_plain.py": "VALUE = 1\n"}, build_system=False
    )
    stage.upstream.files.append(plain)
    answer = fetch(file_url(stage.firewall.index_url, "reenact-plain", plain.filename))
    assert (answer.status, answer.body == plain.data) == (200, True), answer.reason


def _thief(project: str) -> BuiltFile:
    return build_wheel(project, "1.0", {f"{project.replace('-', '_')}.py": STEALS_DECOY})


def _allow(stage: Stage, project: str, *extra: str) -> str:
    done = stage.firewall.cli(
        "override", "add", "allow", "--project", project, "--actor", "ada",
        "--justification", "we know it", "--expires", "1d", *extra,
    )  # fmt: skip
    return done.stdout.split()[1].rstrip(":")
