"""Which interpreters boxes may run, and that a box runs the one that was asked for."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from analyzer.sandbox import interpreters
from analyzer.sandbox.interpreters import Interpreter, Refused
from models.errors import SandboxFailed
from tests.analyzer.sandbox.lab import Lab, lines, output, sdist, wheel
from tests.analyzer.sandbox.test_run import BACKEND, PYPROJECT

SYSTEM = Path("/usr/bin/python3").resolve()
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "test", "dist-packages", "idlelib", "tkinter")


@pytest.fixture(scope="module")
def second() -> Iterator[Path]:
    """Another interpreter: the system's own, copied with its library to a prefix of its own."""
    if os.geteuid() != 0:
        pytest.skip("needs root: only root's own interpreters are run")
    prefix = Path(tempfile.mkdtemp(prefix="pratique-test-", dir="/opt"))
    prefix.chmod(0o755)
    (prefix / "bin").mkdir()
    shutil.copy2(SYSTEM, prefix / "bin")
    library = Path("/usr/lib") / SYSTEM.name
    shutil.copytree(library, prefix / "lib" / SYSTEM.name, ignore=_LEFT_OUT, symlinks=False)
    yield prefix / "bin" / SYSTEM.name
    shutil.rmtree(prefix)


@pytest.fixture
def prefix() -> Iterator[Path]:
    """A folder that belongs to root alone, in a place where no box has something else."""
    if os.geteuid() != 0:
        pytest.skip("needs root: only root's own interpreters are run")
    folder = Path(tempfile.mkdtemp(prefix="pratique-test-", dir="/opt"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def script(prefix: Path, text: str) -> Path:
    """A program in `prefix` that answers with `text`."""
    path = prefix / "bin" / "python3.99"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{text}'\n")
    path.chmod(0o755)
    return path


def test_usual__is_the_systems_own_and_comes_first() -> None:
    found = interpreters.find([SYSTEM])

    assert [one.executable for one in found.interpreters] == ["/usr/bin/python3"]
    assert found.interpreters[0].name == SYSTEM.name
    assert found.interpreters[0].prefix == ""
    assert found.refused == ()


def test_interpreter__its_names_follow_from_its_version() -> None:
    one = Interpreter(executable="/x", version="3.14.0rc2+local")

    assert one.numbers == (3, 14)
    assert (one.name, one.site) == ("python3.14", "/env/lib/python3.14/site-packages")


@pytest.mark.privileged
def test_find__another_one_is_mounted_with_its_prefix(second: Path) -> None:
    found = interpreters.find([second])

    assert found.refused == ()
    assert found.interpreters[1].executable == str(second)
    assert found.interpreters[1].prefix == str(second.parents[1])


@pytest.mark.privileged
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("no", "no answer"),
        ('["pypy", "3.11.1", "PREFIX"]', "no CPython 3.9"),
        ('["cpython", "3.8.18", "PREFIX"]', "no CPython 3.9"),
        ('["cpython", "three", "PREFIX"]', "no CPython 3.9"),
        ('["cpython", "3.13.0", "/opt/elsewhere"]', "not lie in its own prefix"),
        ('["cpython", "3.13.0"]', "no answer"),
    ],
)
def test_find__what_is_no_interpreter_is_refused_with_the_reason(
    prefix: Path, answer: str, reason: str
) -> None:
    path = script(prefix, answer.replace("PREFIX", str(prefix)))
    found = interpreters.find([path])

    assert len(found.interpreters) == 1
    assert reason in found.refused[0]
    assert found.refused[0].startswith(str(path))


@pytest.mark.privileged
def test_find__what_others_can_change_is_refused(prefix: Path) -> None:
    answer = f'["cpython", "3.13.0", "{prefix}"]'
    path = script(prefix, answer)
    assert len(interpreters.find([path]).interpreters) == 2

    library = prefix / "lib"
    library.mkdir()
    link = library / "link.py"
    changes: list[tuple[Callable[[], object], Callable[[], object], str]] = [
        (lambda: os.chown(path, 1234, 0), lambda: os.chown(path, 0, 0), "belongs to uid 1234"),
        (lambda: library.chmod(0o777), lambda: library.chmod(0o755), "written by everybody"),
        (lambda: link.symlink_to("/etc/passwd"), link.unlink, "link to somewhere else"),
        (lambda: prefix.chmod(0o700), lambda: prefix.chmod(0o755), "no answer"),
    ]
    for change, undo, reason in changes:
        change()
        (said,) = interpreters.find([path]).refused
        assert reason in said
        undo()
    assert interpreters.find([path]).refused == ()


@pytest.mark.parametrize("place", ["/", "/opt", "/srv", "/tmp/py", "/home/dev/py", "/opt/pip/x"])  # noqa: S108
def test_check_prefix__places_of_boxes_are_refused(place: str) -> None:
    with pytest.raises(Refused, match="boxes use themselves"):
        interpreters.check_prefix(place)


@pytest.fixture
def two(second: Path, fresh_dir: str) -> Iterator[Lab]:
    """A daemon that knows a second interpreter, and one that it refuses."""
    made = Lab(Path(fresh_dir), trace=False, interpreters=[second, Path("/bin/sh")])
    yield made
    made.stop()


@pytest.mark.privileged
async def test_box__runs_the_interpreter_that_was_asked_for(two: Lab, second: Path) -> None:
    hello = await two.client.hello()
    assert hello.pythons == ("/usr/bin/python3", str(second))
    assert "/bin/sh" in hello.refused[0]

    code = "import sys, os\nprint(sys.base_prefix, sys.prefix, os.path.realpath(sys.executable))\n"
    artifact = {"reenact_case.py": code + "def call(token):\n    print('called')\n"}
    phases = ("P1", "P2", "P3", "P4", "P5")
    other = await two.run(wheel("reenact_case", artifact), python=str(second), phases=phases)
    usual = await two.run(wheel("reenact_case", artifact), phases=phases)

    assert [(p.ended, p.exit_code) for p in other.result.phases] == [("exit", 0)] * 5
    for phase in ("P3", "P4", "P5"):
        assert output(other, phase).startswith(f"{second.parents[1]} /env {second}\n")
        assert output(usual, phase).startswith(f"/usr /env {SYSTEM}\n")
    assert "called" in output(other, "P4")
    assert usual.result.python == hello.python


@pytest.mark.privileged
async def test_sdist__is_built_by_the_interpreter_that_was_asked_for(
    two: Lab, second: Path
) -> None:
    backend = "import sys\nassert sys.base_prefix.startswith('/opt/'), sys.base_prefix\n" + BACKEND
    artifact = sdist("reenact_sdist", {"pyproject.toml": PYPROJECT, "backend.py": backend})
    outcome = await two.run(artifact, python=str(second), budget_ms=60_000)

    assert [p.exit_code for p in outcome.result.phases] == [0, 0, 0], output(outcome, "P1")
    assert any(line["kind"] == "module" and line["ok"] for line in lines(outcome, "report"))


@pytest.mark.privileged
async def test_run__an_interpreter_that_is_not_ours_is_refused(two: Lab) -> None:
    with pytest.raises(SandboxFailed, match="boxes cannot run that python"):
        await two.run(wheel("reenact_case", {"reenact_case.py": ""}), python="/bin/sh")
