"""The argument vector that is built is one that the daemon understands."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.sandbox import launch, options
from analyzer.sandbox.boxes import Way


def test_daemon_argv__is_understood() -> None:
    argv = launch.daemon_argv(
        socket=Path("/run/x/s"),
        client_uid=5,
        run_dir=Path("/run/x"),
        boxes=3,
        harness=True,
        trace=False,
        sites=[Path("/s1"), Path("/s2")],
        pip_dir=Path("/p"),
        uid_base=50_000,
        way="setpriv",
        interpreters=[Path("/opt/python/3.13/bin/python3.13")],
    )

    assert argv[:3] == ("/usr/bin/python3", "-I", "-c")
    given = options.parse(argv[4:])
    assert given == options.Options(
        socket=Path("/run/x/s"),
        client_uid=5,
        run_dir=Path("/run/x"),
        uid_base=50_000,
        boxes=3,
        harness=True,
        trace=False,
        site=(Path("/s1"), Path("/s2")),
        pip_dir=Path("/p"),
        way=Way.SETPRIV,
        interpreters=(Path("/opt/python/3.13/bin/python3.13"),),
    )


def test_daemon_argv__defaults_come_from_this_environment() -> None:
    given = options.parse(launch.daemon_argv(socket=Path("/s"), client_uid=0)[4:])

    assert all((path / "msgspec").is_dir() for path in given.site[:1])
    assert given.trace
    assert not given.harness
    assert given.interpreters == ()


def test_parse__boxes_may_be_left_to_the_machine() -> None:
    for text in ("auto", "0"):
        assert options.parse(["--socket", "/s", "--client-uid", "0", "--boxes", text]).boxes == 0


@pytest.mark.parametrize("wrong", [["--uid-base", "0"], ["--boxes", "17"], ["--boxes", "x"]])
def test_parse__bounds_are_held(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        options.parse(["--socket", "/s", "--client-uid", "0", *wrong])
    assert capsys.readouterr().err
