"""What a run asks for, out of what was read."""

from __future__ import annotations

from analyzer.inventory import EntryPoint, ReaderReport
from analyzer.running import console_scripts
from analyzer.sandbox.protocol import SCRIPTS_MAX


def report(*entries: tuple[str, str]) -> ReaderReport:
    return ReaderReport(
        filename="demo-1-py3-none-any.whl",
        kind="wheel",
        refused=False,
        entry_points=tuple(
            EntryPoint(group=group, name=name, target="demo:main") for group, name in entries
        ),
    )


def test_console_scripts__plain_names_of_their_group_once_each() -> None:
    found = report(
        ("console_scripts", "demo"),
        ("console_scripts", "demo"),
        ("gui_scripts", "window"),
        ("pytest11", "plugin"),
        ("console_scripts", "../evil"),
        ("console_scripts", "-rf"),
        ("console_scripts", "demo-2.x"),
    )

    assert console_scripts(found) == ("demo", "demo-2.x")


def test_console_scripts__are_bounded() -> None:
    many = report(*(("console_scripts", f"s{n}") for n in range(SCRIPTS_MAX + 5)))

    assert len(console_scripts(many)) == SCRIPTS_MAX
