"""The supervisor as a real process: what it prepares, and what it does when a child dies."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from models.errors import PratiqueError
from proxy.demo.packages import build_wheel, demo_packages
from proxy.demo.upstream import LocalUpstream
from proxy.privileges import child_setup
from proxy.settings import Settings, read_settings
from proxy.store.bounds import DATABASE
from proxy.supervisor import children_of, decode_config, environment_of, prepare_folders
from tests.firewall import Firewall, fetch, file_url, scratch_folder, wait_until
from tests.proofs.background import running_upstream


@pytest.fixture
def settings() -> Settings:
    folder = scratch_folder()
    return read_settings(
        file=None,
        environment={},
        flags={
            "data_dir": str(folder / "data"),
            "run_dir": str(folder / "run"),
            "log_file": str(folder / "data" / "pratique.log"),
            "uid_base": "61300",
        },
        default_upstream=lambda: "https://index.example.test/simple/",
    )


@pytest.mark.privileged
def test_prepare__gives_each_role_its_folder(settings: Settings) -> None:
    prepare_folders(settings)
    data = settings.data_dir.stat()
    assert (data.st_uid, stat.S_IMODE(data.st_mode)) == (61300, 0o750)
    judge = (settings.run_dir / "judge").stat()
    assert (judge.st_uid, judge.st_gid) == (61301, 61300)
    log = settings.log_file.stat() if settings.log_file else None
    assert log is not None
    assert (log.st_uid, log.st_gid, stat.S_IMODE(log.st_mode)) == (0, 61300, 0o660)


@pytest.mark.privileged
def test_prepare__what_a_command_made_before_the_first_start_is_the_proxys(
    settings: Settings,
) -> None:
    settings.data_dir.mkdir(parents=True)
    store = settings.data_dir / DATABASE
    store.write_text("a store")
    prepare_folders(settings)
    assert store.stat().st_uid == 61300
    store.unlink()
    store.write_text("root's, in a folder of the proxy's")
    prepare_folders(settings)
    assert store.stat().st_uid == 0


@pytest.mark.privileged
@pytest.mark.parametrize("kind", ["symbolic", "hard"])
def test_prepare__a_link_in_the_stores_place_gives_nothing_away(
    settings: Settings, kind: str
) -> None:
    outside = scratch_folder() / "outside"
    outside.write_text("root's own")
    settings.data_dir.mkdir(parents=True)
    place = settings.data_dir / DATABASE
    if kind == "symbolic":
        place.symlink_to(outside)
    else:
        place.hardlink_to(outside)
    prepare_folders(settings)
    assert outside.stat().st_uid == 0


@pytest.mark.parametrize("kind", ["symbolic", "hard"])
def test_prepare__a_planted_link_is_no_log_file(settings: Settings, kind: str) -> None:
    victim = scratch_folder() / "victim"
    victim.write_text("root's own")
    assert settings.log_file is not None
    settings.data_dir.mkdir(parents=True)
    if kind == "symbolic":
        settings.log_file.symlink_to(victim)
    else:
        settings.log_file.hardlink_to(victim)
    before = victim.stat()
    with pytest.raises(PratiqueError, match="log file"):
        prepare_folders(settings)
    after = victim.stat()
    assert (after.st_uid, after.st_mode) == (before.st_uid, before.st_mode)


def test_children__who_judges_stands_behind_who_serves(settings: Settings) -> None:
    nice = {child.name: child.nice for child in children_of(settings, listen_fd=3)}
    assert nice["proxy"] < min(nice["judge"], nice["worker"])


def test_child_setup__stands_back_as_far_as_it_is_told() -> None:
    argv = [sys.executable, "-c", "import os; print(os.nice(0))"]
    done = subprocess.run(
        argv, preexec_fn=child_setup(None, nice=3), capture_output=True, text=True, check=True
    )
    assert int(done.stdout) == os.nice(0) + 3


def test_children__get_no_secret_by_argv_or_environment(settings: Settings) -> None:
    children = children_of(settings, listen_fd=3)
    proxy = next(child for child in children if child.name == "proxy")
    secret = decode_config(proxy.standard_input).worker_secret
    assert secret.startswith("pratique_worker_")
    for child in children:
        assert secret not in " ".join(child.argv)
        assert secret not in " ".join(child.environment.values())


def test_children__are_of_the_code_that_started_them(settings: Settings) -> None:
    root = str(Path(__file__).parents[2])
    for child in children_of(settings, listen_fd=3):
        assert environment_of(child)["PYTHONPATH"] == root


def test_children__without_boxes_there_is_no_worker(settings: Settings) -> None:
    names = [child.name for child in children_of(replace(settings, boxes=0), listen_fd=3)]
    assert names == ["judge", "proxy"]


@pytest.mark.privileged
def test_serve__each_process_has_its_own_uid_and_the_judge_no_network() -> None:
    with (
        running_upstream(LocalUpstream(demo_packages())) as upstream,
        Firewall(upstream=upstream.url, uid_base=61400) as firewall,
    ):
        pids = firewall.children()
        uids = {name: os.stat(f"/proc/{pid}").st_uid for name, pid in pids.items()}  # noqa: PTH116
        assert uids == {"sandbox": 0, "judge": 61401, "proxy": 61400, "worker": 61402}
        ours = Path("/proc/self/ns/net").readlink()
        networks = {name: Path(f"/proc/{pid}/ns/net").readlink() for name, pid in pids.items()}
        assert networks["proxy"] == ours
        assert networks["judge"] != ours
        assert networks["worker"] != ours
        assert fetch(f"{firewall.origin}/healthz").status == 200
        code = firewall.stop()
        assert code == 0
        for pid in pids.values():
            assert not Path(f"/proc/{pid}").exists()


@pytest.mark.privileged
def test_serve__dies_with_all_its_children_when_killed() -> None:
    with (
        running_upstream(LocalUpstream(demo_packages())) as upstream,
        Firewall(upstream=upstream.url, uid_base=61500) as firewall,
    ):
        pids = firewall.children()
        assert firewall.process is not None
        firewall.process.send_signal(signal.SIGKILL)
        firewall.process.wait()

        def all_gone() -> bool:
            return not any(Path(f"/proc/{pid}").exists() for pid in pids.values())

        assert wait_until(all_gone, seconds=20)


@pytest.mark.privileged
def test_serve__without_an_embedded_worker_approved_files_are_still_served() -> None:
    wheel = build_wheel("reenact-kept", "1.0", {"reenact_kept.py": ""})
    with (
        running_upstream(LocalUpstream([wheel])) as upstream,
        Firewall(upstream=upstream.url, uid_base=61600) as firewall,
    ):
        url = file_url(firewall.index_url, "reenact-kept", wheel.filename)
        assert fetch(url).status == 200
        firewall.stop()
        firewall.options = ("--boxes", "0")
        firewall.start()
        assert fetch(url).body == wheel.data


def test_serve__beyond_loopback_needs_a_token_or_says_anonymous() -> None:
    folder = scratch_folder()
    firewall = Firewall(upstream="http://127.0.0.1:9/simple/", folder=folder, uid_base=61700)
    firewall.index_url = "http://0.0.0.0:0/simple/"
    with pytest.raises(AssertionError, match="no index URL"):
        firewall.start()
    assert firewall.process is not None
    assert firewall.process.returncode != 0


def test_children__of_several_proxies_one_is_the_first_and_all_share_the_secrets(
    settings: Settings,
) -> None:
    children = children_of(replace(settings, processes=3), listen_fd=3)
    proxies = [child for child in children if child.name.startswith("proxy")]
    assert [child.name for child in proxies] == ["proxy", "proxy-2", "proxy-3"]
    configs = [decode_config(child.standard_input) for child in proxies]
    assert [config.number for config in configs] == [0, 1, 2]
    assert len({config.worker_secret for config in configs}) == 1


@pytest.mark.privileged
def test_serve__a_token_may_be_made_before_the_first_start() -> None:
    with running_upstream(LocalUpstream([build_wheel("small", "1.0", {})])) as upstream:
        firewall = Firewall(upstream=upstream.url, harness=False, options=("--boxes", "0"))
        firewall.cli("token", "add", "client", "ci", "--actor", "ada")
        with firewall:
            assert fetch(firewall.index_url + "small/").status == 401
