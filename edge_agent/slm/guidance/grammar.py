"""From the form that was asked for to a grammar that llguidance compiles."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from llguidance import LLMatcher

from edge_agent.slm.guidance.schema import check_schema
from edge_agent.slm.tools.grammar import tool_grammar
from orchestrator.errors import InvalidFormat
from orchestrator.format import Format, FormatKind

if TYPE_CHECKING:
    from llguidance._lib import JsonCompileOptions  # the stub has it, the module has not

MAX_TEXT_CHARS: Final = 10_000
"""Of a regular expression or a grammar. Rules nest as references in a schema do, and a schema may stand among them."""
OPTIONS: Final[JsonCompileOptions] = {
    # Space that a model may put in, a small one puts in without end; and what is fixed comes for free.
    "whitespace_flexible": False,
    "item_separator": ", ",
    "key_separator": ": ",
    # Whatever is not understood is refused by name, not passed over.
    "lenient": False,
    "coerce_one_of": False,
}


def grammar_of(form: Format, *, tags_are_tokens: bool) -> str:
    """The grammar, not compiled yet.

    Raises:
        InvalidFormat: it is larger than allowed, or is none.
    """
    match form.kind:
        case FormatKind.JSON_SCHEMA:
            check_schema(form.text)
            return _of_schema(form.text)
        case FormatKind.REGEX:
            return LLMatcher.grammar_from_regex(_bounded(form.text, "regular expression"))
        case FormatKind.LARK:
            return LLMatcher.grammar_from_lark(_bounded(form.text, "grammar"))
        case FormatKind.TOOLS:
            return LLMatcher.grammar_from_lark(_of_tools(form.text, tags_are_tokens))


def _of_schema(text: str) -> str:
    try:
        return LLMatcher.grammar_from_json_schema(text, overrides=OPTIONS)
    except ValueError as error:
        raise InvalidFormat(f"the schema cannot be read: {error}") from None


def _of_tools(text: str, tags_are_tokens: bool) -> str:
    check_schema(text)
    asked: dict[str, Any] = json.loads(text)
    schemas = {tool["name"]: _arguments(tool["name"], tool["parameters"]) for tool in asked["tools"]}
    return tool_grammar(
        schemas, required=asked["required"], parallel=asked["parallel"], tags_are_tokens=tags_are_tokens
    )


def _arguments(name: str, text: str) -> dict[str, Any]:
    """The schema of a tool's arguments, with our spacing and of an object in any case."""
    check_schema(text)
    schema: dict[str, Any] = json.loads(text)
    if schema.setdefault("type", "object") != "object":
        raise InvalidFormat(f"the parameters of the tool {name} are no object", remedy='their "type" is "object"')
    return schema | {"x-guidance": dict(OPTIONS)}


def _bounded(text: str, what: str) -> str:
    if len(text) > MAX_TEXT_CHARS:
        raise InvalidFormat(f"the {what} is longer than {MAX_TEXT_CHARS} characters", remedy="ask for less at once")
    return text
