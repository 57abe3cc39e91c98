"""The body of POST /v1/chat/completions: its fields, their ranges, and what is refused.

Fields that OpenAI has and nobody here can honour are refused by name where they would change the answer; fields that
nobody knows are ignored, as OpenAI does.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from edge_agent.serve.errors import InvalidField
from orchestrator.errors import InvalidRequest

_MOST_TOKENS = 2**31 - 1
Tokens = Annotated[int, Meta(ge=1, le=_MOST_TOKENS)]
StopString = Annotated[str, Meta(min_length=1)]
ToolName = Annotated[str, Meta(pattern="^[a-zA-Z0-9_-]{1,64}\\Z")]
NotNegative = Annotated[float, Meta(ge=0)]


class ContentPart(msgspec.Struct):
    """A piece of a message; only text can be read."""

    type: str
    text: str | None = None


class CalledFunction(msgspec.Struct):
    """What was called, and its arguments as JSON."""

    name: ToolName
    arguments: str


class CallBody(msgspec.Struct):
    """A call in an assistant's message."""

    id: str
    function: CalledFunction
    type: Literal["function"] = "function"


class Turn(msgspec.Struct):
    """One message."""

    role: str
    content: str | list[ContentPart] | None = None
    tool_calls: list[CallBody] | None = None
    tool_call_id: str | None = None


class FunctionBody(msgspec.Struct):
    """A function that may be called. `strict` is nothing to ask for: arguments always fit."""

    name: ToolName
    description: str | None = None
    parameters: dict[str, Any] | None = None


class ToolBody(msgspec.Struct):
    """A tool; only functions are known."""

    type: Literal["function"]
    function: FunctionBody


class ToolReference(msgspec.Struct):
    """A function by its name."""

    name: str


class NamedTool(msgspec.Struct):
    """The one tool that has to be called."""

    type: Literal["function"]
    function: ToolReference


class SchemaBody(msgspec.Struct):
    """A JSON schema. Its name and description are for the client's own use."""

    schema: dict[str, Any] | None = None


class ResponseFormat(msgspec.Struct):
    """The form of the answer."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: SchemaBody | None = None


class BudgetBody(msgspec.Struct, forbid_unknown_fields=True):
    """What the answer may cost; what is left out comes from the server's configuration."""

    first_token_ms: NotNegative | None = None
    total_ms: NotNegative | None = None
    device_joules: NotNegative | None = None
    usd: NotNegative | None = None


class Extension(msgspec.Struct, forbid_unknown_fields=True):
    """The `edgewise` object, which OpenAI's own servers ignore."""

    route: Literal["auto", "local", "cloud"] | None = None
    local_only: bool = False
    budget: BudgetBody | None = None
    regex: str | None = None
    """A regular expression that the answer as a whole matches."""
    lark: str | None = None
    """A grammar, in Lark's notation, that the answer keeps to."""


class StreamOptions(msgspec.Struct):
    """Options of a stream."""

    include_usage: bool | None = None


class ChatBody(msgspec.Struct):
    """The JSON object, with OpenAI's names and ranges."""

    model: str
    messages: Annotated[list[Turn], Meta(min_length=1)]
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(gt=0, le=1)] | None = None
    min_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    seed: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    stop: StopString | Annotated[list[StopString], Meta(max_length=16)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    continue_final_message: bool | None = None
    add_generation_prompt: bool | None = None
    edgewise: Extension | None = None
    n: Annotated[int, Meta(ge=1, le=16)] | None = None
    response_format: ResponseFormat | None = None
    tools: Annotated[list[ToolBody], Meta(max_length=128)] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    parallel_tool_calls: bool | None = None
    # Refused unless they ask for nothing: see HARMLESS.
    logprobs: bool | None = None
    top_logprobs: int | None = None
    functions: list[Any] | None = None
    function_call: Any = None
    logit_bias: dict[str, float] | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    audio: Any = None
    modalities: list[str] | None = None


HARMLESS: Final[dict[str, tuple[Any, ...]]] = {
    "logprobs": (False,),
    "top_logprobs": (),
    "functions": ([],),
    "function_call": ("none", "auto"),
    "logit_bias": ({},),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "audio": (),
    "modalities": (["text"],),
}
"""Fields that are not supported, and the values that ask for nothing. Leaving one out, or null, always is harmless."""

_DECODER: Final = msgspec.json.Decoder(ChatBody)
_WHERE: Final = re.compile(r"^(?P<what>.*?)(?: - at `(?:key in )?\$\.?(?P<field>.*)`)?$", re.DOTALL)
_MISSING: Final = re.compile(r"missing required field `(?P<name>\w+)`")


def read_body(raw: bytes) -> ChatBody:
    """Decode and check.

    Raises:
        InvalidRequest: it is not JSON, a field has a wrong type or value, or is not supported; names the field.
    """
    body = _decode(raw)
    for name, harmless in HARMLESS.items():
        value = getattr(body, name)
        if value is not None and value not in harmless:
            raise InvalidField(name, "is not supported by this server", remedy=f"leave {name} out")
    return body


def _decode(raw: bytes) -> ChatBody:
    try:
        return _DECODER.decode(raw)
    except msgspec.ValidationError as error:
        raise _at_field(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidRequest("the body is not valid JSON", remedy="send one JSON object, in UTF-8") from None


def _at_field(complaint: str) -> InvalidRequest:
    """msgspec says what it expected and where, and quotes no text."""
    match = _WHERE.match(complaint)
    assert match is not None, "the expression matches any text"
    what, field = match["what"], match["field"] or ""
    if missing := _MISSING.search(what):
        field = f"{field}.{missing['name']}".lstrip(".")
        return InvalidField(field, "is required")
    what = what[0].lower() + what[1:]
    return InvalidField(field, what) if field else InvalidRequest(f"the body: {what}")
