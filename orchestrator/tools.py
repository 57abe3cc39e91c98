"""What an assistant may call, and what it called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

NO_PARAMETERS: Final = '{"type": "object", "properties": {}, "additionalProperties": false}'


@dataclass(frozen=True, slots=True)
class Tool:
    """A function of the caller's."""

    name: str
    description: str = ""
    parameters: str = NO_PARAMETERS
    """A JSON schema, as JSON, of the object that holds its arguments."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that the assistant asks for; whoever owns the tool makes it."""

    name: str
    arguments: str
    """A JSON object, as JSON."""
