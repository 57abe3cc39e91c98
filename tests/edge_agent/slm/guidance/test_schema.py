"""Schemas that would take a process down, or minutes, are refused before anybody compiles them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edge_agent.slm.guidance.schema import MAX_SCHEMA_BYTES, check_schema
from orchestrator.errors import InvalidFormat


def chain(length: int, link: Any = None) -> dict[str, Any]:
    """Each definition refers to the next: the compiler follows with its stack."""
    around = link or (lambda target: {"type": "array", "items": target})
    links = {f"d{i}": around({"$ref": f"#/$defs/d{i + 1}"}) for i in range(length)}
    return {"$defs": {**links, f"d{length}": {"type": "string"}}, "$ref": "#/$defs/d0"}


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return schema


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object"},
        chain(40),
        nested(100),
        {"$ref": "#"},
        {"type": "integer", "multipleOf": 5000},
        {"type": "number", "multipleOf": 0.000001},
        {"type": "number", "multipleOf": 10**300},
        {"$ref": "#/a~1b/0", "a/b": [{"type": "string"}]},
        {"$ref": "https://example.org/other.json"},
        {"enum": [1, "$ref", {"$ref": 3}]},
    ],
)
def test_what_people_write_passes(schema: dict[str, Any]) -> None:
    check_schema(json.dumps(schema))


@pytest.mark.parametrize(
    "schema",
    [
        chain(1000),
        chain(400, lambda target: target),
        chain(100, lambda target: {"allOf": [target, {"type": "string"}]}),
        nested(301),
        # Behind any other kind of reference anything may stand.
        {"a": nested(20), "allOf": [{"$ref": f"#anchor{i}"} for i in range(20)]},
        {"a": nested(20), "allOf": [{"$ref": f"#/a/%69tems/{i}"} for i in range(20)]},
    ],
)
def test_what_nests_too_deeply_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(InvalidFormat, match="nested more than 300 levels"):
        check_schema(json.dumps(schema))


@pytest.mark.parametrize("step", [1_000_003, 0.1234567, 10**30 + 1])
def test_a_long_step_is_refused_by_its_keyword(step: float) -> None:
    with pytest.raises(InvalidFormat, match="'multipleOf'"):
        check_schema(json.dumps({"items": [{"multipleOf": step}]}))


def test_many_long_steps_count_together() -> None:
    steps = {f"p{i}": {"type": "integer", "multipleOf": 5001 + i} for i in range(5)}
    with pytest.raises(InvalidFormat, match="'multipleOf'"):
        check_schema(json.dumps({"properties": steps}))


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1]", "true", '"text"', "[" * 100_000, '{"a": NaN}', '{"a":' * 5000 + "1" + "}" * 5000, "1" * 5000],
)
def test_what_is_no_json_object_is_refused(text: str) -> None:
    with pytest.raises(InvalidFormat):
        check_schema(text)


def test_a_schema_has_a_longest_length() -> None:
    check_schema(json.dumps({"enum": ["x" * (MAX_SCHEMA_BYTES - 100)]}))
    for letter in ("x", "é"):
        with pytest.raises(InvalidFormat, match="longer than 64 KiB"):
            check_schema(json.dumps({"enum": [letter * MAX_SCHEMA_BYTES]}, ensure_ascii=False))
