"""What doctor says of a machine's boxes: what is real, what stands in, and how to mend it."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.sandbox import boxes, standing
from analyzer.sandbox.cgroups import Trees

V1 = {name: Path("/v1", name) for name in ("memory", "pids", "cpu")}
PI = Trees(v2=Path("/v2"), v1={name: V1[name] for name in ("pids", "cpu")}, v2_limits=False)


@pytest.mark.parametrize(
    ("trees", "mode", "real"),
    [
        (Trees(v2=Path("/v2"), v1=V1, v2_limits=False), "hybrid", [True, True, True, True]),
        (PI, "hybrid", [True, False, True, True]),
        (Trees(v2=None, v1=V1, v2_limits=False), "v1", [False, True, True, True]),
        (Trees(v2=None, v1={}, v2_limits=False), "none", [False, False, False, False]),
        (Trees(v2=Path("/v2"), v1={}, v2_limits=False), "v2", [True, False, False, False]),
    ],
)
def test_groups__tell_limits_from_stand_ins(trees: Trees, mode: str, real: list[bool]) -> None:
    found = list(standing.groups(trees))

    assert found[0].what.startswith(f"control groups are {mode}:")
    assert [fact.real for fact in found] == real
    for fact in found[1:]:
        assert fact.real or "stands in" in fact.what
        assert fact.real or fact.mend


def test_groups__pure_v2_with_controllers_limits_all(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids")
    trees = Trees(v2=tmp_path, v1={}, v2_limits=True)

    assert all(fact.real for fact in standing.groups(trees))


def test_memory_limit__names_the_file_of_a_raspberry_pi(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "cmdline.txt"
    place.touch()
    monkeypatch.setattr(standing, "CMDLINES", (tmp_path / "none", place))
    (limit,) = [fact for fact in standing.groups(PI) if not fact.real]

    assert limit.mend == f"add cgroup_enable=memory to the one line of {place}, and reboot"


def test_way__user_namespaces_else_setpriv_else_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "user namespaces" in standing.way(allowed=True).what
    assert "by setpriv" in standing.way(allowed=False).what
    monkeypatch.setattr(boxes, "SETPRIV", "/nonexistent/setpriv")
    assert not standing.way(allowed=False).real


def test_faketime__says_what_to_install_where_it_is_not_there(tmp_path: Path) -> None:
    assert standing.faketime(None).mend == "apt install libfaketime"
    assert standing.faketime(tmp_path / "libfaketime.so.1").real


def test_memory__of_a_small_board_holds_one_box() -> None:
    assert standing.memory(4 << 30).real
    assert "--boxes 1" in standing.memory(1 << 30).mend


def test_interpreter__says_its_version_or_why_not() -> None:
    assert standing.interpreter("/usr/bin/python3").what.startswith("boxes can run Python 3.")
    assert not standing.interpreter("/nonexistent/python").real


def test_standings__each_says_something_and_each_gap_its_mend() -> None:
    for fact in standing.standings():
        assert fact.what
        assert fact.real or fact.mend
