"""How calls are written: a JSON object between tags, which Qwen, SmolLM3, Hermes and many others were trained on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from orchestrator.tools import Tool, ToolCall

OPEN: Final = "<tool_call>"
CLOSE: Final = "</tool_call>"
MAX_CALLS: Final = 8
"""In one answer: a small model that repeats itself comes to an end."""


def head(name: str) -> str:
    """What stands between `OPEN` and the arguments."""
    return f'\n{{"name": {json.dumps(name)}, "arguments": '


TAIL: Final = "}\n" + CLOSE
"""What stands behind the arguments. They hold no line break of their own, so it cannot be mistaken."""
BETWEEN: Final = "\n"
"""What stands between two calls, and between text and the first."""


def written(text: str, calls: Sequence[ToolCall]) -> str:
    """An answer with calls, as the model wrote it."""
    blocks = [f"{OPEN}{head(call.name)}{call.arguments}{TAIL}" for call in calls]
    return BETWEEN.join([text] * bool(text) + blocks)


def described(tool: Tool) -> dict[str, object]:
    """A tool as chat templates expect it."""
    function = {"name": tool.name, "description": tool.description, "parameters": json.loads(tool.parameters)}
    return {"type": "function", "function": function}
