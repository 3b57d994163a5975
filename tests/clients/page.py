"""docs/clients.md: what each client does, and what it says, as docs/clients.json has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tests.clients.cases import CASES
from tests.clients.cells import Cell
from tests.clients.drivers import DRIVERS
from tests.clients.place import PREFIX
from tests.clients.tools import Tool

NOTES = """
## What follows

- A second index walks round a firewall: with `--extra-index-url` pip and uv install from there what was
  refused here, and say nothing. Use `index-url` alone, and let machines reach no other index.
- Without a token, or with a wrong one, no client passes on the firewall's words. uv and Poetry speak of
  authorisation, pip mostly of a version that cannot be found. Poetry prints the URL with the token in
  it: give it by `poetry config http-basic`, or a variable.
- HTTP/2 has no reason phrase. uv 0.13.9 reads the reason from the body of the answer; uv 0.8.24 reads the
  phrase alone, and over HTTP/2 says 403 and no more. Who still has such a uv takes `http2` out of
  deploy/nginx.conf. pip and Poetry speak HTTP/1.1, with TLS and without.
- A yanked release is told by pip, uv and Poetry themselves, from the index page.
"""

Cells = Mapping[tuple[Tool, str], Cell]

INTRODUCTION = """\
What installers do behind Pratique, and what their users read. `tests/clients` runs each of them, in the
versions below, against a real firewall, and compares how it ended, what was installed, and whether the
reason was among its words. `python -m tests.clients --write` (as root) tries all anew and writes
`docs/clients.json`, from which this page is made. Other versions were not tried.

The releases are inert wheels. The firewall has no sandbox here, so that an admin's word alone decides:
what was allowed is served, what was denied is refused, and the rest is held until its deadline. A held
client follows at least one redirect of the firewall to itself. Python 3.11 on Linux, caches off, plain
HTTP except where deploy/nginx.conf stands between; what differs from run to run (addresses, digests,
times) is written as `…`, `<sha256>` or a name."""


def clients_page(cells: Cells) -> Iterator[str]:
    """The page."""
    tools = list(dict.fromkeys(tool for tool, _ in cells))
    full = [tool for tool in tools if tool.name in DRIVERS]
    yield "# Clients\n"
    yield INTRODUCTION + "\n"
    yield from _table(cells, full)
    yield (
        "\nA number is the version that was installed. *Reason* means that the user reads what "
        "the firewall has to say; *no reason*, that it is not among the client's words. *Has none*: this "
        "version has no such command or option.\n"
    )
    yield "## PDM, pipenv and hatch\n"
    yield "Tried at two cases only.\n"
    yield from _table(cells, [tool for tool in tools if tool not in full])
    yield NOTES
    yield "## Words\n"
    yield "What each prints, both streams, shortened in the middle where it is long."
    for case, told in CASES.items():
        if told.heard:
            yield from _words(cells, tools, case)


def _table(cells: Cells, tools: list[Tool]) -> Iterator[str]:
    yield "| Case | " + " | ".join(str(tool) for tool in tools) + " |"
    yield "|---" * (len(tools) + 1) + "|"
    for case, told in CASES.items():
        row = [cells.get((tool, case)) for tool in tools]
        if any(row):
            yield f"| {told.title} | " + " | ".join(_short(cell) for cell in row) + " |"


def _short(cell: Cell | None) -> str:
    """One cell in a few words."""
    if cell is None:
        return ""
    if cell.exit is None:
        return "has none"
    parts = [_installed(cell)] if cell.installed else []
    if cell.exit:
        parts.append(f"exit {cell.exit}")
    elif not cell.installed:
        parts.append("done")
    if cell.reason_read is not None:
        parts.append("reason" if cell.reason_read else "no reason")
    return ", ".join(parts)


def _installed(cell: Cell) -> str:
    if len(cell.installed) == 1:
        return cell.installed[0].split()[1]
    return " and ".join(one.removeprefix(PREFIX.replace("_", "-")) for one in cell.installed)


def _words(cells: Cells, tools: list[Tool], case: str) -> Iterator[str]:
    told = CASES[case]
    yield f"\n### {told.title[0].upper()}{told.title[1:]}"
    for tool in tools:
        cell = cells.get((tool, case))
        if cell is not None and cell.words:
            yield f"\n{tool}, exit {cell.exit}:\n\n```text\n" + "\n".join(cell.words) + "\n```"
