"""Google's Gemini API, as a server speaks it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from simulation.reply import Reply, count, frame

_REASONS: Final = {"stop": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"}
_ERRORS: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class GeminiSpoken:
    """Version v1beta. No event ends a stream but the end of its connection."""

    root: Final = "/v1beta"
    last: Final = b""

    def streams(self, path: str, body: dict[str, Any]) -> bool | None:
        """The method is a part of the path."""
        method = path.rpartition(":")[2]
        return {"generateContent": False, "streamGenerateContent?alt=sse": True}.get(method)

    def texts(self, body: dict[str, Any]) -> list[str]:
        """The system instruction and the contents."""
        said = [body["systemInstruction"]] if "systemInstruction" in body else []
        return ["\n".join(str(part["text"]) for part in content["parts"]) for content in said + body["contents"]]

    def frames(self, reply: Reply, body: dict[str, Any]) -> Iterator[tuple[bytes, bool]]:
        """Responses, of which each counts what came so far, and the last has the reason."""
        for number, piece in enumerate(reply.pieces, 1):
            yield frame(json.dumps(self._response(reply, body, piece, number, None)).encode()), True
        if reply.finish_reason is not None:
            response = self._response(reply, body, "", len(reply.pieces), reply.finish_reason)
            yield frame(json.dumps(response).encode()), False

    def whole(self, reply: Reply, body: dict[str, Any]) -> bytes:
        """A response."""
        text = "".join(reply.pieces)
        return json.dumps(self._response(reply, body, text, len(reply.pieces), reply.finish_reason)).encode()

    def error(self, status: int, words: str) -> bytes:
        """A `google.rpc.Status`."""
        kind = _ERRORS.get(status, "UNKNOWN")
        detail = {"@type": "type.googleapis.com/google.rpc.DebugInfo", "detail": words}
        return json.dumps({"error": {"code": status, "message": words, "status": kind, "details": [detail]}}).encode()

    def _response(
        self, reply: Reply, body: dict[str, Any], text: str, written: int, reason: str | None
    ) -> dict[str, Any]:
        content = {"role": "model"} | ({"parts": [{"text": text}]} if text else {})
        candidate: dict[str, Any] = {"content": content, "index": 0}
        if reason is not None:
            candidate["finishReason"] = _REASONS.get(reason, reason)
        response: dict[str, Any] = {"candidates": [candidate], "modelVersion": "simulated", "responseId": "x"}
        if reply.usage:
            prompt = count(self.texts(body))
            response["usageMetadata"] = {
                "promptTokenCount": prompt,
                "candidatesTokenCount": written,
                "totalTokenCount": prompt + written,
            }
        return response
