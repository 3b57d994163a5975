"""Requirement lines become a closed set; what cannot be met is told, and never raised."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import datetime

import pytest
import pytest_asyncio
from packaging.utils import NormalizedName, canonicalize_name

from models.artifact import Sha256, parse_index_name
from models.clock import utc_now
from models.errors import ResolutionFailed, UpstreamNotFound, UpstreamUnavailable
from models.work import ResolvedSet, ResolveRequest, Target
from proxy.artifacts.fetcher import Fetcher
from proxy.artifacts.folder import FolderArtifacts
from proxy.errands import ResolveBounds
from proxy.index.cached import CachedIndex
from proxy.index.upstream import UpstreamIndex
from proxy.resolve import Resolver
from proxy.simple.page import IndexFile, ProjectPage, split_place
from proxy.store.memory import MemoryStore
from tests.proxy.index.local import HASTY, answer, local_upstream
from tests.proxy.test_candidates import TARGET


class World:
    """An index in memory: pages and metadata, and how often each was asked for."""

    def __init__(self) -> None:
        self.files: dict[str, list[IndexFile]] = {}
        self.metadata: dict[str, bytes | None] = {}
        self.down: set[str] = set()
        self.hanging: set[str] = set()
        self.asked: list[str] = []
        self.arrived = asyncio.Event()

    def add(
        self,
        filename: str,
        *requires: str,
        described: bool = True,
        yanked: bool | str = False,
        size: int | None = 7,
        upload_time: datetime | None = None,
        header: str = "",
    ) -> Sha256:
        """Put a file on its page; its sha256."""
        sha256 = Sha256(hashlib.sha256(filename.encode()).hexdigest())
        name = canonicalize_name(filename.split("-", maxsplit=1)[0])
        url = f"https://files.test/{filename}"
        entry = IndexFile(
            filename=filename,
            url=url,
            sha256=sha256,
            yanked=yanked,
            size=size,
            upload_time=upload_time,
        )
        self.files.setdefault(name, []).append(entry)
        lines = "".join(f"Requires-Dist: {line}\n" for line in requires)
        document = f"Metadata-Version: 2.1\nName: {name}\n{header}{lines}"
        self.metadata[url] = document.encode() if described else None
        return sha256

    def wheel(self, name: str, version: str, *requires: str, described: bool = True) -> Sha256:
        """Put a pure wheel on its page."""
        return self.add(f"{name}-{version}-py3-none-any.whl", *requires, described=described)

    async def project(self, project: NormalizedName) -> ProjectPage:
        """A page."""
        self.asked.append(project)
        if project in self.hanging:
            self.arrived.set()
            await asyncio.Event().wait()
        if project in self.down:
            raise UpstreamUnavailable("down")
        if project not in self.files:
            raise UpstreamNotFound("none")
        return ProjectPage(name=project, files=tuple(self.files[project]))

    async def metadata_for_resolution(self, file: IndexFile) -> bytes | None:
        """Metadata."""
        return self.metadata[file.url]


@pytest.fixture
async def world() -> World:
    return World()


@pytest_asyncio.fixture
async def resolver(world: World) -> AsyncIterator[Resolver]:
    resolver = Resolver(world, world)
    yield resolver
    resolver.close()


def request(*requirements: str, role: str = "run") -> ResolveRequest:
    return ResolveRequest(requirements=requirements, role=role, target=TARGET)


async def resolve(resolver: Resolver, *requirements: str) -> ResolvedSet:
    resolved, where = await resolver.resolve(request(*requirements))
    assert set(where) == {file.sha256 for file in resolved.files}
    return resolved


def pins(resolved: ResolvedSet) -> list[str]:
    return [f"{file.project}=={file.version}" for file in resolved.files]


async def test_resolve__follows_dependencies(world: World, resolver: Resolver) -> None:
    sha256 = world.wheel("a", "1.0", "b>=1", "c; python_version < '3'", "d; extra == 'x'")
    world.wheel("b", "1.0")
    world.wheel("b", "2.0")
    resolved, where = await resolver.resolve(request("A", role="build"))
    assert pins(resolved) == ["a==1.0", "b==2.0"]
    assert {file.role for file in resolved.files} == {"build"}
    assert resolved.files[0].filename == "a-1.0-py3-none-any.whl"
    assert where[sha256] == ("https://files.test/a-1.0-py3-none-any.whl", 7)
    assert (resolved.unresolved, resolved.direct_urls, resolved.guessed) == ((), (), ())
    assert "c" not in world.asked


async def test_resolve__nothing_asked_is_nothing(resolver: Resolver) -> None:
    assert await resolve(resolver) == ResolvedSet(files=())


async def test_resolve__extras_bring_their_own(world: World, resolver: Resolver) -> None:
    world.wheel("a", "1.0", "b; extra == 'x'", "c; extra == 'y'")
    world.wheel("b", "1.0")
    assert pins(await resolve(resolver, "a[x]")) == ["a==1.0", "b==1.0"]


async def test_resolve__goes_back_where_the_newest_does_not_fit(
    world: World, resolver: Resolver
) -> None:
    world.wheel("a", "2.0", "c>=2")
    world.wheel("a", "1.0", "c<2")
    world.wheel("b", "1.0", "c<2")
    world.wheel("c", "1.0")
    world.wheel("c", "2.0")
    resolved = await resolve(resolver, "a", "b")
    assert pins(resolved) == ["a==1.0", "b==1.0", "c==1.0"]
    assert resolved.unresolved == ()


async def test_resolve__circles_end(world: World, resolver: Resolver) -> None:
    world.wheel("a", "1.0", "b")
    world.wheel("b", "1.0", "a")
    assert pins(await resolve(resolver, "a")) == ["a==1.0", "b==1.0"]


async def test_resolve__direct_urls_are_told_and_never_fetched(
    world: World, resolver: Resolver
) -> None:
    world.wheel("a", "1.0", "evil @ https://evil.test/evil.whl")
    resolved = await resolve(resolver, "a", "b @ file:///etc/passwd")
    assert pins(resolved) == ["a==1.0"]
    assert resolved.direct_urls == ("b @ file:///etc/passwd", "evil @ https://evil.test/evil.whl")
    assert set(world.asked) == {"a"}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("nobody", "nobody: the index has no such project"),
        ("down", "down: the index did not give its page"),
        ("windows", "windows: no file of it fits the interpreter"),
        ("b>5", "b>5: no release of it that can be used matches"),
        ("what is this?", "what is this?: not a requirement by PEP 508"),
    ],
)
async def test_resolve__what_cannot_be_met_is_told_and_the_rest_is_met(
    world: World, resolver: Resolver, line: str, why: str
) -> None:
    world.wheel("b", "1.0")
    world.add("windows-1.0-cp311-cp311-win_amd64.whl")
    world.down.add("down")
    resolved = await resolve(resolver, "b", line)
    assert pins(resolved) == ["b==1.0"]
    assert resolved.unresolved == (why,)


async def test_resolve__a_missing_dependency_costs_only_itself(
    world: World, resolver: Resolver
) -> None:
    world.wheel("a", "1.0", "nobody", "b")
    world.wheel("b", "1.0")
    resolved = await resolve(resolver, "a")
    assert pins(resolved) == ["a==1.0", "b==1.0"]
    assert resolved.unresolved == ("nobody (of a==1.0): the index has no such project",)


async def test_resolve__of_two_that_conflict_the_first_is_met(
    world: World, resolver: Resolver
) -> None:
    world.wheel("a", "1.0")
    world.wheel("a", "2.0")
    world.wheel("b", "1.0")
    resolved = await resolve(resolver, "a==1.0", "a==2.0", "b")
    assert pins(resolved) == ["a==1.0", "b==1.0"]
    assert resolved.unresolved == ("a==2.0: it conflicts with another requirement",)


async def test_resolve__a_described_release_is_chosen_before_a_newer_one_without_metadata(
    world: World, resolver: Resolver
) -> None:
    for number in range(20):
        world.wheel("a", f"1.{number}", "b", described=number < 5)
    world.wheel("b", "1.0")
    resolved = await resolve(resolver, "a")
    assert pins(resolved) == ["a==1.3", "b==1.0"]
    assert (resolved.guessed, resolved.unresolved) == ((), ())


async def test_resolve__without_a_choice_the_nearest_release_stands_in(
    world: World, resolver: Resolver
) -> None:
    world.wheel("a", "1.0", "b")
    world.wheel("a", "2.0", described=False)
    world.wheel("b", "1.0")
    resolved = await resolve(resolver, "a==2.0")
    assert pins(resolved) == ["a==2.0", "b==1.0"]
    assert (resolved.guessed, resolved.unresolved) == (("a==2.0",), ())


async def test_resolve__where_nothing_is_described_it_says_so(
    world: World, resolver: Resolver
) -> None:
    world.wheel("a", "1.0", described=False)
    world.add("b-1.0.tar.gz", size=None)
    resolved, where = await resolver.resolve(request("a", "b"))
    assert pins(resolved) == ["a==1.0", "b==1.0"]
    assert resolved.unresolved == (
        "a==1.0: what this wheel requires is not known to the index",
        "b==1.0: what this sdist requires is not known to the index",
    )
    assert [size for _, size in where.values()] == [7, 0]


async def test_resolve__another_platforms_wheel_describes_an_sdist(
    world: World, resolver: Resolver
) -> None:
    world.add("a-1.0.tar.gz", described=False)
    world.add("a-1.0-cp311-cp311-win_amd64.whl", "b")
    world.wheel("b", "1.0")
    resolved = await resolve(resolver, "a")
    assert [file.filename for file in resolved.files] == ["a-1.0.tar.gz", "b-1.0-py3-none-any.whl"]
    assert resolved.unresolved == ()


async def test_resolve__a_yanked_release_must_be_pinned(world: World, resolver: Resolver) -> None:
    world.add("a-2.0-py3-none-any.whl", yanked="broken")
    world.wheel("a", "1.0")
    assert pins(await resolve(resolver, "a")) == ["a==1.0"]
    assert pins(await resolve(resolver, "a==2.0")) == ["a==2.0"]


async def bounded(world: World, bounds: ResolveBounds, *requirements: str) -> ResolvedSet:
    resolver = Resolver(world, world, bounds=bounds)
    try:
        return await resolve(resolver, *requirements)
    finally:
        resolver.close()


async def test_resolve__a_set_that_is_too_large_is_cut_and_told(world: World) -> None:
    for name in "abc":
        world.wheel(name, "1.0")
    resolved = await bounded(world, ResolveBounds(files_max=2), "a", "b", "c")
    assert pins(resolved) == ["a==1.0", "b==1.0"]
    assert resolved.unresolved == ("the rest: the set has more than 2 files",)


@pytest.mark.parametrize(
    "bounds",
    [ResolveBounds(projects_max=5), ResolveBounds(metadata_max=5), ResolveBounds(rounds_max=5)],
)
async def test_resolve__a_tree_without_end_is_stopped_with_what_there_is(
    world: World, bounds: ResolveBounds
) -> None:
    for number in range(30):
        world.wheel(f"p{number}", "1.0", f"p{number + 1}")
    resolved = await bounded(world, bounds, "p0")
    assert 0 < len(resolved.files) <= 5
    assert resolved.unresolved[0].startswith("the rest: the resolution was stopped")
    assert len(set(world.asked)) <= 7


async def test_resolve__a_page_that_hangs_is_gone_without(world: World) -> None:
    world.wheel("a", "1.0", "b")
    world.hanging.add("b")
    resolved = await bounded(world, ResolveBounds(ask_s=0.05), "a")
    assert pins(resolved) == ["a==1.0"]
    assert resolved.unresolved == ("b (of a==1.0): the index did not give its page",)


async def test_resolve__time_that_is_up_ends_it(world: World) -> None:
    world.hanging.add("a")
    resolved = await bounded(world, ResolveBounds(resolve_s=0.05), "a")
    assert resolved.unresolved == (
        "the rest: the resolution was stopped, for it took longer than 0.05 s",
    )


async def test_resolve__a_project_is_narrowed_with_its_extras_and_without_at_once(
    world: World,
) -> None:
    # As apache-airflow, cadwyn and fastapi were: apart, every release of `web` without its extra is
    # tried against every one with it, and no bound of ours would be enough.
    for number in range(60):
        world.wheel("web", f"1.{number}", "part; extra == 'all'")
    world.wheel("part", "1.0")
    world.wheel("app", "1.0", "web[all]<1.5", "framework")
    for number in range(40):
        world.wheel("framework", f"1.{number}", "web>=1.30" if number else "web")
    resolved = await bounded(world, ResolveBounds(rounds_max=200), "app")
    assert pins(resolved) == ["app==1.0", "framework==1.0", "part==1.0", "web==1.4"]
    assert resolved.unresolved == ()


async def test_resolve__a_cancelled_requester_frees_its_thread(world: World) -> None:
    resolver = Resolver(world, world, bounds=ResolveBounds(resolutions_max=1))
    world.wheel("a", "1.0")
    world.hanging.add("b")
    requester = asyncio.create_task(resolver.resolve(request("b")))
    await world.arrived.wait()
    requester.cancel()
    with pytest.raises(asyncio.CancelledError):
        await requester
    assert pins(await resolve(resolver, "a")) == ["a==1.0"]
    resolver.close()


async def test_resolve__a_target_without_a_python_fails(resolver: Resolver) -> None:
    bare = ResolveRequest(requirements=(), role="run", target=Target(markers={}, tags=()))
    with pytest.raises(ResolutionFailed):
        await resolver.resolve(bare)


async def test_resolve__over_http_with_unannounced_metadata(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    async with local_upstream() as upstream:
        sha256 = upstream.add("a-1.0-py3-none-any.whl", b"wheel a")
        upstream.add("b-1.0-py3-none-any.whl", b"wheel b")
        upstream.files["/files/a-1.0-py3-none-any.whl.metadata"] = (
            b"Metadata-Version: 2.1\nName: a\nRequires-Dist: b\n"
        )
        upstream.always["/files/b-1.0-py3-none-any.whl.metadata"] = answer(
            b"Metadata-Version: 2.1\nName: b\n"
        )
        source = UpstreamIndex(parse_index_name("main"), upstream.url, bounds=HASTY)
        await source.start()
        index = CachedIndex(source, MemoryStore(clock=utc_now), clock=utc_now)
        artifacts = FolderArtifacts(tmp_path_factory.mktemp("artifacts"))
        fetcher = Fetcher(index, source.client, artifacts)
        resolver = Resolver(index, fetcher)
        resolved, where = await resolver.resolve(request("a"))
        assert pins(resolved) == ["a==1.0", "b==1.0"]
        place, size = where[Sha256(sha256)]
        index_name, url = split_place(place)
        assert index_name == "main"
        path = await fetcher.ensure_url(Sha256(sha256), url, size)
        assert path.read_bytes() == b"wheel a"
        resolver.close()
        for part in (fetcher, index, source):
            await part.close()
