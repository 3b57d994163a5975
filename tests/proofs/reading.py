"""What our own reader says of an archive by its bytes alone, in the same kind of box as a peer.

`python -m tests.proofs.reading missed|alarms FOLDER…` lists the archives of manifests by hand: those
with nothing of medium severity or more, or those with something of high severity.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import click

from analyzer.report import parse_report, report_findings
from models.evidence import Finding, Severity
from models.trust.findings import SEVERITY_RANK, distinct
from models.trust.numbers import RULES
from tests.proofs.boxed import run_boxed
from tests.proofs.manifest import Entry, read_entries
from tests.proofs.proof import ROOT

READ = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); "
    "from analyzer.reader import main; sys.exit(main(sys.argv[1:]))"
)
WEIGHTS = {
    Severity.CRITICAL: 1000,
    Severity.HIGH: 100,
    Severity.MEDIUM: 10,
    Severity.LOW: 1,
    Severity.INFO: 0,
}
"""Points of one distinct finding: what ranks archives is their worst finding, then how many."""
SEVERE = (Severity.HIGH, Severity.CRITICAL)
STATIC = "static-"
"""How the ids of what was found in sources begin; the others are about the archive itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One archive; `failed` where the reader fell or its report was not of its form."""

    findings: tuple[Finding, ...] = ()
    """Distinct ones, the worst first."""
    failed: str = ""
    wall_s: float
    cpu_s: float
    rss_kib: int

    @property
    def score(self) -> int:
        """The sum of the points of distinct findings; 0 where nothing was found, or it failed."""
        return sum(WEIGHTS[found.severity] for found in self.findings)

    @property
    def worst(self) -> Severity | None:
        """The worst severity; None where there is nothing."""
        return self.findings[0].severity if self.findings else None

    def said(self, *severities: Severity) -> list[str]:
        """What the findings of these severities are, and where."""
        return [
            f"{found.id}({' '.join(filter(None, (found.what, _place(found))))})"[:160]
            for found in self.findings
            if found.severity in severities
        ]


def read_boxed(entry: Entry) -> Read:
    """Read one archive in a box of its own."""
    code = [sys.executable, "-I", "-c", READ, str(ROOT)]
    ran = run_boxed([*code, "{}", entry.kind], entry.path, readable=_readable())
    cost = Read(wall_s=ran.wall_s, cpu_s=ran.cpu_s, rss_kib=ran.rss_kib)
    report = parse_report(ran.stdout, filename=entry.path.name, kind=entry.kind)
    if report is None:
        last = ran.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        failed = ran.failed or f"code {ran.code}: {last[-200:]!r}"
        return replace(cost, failed=failed)
    found = distinct(report_findings(report), objects_max=RULES.objects_counted)
    return replace(cost, findings=found)


def _readable() -> list[Path]:
    """Our tree, this environment, and its interpreter where that is not the machine's own."""
    base = Path(sys.base_prefix)
    wanted = [ROOT, Path(sys.prefix)]
    return wanted if base.is_relative_to("/usr") else [*wanted, base]


def _place(found: Finding) -> str:
    place = found.place
    return f"{place.path}:{place.line}" if place.line else place.path


def _lines(entries: Iterable[Entry], wanted: str) -> Iterator[str]:
    for entry in entries:
        read = read_boxed(entry)
        said = " ".join(read.said(*(SEVERE if wanted == "alarms" else Severity)))
        quiet = SEVERITY_RANK[read.worst or Severity.INFO] < SEVERITY_RANK[Severity.MEDIUM]
        if read.failed or (quiet if wanted == "missed" else read.worst in SEVERE):
            yield f"{entry.cluster} {entry.path} {read.failed}{said}"


@click.command()
@click.argument("wanted", type=click.Choice(["missed", "alarms"]))
@click.argument("folders", type=click.Path(path_type=Path, exists=True), nargs=-1, required=True)
def main(wanted: str, folders: tuple[Path, ...]) -> None:
    """List what is missed, or what is severe, in FOLDERS."""
    os.nice(10)
    for folder in folders:
        for line in _lines(read_entries(folder), wanted):
            click.echo(line)


if __name__ == "__main__":
    main()
