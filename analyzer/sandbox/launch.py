"""The daemon's argument vector, for whoever starts it (supervisor, unit file, tests)."""

from __future__ import annotations

import site
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from analyzer.sandbox import layout

CODE_ROOT = Path(__file__).resolve().parents[2]
_START = (
    "import sys; sys.path.append({root!r}); "
    "from analyzer.sandbox.daemon import main; main(sys.argv[1:])"
)


def daemon_argv(
    *,
    socket: Path,
    client_uid: int,
    run_dir: Path = Path("/run/pratique"),
    uid_base: int | None = None,
    boxes: int = 1,
    harness: bool = False,
    trace: bool = True,
    sites: Sequence[Path] | None = None,
    pip_dir: Path | None = None,
    memory_bytes: int | None = None,
    pids: int | None = None,
    way: str | None = None,
    interpreters: Sequence[Path] = (),
) -> tuple[str, ...]:
    """The argument vector. `sites` and `pip_dir` default to those of this very environment."""
    argv = [layout.PYTHON, "-I", "-c", _START.format(root=str(CODE_ROOT))]
    argv += ["--socket", str(socket), "--client-uid", str(client_uid), "--run-dir", str(run_dir)]
    argv += ["--boxes", str(boxes)]
    for flag, wanted in (("--harness", harness), ("--no-trace", not trace)):
        argv += [flag] if wanted else []
    for path in environment_sites() if sites is None else sites:
        argv += ["--site", str(path)]
    chosen = pip_dir or find_pip()
    numbers = {"--uid-base": uid_base, "--memory-bytes": memory_bytes, "--pids": pids}
    for option, number in numbers.items():
        argv += [option, str(number)] if number is not None else []
    argv += ["--way", way] if way else []
    for path in interpreters:
        argv += ["--interpreter", str(path)]
    return (*argv, "--pip-dir", str(chosen)) if chosen else tuple(argv)


def environment_sites() -> tuple[Path, ...]:
    """Folders with this environment's packages, which reader boxes import from."""
    paths = sysconfig.get_paths()
    return tuple(dict.fromkeys(Path(paths[name]) for name in ("purelib", "platlib")))


def find_pip() -> Path | None:
    """A folder with an unpatched pip, to build sdists with; None: there is none."""
    for folder in (*environment_sites(), *(Path(path) for path in site.getsitepackages())):
        if (folder / "pip" / "__main__.py").is_file():
            return folder
    return None
