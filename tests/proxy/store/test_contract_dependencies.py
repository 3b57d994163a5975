"""The port's contract on dependencies, held against the SQLite store and its twin."""

from __future__ import annotations

from proxy.store.bounds import DEPENDENCIES_MAX
from proxy.store.port import Dependency, Store
from tests.proxy.store.values import LOCAL, make_ref, name, sha


def dependency(project: str, version: str = "1.0") -> Dependency:
    return Dependency(project=name(project), version=version, sha256=sha(f"{project}{version}"))


async def test_put_dependencies__replaces_those_before_and_sorts(store: Store) -> None:
    ref = make_ref("app")
    assert await store.dependencies_of(ref) == ()
    await store.put_dependencies(ref, [dependency("old")])
    await store.put_dependencies(ref, [dependency("b"), dependency("a", "2.0")])
    assert await store.dependencies_of(ref) == (dependency("a", "2.0"), dependency("b"))
    assert await store.dependencies_of(make_ref("app", "2.0")) == ()


async def test_put_dependencies__keeps_no_more_than_the_bound(store: Store) -> None:
    many = [dependency(f"p{number:04}") for number in range(DEPENDENCIES_MAX + 5)]
    await store.put_dependencies(make_ref("app"), many)
    assert await store.dependencies_of(make_ref("app")) == tuple(many[:DEPENDENCIES_MAX])


async def test_dependants_of__are_those_that_depend_on_these_very_files(store: Store) -> None:
    first, second, third = make_ref("app-a"), make_ref("app-b"), make_ref("app-c")
    await store.put_dependencies(second, [dependency("lib"), dependency("other")])
    await store.put_dependencies(first, [dependency("lib")])
    await store.put_dependencies(third, [dependency("lib", "2.0")])
    ours = make_ref("app-d", index=LOCAL)
    await store.put_dependencies(ours, [dependency("lib")])
    files = [sha("lib1.0")]
    assert await store.dependants_of(name("lib"), files, limit=9) == (first, second, ours)
    assert await store.dependants_of(name("lib"), files, limit=1) == (first,)
    assert await store.dependants_of(name("other"), files, limit=9) == ()
    both = [sha("lib2.0"), *files]
    assert await store.dependants_of(name("lib"), both, limit=9) == (first, second, third, ours)
    assert await store.dependants_of(name("lib"), [], limit=9) == ()
