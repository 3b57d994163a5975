"""What an upstream may send, and what becomes of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from models.errors import UpstreamInvalid
from proxy.simple.page import IndexFile
from proxy.simple.parse import (
    parse_html,
    parse_json,
    parse_projects_html,
    parse_projects_json,
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
