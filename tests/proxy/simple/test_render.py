"""What we render, we can read back; nothing a page says reaches it unescaped."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from models.artifact import Sha256
from proxy.simple.negotiate import Format
from proxy.simple.page import IndexFile, ProjectPage
from proxy.simple.parse import parse_html, parse_json, parse_projects_html, parse_projects_json
from proxy.simple.render import (
    NAMES_PER_PART,
    api_version_of,
    projects_parts,
    render_project,
    render_projects,
)
from tests.proxy.simple.strategies import BASE_URL, CALM, pages

DEMO = canonicalize_name("demo")
SHA = Sha256("ab" * 32)
FILE = IndexFile(
    filename="demo-1.0.tar.gz",
    url="../../files/main/demo/x/demo-1.0.tar.gz",
    sha256=SHA,
    hashes={"sha256": SHA},
    size=3,
    upload_time=datetime(2024, 1, 2, tzinfo=UTC),
)


@CALM
@given(pages())
def test_render_project__json_is_read_back_as_it_was(page: ProjectPage) -> None:
    body = render_project(page, format=Format.JSON_V1)
    assert parse_json(body, BASE_URL, project=DEMO) == page


@CALM
@given(pages(html=True))
def test_render_project__html_is_read_back_as_it_was(page: ProjectPage) -> None:
    body = render_project(page, format=Format.HTML_V1)
    assert parse_html(body, BASE_URL, project=DEMO) == page


@CALM
@given(pages())
def test_render_project__html_holds_no_more_tags_than_files(page: ProjectPage) -> None:
    body = render_project(page, format=Format.HTML_LEGACY).decode()
    assert len(re.findall("<a ", body)) == len(page.files)
    assert "<script" not in body


def test_render_project__hostile_text_is_escaped() -> None:
    hostile = '"><script>alert(1)</script>'
    file = msgspec.structs.replace(
        FILE, requires_python=hostile, yanked=hostile, url=f"x/{hostile}"
    )
    page = ProjectPage(name=DEMO, files=(file,), status="archived", status_reason=hostile)
    assert b"<script" not in render_project(page, format=Format.HTML_LEGACY)


def test_render_project__json_has_the_form_of_pep_700() -> None:
    page = ProjectPage(name=DEMO, files=(FILE,), versions=("1.0",), api_version="1.1")
    document = json.loads(render_project(page, format=Format.JSON_V1))
    assert document["meta"] == {"api-version": "1.1"}
    assert document["versions"] == ["1.0"]
    assert document["files"] == [
        {
            "filename": "demo-1.0.tar.gz",
            "url": FILE.url,
            "hashes": {"sha256": SHA},
            "requires-python": None,
            "yanked": False,
            "size": 3,
            "upload-time": "2024-01-02T00:00:00.000000Z",
        }
    ]


def test_render_project__without_every_size_it_does_not_claim_pep_700() -> None:
    page = ProjectPage(
        name=DEMO, files=(FILE, msgspec.structs.replace(FILE, size=None)), api_version="1.4"
    )
    document = json.loads(render_project(page, format=Format.JSON_V1))
    assert document["meta"]["api-version"] == "1.0"


@pytest.mark.parametrize(
    ("core_metadata", "expected"),
    [
        (False, None),
        (True, "true"),
        (str(SHA), f"sha256={SHA}"),
    ],
)
def test_render_project__html_announces_metadata_under_both_names(
    core_metadata: bool | str, expected: str | None
) -> None:
    page = ProjectPage(
        name=DEMO, files=(msgspec.structs.replace(FILE, core_metadata=core_metadata),)
    )
    body = render_project(page, format=Format.HTML_LEGACY).decode()
    found = re.findall(r'data-(?:core|dist-info)-metadata="([^"]*)"', body)
    assert found == ([] if expected is None else [expected, expected])


def test_render_project__html_falls_back_to_another_hash() -> None:
    page = ProjectPage(
        name=DEMO, files=(msgspec.structs.replace(FILE, sha256=None, hashes={"md5": "ab" * 16}),)
    )
    assert b"#md5=abab" in render_project(page, format=Format.HTML_V1)


@CALM
@given(st.lists(st.from_regex(r"\A[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?\Z"), max_size=5))
def test_render_projects__is_read_back_as_it_was(names: list[str]) -> None:
    assert parse_projects_json(render_projects(names, format=Format.JSON_V1)) == tuple(names)
    assert parse_projects_html(render_projects(names, format=Format.HTML_V1)) == tuple(names)


def test_projects_parts__none_of_them_is_large() -> None:
    names = [f"project-{number}" for number in range(3 * NAMES_PER_PART + 1)]
    for form in Format:
        parts = list(projects_parts(names, format=form))
        assert len(parts) == 5
        assert max(map(len, parts)) < 128 * 1024
        assert b"".join(parts) == render_projects(names, format=form)


def test_projects_parts__a_list_may_be_empty() -> None:
    assert parse_projects_json(b"".join(projects_parts((), format=Format.JSON_V1))) == ()


@pytest.mark.parametrize(
    ("stated", "expected"), [("1.0", "1.0"), ("1.4", "1.4"), ("1.5", "1.4"), ("1.999999", "1.4")]
)
def test_api_version_of__promises_nothing_that_we_do_not_know(stated: str, expected: str) -> None:
    page = ProjectPage(name=DEMO, files=(FILE,), api_version=stated)
    assert api_version_of(page) == expected
    html = render_project(page, format=Format.HTML_V1)
    assert f'name="pypi:repository-version" content="{expected}"'.encode() in html
