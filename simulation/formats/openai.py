"""OpenAI's chat completions, as a server speaks them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from simulation.reply import Reply, count, frame


class OpenAiSpoken:
    """The format that most servers share."""

    root: Final = "/v1"
    last: Final = frame(b"[DONE]")

    def streams(self, path: str, body: dict[str, Any]) -> bool | None:
        """The body says it."""
        return bool(body.get("stream")) if path == "/chat/completions" else None

    def texts(self, body: dict[str, Any]) -> list[str]:
        """The messages."""
        return [str(message["content"]) for message in body["messages"]]

    def frames(self, reply: Reply, body: dict[str, Any]) -> Iterator[tuple[bytes, bool]]:
        """Chunks: of the pieces, of the reason, and of the usage where it was asked for."""
        head = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": body["model"]}
        for piece in reply.pieces:
            choice = {"index": 0, "delta": {"content": piece}, "finish_reason": None}
            yield frame(json.dumps({**head, "choices": [choice]}).encode()), True
        if reply.finish_reason is not None:
            choice = {"index": 0, "delta": {}, "finish_reason": reply.finish_reason}
            yield frame(json.dumps({**head, "choices": [choice]}).encode()), False
        if reply.usage and body.get("stream_options", {}).get("include_usage"):
            yield frame(json.dumps({**head, "choices": [], "usage": self._usage(reply, body)}).encode()), False

    def whole(self, reply: Reply, body: dict[str, Any]) -> bytes:
        """A chat completion."""
        message = {"role": "assistant", "content": "".join(reply.pieces)}
        choice = {"index": 0, "message": message, "finish_reason": reply.finish_reason}
        answer = {"id": "x", "object": "chat.completion", "created": 0, "model": body["model"], "choices": [choice]}
        return json.dumps(answer | ({"usage": self._usage(reply, body)} if reply.usage else {})).encode()

    def error(self, status: int, words: str) -> bytes:
        """OpenAI's error object."""
        return json.dumps({"error": {"message": words, "type": words, "code": words}}).encode()

    def _usage(self, reply: Reply, body: dict[str, Any]) -> dict[str, int]:
        prompt, written = count(self.texts(body)), len(reply.pieces)
        return {"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written}
