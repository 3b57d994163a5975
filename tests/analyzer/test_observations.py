"""Lines from the sinkhole, the decoys and the runner, honest and hostile."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.observations import (
    LINE_BYTES_MAX,
    LINES_MAX,
    Outside,
    phase_at,
    read_decoys,
    read_runner,
    read_sinkhole,
)
from analyzer.sandbox.protocol import PhaseResult
from models.phase import Phase
from models.trace import Event, EventKind

PHASES = (
    PhaseResult(phase="P1", exit_code=0, ended="exit", wall_ms=1, started_ns=1_000_000),
    PhaseResult(phase="P2", exit_code=0, ended="exit", wall_ms=1, started_ns=2_000_000),
    PhaseResult(phase="P3", exit_code=0, ended="exit", wall_ms=1, started_ns=3_000_000),
)


def lines(*documents: object) -> bytes:
    return b"".join(json.dumps(document).encode() + b"\n" for document in documents)


def test_read_sinkhole__a_conversation_and_a_question() -> None:
    blob = lines(
        {
            "kind": "dns",
            "at_ns": 2_000_000,
            "name": "c2.test",
            "type": "A",
            "server": "10.0.2.3",
            "canaries": [],
        },
        {
            "kind": "tcp",
            "at_ns": 3_005_000,
            "host": "c2.test",
            "address": "198.18.0.1",
            "port": 443,
            "sni": "",
            "bytes": 9,
            "http": "GET /x",
            "canaries": ["c01"],
            "head_hex": "00",
        },
        {"kind": "udp", "at_ns": 3_006_000, "address": "203.0.113.7", "port": 9, "bytes": 3},
    )

    assert read_sinkhole(blob, PHASES) == Outside(
        events=(
            Event(
                kind=EventKind.DNS,
                phase=Phase.START,
                at_us=0,
                host="c2.test",
                address="10.0.2.3",
                detail="A",
            ),
            Event(
                kind=EventKind.NET,
                phase=Phase.IMPORT,
                at_us=5,
                host="c2.test",
                address="198.18.0.1",
                port=443,
                detail="tcp GET /x",
                size_bytes=9,
                canaries=("c01",),
            ),
            Event(
                kind=EventKind.NET,
                phase=Phase.IMPORT,
                at_us=6,
                address="203.0.113.7",
                port=9,
                detail="udp",
                size_bytes=3,
            ),
        )
    )


def test_read_decoys__says_which_value_was_touched_and_how() -> None:
    blob = lines({"at_ns": 1_500_000, "path": "/home/dev/.npmrc", "id": "c04", "event": "access"})

    (event,) = read_decoys(blob, PHASES).events

    assert (event.kind, event.phase, event.path) == (
        EventKind.DECOY,
        Phase.INSTALL,
        "/home/dev/.npmrc",
    )
    assert (event.detail, event.canaries) == ("access", ("c04",))


@pytest.mark.parametrize(
    ("at_ns", "phase", "at_us"),
    [(0, Phase.INSTALL, 0), (1_000_000, Phase.INSTALL, 0), (2_999_000, Phase.START, 999)],
)
def test_phase_at__is_the_last_that_had_begun(at_ns: int, phase: Phase, at_us: int) -> None:
    assert phase_at(at_ns, PHASES) == (phase, at_us)


def test_read_runner__a_module_that_failed_later_is_not_imported() -> None:
    word = read_runner(
        lines(
            {"kind": "module", "name": "a", "ok": True},
            {"kind": "module", "name": "a.b", "ok": False, "error": "timeout"},
            {"kind": "module", "name": "c", "ok": True},
            {"kind": "module", "name": "c", "ok": False, "error": "failed"},
            {"kind": "install", "ok": True, "file": "x.whl", "files": 3, "bytes": 10},
            {"kind": "submodules", "of": "a", "found": 4, "left": 1},
            {"kind": "lingering", "processes": 2},
            {"kind": "coverage", "modules_found": 2, "modules_run": 2, "timeouts": 0},
        )
    )

    assert word.imported == {"a"}
    assert word.failed == {"c"}
    assert (word.modules_found, word.submodules_found, word.submodules_left) == (2, 4, 1)
    assert (word.lingering, word.lost) == (2, 0)


@pytest.mark.parametrize(
    "bad",
    [
        b"not json\n",
        b"{}\n",
        b'{"kind":"tcp","at_ns":-1}\n',
        b'{"kind":"tcp","at_ns":1,"port":70000}\n',
        b'{"kind":"dns","at_ns":1}\n',
        b'{"kind":"other","at_ns":1}\n',
        b"[" * 5000 + b"\n",
        b'"' + b"x" * LINE_BYTES_MAX + b'"\n',
        b'{"kind":"dns","at_ns":1,"name":"cut',
    ],
)
def test_read_sinkhole__a_line_that_is_none_is_counted_as_lost(bad: bytes) -> None:
    good = lines({"kind": "dns", "at_ns": 1, "name": "x.test"})

    outside = read_sinkhole(good + bad, PHASES)

    assert len(outside.events) == 1
    assert outside.lost == 1


def test_read_runner__lines_beyond_the_bound_are_counted_as_lost() -> None:
    blob = lines({"kind": "lingering", "processes": 1}) * (LINES_MAX + 3)

    assert read_runner(blob).lost == 3


@given(st.lists(st.text(max_size=40) | st.dictionaries(st.text(max_size=8), st.integers())))
def test_readers__noise_never_raises_and_events_are_valid(documents: list[object]) -> None:
    blob = lines(*documents)

    for outside in (read_sinkhole(blob, PHASES), read_decoys(blob, PHASES)):
        msgspec.json.decode(msgspec.json.encode(outside.events), type=tuple[Event, ...])
    assert read_runner(blob).lost == len(documents)


def test_read_runner__tells_what_was_used_and_how_far() -> None:
    word = read_runner(
        lines(
            {"kind": "argument", "index": 3, "of": "demo.Client.token"},
            {"kind": "used", "module": "demo", "found": 5, "called": 4, "raised": 2, "left": 1},
            {"kind": "script", "name": "demo", "ended": "timeout"},
            {"kind": "patched", "name": "ssl.SSLSocket.send"},
            {"kind": "patched", "name": "ssl.SSLSocket.send"},
        )
    )

    assert [(line.index, line.of) for line in word.arguments] == [(3, "demo.Client.token")]
    assert [(line.found, line.called, line.left) for line in word.used] == [(5, 4, 1)]
    assert [line.ended for line in word.scripts] == ["timeout"]
    assert word.patched == ("ssl.SSLSocket.send",)
    assert word.lost == 0


@pytest.mark.parametrize(
    ("head", "http", "kept"),
    [
        (b'{"id":1,"method":"mining.subscribe"}\n', "", '{"id":1,"method":"mining.subscribe"}\\n'),
        (b"\x16\x03\x01", "", "\\x16\\x03\\x01"),
        (b"A" * 64, "", "A" * 59 + "…"),
        (b"GET / HTTP/1.1\r\n", "GET /", ""),
        (b"", "", ""),
    ],
)
def test_read_sinkhole__keeps_the_beginning_of_what_is_no_http(
    head: bytes, http: str, kept: str
) -> None:
    blob = lines({"kind": "tcp", "at_ns": 1, "http": http, "head_hex": head.hex()})

    (event,) = read_sinkhole(blob, PHASES).events

    assert event.path2 == kept


@pytest.mark.parametrize("head", ["0", "zz", "00 11", "AB"])
def test_read_sinkhole__a_beginning_that_is_no_hex_is_lost(head: str) -> None:
    blob = lines({"kind": "tcp", "at_ns": 1, "head_hex": head})

    assert read_sinkhole(blob, PHASES) == Outside(events=(), lost=1)


def test_read_runner__names_what_imports_replaced_once_and_printable() -> None:
    blob = lines(*({"kind": "patched", "name": name} for name in ("ssl.x", "a\n", "ssl.x")))

    word = read_runner(blob)

    assert (word.patched, word.lost) == (("ssl.x", "a\\n"), 0)
