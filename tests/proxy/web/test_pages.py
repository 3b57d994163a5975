"""Pages: always 200 for a project that exists; rendered once; a verdict shows at once."""

from __future__ import annotations

import asyncio
import gzip
import json

import pytest

from models.decision import OverrideAction
from models.errors import UpstreamInvalid
from proxy.simple.negotiate import Format
from proxy.web.pages import accepts_gzip
from tests.proxy.web.decided import denied, held, override, proved, served, until
from tests.proxy.web.house import Answer, House, unavailable

WHEEL = "demo-1.0-py3-none-any.whl"
NEWER = "demo-2.0-py3-none-any.whl"
PIP = (
    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, "
    "text/html; q=0.01"
)
PAGE = "/simple/demo/"


def files(answer: Answer) -> dict[str, dict[str, object]]:
    body = answer.body
    if answer.headers.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    return {entry["filename"]: entry for entry in json.loads(body)["files"]}


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
        for encoding in ("gzip", "identity"):
            answer = await house.get(PAGE, Accept=accept, Accept_Encoding=encoding)
            tags.add(answer.headers["ETag"])
            assert answer.headers.get("Content-Encoding", "identity") == encoding
    assert len(tags) == 4


async def test_page__large_one_is_rendered_once_for_many(house: House) -> None:
    for number in range(200):
        house.upstream.publish(f"demo-{number}.0-py3-none-any.whl", str(number).encode())
    answers = await asyncio.gather(
        *(house.get(PAGE, Accept=PIP, Accept_Encoding="gzip") for _ in range(20))
    )
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert len(files(answers[0])) == 200


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
    assert b"demo" in answer.body


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("gzip, deflate", True),
        ("deflate, GZIP;q=0.5", True),
        ("zstd,gzip,deflate", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("identity", False),
        ("", False),
        ("br", False),
    ],
)
def test_accepts_gzip(header: str, expected: bool) -> None:
    assert accepts_gzip(header) is expected


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
