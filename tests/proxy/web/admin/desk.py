"""A house with people at its pages, and things to decide: what every test of a page begins with."""

from __future__ import annotations

import io
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from aiohttp import ClientSession, CookieJar

from analyzer.tracefile import encode_trace
from models.artifact import ArtifactRef
from models.behaviour import Act, ActKind, BehaviourProfile, Changes
from models.canonical import digest_of, digest_of_bytes
from models.decision import Decision, HoldKind, Override, OverrideAction, ReasonCode, reason
from models.evidence import (
    Analyzer,
    Coverage,
    Evidence,
    Finding,
    Layer,
    PhaseReport,
    Place,
    Severity,
)
from models.phase import Phase
from models.trace import RUNNER, Event, EventKind
from models.work import Priority
from proxy.admin.access import Role
from proxy.facts import gather
from proxy.store.exceptions_port import OverrideRequest, Scope
from proxy.store.port import Feed, Fetch, TokenKind
from proxy.tokens import mint
from tests.proxy.web.decided import START, denied, held, override, ref_of, served
from tests.proxy.web.house import House, open_house

LOCAL_URL = "http://127.0.0.1"
"""So that cookies are not bound to TLS, which no test has."""
HOSTILE = "<script>window.ran=1</script>\"'><img src=x onerror=window.ran=1>\u202e\u2028\n]]>"
LONG = "x" * 10_000


@dataclass(frozen=True)
class Shown:
    """A page that came back."""

    status: int
    headers: dict[str, str]
    text: str
    url: str


@dataclass
class Desk:
    """Somebody in front of a browser, signed in with a role, or nobody."""

    house: House
    session: ClientSession
    secret: str = ""
    name: str = ""

    async def see(self, path: str, **headers: str) -> Shown:
        """GET, and follow."""
        named = {"Accept": "text/html", **headers}
        async with self.session.get(self.house.url + path, headers=named) as answer:
            return Shown(answer.status, dict(answer.headers), await answer.text(), answer.url.path)

    async def send(self, path: str, **fields: str) -> Shown:
        """POST a form with the word that this session's forms carry, and follow."""
        page = await self.see("/audit")
        found = re.search(r'name="csrf" value="([0-9a-f]{64})"', page.text)
        return await self.forge(path, csrf=found.group(1) if found else "", **fields)

    async def forge(self, path: str, **fields: str) -> Shown:
        """POST a form just as it is given."""
        body = io.BytesIO(urlencode(fields).encode())
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        async with self.session.post(self.house.url + path, data=body, headers=kind) as answer:
            return Shown(answer.status, dict(answer.headers), await answer.text(), answer.url.path)


async def token_of(house: House, name: str, role: Role, *groups: str) -> str:
    """The secret of a new token."""
    secret, token = mint(TokenKind.CLIENT, name, clock=house.clock, role=role, groups=groups)
    await house.store.add_token(token, actor="test")
    await house.read_tokens()
    return secret


@asynccontextmanager
async def at_desk(house: House, role: Role | None, name: str = "ada") -> AsyncIterator[Desk]:
    """Somebody signed in with `role`; None: a stranger."""
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as session:
        desk = Desk(house, session, name=name)
        if role is not None:
            desk.secret = await token_of(house, name, role)
            async with session.post(house.url + "/login", data={"token": desk.secret}) as answer:
                assert answer.status == 200, await answer.text()
        yield desk


@asynccontextmanager
async def open_desk_house(root: Path, **settings: Any) -> AsyncIterator[House]:
    """A house whose pages a browser on this machine can sign in at."""
    async with open_house(root, **{"public_url": LOCAL_URL, **settings}) as house:
        yield house


async def hold(house: House, filename: str, *, score: int = 50, data: bytes = b"") -> Decision:
    """A file held for review."""
    ref = ref_of(filename, data)
    why = reason(ReasonCode.SCORE, score=str(score))
    return await house.decide(
        held(ref, HoldKind.REVIEW, score=score, reasons=(why,), as_of=house.clock.now)
    )


async def furnish(house: House, *, text: str = "plain") -> dict[str, Decision]:
    """A little of everything, with `text` wherever a stranger's words may stand."""
    made: dict[str, Decision] = {}
    for number in range(6):
        ref = ref_of(f"steady-1.{number}-py3-none-any.whl")
        made["served"] = await house.decide(served(ref))
        fetches = [_fetch(ref, hours, text) for hours in range(0, 20, 1 + number)]
        await house.store.record_fetches(fetches)
    made["denied"] = await house.decide(denied(ref_of("reqeusts-9.9-py3-none-any.whl")))
    house.clock.forward(1800)
    made["held"] = await hold(house, "arrow_tools-0.4-py3-none-any.whl", score=44)
    house.clock.forward(7200)
    made["second"] = await hold(house, "parcels-2.1.tar.gz", score=58)
    made["third"] = await hold(house, "zeta_utils-0.0.1-py3-none-any.whl", score=33)
    evidence = await observe(house, ref_of("demo-2.0-py3-none-any.whl", b"newer"), text=text)
    facts = gather(house.upstream.pages["demo"], evidence[0], house.clock.now)
    await house.store.put_facts(facts)
    why = (
        reason(ReasonCode.FINDING, finding="reads-credentials", what="aws-key", phase="P3"),
        reason(ReasonCode.SCORE, score="41"),
    )
    made["evidence"] = await house.decide(
        replace(
            held(evidence[0], score=41, reasons=why, as_of=house.clock.now),
            evidence_digest=digest_of(evidence[1]),
            facts_digest=digest_of(facts),
        )
    )
    await house.store.add_override(noted(override(OverrideAction.ALLOW, id_="o-allow"), text))
    await house.store.add_override(noted(override(OverrideAction.DENY, id_="o-deny"), text))
    await house.store.add_request(asked_for(made["evidence"], text))
    await house.store.put_feed(
        Feed(name="osv", source="https://feeds.invalid/", succeeded_at=START, records=412_345)
    )
    await house.store.append_audit(
        actor=text[:60], action="token_added", subject=text, detail='{"kind":"client"}'
    )
    await house.read_tokens()
    return made


async def observe(
    house: House, ref: ArtifactRef, *, text: str = "plain"
) -> tuple[ArtifactRef, Evidence]:
    """Evidence with a trace that came the whole way: enqueued, leased, completed."""
    ref = house.upstream.publish(ref.filename, b"newer")
    now = house.clock.now
    facts = gather(house.upstream.pages[ref.project], ref, now)
    await house.store.put_facts(facts)
    await house.store.enqueue(ref, size_bytes=5, facts=facts, priority=Priority.FILE, now=now)
    assert await house.store.lease(worker="box-1", lease_id="seen", now=now)
    trace, _ = encode_trace(events(text[:290]))
    evidence = evidence_of(ref, text[:290], now=now, trace=trace)
    await house.store.complete(
        "seen",
        worker="box-1",
        evidence=evidence,
        blobs=((digest_of_bytes(trace), trace),),
        now=now,
    )
    return ref, evidence


def evidence_of(ref: ArtifactRef, text: str, *, now: Any, trace: bytes) -> Evidence:
    acts = (
        Act(kind=ActKind.HOST, phase=Phase.IMPORT, value=text),
        Act(kind=ActKind.EXECUTABLE, phase=Phase.IMPORT, value="/usr/bin/curl"),
        Act(kind=ActKind.DECOY, phase=Phase.IMPORT, value="aws-key"),
    )
    return Evidence(
        sha256=ref.sha256,
        filename=ref.filename,
        size_bytes=5,
        analyzer=Analyzer(version="1", python="3.11", platform="linux", worker="box-1"),
        observed_at=now,
        duration_ms=1234,
        layers=tuple(Layer),
        phases=tuple(
            PhaseReport(phase=phase, exit_code=0, wall_ms=321, syscalls=(("openat", 40),))
            for phase in (Phase.INSTALL, Phase.IMPORT)
        ),
        findings=(
            Finding(
                id="reads-credentials",
                title=text,
                severity=Severity.HIGH,
                layer=Layer.BEHAVIOUR,
                phase=Phase.IMPORT,
                technique="T1552.001",
                what="aws-key",
                place=Place(path=text, host=text, process=text, line=12, excerpt=text),
                owner=text,
            ),
        ),
        coverage=Coverage(modules_found=7, modules_imported=5, modules_failed=2),
        trace_digest=digest_of_bytes(trace),
        profile=BehaviourProfile(acts=acts),
        changes=Changes(
            since="demo-1.0-py3-none-any.whl",
            since_sha256=ref.sha256,
            since_evidence=digest_of_bytes(b"before"),
            added=acts[:2],
        ),
    )


def asked_for(decision: Decision, text: str, id_: str = "q1") -> OverrideRequest:
    """Somebody's request about a held file."""
    return OverrideRequest(
        id=id_,
        decision_id=decision.id,
        ref=decision.ref,
        scope=Scope.RELEASE,
        specifier="",
        days=30,
        justification=text[:1_900],
        requester="dora",
        created_at=START,
        expires_at=START + timedelta(days=14),
    )


def events(text: str) -> list[Event]:
    """A runner that starts Python, which starts curl; what it touched carries `text`."""
    phase = Phase.IMPORT
    return [
        Event(kind=EventKind.EXEC, phase=phase, at_us=1, pid=10, argv=("runner",), owner=RUNNER),
        Event(kind=EventKind.FORK, phase=phase, at_us=2, pid=10, result=11, owner=RUNNER),
        Event(kind=EventKind.EXEC, phase=phase, at_us=3, pid=11, parent=10, argv=("python", text)),
        Event(kind=EventKind.OPEN, phase=phase, at_us=4, pid=11, path="/etc/hosts", result=3),
        Event(kind=EventKind.OPEN, phase=phase, at_us=4, pid=11, path=text, flags=0o101, result=3),
        Event(kind=EventKind.DECOY, phase=phase, at_us=5, pid=11, detail="aws-key"),
        Event(kind=EventKind.FORK, phase=phase, at_us=6, pid=11, result=12),
        Event(kind=EventKind.EXEC, phase=phase, at_us=7, pid=12, parent=11, argv=("curl", text)),
        Event(kind=EventKind.CONNECT, phase=phase, at_us=8, pid=12, host=text, port=443),
        Event(kind=EventKind.DENIED, phase=phase, at_us=9, pid=12, syscall="ptrace", result=-1),
        # From outside the box, where no process is known:
        Event(kind=EventKind.DECOY, phase=phase, at_us=10, path="/home/dev/.netrc", detail="open"),
        Event(kind=EventKind.DNS, phase=phase, at_us=11, host=text, detail="A"),
        Event(
            kind=EventKind.NET,
            phase=phase,
            at_us=12,
            host=text,
            port=80,
            detail=f"tcp GET {text}",
            canaries=("c1",),
        ),
    ]


def noted(one: Override, text: str) -> Override:
    return replace(one, justification=text[:1_900])


def _fetch(ref: ArtifactRef, hours: int, text: str) -> Fetch:
    return Fetch(
        at=START - timedelta(hours=hours),
        ref=ref,
        requester="build-farm",
        address="192.0.2.9",
        user_agent=text,
        status=200,
        decision_id="abcdefghij",
    )
