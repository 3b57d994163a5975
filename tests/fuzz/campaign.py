"""A campaign: one target under atheris for a while, going on from where the last one stopped."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.targets import CORPUS, Target
from tests.proofs.proof import ROOT

STATE = ROOT / "var" / "fuzz"
"""What campaigns found so far, and atheris itself; ignored by git."""
REQUIREMENTS = Path(__file__).parent / "requirements.txt"
UNIT_S = 10
"""Seconds after which one input counts as a hang; the slowest honest one takes 50 ms."""
RSS_MIB = 2048
"""Memory after which an input counts as a crash."""
STARTUP_S = 120
"""Seconds that instrumenting may take beside the campaign itself."""
KEPT_BYTES = 2048
"""Bytes of the longest input that a campaign gives to the repository."""

_DONE = re.compile(r"Done (\d+) (?:runs|in)|^#(\d+)\s", re.MULTILINE)
_ARTIFACT = re.compile(r"Test unit written to (\S+)")
_COVERED = re.compile(r"cov: (\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """What came of one."""

    target: str
    seconds: float
    executions: int
    covered: int
    """Branches that some input reached, as libFuzzer counts them."""
    crashes: tuple[str, ...]
    """Files that hold an input which broke a law."""
    said: str
    """The end of the output, for whoever looks into a crash."""


def has_build() -> bool:
    """Whether `requirements.txt` names a built atheris for this machine and Python."""
    machine = (sys.platform, platform.machine())
    return machine == ("linux", "x86_64") and sys.version_info[:2] in {(3, 11), (3, 12), (3, 13)}


def atheris_path() -> Path:
    """The folder that atheris lies in, installed there if it is not yet. Raises CalledProcessError."""
    place = STATE / f"atheris-{sys.version_info.major}.{sys.version_info.minor}"
    if not (place / "atheris").is_dir():
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--require-hashes",
            "--no-deps",
        ]
        subprocess.run([*command, "--target", str(place), "-r", str(REQUIREMENTS)], check=True)
    return place


def run(target: Target, seconds: int) -> Campaign:
    """Fuzz `target` for so long, or until something breaks."""
    grown, crashes = STATE / target.name / "corpus", STATE / target.name / "crashes"
    for folder in (grown, crashes):
        folder.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT), str(atheris_path())))}
    begun = time.monotonic()
    try:
        ended = _fuzzed(target, seconds, grown, crashes, environment)
    except subprocess.TimeoutExpired:
        return Campaign(
            target=target.name,
            seconds=time.monotonic() - begun,
            executions=0,
            covered=0,
            crashes=("did not end in time",),
            said="",
        )
    output = (ended.stdout + ended.stderr).decode("utf-8", "replace")
    found = tuple(_ARTIFACT.findall(output))
    if ended.returncode and not found:
        found = (f"exit code {ended.returncode}",)
    return Campaign(
        target=target.name,
        seconds=time.monotonic() - begun,
        executions=executions_in(output),
        covered=max((int(text) for text in _COVERED.findall(output)), default=0),
        crashes=found,
        said=output[-4000:],
    )


def _fuzzed(
    target: Target, seconds: int, grown: Path, crashes: Path, environment: dict[str, str]
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [
            *(sys.executable, "-m", "tests.fuzz.child", target.name, str(grown)),
            str(CORPUS / target.name),
            f"-max_total_time={seconds}",
            f"-max_len={target.bytes_max}",
            f"-timeout={UNIT_S}",
            f"-rss_limit_mb={RSS_MIB}",
            f"-artifact_prefix={crashes}/",
        ],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        check=False,
        timeout=seconds + STARTUP_S,
        preexec_fn=lambda: os.nice(19),
    )


def executions_in(output: str) -> int:
    """Inputs tried, by the last line of libFuzzer's output that says so; 0 where none does."""
    counts = [int(one or other) for one, other in _DONE.findall(output)]
    return counts[-1] if counts else 0


def keep(target: Target, *, files_max: int) -> int:
    """Copy some of what a campaign found, short to long, into the repository's corpus; how many."""
    folder = CORPUS / target.name
    known = {path.read_bytes() for path in folder.iterdir()}
    grown = ((path, path.read_bytes()) for path in (STATE / target.name / "corpus").iterdir())
    new = [(path, data) for path, data in grown if len(data) <= KEPT_BYTES and data not in known]
    new.sort(key=lambda one: (len(one[1]), one[0].name))
    chosen = new[:: max(1, -(-len(new) // max(files_max, 1)))]
    for path, data in chosen:
        (folder / path.name[:12]).write_bytes(data)
    return len(chosen)
