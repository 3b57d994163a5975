"""Running the loader: what comes of it, and what is said when nothing does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from analyzer.trace.handover import PYTHON, TraceUnavailable, run_loader
from analyzer.trace.kernel import RING_BYTES
from analyzer.trace.loader import MAPS
from analyzer.trace.requirements import TRACEPOINTS
from tests.analyzer.trace.boxes import ROOT

NOBODY = 65534


def interpreter(folder: Path, *lines: str) -> str:
    """A stand-in for /usr/bin/python3: a shell script."""
    path = folder / "python3"
    path.write_text("\n".join(("#!/bin/sh", *lines, "")))
    path.chmod(0o755)
    return str(path)


@pytest.mark.privileged
@pytest.mark.parametrize("uid", [None, NOBODY])
def test_run_loader__hands_over_every_map_and_program(uid: int | None) -> None:
    """As nobody: BPF, PERFMON and DAC_READ_SEARCH are enough to compile and load."""
    maps, programs = run_loader(RING_BYTES, uid=uid)
    try:
        assert tuple(maps) == MAPS
        assert set(programs) == set(TRACEPOINTS)
    finally:
        for fd in (*maps.values(), *programs.values()):
            os.close(fd)


@pytest.mark.privileged
def test_run_loader__needs_no_kernel_headers_and_leaves_no_child() -> None:
    """In a mount namespace of its own, where no headers and no modules are to be found."""
    script = (
        f"import os, sys; sys.path.append({str(ROOT)!r});"
        "from analyzer.trace.handover import run_loader;"
        "assert not os.listdir('/usr/src');"
        "maps, programs = run_loader(1 << 20); print(len(maps), len(programs));"
        "print(open(f'/proc/self/task/{os.getpid()}/children').read())"
    )
    hide = (
        "for place in /usr/src /lib/modules /usr/include; do"
        " if [ -d $place ]; then mount -t tmpfs none $place; fi; done;"
        f' exec {PYTHON} -I -c "$1"'
    )
    done = subprocess.run(
        ["unshare", "--mount", "/bin/sh", "-ec", hide, "sh", script],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(len(MAPS)), str(len(TRACEPOINTS))]


@pytest.mark.privileged
def test_kernel__stays_small_and_needs_only_the_standard_library() -> None:
    """The daemon's process: no bcc, no LLVM, nothing from our environment, under 40 MB."""
    script = (
        f"import sys; sys.path.append({str(ROOT)!r});"
        "from analyzer.trace.kernel import Tracer; tracer = Tracer.load();"
        "assert not {'bcc', 'models', 'packaging'} & set(sys.modules);"
        "maps = open('/proc/self/maps').read(); assert 'LLVM' not in maps and 'libbcc' not in maps;"
        "import re; status = open('/proc/self/status').read();"
        "print(re.search(r'VmRSS:\\s*(\\d+)', status)[1]); tracer.close()"
    )
    done = subprocess.run(
        [PYTHON, "-I", "-c", script], capture_output=True, text=True, check=False, cwd="/"
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 40_000


def test_run_loader__a_missing_interpreter_is_told() -> None:
    with pytest.raises(TraceUnavailable, match="/none/python3") as caught:
        run_loader(RING_BYTES, python="/none/python3")
    assert "apt install" in caught.value.next_step


def test_run_loader__one_that_dies_is_told_with_its_last_words(tmp_path: Path) -> None:
    python = interpreter(tmp_path, "echo the last words >&2", "exit 3")
    with pytest.raises(TraceUnavailable, match=r"it died.* the last words"):
        run_loader(RING_BYTES, python=python)


def test_run_loader__one_that_hangs_is_ended(tmp_path: Path) -> None:
    python = interpreter(tmp_path, "exec sleep 600")
    with pytest.raises(TraceUnavailable, match="did not end"):
        run_loader(RING_BYTES, python=python, load_s=0.1)


def test_run_loader__a_python_without_bcc_names_the_package(tmp_path: Path) -> None:
    """This environment's own Python has no bcc."""
    python = interpreter(tmp_path, f'exec {sys.executable} "$@"')
    with pytest.raises(TraceUnavailable, match="No module named 'bcc'") as caught:
        run_loader(RING_BYTES, python=python)
    assert "python3-bpfcc" in caught.value.next_step
