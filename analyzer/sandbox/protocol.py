"""The wire between worker and sandbox daemon. Standard library only: the daemon imports this as root.

One connection carries one run. Each message is one `SOCK_SEQPACKET` datagram: a JSON object, with
file descriptors beside it (SCM_RIGHTS). Artifacts go in as sealed memfds and are hashed again by
the daemon; results come back as sealed memfds, which the daemon has not parsed.

    worker → daemon   {"op": "hello"}                              → Hello
    worker → daemon   {"op": "run", …RunRequest}                   (no descriptors)
    worker → daemon   {"op": "input", …InputFile} + 1 descriptor   (once per file, the artifact first)
    worker → daemon   {"op": "go"}
    daemon → worker   {"op": "progress", "phase": "P3", "state": "started"}   (any number)
    daemon → worker   {"op": "result", …RunResult} + descriptors in the order of `RunResult.blobs`
    daemon → worker   {"op": "error", "error": "…", "next_step": "…"}

The worker closing the connection kills the run. The daemon asks for the peer's uid (SO_PEERCRED)
and refuses anybody but root and the uid it was started for.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

MESSAGE_BYTES_MAX = 256 * 1024
"""Bytes of one message's JSON. Linux's default socket buffer holds 208 KiB; most are below 4 KiB."""
INPUT_FILES_MAX = 300
"""Files of one run: the artifact, its resolved set, its build requirements."""
INPUT_BYTES_MAX = 2 * 1024 * 1024 * 1024
"""Bytes of all inputs of one run; the largest tree on PyPI (a GPU build of torch) exceeds it and is refused."""
BLOB_BYTES_MAX = 64 * 1024 * 1024
"""Bytes of one result blob; the daemon stops writing there and says so in `truncated`."""

SOURCES_MAX = 8
"""Requirements of one run that are built from sdists; a tree with more is not one that pip builds fast."""
SOURCES_S_MAX = 40
"""Seconds in which all of them are built together, and at most half of what the run has left."""

KINDS = ("read", "run")
PHASES = ("P1", "P2", "P3", "P4", "P5")
VARIATIONS = ("ci", "timezone", "locale", "clock")
"""What may be different in P5 (`models.work.Variation`)."""
SCRIPTS_MAX = 20
"""Console scripts that P4 starts."""


@dataclass(frozen=True)
class RunRequest:
    """What to run.

    kind `read`: the reader box (no network, no trace): unpack, metadata, static reading. Its
    report is the blob `report`.
    kind `run`: the traced phases named in `phases`.
    """

    run_id: str
    kind: str
    artifact: str
    """Filename of the artifact among the inputs."""
    archive: str
    """`wheel` or `sdist`."""
    phases: tuple[str, ...] = ()
    budget_ms: int = 120_000
    """Milliseconds for the whole run; what is left when a phase begins bounds that phase."""
    modules: tuple[str, ...] = ()
    """Top-level modules to import first in P3, as the reader found them; then what the box finds."""
    simulate_drops: int = 0
    """For tests: pretend that this many events were dropped."""
    python: str = ""
    """Which of `Hello.pythons` boxes run; empty: the first."""
    scripts: tuple[str, ...] = ()
    """Names of the console scripts that P4 starts, as the reader found them."""
    variations: tuple[str, ...] = ()
    """What is different in P5."""
    in_tree: bool = False
    """Whether an sdist brings its own build back end (`backend-path`), whose hook that names build
    requirements pip calls where it isolates builds; we isolate them, so we call it."""


@dataclass(frozen=True)
class InputFile:
    """One input.

    `role`: `artifact`, `run` (dependency, unpacked beside it), `build` (what an sdist artifact is
    built with), or `tool` (a wheel that some requirement is built with). A `run` or `build` input
    that is no wheel is an sdist: it is built first, in a box of its own that nobody traces.
    """

    filename: str
    sha256: str
    size: int
    role: str
    needs: tuple[str, ...] = ()
    """Of an sdist among the requirements: the filenames of the `tool` inputs it is built with."""

    @property
    def is_source(self) -> bool:
        """Whether it is a requirement that has to be built."""
        return self.role in ("run", "build") and not self.filename.endswith(".whl")


@dataclass(frozen=True)
class PhaseResult:
    """How one phase went, as the daemon saw it from outside."""

    phase: str
    exit_code: int | None
    ended: str
    """`exit`, `timeout`, `output-flood`, `oom`, `killed`."""
    wall_ms: int
    started_ns: int
    """CLOCK_MONOTONIC at the phase's start; trace records carry the same clock."""
    syscalls: dict[str, int] = field(default_factory=dict)
    denied: dict[str, int] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
    """Counters of the controls: `pids_max_hits`, `oom_kills`, `memory_peak_bytes`, `cpu_us`; of P5 also
    `clock_jumped`."""
    output_tail: str = ""


@dataclass(frozen=True)
class SourceBuild:
    """How the building of one sdist requirement ended; whatever it did there was not traced."""

    filename: str
    exit_code: int | None
    ended: str
    wall_ms: int
    output_tail: str = ""

    @property
    def built(self) -> bool:
        """Whether there is a wheel of it."""
        return self.ended == "exit" and self.exit_code == 0


@dataclass(frozen=True)
class Canary:
    """A planted value. `kind` is from the closed list in `decoys`; `path` empty: an env variable."""

    id: str
    kind: str
    path: str
    variable: str
    parameter: str = ""
    """Of kind `argument`: a value that P4 hands to callables; the runner says to which."""


@dataclass(frozen=True)
class RunResult:
    """The end of a run. `blobs` names the descriptors that come with it, in order.

    `trace`: records as `analyzer.trace.records` describes them. `sinkhole`, `decoys`, `report`:
    JSON lines (see `sinkhole`, `decoys`, `runner`). All bounded, none parsed by the daemon.
    """

    run_id: str
    phases: tuple[PhaseResult, ...]
    blobs: tuple[str, ...]
    truncated: tuple[str, ...] = ()
    canaries: tuple[Canary, ...] = ()
    account: dict[str, int] = field(default_factory=dict)
    """emitted, received, dropped, stored, map_overflows, recursion_misses; empty: not traced."""
    python: str = ""
    wall_ms: int = 0
    builds: tuple[SourceBuild, ...] = ()
    """One for each sdist among the requirements, in the order of the inputs."""


@dataclass(frozen=True)
class Hello:
    """What this daemon can do."""

    version: str
    traced: bool
    """Whether `run` is possible; False: reader boxes only (started as an ordinary user)."""
    why_not: str = ""
    python: str = ""
    boxes: int = 1
    harness: bool = False
    """Whether boxes show the harness marker (test and research boxes only)."""
    pythons: tuple[str, ...] = ()
    """Executables of the interpreters that boxes can run, the usual one first."""
    refused: tuple[str, ...] = ()
    """Other interpreters, each with the reason why boxes do not run it."""


def to_json(message: Any) -> dict[str, Any]:
    """A message as plain JSON values."""
    return asdict(message)
