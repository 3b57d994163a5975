"""The newest wheel of the most downloaded projects is not refused under the default policy."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urljoin

from packaging.specifiers import SpecifierSet
from packaging.tags import Tag, parse_tag
from packaging.utils import parse_wheel_filename
from packaging.version import Version

from analyzer.interpreter import describe_interpreter
from models.artifact import ArtifactKind, kind_of
from models.popularity import ranks
from proxy.index.default import default_upstream
from tests.firewall import Firewall, fetch, project_page
from tests.proofs.proof import Outcome

PROJECTS = 50
REFUSED = ("QUARANTINE", "BLOCK")


class TopProof:
    """See the module."""

    name = "top50"
    claim = (
        "The newest wheel that the analyzer's interpreter can run, of each of the 50 most downloaded "
        "projects, ends neither in QUARANTINE nor in BLOCK under the default policy."
    )
    least_percent = 100
    sample = 5
    parallel = 1

    def items(self, seed: int) -> Sequence[str]:  # noqa: ARG002 - the list has one order
        return list(ranks())[:PROJECTS]

    @contextmanager
    def set_up(self) -> Iterator[TopExperiment]:
        with Firewall(upstream=default_upstream(), harness=False) as firewall:
            yield TopExperiment(firewall)


class TopExperiment:
    """One firewall in front of the real index."""

    def __init__(self, firewall: Firewall) -> None:
        self._firewall = firewall
        self._tags, self._python = _box_interpreter()

    def attempt(self, item: str) -> Outcome:
        page = project_page(self._firewall.index_url, item)
        chosen = self._newest_wheel(page)
        if chosen is None:
            return Outcome(item=item, holds=False, detail="no wheel that this interpreter can run")
        begun = time.monotonic()
        url = urljoin(urljoin(self._firewall.index_url, f"{item}/"), chosen["url"])
        answer = fetch(url, method="HEAD")
        waited = time.monotonic() - begun
        rows = json_lines(self._firewall.cli("decisions", "--json", "--project", item).stdout)
        mine = [row for row in rows if row["ref"]["filename"] == chosen["filename"]]
        tier = mine[0]["tier"] if mine else None
        score = mine[0]["score"]["value"] if mine and mine[0]["score"] else None
        return Outcome(
            item=item,
            holds=answer.status == 200 and tier is not None and tier not in REFUSED,
            detail=f"{chosen['filename']} {tier} {score} {answer.status} {answer.reason}"[:300],
            measures={"first_request_to_answer_s": waited},
        )

    def _newest_wheel(self, page: dict[str, Any]) -> dict[str, str] | None:
        best: tuple[Version, int, dict[str, str]] | None = None
        for file in page["files"]:
            if kind_of(file["filename"]) is not ArtifactKind.WHEEL or file["yanked"]:
                continue
            wanted = SpecifierSet(file.get("requires-python") or "")
            _, version, _, tags = parse_wheel_filename(file["filename"])
            rank = min((self._tags[tag] for tag in tags if tag in self._tags), default=None)
            if rank is None or version.is_prerelease or not wanted.contains(self._python):
                continue
            if best is None or (version, -rank) > (best[0], -best[1]):
                best = (version, rank, file)
        return best[2] if best else None


def json_lines(text: str) -> list[dict[str, Any]]:
    """JSON objects, one a line."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def _box_interpreter() -> tuple[dict[Tag, int], str]:
    interpreter = asyncio.run(describe_interpreter())
    ranked: dict[Tag, int] = {}
    for rank, text in enumerate(interpreter.target.tags):
        for tag in parse_tag(text):
            ranked.setdefault(tag, rank)
    return ranked, interpreter.version
