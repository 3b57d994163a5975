"""Pages for resolving: what is known to be malicious is not there for a box."""

from __future__ import annotations

from datetime import UTC, datetime

from packaging.utils import NormalizedName

from models.artifact import IndexName, Sha256
from proxy.index.known import WithoutKnown
from proxy.simple.page import IndexFile, ProjectPage
from proxy.sources.advisories import AdvisorySource
from proxy.store.memory import MemoryStore
from proxy.store.port import Feed
from tests.analyzer.advisories.records import ALL, NOW, advisory

DEMO = NormalizedName("demo")


def file(version: str, digit: str) -> IndexFile:
    name = f"demo-{version}-py3-none-any.whl"
    return IndexFile(filename=name, url=f"https://x.invalid/{name}", sha256=Sha256(digit * 64))


class Pages:
    async def project(self, project: NormalizedName) -> ProjectPage:
        files = (file("1.0", "a"), file("1.1", "b"), file("2.0", "c"))
        return ProjectPage(name=project, api_version="1.1", files=files)


async def test_project__leaves_out_what_is_proved_and_nothing_else() -> None:
    store = MemoryStore(clock=lambda: datetime(2026, 3, 1, tzinfo=UTC))
    source = AdvisorySource(store)

    async def known(page: ProjectPage) -> frozenset[Sha256]:
        return await source.known_files(page, IndexName("pypi"), NOW)

    pages = WithoutKnown(Pages(), known)
    assert len((await pages.project(DEMO)).files) == 3
    await store.import_advisories(
        Feed(name="ossf", source="/x"),
        [
            advisory("MAL-1", versions=("1.0",)),
            advisory("MAL-2", sha256s=("c" * 64,)),
            advisory("MAL-3", ranges=(ALL,)),
            advisory("PYSEC-1", versions=("1.1",)),
        ],
        now=NOW,
    )
    assert [one.version for one in (await pages.project(DEMO)).files] == ["1.1"]
