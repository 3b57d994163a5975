"""Errors on the wire."""

from __future__ import annotations

import inspect
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import errors
from models.errors import PratiqueError
from proxy.web.problems import PROBLEM_TYPE, Surface, problem, problem_of, reason_phrase


@given(text=st.text())
def test_reason_phrase__is_one_printable_ascii_line(text: str) -> None:
    phrase = reason_phrase(text)
    assert len(phrase) <= 200
    assert all(" " <= char <= "~" for char in phrase)


@given(text=st.text(max_size=300))
def test_problem__any_text_makes_a_valid_response(text: str) -> None:
    response = problem(403, text, text, reason=text)
    assert response.headers["Content-Type"] == PROBLEM_TYPE
    assert isinstance(response.body, bytes)
    assert json.loads(response.body)["title"] == text


TREE = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, PratiqueError) and not issubclass(kind, errors.DocumentInvalid)
]


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_problem_of__every_error_has_an_answer_and_no_installer_gets_a_traceback(
    kind: type[PratiqueError],
) -> None:
    error = kind("It went wrong.", next_step="Mend it.")
    for surface in Surface:
        response = problem_of(error, surface)
        assert 400 <= response.status < 600
        assert isinstance(response.body, bytes)
        assert json.loads(response.body)["detail"] == "It went wrong. Mend it."
    upstreams = isinstance(error, errors.UpstreamError | errors.StoreError | errors.Overloaded)
    retried_with_a_traceback = {502, 503} | ({500} if upstreams else set())
    assert problem_of(error, Surface.CLIENT).status not in retried_with_a_traceback
