"""Trees of artifacts: where the requirement lines come from, what is kept, what is compared with."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from typing import Any

import pytest

from analyzer.graph.tree import Link, Release, Tree, Unmet
from models.artifact import ArtifactRef, Sha256, parse_ref
from models.canonical import digest_of_bytes
from models.contents import Contents
from models.errors import ResolutionFailed, UpstreamUnavailable
from models.evidence import Evidence, ResolvedFile
from models.work import ResolveRequest, Target
from proxy.simple.page import ProjectPage
from proxy.trees import NOT_ASKED, Trees, names_below, release_before
from tests.models.examples import evidence as example
from tests.proxy.test_candidates import TARGET
from tests.proxy.test_resolve import World

METADATA = b"Metadata-Version: 2.1\nName: app\nRequires-Dist: lib>=2\n"


class Growing:
    """A grower that answers with what it is told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.answer = Tree(
            root="",
            releases=(Release(project="lib", version="2.0"),),
            links=(Link(source="", target="lib", line="lib>=2"),),
        )
        self.gate: asyncio.Event | None = None

    async def tree(
        self, request: ResolveRequest, *, without: frozenset[Sha256] = frozenset()
    ) -> Tree:
        del without
        self.asked.append(request.requirements)
        if self.gate is not None:
            await self.gate.wait()
        return self.answer


class Read:
    """A shelf with one piece of evidence, or none."""

    def __init__(self, evidence: Evidence | None = None, metadata: bytes = b"") -> None:
        self.evidence = evidence
        self.metadata = metadata

    async def latest_evidence(self, sha256: Sha256, filename: str) -> Evidence | None:
        del sha256, filename
        return self.evidence

    async def blob(self, digest: str) -> bytes | None:
        return self.metadata if digest == digest_of_bytes(self.metadata) else None


async def target() -> Target:
    return TARGET


def ref_of(filename: str) -> ArtifactRef:
    project = filename.split("-", maxsplit=1)[0]
    sha256 = hashlib.sha256(filename.encode()).hexdigest()
    return parse_ref("pypi", project, sha256, filename)


def page_of(world: World, project: str = "app") -> ProjectPage:
    return ProjectPage(name=project, files=tuple(world.files.get(project, [])))  # type: ignore[arg-type]


def evidence(**changes: Any) -> Evidence:
    return replace(example(), **changes)


def trees(world: World, grower: Growing | None = None, shelf: Read | None = None) -> Trees:
    return Trees(grower or Growing(), world, shelf or Read(), target)


@pytest.fixture
def world() -> World:
    return World()


async def test_stated__evidence_goes_before_the_index(world: World) -> None:
    world.wheel("app", "1.0", "other")
    ref = ref_of("app-1.0-py3-none-any.whl")
    shelf = Read(evidence(metadata_digest=digest_of_bytes(METADATA)), METADATA)
    stated = await trees(world, shelf=shelf).stated(ref, page_of(world))
    assert stated is not None
    assert (stated.requires, stated.known_from) == (("lib>=2",), "evidence")


async def test_stated__the_index_tells_of_what_nobody_read_yet(world: World) -> None:
    world.wheel("app", "1.0", "other")
    ref = ref_of("app-1.0-py3-none-any.whl")
    stated = await trees(world).stated(ref, page_of(world))
    assert stated is not None
    assert (stated.requires, stated.known_from) == (("other",), "index")


async def test_stated__a_wheel_of_the_same_release_tells_of_an_sdist(world: World) -> None:
    world.add("app-1.0.tar.gz", described=False)
    world.wheel("app", "2.0", "newer")
    world.wheel("app", "1.0", "same")
    stated = await trees(world).stated(ref_of("app-1.0.tar.gz"), page_of(world))
    assert stated is not None
    assert (stated.requires, stated.known_from) == (("same",), "sibling")


async def test_stated__of_an_sdist_alone_evidence_has_names_or_what_was_installed(
    world: World,
) -> None:
    ref = ref_of("app-1.0.tar.gz")
    world.add("app-1.0.tar.gz", described=False)
    files = tuple(
        ResolvedFile(project=name, version="1.0", filename="x", sha256=ref.sha256, role=role)
        for name, role in (("lib", "run"), ("setuptools", "build"))
    )
    seen = evidence(dependencies=files)
    stated = await trees(world, shelf=Read(seen)).stated(ref, page_of(world))
    assert stated is not None
    assert (stated.requires, stated.known_from) == (("lib==1.0",), "installed")
    read = replace(seen, contents=Contents(requires=("a", "b")))
    stated = await trees(world, shelf=Read(read)).stated(ref, page_of(world))
    assert stated is not None
    assert (stated.requires, stated.known_from) == (("a", "b"), "contents")


async def test_of__an_unread_sdist_is_missing_with_the_reason(world: World) -> None:
    world.add("app-1.0.tar.gz", described=False)
    with pytest.raises(ResolutionFailed, match="not known before it is read"):
        await trees(world).of(ref_of("app-1.0.tar.gz"), page_of(world))


async def test_of__is_kept_and_made_once_for_all_who_wait(world: World) -> None:
    world.wheel("app", "1.0", "lib>=2")
    ref, grower = ref_of("app-1.0-py3-none-any.whl"), Growing()
    grower.gate = asyncio.Event()
    asked = trees(world, grower)
    waiting = [asyncio.create_task(asked.of(ref, page_of(world))) for _ in range(3)]
    while not grower.asked:  # noqa: ASYNC110 - the flight takes off in a task of its own
        await asyncio.sleep(0)
    waiting[0].cancel()  # who leaves takes nobody with him
    grower.gate.set()
    first, second = await asyncio.gather(*waiting[1:])
    assert first == second == await asked.of(ref, page_of(world))
    assert grower.asked == [("lib>=2",)]
    assert (first.root, names_below(first)) == ("app", ["lib"])


@pytest.mark.parametrize(
    "broken",
    [
        {"stopped": "it took longer than 40 s"},
        {"unmet": (Unmet(source="", line="x", why=NOT_ASKED),)},
    ],
)
async def test_of__what_is_not_whole_is_not_kept(world: World, broken: dict[str, Any]) -> None:
    world.wheel("app", "1.0", "lib>=2")
    ref, grower = ref_of("app-1.0-py3-none-any.whl"), Growing()
    grower.answer = replace(grower.answer, **broken)
    asked = trees(world, grower)
    await asked.of(ref, page_of(world))
    await asked.of(ref, page_of(world))
    assert len(grower.asked) == 2


async def test_of__nothing_at_all_is_missing(world: World) -> None:
    world.wheel("app", "1.0", "lib>=2")
    grower = Growing()
    grower.answer = Tree(root="", stopped="it took longer than 40 s")
    with pytest.raises(UpstreamUnavailable, match="longer than 40 s"):
        await trees(world, grower).of(ref_of("app-1.0-py3-none-any.whl"), page_of(world))


@pytest.mark.parametrize(
    ("files", "filename", "before"),
    [
        (["app-1.0.tar.gz", "app-1.1.tar.gz"], "app-1.2.tar.gz", "app-1.1.tar.gz"),
        (
            ["app-1.0.tar.gz", "app-1.0-py3-none-any.whl"],
            "app-1.2.tar.gz",
            "app-1.0-py3-none-any.whl",
        ),
        (["app-1.0.tar.gz", "app-1.1rc1.tar.gz"], "app-1.1.tar.gz", "app-1.0.tar.gz"),
        (["app-1.0.tar.gz", "app-1.1rc1.tar.gz"], "app-1.1rc2.tar.gz", "app-1.1rc1.tar.gz"),
        (["app-2.0.tar.gz"], "app-1.0.tar.gz", None),
        (["app-1.0.tar.gz"], "app-1.0-py3-none-any.whl", None),
        (["app-0.9.egg", "nonsense"], "app-1.0.tar.gz", None),
    ],
)
def test_release_before__is_the_newest_below(
    world: World, files: list[str], filename: str, before: str | None
) -> None:
    for one in files:
        world.add(one)
    found = release_before(page_of(world), ref_of(filename))
    assert (found.filename if found else None) == before


def test_release_before__a_yanked_one_is_none(world: World) -> None:
    world.add("app-1.0.tar.gz", yanked="broken")
    assert release_before(page_of(world), ref_of("app-2.0.tar.gz")) is None
    assert release_before(None, ref_of("app-2.0.tar.gz")) is None
