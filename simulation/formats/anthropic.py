"""Anthropic's Messages API, as a server speaks it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from simulation.reply import Reply, count, frame

_REASONS: Final = {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal"}
_ERRORS: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}


class AnthropicSpoken:
    """The same in versions 2023-06-01 and 2026-10-21."""

    root: Final = "/anthropic/v1"
    last: Final = frame(b'{"type":"message_stop"}', "message_stop")

    def streams(self, path: str, body: dict[str, Any]) -> bool | None:
        """The body says it."""
        return bool(body.get("stream")) if path == "/messages" else None

    def texts(self, body: dict[str, Any]) -> list[str]:
        """The system prompt and the turns."""
        said = [body.get("system", "")] + [turn["content"] for turn in body["messages"]]
        return [
            text if isinstance(text, str) else "\n".join(str(block["text"]) for block in text) for text in said if text
        ]

    def frames(self, reply: Reply, body: dict[str, Any]) -> Iterator[tuple[bytes, bool]]:
        """A message with one block of text, and a ping, which may come anywhere."""
        begun = self._message(reply, body) | {"content": [], "stop_reason": None}
        yield _event("message_start", message=begun), False
        yield _event("content_block_start", index=0, content_block={"type": "text", "text": ""}), False
        yield _event("ping"), False
        for piece in reply.pieces:
            yield _event("content_block_delta", index=0, delta={"type": "text_delta", "text": piece}), True
        yield _event("content_block_stop", index=0), False
        if reply.finish_reason is not None:
            delta = {"stop_reason": _reason(reply), "stop_sequence": None}
            usage = {"usage": {"output_tokens": len(reply.pieces)}} if reply.usage else {}
            yield _event("message_delta", delta=delta, **usage), False

    def whole(self, reply: Reply, body: dict[str, Any]) -> bytes:
        """A message."""
        message = self._message(reply, body)
        usage = {"usage": message["usage"] | {"output_tokens": len(reply.pieces)}} if reply.usage else {}
        return json.dumps(message | usage).encode()

    def error(self, status: int, words: str) -> bytes:
        """An error object, whose type follows from the status."""
        kind = _ERRORS.get(status, "api_error")
        return json.dumps({"type": "error", "error": {"type": kind, "message": words}, "request_id": words}).encode()

    def _message(self, reply: Reply, body: dict[str, Any]) -> dict[str, Any]:
        message = {
            "id": "x",
            "type": "message",
            "role": "assistant",
            "model": body["model"],
            "content": [{"type": "text", "text": "".join(reply.pieces)}],
            "stop_reason": _reason(reply),
            "stop_sequence": None,
        }
        return message | ({"usage": self._usage(body)} if reply.usage else {})

    def _usage(self, body: dict[str, Any]) -> dict[str, int]:
        """Of the prompt. What is cached is counted apart; of the answer one token is counted before it comes."""
        prompt = count(self.texts(body))
        written = prompt if "cache_control" in body else 0
        return {
            "input_tokens": prompt - written,
            "cache_creation_input_tokens": written,
            "cache_read_input_tokens": 0,
            "output_tokens": 1,
        }


def _reason(reply: Reply) -> str | None:
    return None if reply.finish_reason is None else _REASONS.get(reply.finish_reason, reply.finish_reason)


def _event(kind: str, **fields: Any) -> bytes:
    return frame(json.dumps({"type": kind} | fields).encode(), kind)
