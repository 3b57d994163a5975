"""Static reading: how seldom it cries over honest packages, and how much malware it ranks above them.

Environment, each optional:
PRATIQUE_HONEST    a folder that `tests.proofs.honest` filled; else each file is fetched when its turn comes
PRATIQUE_MALWARE   folders of malicious archives (`tests.proofs.manifest`), with `:` between; a set each
PRATIQUE_GUARDDOG  the folder of results of `tests.proofs.guarddog` on the same files
Malware is read by bytes in a box without network; its items are named by set, template and digest.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Self, TypeVar

from models.artifact import ArtifactKind
from models.errors import UpstreamError, UpstreamUnavailable
from models.evidence import Severity
from tests.proofs.benign import BenignProof
from tests.proofs.choosing import running_loop
from tests.proofs.guarddog import GuardDogSaid, read_results
from tests.proofs.honest import FAILED, KINDS, Honest
from tests.proofs.manifest import Entry, read_entries
from tests.proofs.proof import Outcome
from tests.proofs.reading import SEVERE, STATIC, Read, read_boxed
from tests.proofs.static_figures import HONEST_SET, figures

Answered = TypeVar("Answered")
Find = Callable[[str, str, str], Entry | None]

HONEST = "PRATIQUE_HONEST"
MALWARE = "PRATIQUE_MALWARE"
GUARDDOG = "PRATIQUE_GUARDDOG"
DIGEST_CHARS = 12
SAID_CHARS_MAX = 500


class StaticProof:
    """An item is `popular wheel NAME`, `obscure sdist NAME`, or `SET TEMPLATE DIGEST` of malware."""

    name = "static"
    claim = (
        "Of the newest wheels and sdists of the 300 most downloaded projects and of 200 drawn from the "
        "long tail, at most one in a hundred has a finding of high severity from reading it."
    )
    least_percent = 99
    sample = 4
    parallel = 1

    def items(self, seed: int) -> Sequence[str]:
        honest = [
            f"{group} {kind.value} {project}"
            for group, project in (item.split() for item in BenignProof(KINDS[0]).items(seed))
            for kind in KINDS
        ]
        malware = list(_malware())
        random.Random(seed).shuffle(malware)  # noqa: S311 - an order, not a secret
        return honest + malware

    @contextmanager
    def set_up(self) -> Iterator[StaticExperiment]:
        given = os.environ.get(HONEST)
        results = os.environ.get(GUARDDOG)
        said = read_results(Path(results) if results else None)
        if given:
            kept = {(e.project, e.kind): e for e in read_entries(Path(given))}
            yield StaticExperiment(lambda _, project, kind: kept.get((project, kind)), said)
            return
        scratch = Path(tempfile.mkdtemp(prefix="pratique-static-", dir="/var/tmp"))
        try:
            with running_loop() as loop, _Fetching(scratch, loop) as fetching:
                yield StaticExperiment(fetching.entry, said)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def summary(self, outcomes: Sequence[Outcome], seed: int) -> dict[str, Any]:
        """The figures of the page, with their intervals."""
        return figures(outcomes, seed)


class StaticExperiment:
    """Archives on disk or fetched, each read in a box of its own."""

    def __init__(self, find: Find, guarddog: Mapping[str, GuardDogSaid]) -> None:
        """`find(group, project, kind)` gives an honest archive; None where there is no such file."""
        self.find = find
        self._guarddog = guarddog
        self._malware = _malware()

    def attempt(self, item: str) -> Outcome:
        entry = self._malware.get(item)
        if entry is not None:
            return self._outcome(item, entry, item.split(maxsplit=1)[0])
        group, kind, project = item.split()
        try:
            found = self.find(group, project, kind)
        except UpstreamError as error:
            said = f"{FAILED}: {error}"[:SAID_CHARS_MAX]
            return Outcome(item=item, holds=False, detail=said)
        if found is None:
            return Outcome(item=item, holds=True, detail="no such file", counted=False)
        return self._outcome(item, replace(found, cluster=project), HONEST_SET)

    def _outcome(self, item: str, entry: Entry, group: str) -> Outcome:
        read = read_boxed(entry)
        theirs = self._guarddog.get(entry.sha256)
        honest = group == HONEST_SET
        severe = read.said(*SEVERE)
        said = [read.failed, *severe] if honest else [read.failed]
        return Outcome(
            item=item,
            holds=not honest or not (severe or read.failed),
            counted=honest,
            detail=" ".join(filter(None, said))[:SAID_CHARS_MAX],
            measures=_measures(f"{group} ours", read)
            | (_measures(f"{group} guarddog", theirs) if theirs else {}),
            facts={
                "set": group,
                "kind": entry.kind,
                "cluster": entry.cluster,
                "worst": read.worst.value if read.worst else "",
                "worst_static": _worst_static(read),
                "score": str(read.score),
                "failed": "yes" if read.failed else "",
                "ids": " ".join(_ids(read)) if honest else "",
                "guarddog": str(theirs.rank) if theirs else "",
                "guarddog_failed": "yes" if theirs and theirs.failed else "",
            },
        )


class _Fetching:
    """Honest archives from the index, as they are asked for."""

    def __init__(self, scratch: Path, loop: asyncio.AbstractEventLoop) -> None:
        self._scratch = scratch
        self._loop = loop
        self._honest = Honest(scratch)

    def __enter__(self) -> Self:
        self._on_loop(self._honest.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        self._on_loop(self._honest.__aexit__())

    def entry(self, group: str, project: str, kind: str) -> Entry | None:
        row = self._on_loop(self._honest.row(group, project, ArtifactKind(kind)))
        if row.note.startswith(FAILED):
            raise UpstreamUnavailable(row.note)
        path = self._scratch / kind / row.filename
        return None if row.note else Entry(path=path, sha256=row.sha256, kind=kind, cluster=project)

    def _on_loop(self, work: Coroutine[Any, Any, Answered]) -> Answered:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


def _malware() -> dict[str, Entry]:
    """Malicious archives by item, set after set."""
    folders = [Path(text) for text in os.environ.get(MALWARE, "").split(":") if text]
    return {
        f"{folder.name} {entry.template or '-'} {entry.sha256[:DIGEST_CHARS]}": entry
        for folder in folders
        for entry in read_entries(folder)
    }


def _measures(prefix: str, ran: Read | GuardDogSaid) -> dict[str, float]:
    return {
        f"{prefix} wall_s": ran.wall_s,
        f"{prefix} cpu_s": ran.cpu_s,
        f"{prefix} mib": round(ran.rss_kib / 1024, 1),
    }


def _ids(read: Read) -> list[str]:
    """Ids of what weighs, with the severity."""
    weighty = (Severity.MEDIUM, *SEVERE)
    named = [f"{f.id}:{f.severity}" for f in read.findings if f.severity in weighty]
    return list(dict.fromkeys(named))


def _worst_static(read: Read) -> str:
    """The worst severity among what was found in sources; findings come the worst first."""
    return next((f.severity.value for f in read.findings if f.id.startswith(STATIC)), "")
