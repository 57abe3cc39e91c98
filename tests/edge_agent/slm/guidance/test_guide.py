"""Forms compiled: what is understood, what is refused and how, and that nothing takes the process down."""

from __future__ import annotations

import contextlib
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import tokenizers

from edge_agent.slm.guidance.guide import Guide
from edge_agent.slm.tokenizer import Tokenizer
from orchestrator.errors import InvalidFormat, InvalidRequest, ModelUnsupported
from orchestrator.format import Format
from orchestrator.tools import Tool


def fits(guide: Guide, tokenizer: Tokenizer, form: Format, text: str) -> bool:
    """Whether `text` is a whole answer."""
    constraint = guide.constraint(form)
    tokens = tokenizer.encode(text)
    if constraint.accepts(tokens) < len(tokens):
        return False
    for token in tokens:
        constraint.advance(token)
    return bool(constraint.mask()[2])


@pytest.mark.parametrize(
    ("form", "text", "wanted"),
    [
        (Format.json_object(), '{"a": [1, 2.5, null, {"b": "c"}]}', True),
        (Format.json_object(), "[1]", False),
        (Format.json_object(), '{"a": 1', False),
        (Format.json_object(), '{\n  "a": 1\n}', False),
        (Format.json_schema({"type": "string", "format": "date"}), '"2026-11-21"', True),
        (Format.json_schema({"type": "string", "format": "date"}), '"yesterday"', False),
        (Format.json_schema({"enum": ["ä", 1, None]}), '"ä"', True),
        (Format.json_schema({"x-guidance": {"lenient": True}, "type": "integer"}), "12", True),
        (Format.regex("[0-9]{3}|x"), "123", True),
        (Format.regex("[0-9]{3}|x"), "1234", False),
        (Format.lark('start: "yes" | "no"'), "no", True),
        (Format.lark('start: "yes" | "no"'), "maybe", False),
    ],
)
def test_forms(guide: Guide, tokenizer: Tokenizer, form: Format, text: str, wanted: bool) -> None:
    assert fits(guide, tokenizer, form, text) is wanted


REFUSED: list[tuple[Any, str]] = [
    ({"not": {"type": "string"}}, "not"),
    ({"if": {}, "then": {}}, "if"),
    ({"type": "array", "uniqueItems": True}, "uniqueItems"),
    ({"type": "array", "contains": {}}, "contains"),
    ({"type": "object", "propertyNames": {}}, "propertyNames"),
    ({"type": "object", "dependentRequired": {"a": ["b"]}}, "dependentRequired"),
    ({"oneOf": [{"type": "number"}, {"type": "integer"}]}, "oneOf"),
    ({"not": {}, "x-guidance": {"lenient": True}}, "not"),
    ({"type": "strng"}, "strng"),
    ({"type": 5}, "type"),
    ({"type": "string", "format": "banana"}, "banana"),
    ({"type": "string", "pattern": "("}, "unclosed group"),
    ({"type": "string", "pattern": "(?=a)b"}, "look-around"),
    ({"$ref": "#/$defs/none"}, "/\\$defs/none"),
    ({"$ref": "https://example.org/x.json"}, "example.org"),
    ({"$ref": "#"}, "nothing satisfies it"),
    ({"enum": []}, "Unsatisfiable"),
    ({"type": "string", "minLength": 5, "maxLength": 2}, "minLength"),
    ({"type": "integer", "minimum": 5, "maximum": 2}, "minimum"),
    ({"type": "array", "minItems": 5, "maxItems": 2}, "minItems"),
    ({"type": "object", "properties": {"a": False}, "required": ["a"]}, "'a' is unsatisfiable"),
    (
        {"allOf": [{"anyOf": [{"properties": {f"a{i}": {"const": j}}} for j in range(4)]} for i in range(8)]},
        "too large",
    ),
    ({"const": 10**400}, "cannot be read"),
]


@pytest.mark.parametrize(("schema", "named"), REFUSED)
def test_a_schema_that_cannot_be_held_to_is_refused_by_name(guide: Guide, schema: Any, named: str) -> None:
    with pytest.raises(InvalidFormat, match=named) as caught:
        guide.constraint(Format.json_schema(schema))
    assert isinstance(caught.value, InvalidRequest)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("form", "named"),
    [
        (Format.regex("("), "regular expression: unclosed group"),
        (Format.regex(r"(a)\1"), "backreferences"),
        (Format.regex("[^\\s\\S]"), "nothing satisfies it"),
        (Format.regex("(" * 4000 + ")" * 4000), "regular expression"),
        (Format.regex("a" * 10_001), "longer than 10000"),
        (Format.lark("strat: x"), "no start rule"),
        (Format.lark("start: foo"), "foo"),
        (Format.lark('start: "' + "a"), "grammar"),
        (Format.lark("start: a\na: a"), "nothing satisfies it"),
        (Format.lark("start: " + "(" * 4000 + '"a"' + ")" * 4000), "nested"),
        (Format.lark('start: %json {"type": "strng"}'), "strng"),
        (Format.lark("start: <|nope|>"), "nope"),
    ],
)
def test_a_pattern_or_grammar_that_is_none_is_refused(guide: Guide, form: Format, named: str) -> None:
    with pytest.raises(InvalidFormat, match=named):
        guide.constraint(form)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "maxLength": 10**9},
        {"type": "array", "items": {"type": "integer"}, "minItems": 10**6},
        {"type": "string", "pattern": "(a{1000}){1000}"},
        {"type": "string", "pattern": ".*a.{20}"},
        {"type": "string", "allOf": [{"pattern": f"^.*{letter}.{{14}}$"} for letter in "abcdefgh"]},
        {"type": "object", "properties": {f"k{i}": {"type": "string"} for i in range(1800)}},
        {"enum": [f"value number {i}" for i in range(2500)]},
        {
            "$defs": {"d": {"type": "object", "properties": {"a": {"$ref": "#/$defs/d"}}, "required": ["a"]}},
            "$ref": "#/$defs/d",
        },
    ],
)
def test_a_hostile_schema_is_compiled_or_refused(guide: Guide, schema: dict[str, Any]) -> None:
    with contextlib.suppress(InvalidFormat):
        guide.constraint(Format.json_schema(schema)).mask()


def test_a_beginning_counts_as_written(guide: Guide, tokenizer: Tokenizer) -> None:
    form = Format.regex("the [0-9]+ bees")
    constraint = guide.constraint(form, behind="the 12")
    rest = tokenizer.encode(" bees")
    assert constraint.accepts(rest) == len(rest)
    with pytest.raises(InvalidFormat, match="beginning of the answer"):
        guide.constraint(form, behind="a")


@pytest.mark.parametrize(
    ("text", "auto", "single", "required"),
    [
        ("It is sunny.", True, True, False),
        ("", True, True, False),
        ('<tool_call>\n{"name": "there", "arguments": {"n": 3}}\n</tool_call>', True, True, True),
        ('So:\n<tool_call>\n{"name": "here", "arguments": {}}\n</tool_call>', True, True, False),
        (
            '<tool_call>\n{"name": "here", "arguments": {}}\n</tool_call>\n'
            '<tool_call>\n{"name": "there", "arguments": {"n": 3}}\n</tool_call>',
            True,
            False,
            True,
        ),
        ('<tool_call>\n{"name": "there", "arguments": {"n": "3"}}\n</tool_call>', False, False, False),
        ('<tool_call>\n{"name": "nowhere", "arguments": {}}\n</tool_call>', False, False, False),
        ("<tool_call> is what I would write", False, False, False),
        ('<tool_call>\n{"name": "here", "arguments": {}}\n</tool_call> Done.', False, False, False),
    ],
)
def test_calls_of_tools(
    guide: Guide, tokenizer: Tokenizer, text: str, auto: bool, single: bool, required: bool
) -> None:
    number = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    tools = [Tool("here"), Tool("there", parameters=json.dumps(number | {"additionalProperties": False}))]
    assert fits(guide, tokenizer, Format.tools(tools), text) is auto
    assert fits(guide, tokenizer, Format.tools(tools, parallel=False), text) is single
    assert fits(guide, tokenizer, Format.tools(tools, required=True), text) is required


@pytest.mark.parametrize(
    ("parameters", "named"), [('{"type": "array"}', "tool f"), ("[]", "JSON object"), ('{"not": {}}', "not")]
)
def test_a_tools_parameters_are_checked_too(guide: Guide, parameters: str, named: str) -> None:
    with pytest.raises(InvalidFormat, match=named):
        guide.constraint(Format.tools([Tool("f", parameters=parameters)]))


def test_answers_to_one_form_do_not_meet(guide: Guide) -> None:
    form = Format.regex("a+b")
    one, other = guide.constraint(form), guide.constraint(form)
    one.advance(int(one.mask().argmax()))
    assert one.mask()[2] == other.mask()[2]
    assert (one.mask() != other.mask()).any()


def test_the_last_forms_are_kept(tokenizer: Tokenizer) -> None:
    guide = Guide(tokenizer, vocabulary=300, end_ids={2}, capacity=2)
    for letter in "abcab":
        guide.constraint(Format.regex(letter))
    assert list(guide._compiled) == [Format.regex("a"), Format.regex("b")]


def test_many_threads_may_ask_at_once(tokenizer: Tokenizer) -> None:
    guide = Guide(tokenizer, vocabulary=300, end_ids={2}, capacity=3)
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda i: guide.constraint(Format.regex("x" * (i % 5 + 1))).forced(), range(40)))
    assert [len(forced) for forced in made] == [i % 5 + 1 for i in range(40)]


def test_a_tokenizer_without_bytes_cannot_be_guided() -> None:
    words = Tokenizer(tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0, "b": 1}, unk_token="a")))
    with pytest.raises(ModelUnsupported, match="cannot be guided"):
        Guide(words, vocabulary=2, end_ids={1}).constraint(Format.regex("a"))
