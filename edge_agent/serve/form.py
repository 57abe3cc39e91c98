"""What a body says about the form of its answer: `response_format`, `tools` and `tool_choice`, and our own fields."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from edge_agent.serve.chat_body import ChatBody, Extension, NamedTool, ToolBody
from edge_agent.serve.errors import InvalidField
from orchestrator.format import Format
from orchestrator.tools import NO_PARAMETERS, Tool

_ONE_FORM: Final = "contradicts {}: an answer has one form"


@dataclass(frozen=True, slots=True)
class Form:
    """The form of the answers to a body."""

    format: Format | None = None
    field: str = ""
    """The field that asked for it."""
    tools: tuple[Tool, ...] = ()
    """What the model is told of."""

    @property
    def calls(self) -> bool:
        """Whether answers may hold calls."""
        return self.field == "tools"


def read_form(body: ChatBody) -> Form:
    """The form that is asked for, if any.

    Raises:
        InvalidField: a field cannot be as it is, or two ask for different forms.
        InvalidFormat: a schema is no JSON.
    """
    tools = tuple(_tool(tool, index, body.tools or ()) for index, tool in enumerate(body.tools or ()))
    asked = {
        "response_format": _response_format(body),
        "tools": _calls(body, tools),
        **_extension(body.edgewise or Extension()),
    }
    given = [(form, field) for field, form in asked.items() if form is not None]
    if len(given) > 1:
        raise InvalidField(given[0][1], _ONE_FORM.format(given[1][1]), remedy="leave one of the two out")
    return Form(*given[0], tools) if given else Form(tools=tools)


def _response_format(body: ChatBody) -> Format | None:
    asked = body.response_format
    match asked.type if asked else "text":
        case "json_object":
            return Format.json_object()
        case "json_schema":
            if asked is None or asked.json_schema is None or asked.json_schema.schema is None:
                raise InvalidField("response_format.json_schema.schema", "is required")
            return Format.json_schema(asked.json_schema.schema)
    return None


def _extension(extension: Extension) -> dict[str, Format | None]:
    return {
        "edgewise.regex": Format.regex(extension.regex) if extension.regex is not None else None,
        "edgewise.lark": Format.lark(extension.lark) if extension.lark is not None else None,
    }


def _calls(body: ChatBody, tools: Sequence[Tool]) -> Format | None:
    """The form that the choice of tools gives to an answer."""
    choice = body.tool_choice or "auto"
    if not tools:
        if choice not in ("auto", "none"):
            raise InvalidField("tool_choice", "there are no tools to choose from", remedy="send them in tools")
        return None
    if isinstance(choice, NamedTool):
        named = [tool for tool in tools if tool.name == choice.function.name]
        if not named:
            raise InvalidField("tool_choice.function.name", "is none of the tools")
        return Format.tools(named, required=True, parallel=False)
    if choice == "none":
        return None
    return Format.tools(tools, required=choice == "required", parallel=body.parallel_tool_calls is not False)


def _tool(tool: ToolBody, index: int, tools: Sequence[ToolBody]) -> Tool:
    function = tool.function
    if any(other.function.name == function.name for other in tools[:index]):
        raise InvalidField(f"tools[{index}].function.name", "is already another tool's")
    return Tool(function.name, function.description or "", _parameters(function.parameters))


def _parameters(schema: dict[str, Any] | None) -> str:
    if schema is None:
        return NO_PARAMETERS
    return json.dumps(schema, ensure_ascii=False)
