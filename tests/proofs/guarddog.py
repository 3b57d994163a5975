"""What GuardDog says of archives: its own command in a box without network, one archive after another.

`python -m tests.proofs.guarddog VENV RESULTS FOLDER…` goes through the manifests of the folders, the
small archives first, and writes RESULTS/<sha256>.json for each; called again it goes on.

GuardDog 3.2 forms *risks* out of its rules' matches and rates the whole package from 0 to 10: 0.3 for
the worst severity, 0.2 for the phases of an attack that are there, 0.3 for how specific the rules are,
0.2 for how sophisticated. From 5 up it says "suspicious", from 7 "high risk" (risk_engine.py); 5 is
its own threshold. A file scanned by path gets the source rules only, for the metadata rules ask an
index. It unpacks, and builds nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import click

from tests.proofs.boxed import run_boxed
from tests.proofs.manifest import Entry, read_entries

THRESHOLD = 5.0
"""From here up GuardDog says "suspicious"."""
NICENESS = 19


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardDogSaid:
    """One result; `score` is None where it gave none, and `failed` says why."""

    sha256: str
    score: float | None = None
    issues: int = 0
    rules: tuple[str, ...] = ()
    failed: str = ""
    wall_s: float = 0.0
    cpu_s: float = 0.0
    rss_kib: int = 0

    @property
    def rank(self) -> float:
        """The score as far as there is one; an archive that it cannot read is not flagged."""
        return self.score or 0.0


def ask_guarddog(venv: Path, entry: Entry) -> GuardDogSaid:
    """Scan one archive."""
    command = [str(venv / "bin" / "python"), str(venv / "bin" / "guarddog")]
    command += ["--log-level", "ERROR", "pypi", "scan", "{}", "--no-sandbox"]
    ran = run_boxed([*command, "--output-format", "json"], entry.path, readable=[venv])
    cost = GuardDogSaid(
        sha256=entry.sha256, wall_s=ran.wall_s, cpu_s=ran.cpu_s, rss_kib=ran.rss_kib
    )
    try:
        said = json.loads(ran.stdout)
        return replace(
            cost,
            score=float(said["risk_score"]["score"]),
            issues=said["issues"],
            rules=tuple(sorted(name for name, found in said["results"].items() if found)),
        )
    except (ValueError, KeyError, TypeError):
        last = ran.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        failed = ran.failed or f"code {ran.code}: {last[-200:]!r}"
        return replace(cost, failed=failed)


def read_results(folder: Path | None) -> dict[str, GuardDogSaid]:
    """Results by sha256; empty where there is no folder."""
    if folder is None:
        return {}
    return {said.sha256: said for said in map(_read, sorted(folder.glob("*.json")))}


def _read(path: Path) -> GuardDogSaid:
    said = json.loads(path.read_text())
    return GuardDogSaid(**said | {"rules": tuple(said["rules"])})


def _left(folders: tuple[Path, ...], results: Path) -> Iterator[Entry]:
    entries = [entry for folder in folders for entry in read_entries(folder)]
    for entry in sorted(entries, key=lambda entry: entry.path.stat().st_size):
        if not (results / f"{entry.sha256}.json").exists():
            yield entry


@click.command()
@click.argument("venv", type=click.Path(path_type=Path, exists=True))
@click.argument("results", type=click.Path(path_type=Path))
@click.argument("folders", type=click.Path(path_type=Path, exists=True), nargs=-1, required=True)
def main(venv: Path, results: Path, folders: tuple[Path, ...]) -> None:
    """Ask GuardDog in VENV about everything in FOLDERS that RESULTS does not have."""
    os.nice(NICENESS)
    results.mkdir(parents=True, exist_ok=True)
    for entry in _left(folders, results):
        said = ask_guarddog(venv, entry)
        draft = results / f"{entry.sha256}.new"
        draft.write_text(json.dumps(asdict(said)))
        draft.replace(results / f"{entry.sha256}.json")
        click.echo(f"{entry.sha256[:12]} {said.score} {said.wall_s} {said.cpu_s} {said.failed}")


if __name__ == "__main__":
    main()
