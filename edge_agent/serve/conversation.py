"""From the messages of a body to the agent's own: roles, text, calls of tools, and the label of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from edge_agent.serve.chat_body import ChatBody, Turn
from edge_agent.serve.errors import InvalidField
from edge_agent.serve.labels import Labels
from edge_agent.slm.tools.syntax import written
from orchestrator.tools import Tool, ToolCall
from orchestrator.types import Message, Role, Sensitivity

ROLES: Final[dict[str, Role]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}


@dataclass(frozen=True, slots=True)
class Conversation:
    """What was said, and the beginning of the answer that a final assistant message is."""

    messages: tuple[Message, ...]
    prefix: Message


def read_conversation(body: ChatBody, tools: Sequence[Tool], labels: Labels) -> Conversation:
    """The conversation in `body`, whose model may call `tools`.

    Raises:
        InvalidField: a message cannot be read, or cannot stand where it stands.
    """
    _check_calls(body.messages)
    turns = [_message(turn, index) for index, turn in enumerate(body.messages)]
    last = turns[-1]
    begun = last.role == "assistant"
    _check_end(body, last)
    if begun:
        turns.pop()
    turns = _with_tools(_one_system_message(_in_order_of_calls(turns, body.messages)), tools)
    # The question itself is judged by the agent's rules, as if it had been typed for the first time.
    fresh = turns[-1] if turns and turns[-1].role == "user" else None
    labelled = [
        replace(turn, sensitivity=labels.of_new(turn.text)) if turn is fresh else _labelled(turn, labels)
        for turn in turns
    ]
    prefix = last.text if begun else ""
    label = labels.of_answer(prefix) if prefix else Sensitivity.PUBLIC
    return Conversation(tuple(labelled) or (Message("user", ""),), Message("assistant", prefix, label))


def _check_end(body: ChatBody, last: Message) -> None:
    begun = last.role == "assistant"
    if body.continue_final_message and not begun:
        raise InvalidField("continue_final_message", "the final message is not the assistant's")
    if body.continue_final_message and body.add_generation_prompt:
        raise InvalidField("add_generation_prompt", "contradicts continue_final_message", remedy="set one of the two")
    if begun and body.continue_final_message is False:
        raise InvalidField("messages", "the final message is the assistant's", remedy="end with the user's")
    if last.calls:
        raise InvalidField("messages", "the final message calls tools", remedy="send what they gave back")


def _check_calls(turns: Sequence[Turn]) -> None:
    """What a tool gave back belongs to a call of the assistant's message before it."""
    open_ids: set[str] = set()
    for index, turn in enumerate(turns):
        if turn.role == "tool":
            if turn.tool_call_id not in open_ids:
                raise InvalidField(f"messages[{index}].tool_call_id", "answers no call of the message before it")
        else:
            open_ids = {call.id for call in turn.tool_calls or ()}


def _in_order_of_calls(messages: Sequence[Message], turns: Sequence[Turn]) -> list[Message]:
    """Results in the order of their calls: most models tell them apart by nothing else."""
    places: dict[str, int] = {}
    keys: list[tuple[int, int]] = []
    group = 0
    for turn in turns[: len(messages)]:
        if turn.role == "tool":
            keys.append((group, places.get(turn.tool_call_id or "", 0)))
            continue
        group += 1
        keys.append((group, -1))
        places = {call.id: place for place, call in enumerate(turn.tool_calls or ())}
    return [message for _, message in sorted(zip(keys, messages, strict=True), key=lambda pair: pair[0])]


def _one_system_message(turns: Sequence[Message]) -> list[Message]:
    """Several system messages at the beginning become one: chat templates know no other."""
    n = next((i for i, turn in enumerate(turns) if turn.role != "system"), len(turns))
    first = [Message("system", "\n\n".join(turn.text for turn in turns[:n]))] if n else []
    return [*first, *turns[n:]]


def _with_tools(turns: list[Message], tools: Sequence[Tool]) -> list[Message]:
    """The system message names the tools."""
    if not tools:
        return turns
    first = turns[0] if turns and turns[0].role == "system" else None
    system = replace(first or Message("system", ""), tools=tuple(tools))
    return [system, *(turns[1:] if first else turns)]


def _labelled(turn: Message, labels: Labels) -> Message:
    """With the label of what it was made from. A turn that was not given here could have been made from anything."""
    known = turn.role in ("system", "user") or labels.knows(written(turn.text, turn.calls))
    return replace(turn, sensitivity=_label(turn, labels), of_unknown_origin=not known)


def _label(message: Message, labels: Labels) -> Sensitivity:
    match message.role:
        case "system":
            return labels.of_new(message.text)
        case "user":
            return labels.of_question(message.text)
        case "assistant":
            return labels.of_answer(written(message.text, message.calls))
        case "tool":  # what was asked of it may have come out of records, and nobody knows what it read
            return labels.of_answer(message.text)


def _message(turn: Turn, index: int) -> Message:
    where = f"messages[{index}]"
    try:
        role = ROLES[turn.role]
    except KeyError:
        known = ", ".join(ROLES)
        raise InvalidField(f"{where}.role", f"is not supported; it has to be one of {known}") from None
    if turn.tool_calls and role != "assistant":
        raise InvalidField(f"{where}.tool_calls", "only the assistant calls tools")
    calls = tuple(
        ToolCall(call.function.name, _arguments(call.function.arguments, f"{where}.tool_calls[{i}]"))
        for i, call in enumerate(turn.tool_calls or ())
    )
    return Message(role, _text(turn, where), calls=calls)


def _arguments(text: str, where: str) -> str:
    try:
        value: Any = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise InvalidField(f"{where}.function.arguments", "is not a JSON object")
    return text


def _text(turn: Turn, where: str) -> str:
    """The text of a message; its parts are joined as they are."""
    if turn.content is None and turn.tool_calls:
        return ""
    if turn.content is None:
        raise InvalidField(f"{where}.content", "is required")
    if isinstance(turn.content, str):
        return turn.content
    for i, part in enumerate(turn.content):
        if part.type != "text":
            raise InvalidField(f"{where}.content[{i}].type", "only parts of the type text can be read")
        if part.text is None:
            raise InvalidField(f"{where}.content[{i}].text", "is required")
    return "".join(part.text or "" for part in turn.content)
