"""A survey: files that are read and not run, each layer with how it was measured."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from analyzer.inventory import ReaderReport
from analyzer.readers.pool import Reading
from models.artifact import IndexName
from models.decision import Action
from models.errors import SandboxFailed, UpstreamUnavailable
from models.evidence import Layer, Shortfall
from models.facts import Answer, Source, SourceState
from policies.document import DEFAULT_POLICY_TOML, parse_policy
from proxy.inquiry import Inquiry, Question
from proxy.simple.page import ProjectPage
from proxy.survey import Survey, Surveyed
from tests.models.examples import NOW

WHEEL = "demo-1.0-py3-none-any.whl"
POLICY = parse_policy(DEFAULT_POLICY_TOML, source="default")
FINE = Reading(
    report=ReaderReport(filename=WHEEL, kind="wheel", refused=False),
    ended="exit",
    wall_ms=7,
    cpu_ms=5,
    peak_kib=900,
)


class Files:
    """Opens what lies on disk."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files

    def open(self, index: int) -> int:
        return os.open(self._files[index], os.O_RDONLY)


class Pool:
    """Readers whose answer is known."""

    size = 2

    def __init__(self, reading: Reading | None) -> None:
        self._reading = reading
        self.asked: list[tuple[str, str, int]] = []

    def read(self, file: int, *, filename: str, kind: str, size_bytes: int) -> Reading:
        assert os.fstat(file).st_size == size_bytes
        self.asked.append((filename, kind, size_bytes))
        if self._reading is None:
            raise SandboxFailed("Readers do not come up.")
        return self._reading


class Told:
    """A source that says what it is told to."""

    def __init__(self, name: str, layer: Layer) -> None:
        self.name = name
        self.layer = layer

    async def ask(self, question: Question) -> Answer:
        assert question.page is None
        if self.layer is Layer.PROVENANCE:
            raise UpstreamUnavailable("It is down.")
        return Answer(source=Source(name=self.name, layer=self.layer, state=SourceState.MEASURED))


class Down:
    """An index that does not answer."""

    async def project(self, _project: str) -> ProjectPage:
        raise UpstreamUnavailable("No answer.")


SOURCES = Inquiry(
    [
        Told("confusion", Layer.METADATA),
        Told("history", Layer.REPUTATION),
        Told("signatures", Layer.PROVENANCE),
    ]
)


async def survey(
    files: Sequence[Path],
    *layers: Layer,
    reading: Reading | None = FINE,
    networked: bool = False,
) -> dict[str, Surveyed]:
    done: list[Surveyed] = []
    made = Survey(
        opener=Files(files),
        pool=Pool(reading),  # type: ignore[arg-type]  # a fake
        index=Down() if networked else None,
        index_of=lambda _: IndexName("pypi"),
        inquiry=SOURCES,
        layers=layers or (Layer.METADATA,),
        policy=POLICY,
        clock=lambda: NOW,
    )
    await made.run(files, done.append)
    assert len(done) == len(files)
    return {Path(one.file).name: one for one in done}


def put(folder: Path, *names: str) -> list[Path]:
    paths = [folder / name for name in names]
    for path in paths:
        path.write_bytes(path.name.encode())
    return paths


async def test_run__each_file_is_told_once_with_its_name(tmp_path: Path) -> None:
    names = [f"demo-1.{number}-py3-none-any.whl" for number in range(40)]
    done = await survey(put(tmp_path, *names))
    assert sorted(done) == sorted(names)
    one = done[names[7]]
    assert (one.filename, one.size_bytes) == (names[7], len(names[7]))
    assert one.evidence is not None
    assert one.evidence.layers == (Layer.METADATA,)
    assert (one.read_ms, one.cpu_ms, one.peak_kib) == (7, 5, 900)


async def test_run__layers_that_were_not_named_are_off_and_say_why(tmp_path: Path) -> None:
    done = await survey(put(tmp_path, WHEEL))
    states = {state.layer: (state.state, bool(state.reason)) for state in done[WHEEL].layers}
    assert states == {
        Layer.METADATA: ("measured", False),
        Layer.BEHAVIOUR: ("off", True),
        Layer.PROVENANCE: ("off", True),
        Layer.REPUTATION: ("off", True),
    }
    assert {source.state for source in done[WHEEL].sources} == {SourceState.OFF}
    assert done[WHEEL].facts is None


async def test_run__a_layer_that_could_not_be_asked_is_missing_and_says_why(tmp_path: Path) -> None:
    files = put(tmp_path, WHEEL)
    done = await survey(files, Layer.METADATA, Layer.PROVENANCE, networked=True)
    states = {state.layer: (state.state, state.reason) for state in done[WHEEL].layers}
    assert states[Layer.PROVENANCE] == ("missing", "It is down.")
    assert states[Layer.REPUTATION][0] == "off"
    told = {source.name: source.state for source in done[WHEEL].sources}
    assert told == {
        "confusion": SourceState.MEASURED,
        "history": SourceState.OFF,
        "signatures": SourceState.MISSING,
    }


@pytest.mark.parametrize(
    ("ended", "shortfall"),
    [("timeout", Shortfall.TIMED_OUT), ("crashed", Shortfall.CRASHED), ("lost", Shortfall.CRASHED)],
)
async def test_run__a_file_that_could_not_be_read_is_held(
    tmp_path: Path, ended: str, shortfall: Shortfall
) -> None:
    done = await survey(put(tmp_path, WHEEL), reading=Reading(report=None, ended=ended))
    one = done[WHEEL]
    assert one.evidence is not None
    assert one.evidence.shortfalls == (shortfall, Shortfall.ARCHIVE_REFUSED)
    assert one.decision is not None
    assert one.decision.action is Action.HOLD


async def test_run__what_is_no_distribution_is_held_and_not_read(tmp_path: Path) -> None:
    (one,) = (await survey(put(tmp_path, "notes.txt"))).values()
    assert one.evidence is not None
    assert one.evidence.shortfalls == (Shortfall.ARCHIVE_REFUSED,)
    assert one.decision is not None
    assert one.decision.action is Action.HOLD


async def test_run__what_we_cannot_do_is_an_error_of_that_file_alone(tmp_path: Path) -> None:
    files = [*put(tmp_path, WHEEL, "odd name.whl"), tmp_path / "none-1.0-py3-none-any.whl"]
    done = await survey(files)
    assert done[WHEEL].error == ""
    assert "project name" in done["odd name.whl"].error
    assert "No such file" in done["none-1.0-py3-none-any.whl"].error
    failed = await survey(files[:1], reading=None)
    assert (failed[WHEEL].error, failed[WHEEL].decision) == ("Readers do not come up.", None)
