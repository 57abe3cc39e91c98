"""The form that an answer is held to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from orchestrator.errors import InvalidFormat
from orchestrator.tools import Tool


class FormatKind(StrEnum):
    """The languages that a form can be written in."""

    JSON_SCHEMA = "json_schema"
    REGEX = "regex"
    LARK = "lark"
    TOOLS = "tools"


@dataclass(frozen=True, slots=True)
class Format:
    """What an answer has to look like. Each token is chosen among those that keep to it.

    An answer that ends by itself (`FinishReason.STOP`) has the form; one that was cut short has the beginning of one.
    """

    kind: FormatKind
    text: str
    """A JSON schema as JSON, a regular expression, a grammar, or which tools may be called, as JSON."""

    @classmethod
    def json_object(cls) -> Format:
        """Any JSON object."""
        return cls(FormatKind.JSON_SCHEMA, '{"type": "object"}')

    @classmethod
    def json_schema(cls, schema: Mapping[str, Any]) -> Format:
        """JSON that a JSON schema allows, its properties in the schema's order.

        Raises:
            InvalidFormat: it is no JSON.
        """
        try:
            return cls(FormatKind.JSON_SCHEMA, json.dumps(schema, ensure_ascii=False, allow_nan=False))
        except (TypeError, ValueError, RecursionError):
            raise InvalidFormat(
                "the schema is not JSON, or is nested too deeply", remedy="give a JSON schema as a mapping"
            ) from None

    @classmethod
    def regex(cls, pattern: str) -> Format:
        """Text that a regular expression matches as a whole: Rust's syntax, without look-around and references."""
        return cls(FormatKind.REGEX, pattern)

    @classmethod
    def lark(cls, grammar: str) -> Format:
        """Text of a context-free grammar in Lark's notation, as llguidance reads it; its rule `start` is the answer."""
        return cls(FormatKind.LARK, grammar)

    @classmethod
    def tools(cls, tools: Sequence[Tool], *, required: bool = False, parallel: bool = True) -> Format:
        """Text, then calls of `tools` in the model's own way of writing them, with arguments that fit their schemas.

        Args:
            tools: what may be called.
            required: whether there has to be a call, and nothing but calls.
            parallel: whether there may be more than one.
        """
        plain = [{"name": tool.name, "parameters": tool.parameters} for tool in tools]
        return cls(FormatKind.TOOLS, json.dumps({"tools": plain, "required": required, "parallel": parallel}))
