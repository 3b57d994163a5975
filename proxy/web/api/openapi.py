"""The API's own description: OpenAPI 3.1, made from the table of operations."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import msgspec

from models.artifact import PROJECT_CHARS_MAX, PROJECT_PATTERN
from proxy.web.api.operation import PREFIX, Operation

PROBLEM = "application/problem+json"
_PART = re.compile(r"\{([a-z_]+)\}")
_REF = "#/components/schemas/{name}"
PARTS: Mapping[str, Mapping[str, Any]] = {
    "project": {"pattern": f"^{PROJECT_PATTERN}$", "maxLength": PROJECT_CHARS_MAX},
    "target": {
        "pattern": f"^([0-9a-f]{{64}}|{PROJECT_PATTERN}(==[0-9]{{1,9}}(\\.[0-9]{{1,9}})*)?)$"
    },
    "number": {"pattern": "^[1-9][0-9]{0,14}$"},
}
"""How parts of a path look, where not every text can be one; versions in their plainest form."""
PROBLEMS = {
    "401": "No token, or one that is unknown, revoked or expired.",
    "403": "The role does not suffice, or another site's page sent it.",
    "404": "There is no such thing.",
    "409": "Somebody else was faster, or it contradicts what is stored.",
    "413": "The body is too large.",
    "415": "The body is not JSON.",
    "422": "What was sent is not as expected; the detail says where.",
    "429": "Too many, or the store is busy; Retry-After says when.",
}


def describe(operations: Sequence[Operation]) -> dict[str, Any]:
    """The document, the same for the same table."""
    types = [one.gives for one in operations] + [one.body for one in operations if one.body]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF)
    given = dict(zip(range(len(operations)), schemas, strict=False))
    bodies = iter(schemas[len(operations) :])
    paths: dict[str, dict[str, Any]] = {}
    for number, one in enumerate(operations):
        entry: dict[str, Any] = {
            "operationId": one.name,
            "summary": one.summary,
            "description": f"Needs the role {one.role.value}.",
            "parameters": [*_parts(one), *_queries(one)],
            "responses": {
                str(one.status): {
                    "description": one.summary,
                    "content": {"application/json": {"schema": given[number]}},
                },
                **{
                    status: {"description": words, "content": {PROBLEM: {"schema": _problem()}}}
                    for status, words in PROBLEMS.items()
                },
            },
        }
        if one.body is not None:
            entry["requestBody"] = {
                "required": True,
                "content": {"application/json": {"schema": next(bodies)}},
            }
        paths.setdefault(PREFIX + one.path, {})[one.method.lower()] = entry
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Pratique",
            "version": version("pratique"),
            "description": "Everything that the pages and commands of Pratique do.",
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _parts(one: Operation) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", **PARTS.get(name, {})},
        }
        for name in _PART.findall(one.path)
    ]


def _queries(one: Operation) -> list[dict[str, Any]]:
    schema = msgspec.json.schema(one.query)
    whole = schema.get("$defs", {}).get(one.query.__name__, schema)
    required = whole.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": told}
        for name, told in whole.get("properties", {}).items()
    ]


def _problem() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["type", "title", "status"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
        },
    }
