"""What is different about the second start (P5): variables, files, and the clock.

A package that acts only on a build server, only in one country, or only after some weeks gets its
occasion here. Values are those of the real thing, and none is a secret.
"""

from __future__ import annotations

import platform
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from analyzer.sandbox.boxes import Mount

CI = {
    "CI": "true",
    "CONTINUOUS_INTEGRATION": "true",
    "GITHUB_ACTIONS": "true",
    "GITHUB_ACTOR": "dev",
    "GITHUB_EVENT_NAME": "push",
    "GITHUB_JOB": "build",
    "GITHUB_REF": "refs/heads/main",
    "GITHUB_REF_NAME": "main",
    "GITHUB_REPOSITORY": "corp/project",
    "GITHUB_REPOSITORY_OWNER": "corp",
    "GITHUB_RUN_ATTEMPT": "1",
    "GITHUB_RUN_ID": "11872043995",
    "GITHUB_RUN_NUMBER": "418",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_API_URL": "https://api.github.com",
    "GITHUB_SHA": "5c1f9d2ab0e34f7d8a6c90b2e7f1d3c4a5b6978e",
    "GITHUB_WORKFLOW": "ci",
    "GITHUB_WORKSPACE": "/home/dev/project",
    "RUNNER_ARCH": "X64",
    "RUNNER_ENVIRONMENT": "github-hosted",
    "RUNNER_NAME": "GitHub Actions 12",
    "RUNNER_OS": "Linux",
    "RUNNER_TEMP": "/tmp",
    "RUNNER_TOOL_CACHE": "/opt/hostedtoolcache",
    "GITLAB_CI": "true",
    "CI_COMMIT_BRANCH": "main",
    "CI_JOB_ID": "8364520118",
    "CI_JOB_NAME": "build",
    "CI_PIPELINE_ID": "1543210987",
    "CI_PROJECT_PATH": "corp/project",
    "CI_SERVER_HOST": "gitlab.com",
    "JENKINS_HOME": "/var/lib/jenkins",
    "JENKINS_URL": "https://jenkins.corp.example/",
    "BUILD_ID": "418",
    "BUILD_NUMBER": "418",
    "BUILD_URL": "https://jenkins.corp.example/job/project/418/",
    "JOB_NAME": "project",
    "TRAVIS": "true",
    "CIRCLECI": "true",
    "TF_BUILD": "True",
    "BUILDKITE": "true",
    "TEAMCITY_VERSION": "2024.07",
}
"""Several build servers at once: what asks for one finds it."""
LOCALE = {"LANG": "ru_RU.UTF-8", "LC_ALL": "ru_RU.UTF-8", "LANGUAGE": "ru_RU:ru"}
"""Not generated in most systems; who looks, looks at the names."""
ZONES = (("Europe/Moscow", "MSK-3"), ("Asia/Shanghai", "CST-8"))
"""Zones to move to, the first that is not the machine's own; each as TZ takes it without its file."""
CLOCK_SPEED = 60
"""How fast the clock runs: a `sleep(300)` takes 5 s."""
CLOCK_DAYS = 35
"""Days that the clock is ahead: more than a month."""
_ZONE_FILES = Path("/usr/share/zoneinfo")
_LOCALTIME = Path("/etc/localtime")
_LIBRARIES = Path("/usr/lib")
_LIBRARY = "faketime/libfaketimeMT.so.1"
"""Debian's package libfaketime: the variant for programs with threads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Varied:
    """How a box differs. `clock`: variables for the package's own processes only, for they preload."""

    variables: dict[str, str]
    mounts: tuple[Mount, ...]
    clock: dict[str, str]

    @property
    def speed(self) -> int:
        """How fast the clock of the package's processes runs."""
        return CLOCK_SPEED if self.clock else 1


def varied(names: Collection[str]) -> Varied:
    """What these variations (`protocol.VARIATIONS`) come to on this machine."""
    variables: dict[str, str] = {}
    mounts: tuple[Mount, ...] = ()
    if "ci" in names:
        variables |= CI
    if "locale" in names:
        variables |= LOCALE
    if "timezone" in names:
        variables["TZ"], mounts = _zone()
    return Varied(
        variables=variables,
        mounts=mounts,
        clock=clock_variables() if "clock" in names else {},
    )


def _zone() -> tuple[str, tuple[Mount, ...]]:
    """The value of TZ, and the mount of /etc/localtime where this machine has the zone's file."""
    here = str(_LOCALTIME.resolve())
    name, rule = next(zone for zone in ZONES if not here.endswith(zone[0]))
    source = _ZONE_FILES / name
    if source.is_file():
        return name, (Mount(source=str(source), target=str(_LOCALTIME)),)
    return rule, ()


def clock_library() -> Path | None:
    """The library that fakes the clock; None: it is not installed."""
    path = _LIBRARIES / f"{platform.machine()}-linux-gnu" / _LIBRARY
    return path if path.is_file() else None


def clock_variables() -> dict[str, str]:
    """What has a process live in the future, and fast; empty where the library is not there.

    Monotonic clocks are faked too, for without that asyncio gains nothing and `time.sleep` fails
    from Python 3.11 on (libfaketime issue 426). File times are not, or all bytecode would be stale.
    """
    library = clock_library()
    if library is None:
        return {}
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME": f"+{CLOCK_DAYS}d x{CLOCK_SPEED}",
        "FAKETIME_DONT_RESET": "1",
        "NO_FAKE_STAT": "1",
    }
