"""Which files an exception binds: what upstream announces, and what was decided here."""

from __future__ import annotations

from packaging.utils import NormalizedName

from models.artifact import ArtifactRef, IndexName
from models.errors import UpstreamUnavailable
from proxy.admin.existing import decided_files, existing_files
from proxy.simple.page import IndexFile, ProjectPage
from proxy.store.memory import MemoryStore
from tests.proxy.store.values import PYPI, FakeClock, make_decision, make_ref, name

DECIDED, ANNOUNCED = make_ref(version="1.0"), make_ref(version="2.0")
DEMO = name("demo")


class Index:
    """One page, or none."""

    def __init__(self, *refs: ArtifactRef, up: bool = True) -> None:
        self._refs = refs
        self._up = up

    @property
    def name(self) -> IndexName:
        return PYPI

    async def project(self, project: NormalizedName) -> ProjectPage:
        if not self._up:
            raise UpstreamUnavailable("It does not answer.")
        files = tuple(
            IndexFile(
                filename=ref.filename,
                url="https://up.test/x",
                hashes={"sha256": ref.sha256},
                sha256=ref.sha256,
            )
            for ref in self._refs
        )
        return ProjectPage(name=project, files=files)

    async def projects(self) -> tuple[str, ...]:
        return ()


async def store() -> MemoryStore:
    made = MemoryStore(clock=FakeClock())
    await made.put_decision(make_decision(DECIDED))
    return made


async def test_existing_files__are_what_is_announced_and_what_was_decided() -> None:
    find = existing_files(await store(), Index(ANNOUNCED, DECIDED))
    assert await find(DEMO, "") == tuple(sorted((ANNOUNCED.sha256, DECIDED.sha256)))
    assert await find(DEMO, ">=2") == (ANNOUNCED.sha256,)
    assert await find(DEMO, ">=3") == ()


async def test_existing_files__without_upstream_are_what_was_decided() -> None:
    find = existing_files(await store(), Index(ANNOUNCED, up=False))
    assert await find(DEMO, "") == (DECIDED.sha256,)


async def test_decided_files__ask_no_index() -> None:
    find = decided_files(await store())
    assert await find(DEMO, "==1.0") == (DECIDED.sha256,)
    assert await find(DEMO, "==2.0") == ()
