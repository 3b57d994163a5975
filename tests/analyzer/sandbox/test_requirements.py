"""What is missing is said with the command that mends it."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.sandbox import boxes, requirements


@pytest.mark.privileged
def test_missing_pieces__none_where_these_tests_run() -> None:
    assert requirements.missing_pieces() == ()


def test_missing_pieces__bubblewrap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boxes, "BWRAP", "/nonexistent/bwrap")
    missing = requirements.missing_pieces()

    assert any(piece.mend == "apt install bubblewrap" for piece in missing)
    assert all(piece.what and piece.mend for piece in missing)
    assert {piece.needed_for for piece in missing} <= {"read", "run"}


@pytest.mark.privileged
def test_missing_pieces__code_of_others(tmp_path: Path) -> None:
    (tmp_path / "analyzer").mkdir()
    (tmp_path / "analyzer/__init__.py").touch()
    (tmp_path / "analyzer/__init__.py").chmod(0o666)
    (tmp_path / "analyzer/sandbox").mkdir()
    (tmp_path / "analyzer/trace").mkdir()
    missing = requirements.missing_pieces(tmp_path)

    assert [piece.mend for piece in missing] == [f"chown -R root:root {tmp_path}"]
