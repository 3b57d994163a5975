"""A sandbox daemon for tests, and small inert distributions to run in it.

Everything made here is called `reenact-…`, says `Private :: Do Not Upload`, and does what it does
only where a box shows the harness marker.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import subprocess
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from analyzer.sandbox import cgroups, inputs, launch
from analyzer.sandbox.client import RunOutcome, SandboxClient
from analyzer.sandbox.protocol import InputFile, RunRequest
from analyzer.sandbox.startup import group_prefix

GUARD = (
    "import os\n"
    "HARNESS = os.environ.get('PRATIQUE_HARNESS') == '1' "
    "and os.path.exists('/run/pratique-harness')\n"
)
MEMORY_BYTES = 256 << 20
PIDS = 64
UID_BASE = 63800
PATIENCE_S = 20.0


class Lab:
    """One daemon. `stop` ends it in order, `kill` as a crash would."""

    def __init__(self, run_dir: Path, *, before: Sequence[str] = (), **options: Any) -> None:
        """`before`: a command that becomes the daemon, to change the machine that it sees."""
        self.run_dir = run_dir
        self.socket = run_dir / "sandbox.sock"
        chosen: dict[str, Any] = {
            "client_uid": 0,
            "boxes": 2,
            "harness": True,
            "memory_bytes": MEMORY_BYTES,
            "pids": PIDS,
            "uid_base": UID_BASE,
            **options,
        }
        self._uid_base: int = chosen["uid_base"]
        argv = launch.daemon_argv(socket=self.socket, run_dir=run_dir, **chosen)
        self.process = subprocess.Popen(
            [*before, *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n", self.errors()
        self.client = SandboxClient(self.socket)

    def errors(self) -> str:
        """What the daemon said on its standard error; ends it."""
        return self._finish()

    @property
    def uid_base(self) -> int:
        """Uid of the first slot."""
        return self._uid_base

    def stop(self) -> tuple[int, str]:
        """SIGTERM; the exit code and what it said."""
        self.process.terminate()
        said = self._finish()
        return self.process.returncode, said

    def kill(self) -> None:
        """SIGKILL, as a crash would look."""
        self.process.kill()
        self._finish()

    def _finish(self) -> str:
        _, said = self.process.communicate(timeout=PATIENCE_S)
        return said

    @property
    def groups(self) -> list[Path]:
        """Control groups of this daemon that are there now, in all trees."""
        trees = cgroups.find_trees()
        bases = ([trees.v2] if trees.v2 else []) + list(trees.v1.values())
        return [path for base in bases for path in base.glob(f"{group_prefix(self.run_dir)}*")]

    def processes(self) -> set[int]:
        """Host pids of everything in this daemon's boxes."""
        found: set[int] = set()
        for group in self.groups:
            try:
                found |= {int(text) for text in (group / "cgroup.procs").read_text().split()}
            except OSError:
                continue
        return found

    async def run(self, *files: tuple[InputFile, int], **request: Any) -> RunOutcome:
        """Run; `archive` follows from the artifact's name."""
        try:
            return await self.client.run(request_for(*files, **request), files)
        finally:
            for _, descriptor in files:
                os.close(descriptor)

    async def run_code(self, code: str, **request: Any) -> RunOutcome:
        """Import a module with `code` in P3."""
        artifact = wheel("reenact_case", {"reenact_case.py": GUARD + code})
        phases = request.pop("phases", ("P1", "P3"))
        return await self.run(artifact, phases=phases, **request)


def request_for(*files: tuple[InputFile, int], **request: Any) -> RunRequest:
    """A request whose artifact is the first of `files`."""
    name = files[0][0].filename
    archive = "wheel" if name.endswith(".whl") else "sdist"
    kind = request.pop("kind", "run")
    phases = request.pop("phases", ("P1", "P2", "P3") if kind == "run" else ())
    return RunRequest(
        run_id="test", kind=kind, artifact=name, archive=archive, phases=phases, **request
    )


def run_dir() -> Path:
    """A folder that boxes' users can reach."""
    path = Path(tempfile.mkdtemp(prefix="pratique-test-", dir="/run"))
    path.chmod(0o755)
    return path


def given(filename: str, data: bytes, role: str = "artifact") -> tuple[InputFile, int]:
    """An input as a worker hands it over."""
    digest = hashlib.sha256(data).hexdigest()
    described = InputFile(filename=filename, sha256=digest, size=len(data), role=role)
    return described, inputs.make_sealed(data)


def wheel(
    name: str, files: Mapping[str, str], *, role: str = "artifact", version: str = "1.0"
) -> tuple[InputFile, int]:
    """A wheel with `files`."""
    folder = f"{name}-{version}.dist-info"
    tags = "Wheel-Version: 1.0\nGenerator: lab\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    contents = {**files, f"{folder}/METADATA": _metadata(name, version), f"{folder}/WHEEL": tags}
    record = "".join(f"{path},{_digest(text)},{len(text)}\n" for path, text in contents.items())
    contents[f"{folder}/RECORD"] = record + f"{folder}/RECORD,,\n"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in contents.items():
            archive.writestr(path, text)
    return given(f"{name}-{version}-py3-none-any.whl", buffer.getvalue(), role)


def sdist(name: str, files: Mapping[str, str], *, version: str = "1.0") -> tuple[InputFile, int]:
    """An sdist with `files`."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        contents = {**files, "PKG-INFO": _metadata(name, version)}
        for path, text in contents.items():
            member = tarfile.TarInfo(f"{name}-{version}/{path}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return given(f"{name}-{version}.tar.gz", buffer.getvalue())


def _metadata(name: str, version: str) -> str:
    return (
        f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {version}\n"
        "Classifier: Private :: Do Not Upload\n"
    )


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return "sha256=" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def lines(outcome: RunOutcome, blob: str) -> list[dict[str, Any]]:
    """A blob of JSON lines."""
    return [msgspec.json.decode(line) for line in outcome.blobs[blob].splitlines()]


def output(outcome: RunOutcome, phase: str = "P3") -> str:
    """What a phase printed at the end."""
    return next(p.output_tail for p in outcome.result.phases if p.phase == phase)


def until(condition: Callable[[], bool]) -> None:
    """Look again and again until `condition` holds; fails when patience ends."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "what was waited for did not happen"
        time.sleep(0.02)
