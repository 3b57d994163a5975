"""Whatever a campaign once found, and the inputs that it began with, is replayed on every change."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.targets import CORPUS, TARGETS, corpus_of

CORPUS_BYTES_MAX = 2 * 1024 * 1024
"""All of it stands in the repository."""
KEPT = [(name, path) for name in TARGETS for path in corpus_of(name)]


@pytest.mark.parametrize(("name", "path"), KEPT, ids=[f"{n}-{path.name}" for n, path in KEPT])
def test_corpus__holds_the_laws_of_its_target(name: str, path: Path) -> None:
    TARGETS[name].run(path.read_bytes())


def test_corpus__is_bounded_and_belongs_to_targets() -> None:
    assert {folder.name for folder in CORPUS.iterdir()} == set(TARGETS)
    files = [path for path in CORPUS.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < CORPUS_BYTES_MAX
