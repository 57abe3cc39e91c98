"""The grammar of an answer that may call tools."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from edge_agent.slm.tools.syntax import BETWEEN, CLOSE, MAX_CALLS, OPEN, TAIL, head

_NO_OPENING: Final = f"/(.|\\n)*/ & ~/(.|\\n)*{OPEN}(.|\\n)*/"


def tool_grammar(
    schemas: Mapping[str, Mapping[str, Any]], *, required: bool, parallel: bool, tags_are_tokens: bool
) -> str:
    """In llguidance's dialect of Lark.

    Args:
        schemas: of each tool's arguments, by the tool's name.
        required: whether the answer is calls and nothing else; otherwise it is text, calls, or text and then calls.
        parallel: whether there may be more than one call.
        tags_are_tokens: whether the vocabulary has each tag as a token of its own.
    """
    opening, closing = (OPEN, CLOSE) if tags_are_tokens else (json.dumps(OPEN), json.dumps(CLOSE))
    tail = json.dumps(TAIL.removesuffix(CLOSE))
    more = f" ({json.dumps(BETWEEN)} open call){{0,{MAX_CALLS - 1}}}" if parallel else ""
    rules = [
        f"start: open call{more}" if required else f"start: TEXT | spoken call{more}",
        f"open: {opening}",
        # A lazy lexeme ends with the first opening tag; a token that is one cannot be part of a text.
        f"spoken: TEXT {opening}" if tags_are_tokens else f"spoken[lazy]: /(.|\\n)*/ {opening}",
        f"TEXT: {_NO_OPENING}",
        "call: " + " | ".join(f"call_{i}" for i in range(len(schemas))),
    ]
    for i, (name, schema) in enumerate(schemas.items()):
        rules.append(f"call_{i}: {json.dumps(head(name))} arguments_{i} {tail} {closing}")
        rules.append(f"arguments_{i}: %json {json.dumps(schema)}")
    return "\n".join(rules)
