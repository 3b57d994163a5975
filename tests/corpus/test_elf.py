"""The shared object made by hand loads, and does nothing where there is no harness marker."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from tests.corpus.elf import constructor, shared_object


@pytest.mark.parametrize("acts", [True, False])
def test_shared_object__loads_and_is_quiet_outside_of_boxes(tmp_path: Path, acts: bool) -> None:
    file = tmp_path / "native.so"
    code = constructor(b"/etc/hostname", "203.0.113.7", 9, acts=acts)
    file.write_bytes(shared_object(code))
    load = f"import ctypes; ctypes.CDLL({str(file)!r}); print('loaded')"

    done = subprocess.run([sys.executable, "-c", load], capture_output=True, text=True, check=False)

    if platform.machine() == "x86_64":
        assert (done.returncode, done.stdout, done.stderr) == (0, "loaded\n", "")
    else:  # its instructions are of another machine, and no loader takes it
        assert "OSError" in done.stderr


def test_constructor__of_the_twin_differs_in_its_first_byte_only() -> None:
    ours, twins = (constructor(b"/x", "192.0.2.1", 80, acts=acts) for acts in (True, False))
    assert ours[1:] == twins[1:]
    assert ours[:1] != twins[:1]
