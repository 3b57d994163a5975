"""What a run's parts come to together."""

from __future__ import annotations

from analyzer.observations import read_runner
from analyzer.sandbox.layout import SITE
from analyzer.watching import unconfirmed_modules
from models.phase import Phase
from models.trace import Event, EventKind
from tests.analyzer.fakes import lines


def opened(path: str, *, phase: Phase = Phase.IMPORT, result: int = 3) -> Event:
    return Event(kind=EventKind.OPEN, phase=phase, at_us=1, path=path, result=result)


def test_unconfirmed_modules__those_of_which_no_file_was_opened_on_import() -> None:
    names = ("package", "single", "native", "cached", "typing", "forged", "early", "missing")
    word = read_runner(lines(*({"kind": "module", "name": name, "ok": True} for name in names)))
    events = (
        opened(f"{SITE}/package/__init__.py"),
        opened(f"{SITE}/single.py"),
        opened(f"{SITE}/native.cpython-311-x86_64-linux-gnu.so"),
        opened(f"{SITE}/__pycache__/cached.cpython-311.pyc"),
        opened(f"{SITE}/early/__init__.py", phase=Phase.START),
        opened(f"{SITE}/missing/__init__.py", result=-2),
    )

    assert unconfirmed_modules(word, events) == {"forged", "early", "missing"}
