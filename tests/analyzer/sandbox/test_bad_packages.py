"""Packages that cannot be built or imported as they should: each ends in a known way, with its evidence.

What attacks the box itself is in `test_hostile`.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from analyzer.sandbox.client import RunOutcome
from tests.analyzer.sandbox.lab import GUARD, Lab, lines, output, sdist, until
from tests.analyzer.sandbox.test_run import BACKEND, PYPROJECT

pytestmark = pytest.mark.privileged


def has_evidence(outcome: RunOutcome) -> bool:
    """Whether the trace of what happened is there, whole and accounted for."""
    account = outcome.result.account
    whole = account["emitted"] == account["received"] == account["stored"] > 0
    return whole and bool(outcome.blobs["trace"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One sdist whose build goes wrong. `code` runs in its own build back end."""

    name: str
    code: str
    ended: str = "exit"
    says: str = ""
    talks: tuple[str, ...] = ()
    budget_ms: int = 30_000


BUILDS = (
    Build(
        name="hangs",
        code="import time\nprint('building', flush=True)\ntime.sleep(600)",
        ended="timeout",
        budget_ms=3000,
    ),
    Build(name="loops", code="while True:\n    pass", ended="timeout", budget_ms=3000),
    Build(
        name="asks on standard input",
        code="input('Continue? ')",
        says="EOFError",
    ),
    Build(
        name="asks on the terminal",
        code="open('/dev/tty', 'r+').write('password: ')",
        says="OSError: [Errno 6]",
    ),
    Build(
        name="asks for a password",
        code="import getpass\ngetpass.getpass()",
        says="EOFError",
    ),
    Build(
        name="needs a compiler",
        code="import subprocess\nsubprocess.run(['reenact-cc', '-c', 'x.c'], check=True)",
        says="No such file or directory: 'reenact-cc'",
    ),
    Build(
        name="needs the network",
        code=(
            "import urllib.request, zipfile\n"
            "urllib.request.urlretrieve('http://198.51.100.7/lib.zip', '/tmp/lib.zip')\n"
            "zipfile.ZipFile('/tmp/lib.zip').read('lib.c')"
        ),
        says="KeyError",
        talks=("198.51.100.7",),
    ),
    Build(name="exits well, and leaves no wheel", code="import os\nos._exit(0)"),
    Build(name="crashes", code="os.abort()", says="See above"),
)


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.name)
async def test_build__ends_after_p1_with_its_evidence(lab: Lab, build: Build) -> None:
    backend = GUARD + "if HARNESS:\n    " + build.code.replace("\n", "\n    ") + "\n" + BACKEND
    artifact = sdist("reenact_sdist", {"pyproject.toml": PYPROJECT, "backend.py": backend})
    outcome = await lab.run(artifact, budget_ms=build.budget_ms)

    (phase,) = outcome.result.phases
    assert (phase.phase, phase.ended) == ("P1", build.ended)
    assert phase.exit_code != 0
    assert build.says in phase.output_tail
    talked = [line["address"] for line in lines(outcome, "sinkhole") if line["kind"] == "tcp"]
    assert talked == list(build.talks)
    assert has_evidence(outcome), outcome.result.account
    until(lambda: not lab.processes())


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One module that ends, or does not end, in its own way. `error`: what the runner says of it."""

    name: str
    code: str
    error: str
    ended: str = "exit"
    exit_code: int | None = 0
    budget_ms: int = 30_000
    says: str = ""


MODULES = (
    Module(name="sys.exit", code="import sys\nsys.exit(5)", error="SystemExit"),
    Module(name="raises a bare BaseException", code="raise BaseException", error="BaseException"),
    Module(name="interrupts", code="raise KeyboardInterrupt", error="KeyboardInterrupt"),
    Module(name="os._exit, badly", code="os._exit(5)", error="failed"),
    Module(name="abort", code="os.abort()", error="failed"),
    Module(name="segfault", code="import ctypes\nctypes.string_at(0)", error="failed"),
    Module(name="recurses", code="def f():\n    f()\nf()", error="RecursionError"),
    Module(
        name="recurses in C",
        code="import sys\nsys.setrecursionlimit(10**9)\nx = []\n"
        "for _ in range(10**6):\n    x = [x]\nrepr(x)",
        error="failed",
    ),
    Module(name="syntax error", code="def", error="SyntaxError"),
    Module(
        name="loops",
        code="while True:\n    pass",
        error="timeout",
        ended="timeout",
        exit_code=None,
        budget_ms=2500,
    ),
    Module(
        name="waits for a terminal",
        code="print(input('more? '))",
        error="EOFError",
        says="more? ",
    ),
)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
async def test_module__ends_p3_with_its_evidence(lab: Lab, module: Module) -> None:
    code = "if HARNESS:\n    " + module.code.replace("\n", "\n    ") + "\n"
    if module.error == "SyntaxError":
        code = module.code
    outcome = await lab.run_code(code, budget_ms=module.budget_ms)

    phase = outcome.result.phases[-1]
    assert (phase.phase, phase.ended, phase.exit_code) == ("P3", module.ended, module.exit_code)
    errors = [line.get("error") for line in lines(outcome, "report") if line["kind"] == "module"]
    assert errors == [module.error]
    assert lines(outcome, "report")[-1]["kind"] == "coverage"
    assert module.says in output(outcome)
    assert has_evidence(outcome), outcome.result.account
    until(lambda: not lab.processes())


@pytest.mark.parametrize(
    "code",
    ["os._exit(0)", "os.closerange(0, 1024)"],
    ids=["os._exit well", "closes all descriptors"],
)
async def test_module__that_silences_the_runner_is_no_imported_module(lab: Lab, code: str) -> None:
    outcome = await lab.run_code(f"if HARNESS:\n    {code}\n")

    assert outcome.result.phases[-1].phase == "P3"
    assert not [
        line for line in lines(outcome, "report") if line["kind"] == "module" and line["ok"]
    ]
    assert has_evidence(outcome), outcome.result.account
    until(lambda: not lab.processes())


ASKED = """
def get_requires_for_build_wheel(config_settings=None):
    if HARNESS:
        import urllib.request
        urllib.request.urlopen('http://198.51.100.8/asked', timeout=5).read()
    return []
"""


@pytest.mark.parametrize("in_tree", [True, False])
async def test_build__the_hook_that_names_requirements_is_called_where_it_is_the_packages(
    lab: Lab, *, in_tree: bool
) -> None:
    files = {"pyproject.toml": PYPROJECT, "backend.py": GUARD + BACKEND + ASKED}

    outcome = await lab.run(sdist("reenact_sdist", files), phases=("P1",), in_tree=in_tree)

    (phase,) = outcome.result.phases
    assert (phase.ended, phase.exit_code) == ("exit", 0), phase.output_tail
    talked = [line["address"] for line in lines(outcome, "sinkhole") if line["kind"] == "tcp"]
    assert talked == (["198.51.100.8"] if in_tree else [])
