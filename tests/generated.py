"""Pages in docs/ that are made from the program: `make docs` writes them, a test compares them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from proxy.cli.main import main as root
from proxy.settings import TABLE
from tests.proofs.pages import OWN_PAGES

DOCS = Path(__file__).parent.parent / "docs"


def pages() -> dict[str, str]:
    """File name → text, of every generated page."""
    made = {
        "cli.md": "\n".join(cli_page()) + "\n",
        "settings.md": "\n".join(settings_page()) + "\n",
    }
    if (DOCS / "bench.json").exists():
        made["bench.md"] = (
            "\n".join(bench_page(json.loads((DOCS / "bench.json").read_text()))) + "\n"
        )
    if any((DOCS / "proofs").glob("*.json")):
        made |= _own_pages()
        made["proofs/README.md"] = "\n".join(proofs_page()) + "\n"
    return made


def _own_pages() -> dict[str, str]:
    """Pages of the proofs that have more to show than a line in the table."""
    made = {}
    for name, page in OWN_PAGES.items():
        file = DOCS / "proofs" / f"{name}.json"
        if file.exists():
            made[f"proofs/{name}.md"] = "\n".join(page(json.loads(file.read_text()))) + "\n"
    return made


def settings_page() -> Iterator[str]:
    """Every setting of `pratique serve`."""
    yield "# Settings\n"
    yield "A TOML file (`--config FILE`), then environment variables, then flags; the last one wins."
    yield "`pratique config check` prints what is in force.\n"
    yield "| Key | Flag | Variable | Default | Meaning |"
    yield "|---|---|---|---|---|"
    for setting in TABLE:
        if not setting.hidden:
            default = f"`{setting.default}`" if setting.default else ""
            yield (
                f"| `{setting.name}` | `{setting.option}` | `{setting.variable}` | {default} "
                f"| {setting.help.replace('|', chr(92) + '|')} |"
            )


def cli_page() -> Iterator[str]:
    """`--help` of every command."""
    yield "# Commands\n"
    yield "The text of `--help`, command by command."
    yield from _help(root, ("pratique",))


def _help(command: click.Command, path: tuple[str, ...]) -> Iterator[str]:
    context = click.Context(
        command,
        info_name=" ".join(path),
        max_content_width=100,
        terminal_width=100,
        help_option_names=["-h", "--help"],
    )
    yield f"\n## {' '.join(path)}\n\n```\n{command.get_help(context)}\n```"
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from _help(command.commands[name], (*path, name))


def bench_page(record: dict[str, Any]) -> Iterator[str]:
    """The last `make bench`."""
    yield "# Benchmark\n"
    yield (
        "`make bench`: wrk against Pratique (log, token check and fetch record on) and against a bare "
        "aiohttp handler that answers the same bytes from memory, turn by turn in one run. The ratio "
        "counts.\n"
    )
    yield f"Commit {record['commit'][:12]}, {record['machine']}, median of {record['rounds']} rounds.\n"
    yield "| Case | Bare req/s | Ours req/s | Ratio | CPU µs/req bare | CPU µs/req ours | Target |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for row in record["cases"]:
        yield (
            f"| {row['case']} | {row['bare_rps']} | {row['ours_rps']} | {row['ratio']:.2f} "
            f"| {row['bare_cpu_us']:.0f} | {row['ours_cpu_us']:.0f} | {row['target'] or ''} |"
        )


def proofs_page() -> Iterator[str]:
    """The records in docs/proofs/."""
    yield "# Proofs\n"
    yield "Made by `make prove NAME=…`; `make test` runs each at a small n and reports stale records.\n"
    yield "| Proof | Claim | Held | Commit | Median s |"
    yield "|---|---|---:|---|---|"
    for file in sorted((DOCS / "proofs").glob("*.json")):
        record = json.loads(file.read_text())
        medians = (
            f"[page]({record['name']}.md)"
            if record["name"] in OWN_PAGES
            else "; ".join(
                f"{name.removesuffix('_s').replace('_', ' ')} {q['median']} (p90 {q['p90']}, max {q['max']})"
                for name, q in record["quantiles"].items()
            )
        )
        yield (
            f"| [{record['name']}]({file.name}) | {record['claim']} | {record['held']} of "
            f"{record['tried']} | {record['commit'][:12]} | {medians} |"
        )


def main() -> None:
    """Write all pages."""
    for name, text in pages().items():
        (DOCS / name).write_text(text)


if __name__ == "__main__":
    main()
