"""From the body of POST /v1/chat/completions to the agent's own `Request`."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from edge_agent.serve.answerer import Defaults
from edge_agent.serve.chat_body import BudgetBody, ChatBody, Extension, Turn, read_body
from edge_agent.serve.errors import InvalidField
from edge_agent.serve.labels import Labels
from orchestrator.types import Budget, Message, Request, Role, RoutePreference, Sampling, Sensitivity

ROLES: Final[dict[str, Role]] = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a body asks for."""

    request: Request
    model: str
    """As the client named it."""
    stream: bool
    include_usage: bool


def read_chat(raw: bytes, defaults: Defaults, labels: Labels) -> Asked:
    """The request inside a body.

    Raises:
        InvalidRequest: it is not JSON, a field has a wrong type or value, or something is not supported; names it.
        ModelNotFound: the model is not served here.
    """
    body = read_body(raw)
    messages, prefix = _conversation(body, labels)
    route = defaults.route_for(body.model)
    extension = body.edgewise or Extension()
    if prefix.sensitivity is not Sensitivity.PUBLIC:
        route = RoutePreference.LOCAL  # the beginning of the answer would go along to the cloud
    elif extension.route is not None:
        route = RoutePreference(extension.route)
    request = Request(
        id=uuid.uuid4().hex,
        messages=messages,
        budget=_budget(extension.budget, defaults.budget),
        sampling=_sampling(body, defaults.sampling),
        route=route,
        local_only=extension.local_only or defaults.local_only,
        prefix=prefix.text,
    )
    usage = body.stream_options is not None and bool(body.stream_options.include_usage)
    return Asked(request, body.model, bool(body.stream), usage)


def _conversation(body: ChatBody, labels: Labels) -> tuple[tuple[Message, ...], Message]:
    """The turns, and the beginning of the answer that a final assistant message is."""
    turns = [(_role(turn, i), _text(turn, i)) for i, turn in enumerate(body.messages)]
    last_role, last_text = turns[-1]
    begun = last_role == "assistant"
    if body.continue_final_message and not begun:
        raise InvalidField("continue_final_message", "the final message is not the assistant's")
    if body.continue_final_message and body.add_generation_prompt:
        raise InvalidField("add_generation_prompt", "contradicts continue_final_message", remedy="set one of the two")
    if begun and body.continue_final_message is False:
        raise InvalidField("messages", "the final message is the assistant's", remedy="end with the user's")
    if begun:
        turns.pop()
    *earlier, question = _one_system_message(turns) or [("user", "")]
    messages = [Message(role, text, _label(role, text, labels)) for role, text in earlier]
    # The question itself is judged by the agent's rules, as if it had been typed for the first time.
    messages.append(Message(*question))
    prefix = last_text if begun else ""
    return tuple(messages), Message("assistant", prefix, labels.of_answer(prefix) if prefix else Sensitivity.PUBLIC)


def _one_system_message(turns: Sequence[tuple[Role, str]]) -> list[tuple[Role, str]]:
    """Several system messages at the beginning become one: chat templates know no other."""
    n = next((i for i, (role, _) in enumerate(turns) if role != "system"), len(turns))
    first: list[tuple[Role, str]] = [("system", "\n\n".join(text for _, text in turns[:n]))] if n else []
    return [*first, *turns[n:]]


def _label(role: Role, text: str, labels: Labels) -> Sensitivity:
    match role:
        case "system":
            return Sensitivity.PUBLIC
        case "user":
            return labels.of_question(text)
        case "assistant" | "tool":
            return labels.of_answer(text)


def _role(turn: Turn, index: int) -> Role:
    try:
        return ROLES[turn.role]
    except KeyError:
        known = ", ".join(ROLES)
        raise InvalidField(f"messages[{index}].role", f"is not supported; it has to be one of {known}") from None


def _text(turn: Turn, index: int) -> str:
    """The text of a message; its parts are joined as they are."""
    where = f"messages[{index}]"
    if turn.tool_calls:
        raise InvalidField(f"{where}.tool_calls", "tools are not supported by this server")
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


def _budget(asked: BudgetBody | None, default: Budget) -> Budget:
    if asked is None:
        return default
    given = {name: value for name, value in msgspec.structs.asdict(asked).items() if value is not None}
    return replace(default, **given)


def _sampling(body: ChatBody, default: Sampling) -> Sampling:
    given: dict[str, Any] = {
        "temperature": body.temperature,
        "top_p": body.top_p,
        "min_p": body.min_p,
        "seed": body.seed,
        "max_tokens": body.max_completion_tokens or body.max_tokens,
        "stop": (body.stop,) if isinstance(body.stop, str) else tuple(body.stop) if body.stop else None,
    }
    return replace(default, **{name: value for name, value in given.items() if value is not None})
