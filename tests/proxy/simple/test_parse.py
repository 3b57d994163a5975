"""What an upstream may send, and what becomes of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from models.errors import UpstreamInvalid
from proxy.simple.page import NOWHERE, IndexFile
from proxy.simple.parse import (
    parse_html,
    parse_json,
    parse_projects_html,
    parse_projects_json,
    read_by_entry,
    read_whole,
)
from tests.proxy.simple.strategies import CALM

BASE = "https://index.test/simple/demo/"
DEMO = canonicalize_name("demo")
SHA = "ab" * 32
WHEEL = "demo-1.0-py3-none-any.whl"

pytestmark = pytest.mark.filterwarnings("ignore::bs4.MarkupResemblesLocatorWarning")


def entry(**changes: Any) -> dict[str, Any]:
    base = {
        "filename": WHEEL,
        "url": f"../../files/{WHEEL}",
        "hashes": {"sha256": SHA},
        "size": 10,
        "upload-time": "2024-01-02T03:04:05.000006Z",
        "requires-python": ">=3.8",
        "yanked": False,
    }
    return {key.replace("_", "-"): value for key, value in (base | changes).items()}


def page(*entries: Any, **changes: Any) -> bytes:
    document = {"meta": {"api-version": "1.1"}, "name": "demo", "files": list(entries)}
    return json.dumps(document | changes).encode()


def one(**changes: Any) -> IndexFile:
    good = entry(filename="demo-0.1.tar.gz", url="demo-0.1.tar.gz")
    files = parse_json(page(entry(**changes), good), BASE, project=DEMO).files
    assert len(files) == 2, "the entry was left out"
    return files[0]


def test_parse_json__reads_every_key_of_the_specifications() -> None:
    file = one(core_metadata={"sha256": SHA}, yanked="broken", **{"x-new": {"a": [1]}})
    assert file == IndexFile(
        filename=WHEEL,
        url=f"https://index.test/files/{WHEEL}",
        sha256=SHA,  # type: ignore[arg-type]  # a literal
        hashes={"sha256": SHA},
        size=10,
        upload_time=datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
        requires_python=">=3.8",
        yanked="broken",
        core_metadata=SHA,
        extra={"x-new": {"a": [1]}},
    )


def test_parse_json__keeps_unknown_keys_of_page_and_meta() -> None:
    body = page(entry(), meta={"api-version": "1.9", "_last-serial": 7}, versions=["1.0"], new=[1])
    read = parse_json(body, BASE, project=DEMO)
    assert (read.extra_meta, read.extra, read.versions) == (
        {"_last-serial": 7},
        {"new": [1]},
        ("1.0",),
    )
    assert read.api_version == "1.9"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"meta": {"api-version": "1.0"}, "name": "demo", "files": [',
        b"[" * 100_000,
        b'{"a": "\\ud800"}',
        b'{"a": 1e999}',
        page(entry(), meta={}),
        page(entry(), meta=[]),
        page(entry(), meta={"api-version": "2.0"}),
        page(entry(), meta={"api-version": 1.0}),
        page(entry(), meta={"api-version": "1." + "9" * 9}),
        page(entry(), name="other"),
        page(entry(), name=None),
        page(files={}),
        page(entry(size=-1), "no file"),
    ],
)
def test_parse_json__what_is_no_page_is_invalid(body: bytes) -> None:
    with pytest.raises(UpstreamInvalid):
        parse_json(body, BASE, project=DEMO)


@pytest.mark.parametrize(
    "changes",
    [
        {"filename": "../../etc/passwd"},
        {"filename": ".hidden"},
        {"filename": "a" * 300},
        {"filename": 3},
        {"url": None},
        {"url": f"ftp://files.test/{WHEEL}"},
        {"url": f"javascript:alert(1)//{WHEEL}"},
        {"url": f"file:///etc/{WHEEL}"},
        {"url": f"https://user:secret@files.test/{WHEEL}"},
        {"url": f"https://[bad/{WHEEL}"},
        {"url": f"https://files.test:99999/{WHEEL}"},
        {"url": "https://files.test/other-1.0-py3-none-any.whl"},
        {"url": f"https://files.test/\n{WHEEL}"},
        {"url": f"https://files.test/{'a' * 5000}/{WHEEL}"},
        {"hashes": None},
        {"hashes": {"sha256": "ab"}},
        {"hashes": {"sha256": SHA, "md5": "not hex!"}},
        {"hashes": {"sha256": 5}},
        {"hashes": {"": SHA}},
        {"size": -1},
        {"size": True},
        {"size": 1.5},
        {"size": 2**60},
        {"requires_python": ">=3\x1b[31m"},
        {"requires_python": 3},
        {"yanked": 1},
        {"yanked": ["why"]},
    ],
)
def test_parse_json__a_malformed_entry_is_left_out_and_counted(changes: dict[str, Any]) -> None:
    good = entry(filename="demo-0.1.tar.gz", url="demo-0.1.tar.gz")
    read = parse_json(page(entry(**changes), good), BASE, project=DEMO)
    assert [file.filename for file in read.files] == ["demo-0.1.tar.gz"]
    assert read.skipped == 1


@pytest.mark.parametrize(
    ("changes", "attribute", "value"),
    [
        ({"hashes": {"sha256": SHA.upper()}}, "sha256", SHA),
        ({"hashes": {}}, "sha256", None),
        ({"size": None}, "size", None),
        ({"upload_time": "2024-01-02T03:04:05"}, "upload_time", None),
        ({"upload_time": "yesterday"}, "upload_time", None),
        ({"upload_time": "0001-01-01T00:00:00+23:00"}, "upload_time", None),
        ({"requires_python": " >=3.8\n"}, "requires_python", ">=3.8"),
        ({"requires_python": ""}, "requires_python", None),
        ({"yanked": None}, "yanked", False),
        ({"yanked": ""}, "yanked", True),
        ({"core_metadata": True}, "core_metadata", True),
        ({"core_metadata": {"sha512": "ab"}}, "core_metadata", True),
        ({"core_metadata": {"sha256": "no"}}, "core_metadata", True),
        ({"core_metadata": "yes"}, "core_metadata", False),
        ({"core_metadata": False, "dist_info_metadata": True}, "core_metadata", False),
        ({"dist_info_metadata": {"sha256": SHA}}, "core_metadata", SHA),
        ({"data_dist_info_metadata": {"sha256": SHA}}, "core_metadata", SHA),
        ({"data_dist_info_metadata": {"sha256": SHA}}, "extra", {}),
        ({"url": f"https://files.test/{WHEEL}#sha256={SHA}"}, "url", f"https://files.test/{WHEEL}"),
    ],
)
def test_parse_json__reads_what_is_unusual(
    changes: dict[str, Any], attribute: str, value: Any
) -> None:
    assert getattr(one(**changes), attribute) == value


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"status": "quarantined", "reason": "malware"}, ("quarantined", "malware")),
        ({"status": "archived"}, ("archived", "")),
        ({"status": "archived", "reason": "a\nb"}, ("archived", "")),
        ("archived", ("", "")),
        ({"status": 1}, ("", "")),
    ],
)
def test_parse_json__reads_the_project_status(status: Any, expected: tuple[str, str]) -> None:
    read = parse_json(page(entry(), **{"project-status": status}), BASE, project=DEMO)
    assert (read.status, read.status_reason) == expected


@CALM
@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.text(), st.lists).map(lambda value: json.dumps(value).encode())
)
def test_parse_json__never_fails_otherwise(body: bytes) -> None:
    with pytest.raises(UpstreamInvalid):
        parse_json(body, BASE, project=DEMO)


HTML = f"""<!DOCTYPE html><html><head>
<meta name="pypi:repository-version" content="1.3">
<meta name="pypi:tracks" content="https://elsewhere.test/simple/demo/">
<meta name="pypi:project-status" content="archived">
</head><body>
<a href="../../files/{WHEEL}#sha256={SHA}" data-requires-python="&gt;=3.8"
   data-yanked="bad &amp; broken" data-dist-info-metadata="sha256={SHA}">{WHEEL}</a>
<a href="../../files/demo-0.1.tar.gz#md5={"cd" * 16}" data-gpg-sig="true">demo-0.1.tar.gz</a>
<a href="http://[bad">demo-0.2.tar.gz</a>
<a href="../">up</a>
</body></html>""".encode()


def test_parse_html__reads_links_attributes_and_metas() -> None:
    read = parse_html(HTML, BASE, project=DEMO)
    wheel, sdist = read.files
    assert (wheel.url, wheel.sha256) == (f"https://index.test/files/{WHEEL}", SHA)
    assert (wheel.requires_python, wheel.yanked) == (">=3.8", "bad & broken")
    assert wheel.core_metadata == SHA
    assert (sdist.sha256, dict(sdist.hashes)) == (None, {"md5": "cd" * 16})
    assert sdist.extra == {"gpg-sig": True}
    assert (read.status, read.api_version, read.skipped) == ("archived", "1.3", 2)
    assert read.extra_meta == {"tracks": ["https://elsewhere.test/simple/demo/"]}


def test_parse_html__honours_a_base_tag() -> None:
    body = b'<base href="/mirror/"><a href="demo-0.1.tar.gz">demo-0.1.tar.gz</a>'
    (file,) = parse_html(body, BASE, project=DEMO).files
    assert file.url == "https://index.test/mirror/demo-0.1.tar.gz"


def test_parse_html__a_page_without_links_must_call_itself_an_index() -> None:
    with pytest.raises(UpstreamInvalid):
        parse_html(b"<html><h1>Please log in</h1></html>", BASE, project=DEMO)
    empty = b'<meta name="pypi:repository-version" content="1.0">'
    assert parse_html(empty, BASE, project=DEMO).files == ()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe\x00",
        b'<meta name="pypi:repository-version" content="2.0">',
        b'<meta name="pypi:repository-version" content="not a version">',
        b'<a href="https://elsewhere.test/login">log in</a>',
        b"<div>" * 5000 + b'<a href="x">y</a>',
    ],
)
def test_parse_html__what_is_no_page_is_invalid(body: bytes) -> None:
    with pytest.raises(UpstreamInvalid):
        parse_html(body, BASE, project=DEMO)


def test_parse_projects__keeps_only_names() -> None:
    names = [{"name": "Demo"}, {"name": "<b>"}, {"nome": "x"}, "y", {"name": "a" * 300}]
    body = json.dumps({"meta": {"api-version": "1.0"}, "projects": names}).encode()
    assert parse_projects_json(body) == ("Demo",)
    assert parse_projects_html(b'<a href="/x/">Demo</a><a href="/y/">no name!</a>') == ("Demo",)
    with pytest.raises(UpstreamInvalid):
        parse_projects_json(b'{"projects": 1}')


def plain(**changes: Any) -> dict[str, Any]:
    """An entry as PyPI writes it."""
    usual = entry(url=f"https://files.test/a/{WHEEL}", core_metadata={"sha256": SHA})
    return usual | {"data-dist-info-metadata": {"sha256": SHA}, "provenance": None} | changes


ODD: dict[str, list[Any]] = {
    "filename": ["demo-2.tar.gz", "-x.whl", "é.whl", "a" * 300 + ".whl", "", None],
    "url": [f"../{WHEEL}", f"http://x.test/{WHEEL}", f"https://x.test/{WHEEL}?q", "ftp://x/y",
            f"https://u@x.test/{WHEEL}", f"https://x.test/{'a' * 4000}/{WHEEL}", "https://x.test/o.whl", None],
    "hashes": [{}, {"sha256": SHA.upper()}, {"sha256": "ab"}, {"sha256": SHA, "md5": "AB" * 16},
               {"sha256": SHA, "md5": "no"}, {"md5": "ab" * 16}, {"sha256": 1}, [], None],
    "requires-python": [None, "", " >=3 ,\t<4 ", "a\u0007b", "x" * 5000, 3],
    "size": [None, 0, -1, 2**53, 2**53 + 1, 1.0, 1.5, 10**400, True, "1"],
    "upload-time": [None, "", "2024-01-02T03:04:05Z", "2024-01-02T03:04:05.1234567Z",
                    "2024-01-02T03:04:05+02:00", "2024-01-02T03:04:05", "9999-12-31T23:59:59-10:00", 5],
    "yanked": [None, True, "", "broken", "é\n", "x" * 5000, 1, []],
    "core-metadata": [None, True, False, {}, {"sha256": SHA.upper()}, {"sha256": "no"}, {"x": [1]}, "yes"],
    "data-dist-info-metadata": [None, {"x": 1}, "1", True, False, {"sha256": SHA}, 3],
    "provenance": [None, "https://index.test/p", 1, {"a": []}],
    "gpg-sig": [True],
    "x-new": [{"a": [1]}],
}  # fmt: skip
ODD_PAGE: dict[str, list[Any]] = {
    "meta": [{"api-version": "1.4", "_last-serial": 7, "tracks": ["x"]}, {"api-version": "2.0"}, {}, None],
    "name": ["Demo", "other", "", None],
    "versions": [None, ["1.0", "1.0", "x\n", 3], "1.0"],
    "project-status": [None, {"status": "archived", "reason": "a\nb"}, {"status": 1}, "active"],
    "alternate-locations": [None, ["https://x.test/"], 3],
    "new": [1],
}  # fmt: skip


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    """A page as PyPI writes it, and what else one may find in each place of it."""
    entries = []
    for _ in range(draw(st.integers(0, 3))):
        made = plain()
        for key in draw(st.lists(st.sampled_from(sorted(ODD)), max_size=2)):
            made[key] = draw(st.sampled_from(ODD[key]))
        for key in draw(st.lists(st.sampled_from(sorted(plain())), max_size=1)):
            del made[key]
        entries.append(made)
    changes = {
        key: draw(st.sampled_from(ODD_PAGE[key]))
        for key in draw(st.sets(st.sampled_from(sorted(ODD_PAGE)), max_size=2))
    }
    return page(*entries, **changes)


@settings(CALM, max_examples=1_500)
@given(documents())
def test_read_whole__says_what_reading_entry_by_entry_says_or_nothing(body: bytes) -> None:
    whole = read_whole(body, project=DEMO, index=NOWHERE)
    if whole is None:
        return
    by_entry = read_by_entry(body, BASE, project=DEMO, index=NOWHERE)
    assert (whole, whole.portable) == (by_entry, by_entry.portable)
    assert repr(whole) == repr(by_entry)


@pytest.mark.parametrize("key", sorted({*plain(), "x"}))
@pytest.mark.parametrize("value", [b'"\xff"', b"1e999", b'{"\xff": 1}', b"[1,]"])
def test_read_whole__takes_nothing_for_json_that_is_none(key: str, value: bytes) -> None:
    body = page(plain() | {key: "HERE"}).replace(b'"HERE"', value)
    assert read_whole(body, project=DEMO, index=NOWHERE) is None
    with pytest.raises(UpstreamInvalid):
        read_by_entry(body, BASE, project=DEMO, index=NOWHERE)


def test_read_whole__reads_a_page_as_pypi_writes_it() -> None:
    body = page(plain(), plain(yanked="broken"), versions=["1.0"])
    whole = read_whole(body, project=DEMO, index=NOWHERE)
    assert whole is not None
    assert [file.yanked for file in whole.files] == [False, "broken"]
    assert whole.files[0].core_metadata == SHA
