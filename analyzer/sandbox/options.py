"""The daemon's options, as one value."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from analyzer.sandbox.boxes import Way

UID_BASE = 64900
"""First uid of boxes: above those that Debian gives out (Policy 9.2.2: 64000 to 64999 on request)."""
BOXES_MAX = 16
"""Slots that the tracer knows (analyzer.trace)."""
SINKHOLE_UID_OFFSET = 20
"""Sinkholes get uid_base + 20 + slot, so that no box shares a uid with one; all are within the 64 uids
that Pratique takes (`proxy.settings.UIDS_NEEDED`), of which boxes have those from the ninth on."""
MEMORY_BYTES = 1 << 30
"""Bytes of memory of one box, beside its files: importing torch takes 400 MiB."""
PIDS = 128
"""Processes and threads of one box; a parallel build on four processors takes some 40."""
CPU_PERCENT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """See `parser`."""

    socket: Path
    client_uid: int
    run_dir: Path
    uid_base: int = UID_BASE
    boxes: int = 1
    """0: as many as fit (`capacity`)."""
    harness: bool = False
    trace: bool = True
    site: tuple[Path, ...] = ()
    pip_dir: Path | None = None
    memory_bytes: int = MEMORY_BYTES
    pids: int = PIDS
    cpu_percent: int = CPU_PERCENT
    way: Way | None = None
    """None: find out."""
    interpreters: tuple[Path, ...] = ()
    """Empty: all that are in the usual places (`interpreters.PATTERNS`)."""


def parser() -> argparse.ArgumentParser:
    """The command line that `launch.daemon_argv` builds."""
    made = argparse.ArgumentParser(prog="pratique-sandbox")
    made.add_argument("--socket", type=Path, required=True)
    made.add_argument("--client-uid", type=int, required=True)
    made.add_argument("--run-dir", type=Path, default=Path("/run/pratique"))
    made.add_argument("--uid-base", type=int, default=UID_BASE)
    made.add_argument(
        "--boxes", type=_boxes, default=1, help="runs at once; auto (or 0): what fits"
    )
    made.add_argument("--harness", action="store_true", help="boxes show the harness marker")
    made.add_argument("--no-trace", action="store_true", help="run boxes without the tracer")
    made.add_argument("--site", type=Path, action="append", default=[])
    made.add_argument("--pip-dir", type=Path, help="folder that holds the package pip")
    made.add_argument("--memory-bytes", type=int, default=MEMORY_BYTES)
    made.add_argument("--pids", type=int, default=PIDS)
    made.add_argument("--cpu-percent", type=int, default=CPU_PERCENT)
    made.add_argument("--way", type=Way, choices=tuple(Way), help="into a box; default: probe")
    made.add_argument(
        "--interpreter",
        type=Path,
        action="append",
        default=[],
        help="an interpreter that boxes may run beside the usual one; default: all that are found",
    )
    return made


def _boxes(text: str) -> int:
    number = 0 if text == "auto" else int(text)
    if not 0 <= number <= BOXES_MAX:
        raise argparse.ArgumentTypeError(f"auto, or a number up to {BOXES_MAX}")
    return number


def parse(argv: Sequence[str]) -> Options:
    """Options from arguments; exits with a message where they are wrong."""
    given = parser().parse_args(argv)
    if given.uid_base < 1000:
        parser().error("--uid-base: uids of boxes begin at 1000 or above")
    return Options(
        socket=given.socket,
        client_uid=given.client_uid,
        run_dir=given.run_dir,
        uid_base=given.uid_base,
        boxes=given.boxes,
        harness=given.harness,
        trace=not given.no_trace,
        site=tuple(given.site),
        pip_dir=given.pip_dir,
        memory_bytes=given.memory_bytes,
        pids=given.pids,
        cpu_percent=given.cpu_percent,
        way=given.way,
        interpreters=tuple(given.interpreter),
    )
