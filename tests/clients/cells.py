"""A client at a case: tried, and written down so that another day's run can be laid beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.clients.cases import CASES, Bench
from tests.clients.drivers import DRIVERS
from tests.clients.place import Place, Said, place
from tests.clients.smoke import SMOKE, SMOKE_CASES
from tests.clients.stage import Stage
from tests.clients.tools import Tool, built, pinned
from tests.deploy.nginx import NAME

RECORD = Path(__file__).parent.parent.parent / "docs" / "clients.json"
LINES_MAX = 14
"""Lines of a client's words that are recorded: the first ones and the last."""
LINE_CHARS_MAX = 320


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What happened. `exit` None: the client has no way of doing it."""

    exit: int | None
    installed: tuple[str, ...] = ()
    """`project version`, sorted."""
    reason_read: bool | None = None
    """Whether its user reads what the firewall has to say; None where that is nothing."""
    words: tuple[str, ...] = ()

    @property
    def verdict(self) -> tuple[int | None, tuple[str, ...], bool | None]:
        """What must be the same another day."""
        return self.exit, self.installed, self.reason_read


def cell_ids() -> list[tuple[Tool, str]]:
    """Every client with every case it is tried at."""
    return [
        (tool, case)
        for tool in pinned()
        for case in (CASES if tool.name in DRIVERS else SMOKE_CASES)
    ]


def tried(stage: Stage, tool: Tool, case: str) -> Cell:
    """Run one cell. Raises AssertionError where something got in that never may."""
    told = CASES[case]
    drivers = DRIVERS | SMOKE
    with place() as where:
        bench = Bench(stage=stage, tool=built(tool), driver=drivers[tool.name](tool), place=where)
        said = told.run(bench)
        if said is None:
            return Cell(exit=None)
        installed = tuple(
            f"{name.removesuffix('-' + tool.slug)} {version}"
            for name, version in where.installed().items()
        )
        words = plain_words(said, tool, stage, where) if told.heard else ()
    for one in told.never:
        assert one not in installed, f"{tool} installed {one}\n{said.words}"
    return Cell(
        exit=said.exit,
        installed=installed,
        reason_read=said.has(told.reason) if told.reason else None,
        words=words,
    )


def plain_words(said: Said, tool: Tool, stage: Stage, where: Place) -> tuple[str, ...]:
    """What was said, without what differs from run to run."""
    text = said.words
    for url in (
        *(stage.guarded.index_url, stage.index, stage.second.url, stage.upstream.url),
        *(stage.nginx.plain, stage.nginx.tls),
    ):
        name = "second.example.test" if url == stage.second.url else NAME
        text = text.replace(urlsplit(url).netloc, name)
    for found, written in (
        (stage.secret, "SECRET"),
        (str(tool.environment), "CLIENT"),
        (str(where.folder), "~"),
        (f"-{tool.slug}", ""),
        (f"_{tool.slug.replace('-', '_')}", ""),
    ):
        text = text.replace(found, written)
    text = re.sub(r"\b[0-9a-f]{64}\b", "<sha256>", text)
    text = re.sub(r"/v/[0-9a-z]{10}\b", "/v/…", text)
    text = re.sub(r"\?hop=\d+\b", "?hop=…", text)
    text = re.sub(r"\b\d+(\.\d+)?m?s\b", "… s", text)
    text = re.sub(r"\b\d+(\.\d+)? (kB/s|MB/s)", "… kB/s", text)
    lines = [line.rstrip()[:LINE_CHARS_MAX] for line in text.splitlines() if line.strip()]
    if len(lines) > LINES_MAX:
        half = LINES_MAX // 2
        lines = [*lines[:half], f"[{len(lines) - 2 * half} more lines]", *lines[-half:]]
    return tuple(lines)


def write_record(cells: Mapping[tuple[Tool, str], Cell]) -> None:
    """Put it into docs/clients.json."""
    clients = [
        {
            "client": tool.name,
            "version": tool.version,
            "cells": {case: asdict(cell) for (one, case), cell in cells.items() if one == tool},
        }
        for tool in pinned()
    ]
    RECORD.write_text(json.dumps({"clients": clients}, indent=1, ensure_ascii=False) + "\n")


def recorded() -> dict[tuple[Tool, str], Cell]:
    """What docs/clients.json has."""
    record: dict[str, Any] = json.loads(RECORD.read_text())
    return {
        (Tool(one["client"], one["version"]), case): Cell(
            exit=cell["exit"],
            installed=tuple(cell["installed"]),
            reason_read=cell["reason_read"],
            words=tuple(cell["words"]),
        )
        for one in record["clients"]
        for case, cell in one["cells"].items()
    }
