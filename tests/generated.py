"""Pages in docs/ that are made from the program: `make docs` writes them, a test compares them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from analyzer.detectors.catalog import DETECTORS
from analyzer.detectors.techniques import NOT_SEEN, TECHNIQUES
from analyzer.facttables import FINDINGS, SIGNALS
from analyzer.static.catalog import STATIC
from analyzer.static.result import Reach
from proxy.cli.main import main as root
from proxy.settings import TABLE
from tests.clients.cells import RECORD, recorded
from tests.clients.page import clients_page
from tests.features_page import features_page
from tests.graph_page import graph_page
from tests.leak_page import leak_page
from tests.proofs.pages import OWN_PAGES
from tests.specifications_page import specifications_page
from tests.traces_page import traces_page

DOCS = Path(__file__).parent.parent / "docs"


def pages() -> dict[str, str]:
    """File name → text, of every generated page."""
    made = {
        "cli.md": "\n".join(cli_page()) + "\n",
        "facts.md": "\n".join(facts_page()) + "\n",
        "detectors.md": "\n".join(detectors_page()) + "\n",
        "static.md": "\n".join(static_page()) + "\n",
        "features.md": "\n".join(features_page()) + "\n",
        "graph.md": "\n".join(graph_page()) + "\n",
        "leak-audit.md": "\n".join(leak_page()) + "\n",
        "specifications.md": "\n".join(specifications_page()) + "\n",
        "settings.md": "\n".join(settings_page()) + "\n",
        "traces.md": "\n".join(traces_page()) + "\n",
    }
    if RECORD.exists():
        made["clients.md"] = "\n".join(clients_page(recorded())) + "\n"
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
    yield "\n`[[upstreams]]` in the file are tables of their own: see [upstreams.md](upstreams.md)."


def detectors_page() -> Iterator[str]:
    """Every detector of a traced run, and which technique is whose."""
    yield "# Detectors\n"
    yield "What is looked for in a traced run, in the order in which it is reported."
    yield (
        "Severity is that of most matches at install (P1), start (P2), import (P3) and second start "
        "(P5); some are milder there, as the rationale says. In use (P4) no match weighs more than the "
        "fourth column. Only findings marked *proof* block by themselves, and never those of P4.\n"
    )
    yield "| Id | Title | Severity | In use | ATT&CK | Techniques | Rationale |"
    yield "|---|---|---|---|---|---|---|"
    for detector in DETECTORS:
        told = detector.definition
        yield (
            f"| `{told.id}` | {told.title} | {told.severity.value}{', *proof*' if told.proof else ''} "
            f"| {told.in_use.value} | {told.technique} | {', '.join(told.techniques)} "
            f"| {told.rationale.replace('|', chr(92) + '|')} |"
        )
    yield "\n## Techniques\n"
    yield "The attack techniques that detectors are held to, by the ids that they name.\n"
    yield "| Id | Technique | Seen by |"
    yield "|---|---|---|"
    for identity, name in TECHNIQUES.items():
        ids = [d.definition.id for d in DETECTORS if identity in d.definition.techniques]
        seen = ", ".join(f"`{name}`" for name in ids) or f"No run shows it. {NOT_SEEN[identity]}"
        yield f"| {identity} | {name} | {seen} |"


def facts_page() -> Iterator[str]:
    """Every fact and finding of the sources of provenance and reputation."""
    yield "# Facts\n"
    yield "What the sources `provenance`, `history` and `ownership` tell, and what they find in it."
    yield (
        "*Live only*: only projects that still exist have it, so that training must not look at it "
        "(every malicious project answers 404 today). The others hang on nothing that came after the "
        "file, but on the page as it was: where training uses them, the pages of both classes must "
        "come from one archive. A value that was asked for and is not there is absent, and neutral.\n"
    )
    yield "| Signal | Unit | Source | Live only | Direction | Meaning |"
    yield "|---|---|---|---|---|---|"
    for kind in SIGNALS.values():
        yield (
            f"| `{kind.name}` | {kind.unit} | {kind.source} | {'yes' if kind.live_only else 'no'} "
            f"| {kind.direction.value} | {kind.meaning} |"
        )
    yield "\n## Findings\n"
    yield "Severity is the worst that a finding may have; the rationale says when it has less.\n"
    yield "| Id | Title | Severity | Layer | Source | ATT&CK | Rationale |"
    yield "|---|---|---|---|---|---|---|"
    for found in FINDINGS.values():
        yield (
            f"| `{found.id}` | {found.title} | {found.severity.value} | {found.layer.value} "
            f"| {found.source} | {found.technique} | {found.rationale} |"
        )


def static_page() -> Iterator[str]:
    """Every static detector with its severity by what reaches it."""
    yield "# Static detectors\n"
    yield "What is looked for in an artifact's files, which are read and never run."
    yield (
        "Severity depends on what makes the code run, most eager first: *build* (setup.py, command "
        "classes, a back end in the tree), *start* (`.pth`, `.start`, `sitecustomize`), *import* (a "
        "package's own `__init__`, and what that imports or calls), *module* (a module that somebody may "
        "import), *call* (bodies of functions). What nothing reaches (tests, documentation, examples) is "
        "info.\n"
    )
    reaches = [reach for reach in Reach if reach is not Reach.NOTHING]
    yield (
        "| Id | Title | " + " | ".join(reach.value for reach in reaches) + " | ATT&CK | Rationale |"
    )
    yield "|---" * (len(reaches) + 4) + "|"
    for identity, kind in STATIC.items():
        levels = " | ".join(kind.levels.get(reach, "info") for reach in reaches)
        rationale = kind.rationale.replace("|", chr(92) + "|")
        yield f"| `{identity}` | {kind.title} | {levels} | {kind.technique} | {rationale} |"


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
        for name in command.list_commands(context):
            if (found := command.get_command(context, name)) is not None:
                yield from _help(found, (*path, name))


def bench_page(record: dict[str, Any]) -> Iterator[str]:
    """The last `make bench`."""
    yield "# Benchmark\n"
    yield (
        "`make bench`: wrk against Pratique (log, token check and fetch record on), its peers in "
        "front of the same upstream, and a bare aiohttp handler and nginx that answer the same bytes, "
        "turn by turn in one run. The ratios count; where the machine did other things meanwhile, "
        "those of CPU.\n"
    )
    yield (
        f"Commit {record['commit'][:12]}, {record['machine']}, median of {record['rounds']} rounds, "
        f"{record['processes']} proxy process(es) of ours; {', '.join(record['versions'])}.\n"
    )
    yield "| Case | Beside | Ratio | By CPU | Wanted |"
    yield "|---|---|---:|---:|---:|"
    for row in record["cases"]:
        for one in row["targets"]:
            yield (
                f"| {row['case']} | {one['beside']} | {one['ratio']:.2f} | {one['cpu_ratio']:.2f} "
                f"| {one['least']:g} |"
            )
    names = list(record["memory_mib"])
    yield "\nRequests a second (CPU µs a request):\n"
    yield f"| Case | {' | '.join(names)} |"
    yield f"|---|{'---:|' * len(names)}"
    for row in record["cases"]:
        cells = (
            f"{one['rps']:,.5g} ({one['cpu_us']:,.0f})" if one else ""
            for one in (row["servers"].get(name) for name in names)
        )
        yield f"| {row['case']} | {' | '.join(cells)} |"
    memory = (f"{record['memory_mib'][name]:.0f}" for name in names)
    yield f"| Memory after it, MiB | {' | '.join(memory)} |"


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
