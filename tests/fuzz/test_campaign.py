"""What a campaign reads out of libFuzzer's words, and what it keeps."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz import campaign
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize(
    ("output", "executions"),
    [
        ("", 0),
        ("#8\tINITED cov: 970\n#104\tREDUCE cov: 1033\n", 104),
        ("#104\tREDUCE cov: 1033\nDone 192880 in 31 second(s)\n", 192880),
        ("Done 12 runs in 3 second(s)\n", 12),
    ],
)
def test_executions_in__the_last_line_that_says_so(output: str, executions: int) -> None:
    assert campaign.executions_in(output) == executions


def test_keep__some_new_inputs_from_short_to_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus, grown = tmp_path / "kept" / "names", tmp_path / "state" / "names" / "corpus"
    for folder in (corpus, grown):
        folder.mkdir(parents=True)
    (corpus / "known").write_bytes(b"a")
    lengths = {"x1": b"a", "x2": b"b" * 2, "x3": b"c" * 3, "x4": b"d" * 4, "x5": b"e" * 9_999}
    for name, data in lengths.items():
        (grown / name).write_bytes(data)
    monkeypatch.setattr(campaign, "CORPUS", tmp_path / "kept")
    monkeypatch.setattr(campaign, "STATE", tmp_path / "state")
    assert campaign.keep(TARGETS["names"], files_max=2) == 2
    assert sorted(path.name for path in corpus.iterdir()) == ["known", "x2", "x4"]
