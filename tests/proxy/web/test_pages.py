"""Pages: always 200 for a project that exists; rendered once; a verdict shows at once."""

from __future__ import annotations

import asyncio
import gzip
import json
import sys
from dataclasses import replace

import pytest
from packaging.utils import NormalizedName

from models.decision import OverrideAction
from models.errors import UpstreamInvalid
from proxy.simple.negotiate import Coding, Format
from proxy.simple.page import ProjectPage
from proxy.web.pages import Entry, Representation
from proxy.web.ready import JOINED_BYTES_MAX
from tests.proxy.web.decided import denied, held, override, proved, served, until
from tests.proxy.web.house import Answer, House, unavailable

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

WHEEL = "demo-1.0-py3-none-any.whl"
NEWER = "demo-2.0-py3-none-any.whl"
PIP = (
    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, "
    "text/html; q=0.01"
)
PAGE = "/simple/demo/"


def files(answer: Answer) -> dict[str, dict[str, object]]:
    return {entry["filename"]: entry for entry in json.loads(decoded(answer))["files"]}


def decoded(answer: Answer) -> bytes:
    match answer.headers.get("Content-Encoding"):
        case "gzip":
            return gzip.decompress(answer.body)
        case "zstd":
            return zstd.decompress(answer.body)
        case _:
            return answer.body


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (PIP, "application/vnd.pypi.simple.v1+json"),
        ("application/vnd.pypi.simple.v1+json, */*;q=0.1", "application/vnd.pypi.simple.v1+json"),
        ("text/html", "text/html; charset=utf-8"),
        ("*/*", "text/html; charset=utf-8"),
        (
            "application/vnd.pypi.simple.v1+html",
            "application/vnd.pypi.simple.v1+html; charset=utf-8",
        ),
    ],
)
async def test_page__comes_as_the_client_asks(house: House, accept: str, content_type: str) -> None:
    house.upstream.publish(WHEEL, b"one")
    answer = await house.get(PAGE, Accept=accept)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == content_type
    assert "Accept" in answer.headers["Vary"]
    assert answer.headers["Cache-Control"] == "no-cache"
    assert b"../../files/pypi/demo/" in answer.body


async def test_page__nothing_of_ours_is_accepted_is_406(house: House) -> None:
    house.upstream.publish(WHEEL, b"one")
    assert (await house.get(PAGE, Accept="image/png")).status == 406


async def test_page__unchanged_is_304(house: House) -> None:
    house.upstream.publish(WHEEL, b"one")
    first = await house.get(PAGE, Accept=PIP)
    again = await house.get(PAGE, Accept=PIP, If_None_Match=first.headers["ETag"])
    assert (again.status, again.body) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    weak = await house.get(PAGE, Accept=PIP, If_None_Match=f'"x", W/{first.headers["ETag"]}')
    assert weak.status == 304


async def test_page__each_representation_has_its_own_validator(house: House) -> None:
    for number in range(20):
        house.upstream.publish(f"demo-{number}.0-py3-none-any.whl", str(number).encode())
    tags = set()
    for accept in (PIP, "text/html"):
        bodies = set()
        for encoding in Coding:
            answer = await house.get(PAGE, Accept=accept, Accept_Encoding=encoding.value)
            tags.add(answer.headers["ETag"])
            bodies.add(decoded(answer))
            assert answer.headers.get("Content-Encoding", "identity") == encoding
            assert answer.headers["Vary"] == "Accept, Accept-Encoding"
        assert len(bodies) == 1
    assert len(tags) == 6


async def test_page__large_one_is_rendered_once_for_many(house: House) -> None:
    for number in range(200):
        house.upstream.publish(f"demo-{number}.0-py3-none-any.whl", str(number).encode())
    answers = await asyncio.gather(
        *(house.get(PAGE, Accept=PIP, Accept_Encoding="gzip") for _ in range(20))
    )
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert len(files(answers[0])) == 200


@pytest.mark.parametrize("files_count", [20, 400])
async def test_page__is_compressed_once_and_only_as_somebody_asks(
    house: House, monkeypatch: pytest.MonkeyPatch, files_count: int
) -> None:
    for number in range(files_count):
        house.upstream.publish(f"demo-{number}.0-py3-none-any.whl", str(number).encode())
    made: list[Coding] = []
    compress = Entry.code

    def code(entry: Entry, coding: Coding) -> Representation:
        made.append(coding)
        return compress(entry, coding)

    monkeypatch.setattr(Entry, "code", code)
    await house.get(PAGE, Accept=PIP, Accept_Encoding="identity")
    assert made == []
    for coding in (Coding.GZIP, Coding.ZSTD):
        several = [house.get(PAGE, Accept=PIP, Accept_Encoding=coding.value) for _ in range(10)]
        assert len({decoded(answer) for answer in await asyncio.gather(*several)}) == 1
        again = await house.get(PAGE, Accept=PIP, Accept_Encoding=coding.value)
        assert again.headers["Content-Encoding"] == coding
    assert made == [Coding.GZIP, Coding.ZSTD]


async def test_page__head_has_no_body(house: House) -> None:
    house.upstream.publish(WHEEL, b"one")
    answer = await house.get(PAGE, method="HEAD", Accept=PIP)
    assert (answer.status, answer.body) == (200, b"")


async def test_page__verdict_shows_at_once(house: House) -> None:
    old = house.upstream.publish(WHEEL, b"one")
    new = house.upstream.publish(NEWER, b"two")
    before = await house.get(PAGE, Accept=PIP)
    assert {name: entry["yanked"] for name, entry in files(before).items()} == {
        WHEEL: False,
        NEWER: False,
    }
    await house.decide(served(old))
    await house.decide(proved(new))
    after = await house.get(PAGE, Accept=PIP, If_None_Match=before.headers["ETag"])
    assert after.status == 200
    marks = files(after)
    assert marks[WHEEL]["yanked"] is False
    assert str(marks[NEWER]["yanked"]).startswith("Blocked by pratique: it sent ")


async def test_page__refused_without_a_way_back_is_plainly_listed(house: House) -> None:
    await house.decide(denied(house.upstream.publish(WHEEL, b"one")))
    assert files(await house.get(PAGE, Accept=PIP))[WHEEL]["yanked"] is False


async def test_page__override_of_a_whole_project_marks_unseen_files(house: House) -> None:
    await house.decide(served(house.upstream.publish(WHEEL, b"one")))
    house.upstream.publish(NEWER, b"two")
    await house.store.add_override(override(OverrideAction.DENY, specifier="==2.0"))
    await house.reload()
    assert files(await house.get(PAGE, Accept=PIP))[NEWER]["yanked"]


async def test_page__mark_goes_when_its_reason_expires(house: House) -> None:
    await house.decide(served(house.upstream.publish(WHEEL, b"one")))
    soon = house.clock.now.replace(minute=30)
    await house.decide(held(house.upstream.publish(NEWER, b"two"), expires_at=soon))
    assert files(await house.get(PAGE, Accept=PIP))[NEWER]["yanked"]
    house.clock.now = soon
    assert not files(await house.get(PAGE, Accept=PIP))[NEWER]["yanked"]


async def test_page__new_upload_shows(house: House) -> None:
    house.upstream.publish(WHEEL, b"one")
    await house.get(PAGE, Accept=PIP)
    house.upstream.publish(NEWER, b"two")
    assert set(files(await house.get(PAGE, Accept=PIP))) == {WHEEL, NEWER}


async def test_page__store_down_is_no_matter(house: House) -> None:
    house.upstream.publish(WHEEL, b"one")
    house.store.down = True
    assert (await house.get(PAGE, Accept=PIP)).status == 200


@pytest.mark.parametrize(
    ("fault", "status"), [(unavailable(), 504), (UpstreamInvalid("Broken JSON."), 504)]
)
async def test_page__upstream_trouble(house: House, fault: UpstreamInvalid, status: int) -> None:
    house.upstream.fault = fault
    answer = await house.get(PAGE, Accept=PIP)
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_page__unknown_project_is_404(house: House) -> None:
    assert (await house.get("/simple/nothing/", Accept=PIP)).status == 404


@pytest.mark.parametrize("accept", [PIP, "text/html"])
async def test_projects__list(house: House, accept: str) -> None:
    house.upstream.publish(WHEEL, b"one")
    answer = await house.get("/simple/", Accept=accept)
    assert answer.status == 200
    assert b"demo" in decoded(answer)


async def test_projects__streamed_list_is_the_same_in_every_coding(house: House) -> None:
    for number in range(10_000):
        name = NormalizedName(f"project-{number}")
        house.upstream.pages[name] = ProjectPage(name=name)
    for accept in (Format.JSON_V1, Format.HTML_LEGACY):
        bodies = set()
        for coding in Coding:
            answer = await house.get("/simple/", Accept=accept, Accept_Encoding=coding.value)
            assert answer.status == 200
            assert answer.headers["Content-Length"] == str(len(answer.body))
            assert answer.headers["Vary"] == "Accept, Accept-Encoding"
            bodies.add(decoded(answer))
            etag = answer.headers["ETag"]
            again = await house.get(
                "/simple/", Accept=accept, Accept_Encoding=coding.value, If_None_Match=etag
            )
            assert (again.status, again.body) == (304, b"")
            head = await house.get(
                "/simple/", method="HEAD", Accept=accept, Accept_Encoding=coding.value
            )
            assert (head.headers["ETag"], head.body) == (etag, b"")
            assert head.headers["Content-Length"] == answer.headers["Content-Length"]
        (body,) = bodies
        assert body.count(b"project-9999") == (1 if accept is Format.JSON_V1 else 2)


async def test_page__large_one_is_whole(house: House) -> None:
    for number in range(4_000):
        house.upstream.publish(f"demo-{number}.0-py3-none-any.whl", str(number).encode())
    answer = await house.get(PAGE, Accept=PIP, Accept_Encoding="identity")
    assert len(answer.body) > JOINED_BYTES_MAX
    assert len(files(answer)) == 4_000


@pytest.mark.parametrize(
    ("stated", "told"), [(29_000_000, "29000000"), ("7", None), (-1, None), (True, None)]
)
async def test_page__tells_upstreams_serial(house: House, stated: object, told: str | None) -> None:
    house.upstream.publish(WHEEL, b"one")
    page = house.upstream.pages["demo"]
    house.upstream.pages["demo"] = replace(page, extra_meta={"_last-serial": stated})
    for accept in (PIP, "text/html"):
        answer = await house.get(PAGE, Accept=accept)
        assert answer.headers.get("X-PyPI-Last-Serial") == told


async def test_page__alternate_locations_are_passed_and_tracks_is_not(house: House) -> None:
    house.upstream.publish(WHEEL, b"one")
    elsewhere = "https://elsewhere.invalid/simple/demo/"
    house.upstream.pages["demo"] = replace(
        house.upstream.pages["demo"],
        extra={"alternate-locations": [elsewhere], "mirror": "https://evil.invalid/"},
        extra_meta={"tracks": [elsewhere]},
    )
    page = json.loads(decoded(await house.get(PAGE, Accept=PIP)))
    assert page["alternate-locations"] == [elsewhere]
    assert "tracks" not in page["meta"]
    html = decoded(await house.get(PAGE, Accept="text/html"))
    assert b'<meta name="pypi:alternate-locations" content="https://elsewhere' in html
    assert b"pypi:tracks" not in html
    for body in (json.dumps(page).encode(), html):
        assert b"evil.invalid" not in body


async def test_page__upstreams_project_status_is_passed(house: House) -> None:
    house.upstream.publish(WHEEL, b"one")
    house.upstream.pages["demo"] = replace(
        house.upstream.pages["demo"],
        api_version="1.4",
        status="archived",
        status_reason='no "more"',
    )
    page = json.loads(decoded(await house.get(PAGE, Accept=PIP)))
    assert page["project-status"] == {"status": "archived", "reason": 'no "more"'}
    assert page["meta"]["api-version"] == "1.4"
    html = decoded(await house.get(PAGE, Accept="text/html"))
    assert b'<meta name="pypi:project-status" content="archived">' in html
    assert b'content="no &quot;more&quot;"' in html


async def test_page__requester_that_left_does_not_stop_the_render(house: House) -> None:
    for number in range(300):
        house.upstream.publish(f"demo-{number}.0-py3-none-any.whl", str(number).encode())
    gone = asyncio.create_task(house.get(PAGE, Accept=PIP))
    await until(lambda: house.upstream.asked > 0)
    gone.cancel()
    assert (await house.get(PAGE, Accept=PIP)).status == 200


async def test_page__no_two_variants_share_a_tag(house: House) -> None:
    house.upstream.publish("demo-1.0-py3-none-any.whl", b"x" * 2_000)
    for number in range(20):  # enough to be worth compressing
        house.upstream.publish(f"demo-2.{number}-py3-none-any.whl", b"x")
    tags = set()
    for accept in (Format.JSON_V1, Format.HTML_V1, Format.HTML_LEGACY):
        for coding in ("gzip", "identity"):
            answer = await house.get("/simple/demo/", Accept=accept, Accept_Encoding=coding)
            assert answer.status == 200
            tags.add(answer.headers["ETag"])
    assert len(tags) == 6
