"""The whole analyzer against a real sandbox daemon, with inert packages made here."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import zlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from analyzer.memfd import sealed
from analyzer.pipeline import analyse
from analyzer.sandbox.client import SandboxClient
from analyzer.sandbox.launch import daemon_argv
from models.artifact import IndexName, Sha256, parse_ref
from models.clock import utc_now
from models.evidence import Evidence, Finding, Layer, ProofKind, ResolvedFile, Shortfall
from models.facts import Facts
from models.phase import Phase
from models.work import ANALYSIS_S, AnalysisPlan, EvidencePost, Lease, ResolvedSet, ResolveRequest
from proxy.demo.packages import installed_wheel
from tests.analyzer.archives import make_sdist, make_wheel, make_zip, wheel_members
from tests.analyzer.reenactments import ACTS, GUARD, STEALS_A_DECOY, acting_modules

pytestmark = pytest.mark.privileged

STEALS = GUARD + STEALS_A_DECOY
BACKEND = """\
import base64, hashlib, pathlib, runpy, zipfile

def build_wheel(directory, config_settings=None, metadata_directory=None):
    runpy.run_path("setup.py")
    info = "reenact_demo-1.0.dist-info"
    files = {
        "calm.py": "CALM = True\\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\\nName: reenact-demo\\nVersion: 1.0\\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }
    record = ""
    name = "reenact_demo-1.0-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(directory, name), "w") as archive:
        for path, text in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode()
            record += f"{path},sha256={digest.rstrip('=')},{len(text)}\\n"
            archive.writestr(path, text)
        archive.writestr(f"{info}/RECORD", record + f"{info}/RECORD,,\\n")
    return name
"""
"""A PEP 517 back end inside the sdist: it runs setup.py as setuptools would, and needs no index."""
PYPROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""


def behaviour(evidence: Evidence) -> tuple[Finding, ...]:
    """What boxes saw; what reading the sources says is another layer's word."""
    return tuple(found for found in evidence.findings if found.layer is Layer.BEHAVIOUR)


def sdist(setup: str) -> bytes:
    return make_sdist({"pyproject.toml": PYPROJECT, "backend.py": BACKEND, "setup.py": setup})


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxClient]:
    """A daemon with the harness marker, tracing."""
    run_dir = Path("/run") / f"pratique-test-{os.getpid()}"
    run_dir.mkdir(mode=0o711)
    socket = run_dir / "sandbox.sock"
    errors = tmp_path_factory.mktemp("daemon") / "stderr"
    with errors.open("wb") as stderr:
        daemon = subprocess.Popen(
            daemon_argv(
                socket=socket,
                client_uid=os.geteuid(),
                run_dir=run_dir,
                harness=True,
                uid_base=64700,
            ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            cwd="/",
        )
    assert daemon.stdout is not None
    try:
        assert daemon.stdout.readline().strip() == b"ready", errors.read_text()
        yield SandboxClient(socket)
    finally:
        daemon.terminate()
        daemon.wait(timeout=30)
        daemon.stdout.close()
        for left in run_dir.iterdir():
            left.unlink() if not left.is_dir() else left.rmdir()
        run_dir.rmdir()


class Shop:
    """A proxy port that gives each role its own files: `{"run": {filename: bytes}}`."""

    def __init__(self, **roles: dict[str, bytes]) -> None:
        self._roles = roles
        self._data = {
            hashlib.sha256(data).hexdigest(): data
            for files in roles.values()
            for data in files.values()
        }

    async def resolve(self, request: ResolveRequest) -> ResolvedSet:
        files = self._roles.get(request.role, {})
        return ResolvedSet(
            files=tuple(
                ResolvedFile(
                    project=filename.split("-")[0],
                    version=filename.split("-")[1].removesuffix(".tar.gz"),
                    filename=filename,
                    sha256=Sha256(hashlib.sha256(data).hexdigest()),
                    role=request.role,
                )
                for filename, data in files.items()
            ),
            unresolved=tuple(
                f"{name.split('-')[0]}==1.0: what this sdist requires is not known to the index"
                for name in files
                if name.endswith(".tar.gz")
            ),
        )

    async def fetch(self, sha256: Sha256) -> int:
        return sealed(self._data[sha256], sha256)


class Shelf:
    """A proxy port that holds a few wheels, and resolves everything to all of them."""

    def __init__(self, **wheels: bytes) -> None:
        self._wheels = {hashlib.sha256(data).hexdigest(): data for data in wheels.values()}
        self._names = dict(zip(self._wheels, wheels, strict=True))

    async def resolve(self, request: ResolveRequest) -> ResolvedSet:
        return ResolvedSet(
            files=tuple(
                ResolvedFile(
                    project=name,
                    version="1.0",
                    filename=f"{name}-1.0-py3-none-any.whl",
                    sha256=Sha256(sha256),
                    role=request.role,
                )
                for sha256, name in self._names.items()
            )
        )

    async def fetch(self, sha256: Sha256) -> int:
        return sealed(self._wheels[sha256], sha256)


def run(
    sandbox: SandboxClient,
    filename: str,
    data: bytes,
    shelf: Shelf | Shop | None = None,
    *,
    analysis_s: int = ANALYSIS_S,
) -> EvidencePost:
    digest = Sha256(hashlib.sha256(data).hexdigest())
    ref = parse_ref(IndexName("test"), "reenact-demo", digest, filename)
    now = utc_now()
    lease = Lease(
        lease_id="lease",
        job_id=1,
        ref=ref,
        size_bytes=len(data),
        attempt=1,
        facts=Facts(ref=ref, as_of=now),
        expires_at=now + timedelta(seconds=60),
        analysis_s=analysis_s,
    )
    descriptor = sealed(data, digest)
    try:
        return asyncio.run(
            analyse(
                lease=lease,
                artifact_fd=descriptor,
                sandbox=sandbox,
                proxy=shelf or Shelf(),
                clock=utc_now,
                worker_name="test",
            )
        )
    finally:
        os.close(descriptor)


def test_analyse__a_harmless_wheel_is_complete_and_clean(sandbox: SandboxClient) -> None:
    data = make_wheel({"reenact_demo/__init__.py": "import json, ctypes.util\nVERSION = 1\n"})

    post = run(sandbox, "reenact_demo-1.0-py3-none-any.whl", data)

    evidence = post.evidence
    assert evidence.shortfalls == ()
    assert evidence.findings == ()
    assert evidence.layers == (Layer.METADATA, Layer.BEHAVIOUR)
    assert [phase.phase for phase in evidence.phases] == list(AnalysisPlan().phases)
    assert evidence.coverage.modules_imported == evidence.coverage.modules_found == 1
    assert evidence.account.emitted == evidence.account.received > 0
    lines = zlib.decompress(post.trace, 31).splitlines()
    assert len(lines) >= evidence.account.stored
    owners = {json.loads(line).get("owner", "") for line in lines}
    assert owners == {"", "box:runner"}


def test_analyse__a_wheel_that_sends_a_decoy_on_import_is_proved(sandbox: SandboxClient) -> None:
    data = make_wheel({"reenact_demo/__init__.py": STEALS})

    evidence = run(sandbox, "reenact_demo-1.0-py3-none-any.whl", data).evidence

    assert {(found.proof, found.phase, found.what) for found in evidence.proofs} == {
        (ProofKind.CANARY_LEFT, phase, "aws-key") for phase in (Phase.IMPORT, Phase.WAIT)
    }
    assert evidence.proofs[0].place.address == "203.0.113.7"
    assert evidence.shortfalls == ()
    assert {"decoy-read", "decoy-read-then-sent", "network-connect"} <= {
        found.id for found in evidence.findings
    }


def test_analyse__an_sdist_that_sends_a_decoy_at_build_is_proved(sandbox: SandboxClient) -> None:
    evidence = run(sandbox, "reenact_demo-1.0.tar.gz", sdist(STEALS)).evidence

    assert {(found.proof, found.phase, found.what) for found in evidence.proofs} == {
        (ProofKind.CANARY_LEFT, Phase.INSTALL, "aws-key")
    }
    assert evidence.shortfalls == ()


def test_analyse__a_harmless_sdist_is_complete_and_clean(sandbox: SandboxClient) -> None:
    asks_the_system = "import subprocess\nsubprocess.run(['uname'], check=False)\n"

    evidence = run(sandbox, "reenact_demo-1.0.tar.gz", sdist(asks_the_system)).evidence

    assert evidence.shortfalls == ()
    assert behaviour(evidence) == ()
    assert evidence.coverage.modules_imported == 1


def test_analyse__a_dependency_is_charged_with_its_own_acts(sandbox: SandboxClient) -> None:
    members = wheel_members(
        {"reenact_demo/__init__.py": "import loud\n"}, metadata=("Requires-Dist: loud",)
    )
    shelf = Shelf(loud=make_wheel({"loud.py": STEALS}, name="loud"))

    evidence = run(sandbox, "reenact_demo-1.0-py3-none-any.whl", make_zip(members), shelf).evidence

    assert evidence.proofs == ()
    # What left the box stays the artifact's concern; all else is the dependency's.
    owners = {found.owner for found in evidence.findings if found.id == "canary-left"}
    assert owners == {""}
    assert "box:dependencies" in {found.owner for found in evidence.findings}


def test_analyse__each_re_enactment_is_seen_by_its_detector(sandbox: SandboxClient) -> None:
    data = make_wheel(acting_modules("reenact_demo"))

    evidence = run(sandbox, "reenact_demo-1.0-py3-none-any.whl", data).evidence

    seen = {found.id for found in evidence.findings if found.phase is Phase.IMPORT}
    assert ACTS.keys() - seen == set()
    assert evidence.proofs == ()
    assert evidence.shortfalls == ()


def test_analyse__the_same_modules_without_acting_are_clean(sandbox: SandboxClient) -> None:
    files = {
        path: text.replace("if ACT", "if not ACT and False")
        for path, text in acting_modules("reenact_demo").items()
    }

    evidence = run(sandbox, "reenact_demo-1.0-py3-none-any.whl", make_wheel(files)).evidence

    assert behaviour(evidence) == ()
    assert evidence.shortfalls == ()


def test_analyse__a_start_hook_that_acts_is_seen_at_start(sandbox: SandboxClient) -> None:
    hook = "import reenact_demo_hook\n"
    acts = GUARD + "if ACT:\n    subprocess.run(['id'])\n"
    data = make_wheel({"reenact_demo.pth": hook, "reenact_demo_hook.py": acts})

    evidence = run(sandbox, "reenact_demo-1.0-py3-none-any.whl", data).evidence

    assert ("start-hook-acts", Phase.START) in {(f.id, f.phase) for f in evidence.findings}
    assert evidence.coverage.start_hooks == 1


LEGACY_SETUP = """\
from setuptools import setup
setup(name="reenact-lib", version="1.0", py_modules=["reenact_lib"])
"""


def legacy_sdist(setup: str = LEGACY_SETUP, module: str = "VALUE = 7\n") -> bytes:
    """An sdist without pyproject.toml, as docopt has been for ten years."""
    return make_sdist({"setup.py": setup, "reenact_lib.py": module}, name="reenact-lib")


def importing_wheel() -> bytes:
    return make_zip(
        wheel_members(
            {"reenact_demo/__init__.py": "import reenact_lib\nassert reenact_lib.VALUE == 7\n"},
            metadata=("Requires-Dist: reenact-lib",),
        )
    )


def tools() -> dict[str, bytes]:
    setuptools = installed_wheel("setuptools")
    return {setuptools.filename: setuptools.data}


def test_analyse__a_dependency_that_is_an_sdist_is_built_and_imported(
    sandbox: SandboxClient,
) -> None:
    shop = Shop(run={"reenact_lib-1.0.tar.gz": legacy_sdist()}, build=tools())

    evidence = run(sandbox, "reenact_demo-1.0-py3-none-any.whl", importing_wheel(), shop).evidence

    assert evidence.shortfalls == ()
    assert evidence.findings == ()
    assert evidence.coverage.modules_imported == 1
    assert evidence.signal("behaviour.requirements_built") == 1
    assert [(file.project, file.role) for file in evidence.dependencies] == [
        ("reenact_lib", "run"),
        ("setuptools", "build"),
    ]


def test_analyse__an_sdist_is_built_with_an_sdist(sandbox: SandboxClient) -> None:
    uses = "import reenact_lib\nassert reenact_lib.VALUE == 7\n"
    pyproject = PYPROJECT.replace("requires = []", 'requires = ["reenact-lib"]')
    data = make_sdist({"pyproject.toml": pyproject, "backend.py": BACKEND, "setup.py": uses})
    library = make_sdist(
        {
            "pyproject.toml": PYPROJECT,
            "backend.py": BACKEND.replace("reenact_demo", "reenact_lib")
            .replace("reenact-demo", "reenact-lib")
            .replace("calm.py", "reenact_lib.py")
            .replace("CALM = True", "VALUE = 7"),
            "setup.py": "",
        },
        name="reenact-lib",
    )
    shop = Shop(build={"reenact_lib-1.0.tar.gz": library})

    evidence = run(sandbox, "reenact_demo-1.0.tar.gz", data, shop).evidence

    assert evidence.shortfalls == ()
    assert evidence.signal("behaviour.requirements_built") == 1


BREAKS = LEGACY_SETUP + "raise SystemExit(1)\n"
REACHES = (
    LEGACY_SETUP
    + """\
import os, pathlib
assert os.path.isdir("/opt/runner"), "this is for boxes only"
for place in ("/home/dev", "/env/lib", "/deps", "/opt/runner", "/in"):
    try:
        pathlib.Path(place, "reached").write_text("")
    except OSError:
        continue
    raise SystemExit(place)
if os.environ.get("AWS_ACCESS_KEY_ID") or os.path.exists("/home/dev"):
    raise SystemExit("decoys")
try:
    import socket
    socket.create_connection(("203.0.113.7", 80), timeout=1)
except OSError:
    pass
else:
    raise SystemExit("network")
"""
)


def test_analyse__a_requirement_that_does_not_build_falls_short_and_the_rest_runs(
    sandbox: SandboxClient,
) -> None:
    shop = Shop(run={"reenact_lib-1.0.tar.gz": legacy_sdist(BREAKS)}, build=tools())
    data = make_zip(
        wheel_members({"reenact_demo.py": ""}, metadata=("Requires-Dist: reenact-lib",))
    )

    evidence = run(sandbox, "reenact_demo-1.0-py3-none-any.whl", data, shop).evidence

    assert evidence.shortfalls == (Shortfall.REQUIREMENT_UNRESOLVED,)
    assert evidence.coverage.modules_imported == 1
    assert evidence.signal("behaviour.requirements_not_built") == 1


def test_analyse__a_requirement_that_builds_for_ever_is_ended_and_the_rest_runs(
    sandbox: SandboxClient,
) -> None:
    hangs = "import time\nwhile True:\n    time.sleep(1)\n"
    shop = Shop(run={"reenact_lib-1.0.tar.gz": legacy_sdist(hangs)}, build=tools())
    data = make_zip(
        wheel_members({"reenact_demo.py": ""}, metadata=("Requires-Dist: reenact-lib",))
    )
    name = "reenact_demo-1.0-py3-none-any.whl"

    evidence = run(sandbox, name, data, shop, analysis_s=30).evidence

    assert evidence.shortfalls == (Shortfall.REQUIREMENT_UNRESOLVED,)
    assert evidence.coverage.modules_imported == 1


def test_analyse__a_build_of_a_requirement_reaches_nothing_that_is_watched(
    sandbox: SandboxClient,
) -> None:
    shop = Shop(run={"reenact_lib-1.0.tar.gz": legacy_sdist(REACHES)}, build=tools())

    evidence = run(sandbox, "reenact_demo-1.0-py3-none-any.whl", importing_wheel(), shop).evidence

    assert evidence.shortfalls == ()
    assert evidence.findings == ()


def test_analyse__what_a_built_requirement_does_on_import_is_charged_to_it(
    sandbox: SandboxClient,
) -> None:
    library = legacy_sdist(module="VALUE = 7\n" + STEALS)
    shop = Shop(run={"reenact_lib-1.0.tar.gz": library}, build=tools())

    evidence = run(sandbox, "reenact_demo-1.0-py3-none-any.whl", importing_wheel(), shop).evidence

    assert evidence.proofs == ()
    # What left the box stays the artifact's concern; all else is the dependency's.
    owners = {found.owner for found in evidence.findings if found.id == "canary-left"}
    assert owners == {""}
    assert "box:dependencies" in {found.owner for found in evidence.findings}


FOREIGN = "reenact_demo.cp312-win_amd64.pyd"
RAISES = "raise RuntimeError('not here')\n"
N = Shortfall.NOTHING_IMPORTABLE


@pytest.mark.parametrize(
    ("files", "shortfalls", "nothing"),
    [
        ({}, (), True),
        ({"reenact-stubs/__init__.pyi": "x: int\n", "reenact-stubs/py.typed": ""}, (), True),
        ({"reenact_demo-1.0.data/scripts/reenact": "#!python\nprint(1)\n"}, (), True),
        ({"reenact_data/table.csv": "1,2\n"}, (), True),
        ({"libreenact.so": b"no module"}, (), True),
        ({"reenact_demo/lib/libreenact.so": b"no module"}, (), False),
        ({"libreenact.so": b"no module", "reenact_demo.py": ""}, (), False),
        ({"reenact_demo.so": b"PyInit_reenact_demo, and broken"}, (N,), False),
        ({FOREIGN: b""}, (Shortfall.WRONG_PLATFORM,), True),
        ({FOREIGN: b"", "reenact_other.py": ""}, (), False),
        ({"reenact_demo.py": RAISES}, (N,), False),
        (
            {"reenact_demo.py": "import reenact_missing\n", "b.py": "raise SystemExit\n"},
            (N,),
            False,
        ),
        ({"reenact_demo.py": RAISES, "reenact_other.py": ""}, (), False),
        ({"reenact_demo/__init__.py": "", "reenact_demo/win.py": "import winreg\n"}, (), False),
    ],
)
def test_analyse__only_what_could_have_been_imported_and_was_not_falls_short(
    sandbox: SandboxClient,
    files: dict[str, str | bytes],
    shortfalls: tuple[Shortfall, ...],
    nothing: bool,
) -> None:
    evidence = run(sandbox, "reenact_demo-1.0-py3-none-any.whl", make_wheel(files)).evidence

    assert evidence.shortfalls == shortfalls
    assert evidence.signal("behaviour.nothing_to_import") is nothing
    assert evidence.findings == ()


def test_analyse__what_every_module_raised_is_said(sandbox: SandboxClient) -> None:
    data = make_wheel({"a.py": RAISES, "b.py": "import reenact_missing\n"})

    evidence = run(sandbox, "reenact_demo-1.0-py3-none-any.whl", data).evidence

    assert evidence.signal("behaviour.import_errors") == "ModuleNotFoundError, RuntimeError"
    assert evidence.coverage.modules_failed == 2


def test_analyse__the_last_of_many_modules_is_run_too(sandbox: SandboxClient) -> None:
    files = {f"reenact_{number:02}.py": "" for number in range(45)} | {"reenact_last.py": STEALS}

    evidence = run(sandbox, "reenact_demo-1.0-py3-none-any.whl", make_wheel(files)).evidence

    assert evidence.coverage.modules_imported == 46
    assert evidence.proofs
