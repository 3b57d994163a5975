"""The set-up: install.sh, the locks that it installs, the Makefile, the images. No network is used."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.firewall import scratch_folder

ROOT = Path(__file__).parent.parent
HOUSE = ("proxy", "analyzer", "policies", "models")
NOT_BUILT_HERE = shutil.ignore_patterns("__pycache__")


@pytest.fixture
def clone() -> Iterator[Path]:
    """What install.sh looks at, in a folder that everybody may read."""
    folder = scratch_folder()
    for name in HOUSE:
        shutil.copytree(ROOT / name, folder / name, ignore=NOT_BUILT_HERE)
    shutil.copy(ROOT / "install.sh", folder)
    subprocess.run(["chmod", "-R", "u=rwX,go=rX", folder], check=True)
    yield folder
    shutil.rmtree(folder)


def say(folder: Path, word: str) -> str:
    """What `install.sh WORD` prints."""
    done = subprocess.run(
        [folder / "install.sh", word], capture_output=True, text=True, check=True, cwd="/"
    )
    return done.stdout.strip()


def pins(lock: str) -> dict[str, str]:
    """Requirement → version and marker, of a lock file."""
    found = re.findall(r"^([a-z0-9.-]+)(==.*?) \\$", (ROOT / lock).read_text(), re.MULTILINE)
    return dict(found)


def test_install__an_unknown_word_is_refused_with_the_usage(clone: Path) -> None:
    done = subprocess.run(
        [clone / "install.sh", "everything"], capture_output=True, text=True, check=False
    )
    assert done.returncode == os.EX_USAGE
    assert done.stderr.startswith("usage: install.sh run|dev")


def test_install__a_fit_folder_keeps_its_environment_beside_it(clone: Path) -> None:
    assert say(clone, "bin") == f"{clone}/.venv/bin"
    assert say(clone, "tree") == str(clone)


UNFIT = {
    "another's file": "chown 65534 models/errors.py",
    "another's environment": "mkdir .venv; chown 65534 .venv",
    "another's folder": "chown 65534 .",
    "a file that everybody may write": "chmod o+w analyzer/sandbox/daemon.py",
    "a file that a group may write": "chgrp 65534 policies/case.py; chmod g+w policies/case.py",
    "a folder that everybody may write": "chmod o+w .",
    "a folder that others may not read": "chmod 0700 .",
    "a file that others may not read": "chmod o-r proxy/log.py",
}


@pytest.mark.privileged
@pytest.mark.parametrize("change", UNFIT.values(), ids=UNFIT)
def test_install__root_runs_a_copy_of_an_unfit_folder(clone: Path, change: str) -> None:
    subprocess.run(["sh", "-c", change], check=True, cwd=clone)
    tree = say(clone, "tree")
    assert re.fullmatch(r"/opt/pratique/[0-9a-f]{12}/tree", tree)
    assert say(clone, "bin") == tree.removesuffix("tree") + "env/bin"


@pytest.mark.privileged
@pytest.mark.parametrize("change", UNFIT.values(), ids=UNFIT)
def test_install__a_user_uses_his_folder_as_it_is(clone: Path, change: str) -> None:
    subprocess.run(["chown", "-R", "65533", clone], check=True)
    subprocess.run(["sh", "-c", change], check=True, cwd=clone)
    clone.chmod(0o755)
    done = subprocess.run(
        [clone / "install.sh", "tree"],
        capture_output=True, text=True, check=True, user=65533, group=65533, extra_groups=[],
    )  # fmt: skip
    assert done.stdout.strip() == str(clone)


def test_locks__agree_with_each_other() -> None:
    run, dev = pins("requirements.lock"), pins("requirements-dev.lock")
    assert len(run) > 20
    assert {name: _version(dev.get(name, "")) for name in run} == {
        name: _version(pin) for name, pin in run.items()
    }


def _version(pin: str) -> str:
    """A pin without its marker: what development needs besides may want a thing on more systems."""
    return pin.partition(" ;")[0]


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_locks__every_pin_has_hashes(lock: str) -> None:
    blocks = re.split(r"^(?=[a-z])", (ROOT / lock).read_text(), flags=re.MULTILINE)
    assert [block for block in blocks if block.strip() and "--hash=sha256:" not in block] == []


def test_makefile__help_names_every_target() -> None:
    text = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert phony is not None
    done = subprocess.run(
        ["make", "--no-print-directory", "help"],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    assert [line.split()[0] for line in done.stdout.splitlines()] == phony[1].split()


def test_dockerfile__the_images_have_what_install_asks_for() -> None:
    asked = " ".join(re.findall(r"\(lacking (.*?)\)", (ROOT / "install.sh").read_text()))
    installed = " ".join(
        re.findall(r"--no-install-recommends (.*?) \\", (ROOT / "Dockerfile").read_text())
    )
    assert set(asked.replace("$more", "").split()) <= set(installed.split())


def test_dockerfile__what_it_copies_is_let_through() -> None:
    copied = re.findall(r"^COPY (.*) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert {name for line in copied for name in line.split()} == {
        line.removeprefix("!") for line in ignored if line.startswith("!")
    }
