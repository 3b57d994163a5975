"""What a package imports without declaring it is put beside it, if somebody is known to own that."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analyzer.running import RUNS_MAX
from models.errors import ResolutionFailed
from models.evidence import Evidence, Layer, Shortfall
from models.work import ResolvedSet, ResolveRequest
from tests.analyzer.archives import make_wheel
from tests.analyzer.fakes import FakeProxy, FakeSandbox, lines, outcome, sha256_of
from tests.analyzer.test_pipeline import WHEEL, evidence_of

SOUP = "beautifulsoup4-4.0-py3-none-any.whl"
SOUP_DATA = make_wheel({"bs4.py": "import reenact_demo"}, name="beautifulsoup4")


def wanting(*modules: str) -> bytes:
    """A run's report: its one module failed for want of others, one after the other."""
    return lines(
        *(
            {
                "kind": "module",
                "name": "reenact_demo",
                "ok": False,
                "error": "ModuleNotFoundError",
                "missing": module,
            }
            for module in modules
        )
    )


def companions(evidence: Evidence) -> list[str]:
    return [file.filename for file in evidence.dependencies if file.role == "companion"]


async def test_watch__an_undeclared_host_is_put_beside_it_and_the_run_is_whole() -> None:
    sandbox = FakeSandbox(runs=[outcome(report=wanting("bs4.element")), outcome()])
    proxy = FakeProxy(files={SOUP: SOUP_DATA})

    evidence = await evidence_of(sandbox, proxy=proxy)

    assert evidence.shortfalls == ()
    assert companions(evidence) == [SOUP]
    assert proxy.asked[-1].requirements == ("beautifulsoup4",)
    assert [(item.filename, item.role) for item in sandbox.inputs[-1]] == [
        (WHEEL, "artifact"),
        (SOUP, "run"),
    ]
    assert evidence.coverage.modules_imported == 1
    assert Layer.BEHAVIOUR in evidence.layers


@pytest.mark.parametrize(
    "missing",
    ["reenact_unknown_module", "reenact_demo", "utils", "", "../bs4", "b\u0455"],
)
async def test_watch__what_nobody_is_known_to_own_is_not_fetched(missing: str) -> None:
    sandbox = FakeSandbox(runs=[outcome(report=wanting(missing))])
    proxy = FakeProxy(files={SOUP: SOUP_DATA})

    evidence = await evidence_of(sandbox, proxy=proxy)

    assert evidence.shortfalls == (Shortfall.NOTHING_IMPORTABLE,)
    assert proxy.fetched == []
    assert companions(evidence) == []


@pytest.mark.parametrize(
    "proxy",
    [FakeProxy(), FakeProxy(error=ResolutionFailed("no")), FakeProxy(files={"bs4-1.tar.gz": b""})],
)
async def test_watch__where_it_cannot_be_had_the_first_run_stands(proxy: FakeProxy) -> None:
    sandbox = FakeSandbox(runs=[outcome(report=wanting("bs4"))])

    evidence = await evidence_of(sandbox, proxy=proxy)

    assert evidence.shortfalls == (Shortfall.NOTHING_IMPORTABLE,)
    assert proxy.fetched == []


async def test_watch__a_companion_of_its_own_name_is_not_taken_in_its_place() -> None:
    own = "reenact_demo-2.0-py3-none-any.whl"
    files = {SOUP: SOUP_DATA, own: make_wheel({"reenact_demo.py": "x = 2"})}
    sandbox = FakeSandbox(runs=[outcome(report=wanting("bs4")), outcome()])
    proxy = _Named(files=files)

    await evidence_of(sandbox, proxy=proxy)

    assert own not in [item.filename for item in sandbox.inputs[-1]]
    assert sha256_of(files[own]) not in proxy.fetched


class _Named(FakeProxy):
    """The real proxy names projects in their normal form."""

    async def resolve(self, request: ResolveRequest) -> ResolvedSet:
        found = await super().resolve(request)
        files = tuple(replace(file, project=file.project.replace("_", "-")) for file in found.files)
        return replace(found, files=files)


async def test_watch__rounds_are_bounded() -> None:
    numpy = "numpy-1.0-py3-none-any.whl"
    files = {SOUP: SOUP_DATA, numpy: make_wheel({"numpy.py": ""}, name="numpy")}
    wants = [wanting("bs4"), wanting("numpy"), wanting("yaml"), wanting("requests")]
    sandbox = FakeSandbox(runs=[outcome(report=want) for want in wants])

    evidence = await evidence_of(sandbox, proxy=_OneByOne(files=files))

    assert len([one for one in sandbox.requests if one.kind == "run"]) == RUNS_MAX
    assert evidence.shortfalls == (Shortfall.NOTHING_IMPORTABLE,)
    assert companions(evidence) == [SOUP, numpy]


class _OneByOne(FakeProxy):
    """Gives what is asked for by name, as an index does."""

    async def resolve(self, request: ResolveRequest) -> ResolvedSet:
        found = await super().resolve(request)
        files = tuple(file for file in found.files if file.project in request.requirements)
        return replace(found, files=files)
