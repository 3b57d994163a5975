"""One analysis from lease to evidence, with a scripted sandbox."""

from __future__ import annotations

import os
import zlib
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from analyzer.memfd import sealed
from analyzer.pipeline import analyse
from analyzer.sandbox.client import RunOutcome
from analyzer.sandbox.protocol import SOURCES_MAX, RunRequest
from models.behaviour import Baseline, BehaviourProfile
from models.canonical import canonical_json, digest_of_bytes
from models.errors import ResolutionFailed, SandboxFailed, UpstreamUnavailable
from models.evidence import EVIDENCE_BYTES_MAX, Evidence, Layer, ProofKind, Severity, Shortfall
from models.phase import Phase
from models.work import EvidencePost, ResolvedSet, ResolveRequest
from tests.analyzer.archives import core_metadata, make_sdist, make_wheel, make_zip, wheel_members
from tests.analyzer.fakes import (
    INTERPRETER,
    NOW,
    FakeProxy,
    FakeSandbox,
    Reader,
    SteppingClock,
    honest_reader,
    lease_of,
    lines,
    outcome,
    phase,
    read_outcome,
    sha256_of,
    theft,
)

WHEEL = "reenact_demo-1.0-py3-none-any.whl"
SDIST = "reenact_demo-1.0.tar.gz"
PLAIN = make_wheel({"reenact_demo.py": "x = 1"})
NEEDY = make_zip(
    wheel_members({"reenact_demo.py": "import loud"}, metadata=("Requires-Dist: loud",))
)
LOUD = make_wheel({"loud.py": "y = 2"}, name="loud")


def open_descriptors() -> set[Path]:
    return set(Path("/proc/self/fd").iterdir())


async def post_of(
    sandbox: FakeSandbox,
    data: bytes = PLAIN,
    filename: str = WHEEL,
    proxy: FakeProxy | None = None,
    clock: SteppingClock | None = None,
    baseline: Baseline | None = None,
) -> EvidencePost:
    descriptor = sealed(data, sha256_of(data))
    before = open_descriptors()
    try:
        post = await analyse(
            lease=replace(lease_of(filename, data), baseline=baseline),
            artifact_fd=descriptor,
            sandbox=sandbox,
            proxy=proxy or FakeProxy(),
            clock=clock or SteppingClock(),
            worker_name="test",
            interpreters=(INTERPRETER,),
        )
        assert open_descriptors() <= before, "a descriptor was left open"
    finally:
        os.close(descriptor)
    assert msgspec.json.decode(msgspec.json.encode(post), type=EvidencePost) == post
    assert len(canonical_json(post.evidence)) <= EVIDENCE_BYTES_MAX
    return post


async def evidence_of(sandbox: FakeSandbox, *args: object, **more: object) -> Evidence:
    return (await post_of(sandbox, *args, **more)).evidence  # type: ignore[arg-type]  # passed on


async def test_analyse__a_quiet_wheel_is_complete_clean_and_runs_once() -> None:
    sandbox = FakeSandbox(runs=[outcome()])

    post = await post_of(sandbox)

    evidence = post.evidence
    assert evidence.findings == ()
    assert evidence.shortfalls == ()
    assert evidence.layers == (Layer.METADATA, Layer.BEHAVIOUR)
    assert evidence.observed_at == NOW
    assert evidence.analyzer.worker == "test"
    assert evidence.coverage.modules_imported == 1
    assert [request.kind for request in sandbox.requests] == ["read", "run"]
    assert sandbox.requests[1].modules == ("reenact_demo",)
    assert evidence.metadata_digest == digest_of_bytes(post.metadata)
    assert post.metadata.startswith(b"Metadata-Version")
    assert evidence.trace_digest == digest_of_bytes(post.trace)


async def test_analyse__a_canary_that_left_is_a_proof_in_its_phase() -> None:
    evidence = await evidence_of(FakeSandbox(runs=[outcome(sinkhole=theft())]))

    (proof,) = evidence.proofs
    assert (proof.proof, proof.phase, proof.what, proof.place.address) == (
        ProofKind.CANARY_LEFT,
        Phase.IMPORT,
        "aws-key",
        "203.0.113.7",
    )


async def test_analyse__what_it_did_is_compared_with_the_lease_s_baseline() -> None:
    before = await evidence_of(FakeSandbox(runs=[outcome()]))
    assert before.profile == BehaviourProfile()
    assert before.changes is None
    baseline = Baseline(
        filename="reenact_demo-0.9-py3-none-any.whl",
        sha256=before.sha256,
        evidence_digest=digest_of_bytes(b"older"),
        profile=before.profile,
        phases=(Phase.INSTALL, Phase.START, Phase.IMPORT),
    )

    now = await evidence_of(FakeSandbox(runs=[outcome(sinkhole=theft())]), baseline=baseline)

    assert now.changes is not None
    assert now.changes.since_evidence == baseline.evidence_digest
    assert [act.value for act in now.changes.added] == ["203.0.113.7"]
    assert "behaviour-changed" in {found.id for found in now.findings}


async def test_analyse__what_is_only_read_has_a_code_digest_and_no_profile() -> None:
    filename = "reenact_demo-1.0-cp39-cp39-win_amd64.whl"
    foreign = await evidence_of(FakeSandbox(), PLAIN, filename)
    native = await evidence_of(FakeSandbox(runs=[outcome()]))

    assert foreign.profile is None
    assert foreign.code_digest == native.code_digest is not None


async def test_analyse__an_sdist_brings_no_metadata_and_no_module_names() -> None:
    data = make_sdist({"setup.py": ""})
    sandbox = FakeSandbox(runs=[outcome()])
    proxy = FakeProxy(files={"setuptools-1.0-py3-none-any.whl": LOUD})

    post = await post_of(sandbox, data, SDIST, proxy)

    assert post.metadata == b""
    assert post.evidence.metadata_digest is None
    assert sandbox.requests[1].modules == ()
    assert [request.role for request in proxy.asked] == ["build"]
    assert proxy.asked[0].requirements == ("setuptools>=40.8.0", "wheel")
    assert proxy.asked[0].target == INTERPRETER.target
    assert [item.role for item in sandbox.inputs[1]] == ["artifact", "build"]
    assert [file.role for file in post.evidence.dependencies] == ["build"]


# -- what keeps an artifact from being run --------------------------------------------------------


@pytest.mark.parametrize(
    ("filename", "data", "shortfall"),
    [
        (WHEEL, make_zip({"../x": b""}), Shortfall.ARCHIVE_REFUSED),
        (WHEEL, b"no archive", Shortfall.ARCHIVE_REFUSED),
        ("reenact_demo-1.0.exe", b"MZ", Shortfall.ARCHIVE_REFUSED),
        ("reenact_demo-1.0-cp39-cp39-win_amd64.whl", PLAIN, Shortfall.WRONG_PLATFORM),
        (
            WHEEL,
            make_zip(wheel_members({"a.py": ""}, metadata=("Requires-Python: <3",))),
            Shortfall.INTERPRETER_MISSING,
        ),
    ],
)
async def test_analyse__what_cannot_run_is_not_run(
    filename: str, data: bytes, shortfall: Shortfall
) -> None:
    sandbox = FakeSandbox()

    evidence = await evidence_of(sandbox, data, filename)

    assert shortfall in evidence.shortfalls
    assert evidence.layers == (Layer.METADATA,)
    assert all(request.kind == "read" for request in sandbox.requests)


async def test_analyse__without_a_tracer_the_behaviour_layer_is_missing_and_nothing_fell_short() -> (
    None
):
    evidence = await evidence_of(FakeSandbox(traced=False))

    assert evidence.layers == (Layer.METADATA,)
    assert evidence.shortfalls == ()
    assert evidence.signal("behaviour.traced") is False


@pytest.mark.parametrize(
    ("report", "ended", "shortfall"),
    [
        (b"", "killed", Shortfall.CRASHED),
        (b"", "timeout", Shortfall.TIMED_OUT),
        (b"{}", "exit", Shortfall.CRASHED),
        (b'{"filename": "../../etc/passwd"}', "exit", Shortfall.CRASHED),
    ],
)
async def test_analyse__a_reader_that_fell_is_tried_twice_and_then_refused(
    report: bytes, ended: str, shortfall: Shortfall
) -> None:
    sandbox = FakeSandbox(reader=lambda _data, _request: read_outcome(report, ended=ended))

    evidence = await evidence_of(sandbox)

    assert evidence.shortfalls == (shortfall, Shortfall.ARCHIVE_REFUSED)
    assert len(sandbox.requests) == 2


async def test_analyse__a_reader_that_falls_once_leaves_no_trace() -> None:
    readers: list[Reader] = [lambda _data, _request: read_outcome(b""), honest_reader]

    def take(data: bytes, request: RunRequest) -> RunOutcome:
        return readers.pop(0)(data, request)

    evidence = await evidence_of(FakeSandbox(runs=[outcome()], reader=take))

    assert evidence.shortfalls == ()


@pytest.mark.parametrize(
    ("suffix", "shortfalls"), [(".py", (Shortfall.REPORT_TRUNCATED,)), (".so", ())]
)
async def test_analyse__what_a_run_depends_on_must_not_be_cut(
    suffix: str, shortfalls: tuple[Shortfall, ...]
) -> None:
    folder = "" if suffix == ".py" else "reenact_demo/"
    data = make_wheel(
        {"reenact_demo/__init__.py": "", **{f"{folder}m{n:03}{suffix}": "" for n in range(300)}}
    )

    evidence = await evidence_of(FakeSandbox(runs=[outcome()]), data)

    assert evidence.shortfalls == shortfalls


# -- requirements ---------------------------------------------------------------------------------


async def test_analyse__dependencies_are_fetched_and_named() -> None:
    sandbox = FakeSandbox(runs=[outcome()])
    proxy = FakeProxy(files={"loud-1.0-py3-none-any.whl": LOUD})

    evidence = await evidence_of(sandbox, NEEDY, proxy=proxy)

    assert [item.filename for item in sandbox.inputs[1]] == [WHEEL, "loud-1.0-py3-none-any.whl"]
    assert [file.filename for file in evidence.dependencies] == ["loud-1.0-py3-none-any.whl"]
    assert evidence.shortfalls == ()


@pytest.mark.parametrize(
    "proxy",
    [
        FakeProxy(unresolved=("loud: no such project",)),
        FakeProxy(files={"loud-1.0.egg": b"neither wheel nor sdist"}),
        FakeProxy(error=ResolutionFailed("no")),
    ],
)
async def test_analyse__a_requirement_that_is_not_met_falls_short_and_it_still_runs(
    proxy: FakeProxy,
) -> None:
    sandbox = FakeSandbox(runs=[outcome()])

    evidence = await evidence_of(sandbox, NEEDY, proxy=proxy)

    assert evidence.shortfalls == (Shortfall.REQUIREMENT_UNRESOLVED,)
    assert Layer.BEHAVIOUR in evidence.layers
    assert proxy.fetched == []


class Shop(FakeProxy):
    """Offers each role its own files; says what a test's `missing` says of lines that name it."""

    def __init__(self, missing: dict[str, str] | None = None, **roles: dict[str, bytes]) -> None:
        super().__init__(files={name: data for of in roles.values() for name, data in of.items()})
        self.roles = roles
        self.missing = missing or {}

    async def resolve(self, request: ResolveRequest) -> ResolvedSet:
        resolved = await super().resolve(request)
        offered = self.roles.get(request.role, {})
        named = [name for name in self.missing if name in request.requirements]
        return replace(
            resolved,
            files=tuple(file for file in resolved.files if file.filename in offered),
            unresolved=tuple(self.missing[name] for name in named),
        )


LIBRARY = make_sdist({"setup.py": ""}, name="loud")
"""Requires nothing; by PEP 517's default it is built with setuptools and wheel."""


def setuptools(version: str) -> dict[str, bytes]:
    return {f"setuptools-{version}-py3-none-any.whl": make_wheel({"s.py": version})}


class Versioned(Shop):
    """The versions that filenames state."""

    async def resolve(self, request: ResolveRequest) -> ResolvedSet:
        resolved = await super().resolve(request)
        return replace(
            resolved,
            files=tuple(
                replace(file, version=file.filename.split("-")[1].removesuffix(".tar.gz"))
                for file in resolved.files
            ),
        )


@pytest.mark.parametrize(
    ("build", "missing", "shortfalls"),
    [
        (setuptools("80.0"), {}, ()),
        (setuptools("80.0"), {"wheel": "wheel: no such project"}, ()),
        (setuptools("70.1"), {"wheel": "wheel: no such project"}, ()),
        (setuptools("70.0"), {"wheel": "wheel: no"}, (Shortfall.REQUIREMENT_UNRESOLVED,)),
        (setuptools("80.0"), {"setuptools>=40.8.0": "no"}, (Shortfall.REQUIREMENT_UNRESOLVED,)),
        ({}, {"wheel": "wheel: no"}, (Shortfall.REQUIREMENT_UNRESOLVED,)),
    ],
)
async def test_analyse__wheel_is_our_own_wish_where_setuptools_does_without(
    build: dict[str, bytes], missing: dict[str, str], shortfalls: tuple[Shortfall, ...]
) -> None:
    data = make_sdist({"setup.py": ""})
    sandbox = FakeSandbox(runs=[outcome()])

    evidence = await evidence_of(sandbox, data, SDIST, Versioned(missing, build=build))

    assert evidence.shortfalls == shortfalls


async def test_analyse__wheel_that_the_artifact_states_itself_is_required() -> None:
    toml = "[build-system]\nrequires = ['setuptools', 'wheel']\n"
    proxy = Versioned({"wheel": "wheel: no such project"}, build=setuptools("80.0"))

    evidence = await evidence_of(
        FakeSandbox(runs=[outcome()]), make_sdist({"pyproject.toml": toml}), SDIST, proxy
    )

    assert evidence.shortfalls == (Shortfall.REQUIREMENT_UNRESOLVED,)


# -- requirements that are sdists -----------------------------------------------------------------


async def test_analyse__an_sdist_among_the_requirements_comes_with_what_builds_it() -> None:
    sandbox = FakeSandbox(runs=[outcome()])
    unknown = "loud==1.0: what this sdist requires is not known to the index"
    proxy = Versioned({"loud": unknown}, run={"loud-1.0.tar.gz": LIBRARY}, build=setuptools("80.0"))

    evidence = await evidence_of(sandbox, NEEDY, proxy=proxy)

    assert evidence.shortfalls == ()
    tool = "setuptools-80.0-py3-none-any.whl"
    assert [(item.filename, item.role, item.needs) for item in sandbox.inputs[2]] == [
        (WHEEL, "artifact", ()),
        ("loud-1.0.tar.gz", "run", (tool,)),
        (tool, "tool", ()),
    ]
    assert len(proxy.fetched) == 2
    assert {file.role for file in evidence.dependencies} == {"run", "build"}


async def test_analyse__what_an_sdist_requires_is_resolved_too() -> None:
    library = make_sdist(
        {"PKG-INFO": core_metadata("loud", "1.0", "Requires-Dist: deeper")}, name="loud"
    )
    proxy = Versioned(run={"loud-1.0.tar.gz": library}, build=setuptools("80.0"))

    await evidence_of(FakeSandbox(runs=[outcome()]), NEEDY, proxy=proxy)

    asked = [request.requirements for request in proxy.asked if request.role == "run"]
    assert asked == [("loud",), ("loud", "deeper")]


async def test_analyse__a_wheel_that_the_index_does_not_describe_is_read() -> None:
    loud = make_zip(
        wheel_members({"loud.py": ""}, name="loud", metadata=("Requires-Dist: deeper",))
    )
    unknown = "loud==1.0: what this wheel requires is not known to the index"
    proxy = Versioned({"loud": unknown}, run={"loud-1.0-py3-none-any.whl": loud})

    evidence = await evidence_of(FakeSandbox(runs=[outcome()]), NEEDY, proxy=proxy)

    assert [request.requirements for request in proxy.asked] == [("loud",), ("loud", "deeper")]
    assert evidence.shortfalls == ()


@pytest.mark.parametrize(
    "proxy",
    [
        Versioned({"loud": "loud==1.0: unknown"}, run={"loud-1.0-py3-none-any.whl": b"none"}),
        Versioned({"loud": "loud==1.1: none such"}, run={"loud-1.0-py3-none-any.whl": LOUD}),
        Versioned(run={"loud-1.0.tar.gz": b"no archive"}),
        Versioned(run={"loud-1.0.tar.gz": LIBRARY}, build={"setuptools-80.0.tar.gz": LIBRARY}),
        Versioned({"setuptools>=40.8.0": "none"}, run={"loud-1.0.tar.gz": LIBRARY}),
        Versioned(
            {"loud": "deeper (of loud==1.0): no such project"},
            run={"loud-1.0.tar.gz": LIBRARY},
            build=setuptools("80.0"),
        ),
        Versioned(
            run={
                f"loud{n}-1.0.tar.gz": make_sdist({"setup.py": f"{n}"}, name=f"loud{n}")
                for n in range(SOURCES_MAX + 1)
            },
            build=setuptools("80.0"),
        ),
    ],
)
async def test_analyse__an_sdist_that_cannot_be_built_is_a_requirement_not_met(
    proxy: FakeProxy,
) -> None:
    evidence = await evidence_of(FakeSandbox(runs=[outcome()]), NEEDY, proxy=proxy)

    assert evidence.shortfalls == (Shortfall.REQUIREMENT_UNRESOLVED,)


async def test_analyse__no_sdist_is_read_once_its_share_of_the_time_is_over() -> None:
    clock = SteppingClock()

    class Slow(Versioned):
        async def resolve(self, request: ResolveRequest) -> ResolvedSet:
            clock.advance(lease_of(WHEEL, NEEDY).analysis_s * 0.3)
            return await super().resolve(request)

    proxy = Slow(run={"loud-1.0.tar.gz": LIBRARY}, build=setuptools("80.0"))

    evidence = await evidence_of(FakeSandbox(runs=[outcome()]), NEEDY, proxy=proxy, clock=clock)

    assert evidence.shortfalls == (Shortfall.REQUIREMENT_UNRESOLVED,)
    assert proxy.fetched == []


async def test_analyse__direct_urls_are_findings_and_never_fetched() -> None:
    proxy = FakeProxy(direct_urls=("deep @ https://x.test/deep.whl",))

    evidence = await evidence_of(FakeSandbox(runs=[outcome()]), NEEDY, proxy=proxy)

    assert [(found.id, found.severity) for found in evidence.findings] == [
        ("direct-url-dependency", Severity.MEDIUM)
    ]
    assert proxy.fetched == []


async def test_analyse__the_proxys_own_failure_is_ours() -> None:
    with pytest.raises(UpstreamUnavailable):
        await post_of(FakeSandbox(), NEEDY, proxy=FakeProxy(error=UpstreamUnavailable("away")))


# -- runs -----------------------------------------------------------------------------------------


async def test_analyse__a_run_cut_short_is_repeated_and_the_second_counts() -> None:
    sandbox = FakeSandbox(runs=[outcome(account={"dropped": 3}), outcome()])

    evidence = await evidence_of(sandbox)

    assert evidence.shortfalls == ()
    assert evidence.account.dropped == 0
    assert evidence.signal("behaviour.runs") == 2


async def test_analyse__cut_short_twice_is_incomplete() -> None:
    short = outcome(truncated=("trace",))
    sandbox = FakeSandbox(runs=[short, short])

    evidence = await evidence_of(sandbox)

    assert evidence.shortfalls == (Shortfall.EVENTS_FLOODED,)


async def test_analyse__what_the_first_run_saw_is_not_forgotten() -> None:
    first = outcome(sinkhole=theft(), account={"dropped": 1})
    sandbox = FakeSandbox(runs=[first, outcome()])

    evidence = await evidence_of(sandbox)

    assert len(evidence.proofs) == 1
    assert evidence.profile is not None
    assert "203.0.113.7" in {act.value for act in evidence.profile.acts}


async def test_analyse__a_second_run_that_is_worse_is_not_kept() -> None:
    worse = outcome(account={"dropped": 1}, truncated=("report",))
    sandbox = FakeSandbox(runs=[outcome(account={"dropped": 1}), worse])

    evidence = await evidence_of(sandbox)

    assert evidence.shortfalls == (Shortfall.EVENTS_DROPPED,)


@pytest.mark.parametrize(
    ("run", "shortfall"),
    [
        (outcome(phases=[phase("P1", 1)], report=b""), Shortfall.INSTALL_FAILED),
        (outcome(report=b'{"kind":"module","name":"reenact_demo","ok":false}\n'), Shortfall.NOTHING_IMPORTABLE),
        (outcome(phases=[phase("deps", 1)], report=b""), Shortfall.REQUIREMENT_UNRESOLVED),
    ],
)  # fmt: skip
async def test_analyse__what_would_come_out_the_same_is_not_repeated(
    run: RunOutcome, shortfall: Shortfall
) -> None:
    sandbox = FakeSandbox(runs=[run])

    evidence = await evidence_of(sandbox)

    assert evidence.shortfalls == (shortfall,)
    assert (Layer.BEHAVIOUR in evidence.layers) is bool(evidence.phases)


async def test_analyse__no_time_is_left_for_a_second_run() -> None:
    clock = SteppingClock()
    timed_out = outcome(phases=[phase("P1"), phase("P2"), phase("P3", None, "timeout")])
    sandbox = FakeSandbox(runs=[timed_out])
    lease_s = lease_of(WHEEL, PLAIN).analysis_s

    class Late(FakeSandbox):
        async def run(self, *args: object, **more: object) -> RunOutcome:
            result = await sandbox.run(*args, **more)  # type: ignore[arg-type]  # passed on
            clock.advance(lease_s / 2)
            return result

    evidence = await evidence_of(Late(), clock=clock)

    assert Shortfall.TIMED_OUT in evidence.shortfalls
    assert [request.kind for request in sandbox.requests] == ["read", "run"]


@pytest.mark.parametrize(
    "broken",
    [
        SandboxFailed("broke"),
        outcome(trace=None),
        outcome(trace=b"\xff\xff\xff\xffnoise"),
        outcome(account={"emitted": 0, "received": 0, "stored": 0}),
    ],
)
async def test_analyse__a_broken_sandbox_is_our_failure(broken: RunOutcome | SandboxFailed) -> None:
    with pytest.raises(SandboxFailed):
        await post_of(FakeSandbox(runs=[broken]))


async def test_analyse__a_forged_runner_report_cannot_hide_or_harm() -> None:
    forged = b'{"kind":"coverage","modules_found":-5}\n' + lines(
        {"kind": "module", "name": "reenact_demo", "ok": True},
        {"kind": "module", "name": "invented", "ok": True},
        {"kind": "install", "ok": True, "canaries": []},
        {"kind": "tcp", "at_ns": 1, "canaries": ["c01"]},
    )

    evidence = await evidence_of(FakeSandbox(runs=[outcome(sinkhole=theft(), report=forged)] * 2))

    assert len(evidence.proofs) == 1
    assert evidence.coverage.modules_imported == 1
    assert evidence.signal("behaviour.report_lines_lost") == 2
    assert Shortfall.REPORT_TRUNCATED in evidence.shortfalls


# -- dependencies alone ---------------------------------------------------------------------------


async def test_analyse__what_dependencies_do_alone_is_charged_to_them() -> None:
    sandbox = FakeSandbox(runs=[outcome(sinkhole=theft()), outcome(sinkhole=theft())])
    proxy = FakeProxy(files={"loud-1.0-py3-none-any.whl": LOUD})

    evidence = await evidence_of(sandbox, NEEDY, proxy=proxy)

    assert evidence.proofs == ()
    proven = {found.id for found in evidence.findings if found.severity is Severity.CRITICAL}
    charged = {found.id for found in evidence.findings if not found.owner}
    assert charged == proven  # a leak is nobody's to wave through
    assert {found.owner for found in evidence.findings} == {"", "box:dependencies"}
    alone = sandbox.inputs[2]
    assert [item.filename for item in alone] == [
        "pratique_nothing-0-py3-none-any.whl",
        "loud-1.0-py3-none-any.whl",
    ]


async def test_analyse__what_only_happens_with_the_artifact_stays_its_own() -> None:
    sandbox = FakeSandbox(runs=[outcome(sinkhole=theft()), outcome()])
    proxy = FakeProxy(files={"loud-1.0-py3-none-any.whl": LOUD})

    evidence = await evidence_of(sandbox, NEEDY, proxy=proxy)

    assert len(evidence.proofs) == 1
    assert evidence.proofs[0].owner == ""


async def test_analyse__without_dependencies_there_is_no_further_run() -> None:
    sandbox = FakeSandbox(runs=[outcome(sinkhole=theft())])

    evidence = await evidence_of(sandbox)

    assert len(evidence.proofs) == 1


# -- bounds ---------------------------------------------------------------------------------------


async def test_analyse__a_flood_of_conversations_stays_within_all_bounds() -> None:
    line = {"kind": "tcp", "at_ns": 3_000_000_001, "port": 80, "bytes": 1, "host": "h" * 250}
    flood = lines(*(line | {"address": f"198.51.{n // 250}.{n % 250}"} for n in range(3000)))
    sandbox = FakeSandbox(runs=[outcome(sinkhole=flood)])

    post = await post_of(sandbox)

    assert len(zlib.decompress(post.trace, 31).splitlines()) == 1 + 3000  # one file was opened
    beyond = post.evidence.signal("behaviour.findings_beyond_bound")
    assert isinstance(beyond, int)
    assert beyond > 2900


async def test_analyse__hostile_text_is_printable_in_evidence() -> None:
    hostile = outcome(
        phases=[
            replace(phase("P1"), output_tail="\x1b]0;x\x07\u202e", syscalls={"open\n": 1}),
            phase("P2"),
            phase("P3"),
        ],
        sinkhole=lines({"kind": "dns", "at_ns": 3_000_000_001, "name": "a\r\nb.\u202etest"}),
    )

    evidence = await evidence_of(FakeSandbox(runs=[hostile]))

    for report in evidence.phases:
        assert report.output_tail.isprintable()
        assert all(name.isprintable() for name, _ in report.syscalls)
    assert all(found.place.host.isprintable() for found in evidence.findings)
    assert any(found.id == "dns-lookup" for found in evidence.findings)
