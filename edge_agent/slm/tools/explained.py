"""Tools told in plain text, for models whose chat template knows none."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from edge_agent.slm.tools.syntax import CLOSE, OPEN, described, written
from orchestrator.types import Message


def explained(messages: Sequence[Message]) -> list[Message]:
    """The same conversation with system, user and assistant turns that are nothing but text.

    In the words and tags that Qwen's templates use: a model that has seen any tools has most likely seen these. What
    several tools gave back is one turn of the user's, since templates want turns to be taken.
    """
    plain: list[Message] = []
    for role, turns in groupby(messages, key=lambda message: message.role):
        if role == "tool":
            results = list(turns)
            text = "\n".join(f"<tool_response>\n{result.text}\n</tool_response>" for result in results)
            plain.append(replace(results[0], role="user", text=text))
        else:
            plain.extend(_told(turn) for turn in turns)
    return plain


def _told(message: Message) -> Message:
    text = written(message.text, message.calls) if message.calls else message.text
    if message.tools:
        text = f"{text}\n\n{_introduction(message)}".strip()
    return replace(message, text=text, tools=(), calls=())


def _introduction(message: Message) -> str:
    signatures = "\n".join(json.dumps(described(tool), ensure_ascii=False) for tool in message.tools)
    return (
        "You may call these functions to help with the user's question. Their signatures:\n"
        f"<tools>\n{signatures}\n</tools>\n"
        "For each call, return a JSON object with the function's name and its arguments:\n"
        f'{OPEN}\n{{"name": <function-name>, "arguments": <arguments-object>}}\n{CLOSE}'
    )
