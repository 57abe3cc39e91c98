"""Google's Gemini API, v1beta: what is posted, and what comes back.

Source: the API's reference, ai.google.dev/api/generate-content; its errors are `google.rpc.Status`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final
from urllib.parse import quote

import msgspec

from cloud_gateway.upstreams.formats.continuing import Continuation, turns
from cloud_gateway.upstreams.formats.format import Fault, Part, usage
from orchestrator.chat import Chat
from orchestrator.errors import CloudInternal
from orchestrator.types import FinishReason, Sampling, Usage

_ROLES: Final = {"assistant": "model", "user": "user"}
_MOST_STOPS: Final = 5
_HOTTEST: Final = 2.0
_FINISHED: Final = {"STOP": FinishReason.STOP, "MAX_TOKENS": FinishReason.LENGTH}
_FAILED: Final = frozenset(
    {
        "OTHER",
        "MALFORMED_FUNCTION_CALL",
        "UNEXPECTED_TOOL_CALL",
        "TOO_MANY_TOOL_CALLS",
        "MISSING_THOUGHT_SIGNATURE",
        "MALFORMED_RESPONSE",
    }
)
"""The model's own faults. What is left of the finish reasons are filters."""
_NAME: Final = re.compile(r"[A-Z_]{1,40}")
_WAIT: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")
_REFUSED_KEYS: Final = frozenset({"API_KEY_INVALID", "API_KEY_SERVICE_BLOCKED", "API_KEY_EXPIRED"})


class _Text(msgspec.Struct):
    text: str | None = None
    thought: bool | None = None


class _Content(msgspec.Struct):
    parts: list[_Text] | None = None


class _Candidate(msgspec.Struct, rename="camel"):
    content: _Content | None = None
    finish_reason: str | None = None


class _Feedback(msgspec.Struct, rename="camel"):
    block_reason: str | None = None


class _Usage(msgspec.Struct, rename="camel"):
    prompt_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None


class _Detail(msgspec.Struct, rename="camel"):
    reason: str | None = None
    """Of an `ErrorInfo`."""
    retry_delay: str | None = None
    """Of a `RetryInfo`: seconds, as "34s"."""


class _Status(msgspec.Struct):
    code: int | None = None
    status: str | None = None
    details: list[_Detail] | None = None


class _Body(msgspec.Struct, rename="camel"):
    candidates: list[_Candidate] | None = None
    prompt_feedback: _Feedback | None = None
    usage_metadata: _Usage | None = None
    error: _Status | None = None


_DECODER: Final = msgspec.json.Decoder(_Body)


@dataclass(frozen=True, slots=True, kw_only=True)
class GeminiFormat:
    """`generateContent` and `streamGenerateContent`. A stream ends with its connection."""

    continuation: Continuation = "ask"
    """`prefill` is for models up to Gemini 3.5 Flash: later ones refuse contents that end with the model."""
    sampling: bool = True

    @property
    def probe_path(self) -> str:
        """The list of models."""
        return "models"

    def path(self, model: str, *, stream: bool) -> str:
        """The model is part of it. A name with a slash is a path of its own, as of a tuned model."""
        resource = quote(model) if "/" in model else f"models/{quote(model)}"
        return f"{resource}:streamGenerateContent?alt=sse" if stream else f"{resource}:generateContent"

    def headers(self, key: str | None) -> dict[str, str]:
        """The key stays out of the URL, which many a log keeps."""
        return {"x-goog-api-key": key} if key else {}

    def body(self, chat: Chat, model: str, *, stream: bool) -> bytes:
        """The JSON to post. System messages stand apart, wherever they were. The API knows no `min_p`."""
        said = [(role, text) for role, text in turns(chat, self.continuation) if text]
        content: dict[str, Any] = {
            "contents": [
                {"role": _ROLES.get(role, "user"), "parts": [{"text": text} for _, text in group]}
                for role, group in groupby((turn for turn in said if turn[0] != "system"), key=lambda turn: turn[0])
            ],
            "generationConfig": self._generation(chat.sampling),
        }
        if system := [{"text": text} for role, text in said if role == "system"]:
            content["systemInstruction"] = {"parts": system}
        return msgspec.json.encode(content)

    def read(self, data: bytes | str) -> Part:
        """A whole answer; the events of a stream have the same shape.

        Raises:
            CloudInternal: it is not JSON, or not in this format.
        """
        try:
            body = _DECODER.decode(data)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            raise CloudInternal(
                "the upstream sent what is not the format of the Gemini API",
                remedy="the operator: check upstream.base_url and upstream.format",
            ) from None
        if body.error is not None:
            return Part(fault=_fault(body.error))
        if body.prompt_feedback is not None and body.prompt_feedback.block_reason is not None:
            return Part(finish_reason=FinishReason.STOP, filtered=True)
        candidate = body.candidates[0] if body.candidates else _Candidate()
        parts = (candidate.content.parts if candidate.content else None) or []
        text = "".join(part.text or "" for part in parts if not part.thought)
        reason = candidate.finish_reason
        if reason in _FAILED:
            return Part(text, fault=Fault(type=reason))
        known = reason is None or reason == "FINISH_REASON_UNSPECIFIED" or reason in _FINISHED
        finish_reason = _FINISHED.get(reason or "") if known else FinishReason.STOP
        return Part(text, finish_reason, not known, _usage(body.usage_metadata))

    def read_event(self, data: bytes | str) -> Part:
        """An event of a stream."""
        return self.read(data)

    def read_fault(self, data: bytes) -> Fault:
        """What an error response says of itself; nothing where it is in another format."""
        try:
            fault = self.read(data).fault or Fault()
        except CloudInternal:
            return Fault()
        # The response has a status of its own. A wrong key alone is told as if the request were wrong.
        status = 401 if fault.type in _REFUSED_KEYS else None
        return Fault(type=fault.type, http_status=status, retry_after_s=fault.retry_after_s)

    def _generation(self, sampling: Sampling) -> dict[str, Any]:
        config: dict[str, Any] = {"maxOutputTokens": sampling.max_tokens}
        if self.sampling:
            config["temperature"] = min(sampling.temperature, _HOTTEST)
            if sampling.temperature > 0:
                config["seed"] = sampling.seed % 2**31
            if sampling.top_p < 1:
                config["topP"] = sampling.top_p
        if sampling.stop:
            # More are refused. The gateway looks for every stop itself.
            config["stopSequences"] = sampling.stop[:_MOST_STOPS]
        return config


def _fault(status: _Status) -> Fault:
    details = status.details or []
    reason = next((detail.reason for detail in details if detail.reason in _REFUSED_KEYS), status.status)
    waits = [_WAIT.fullmatch(detail.retry_delay) for detail in details if detail.retry_delay]
    return Fault(
        type=reason if reason and _NAME.fullmatch(reason) else None,
        http_status=401 if reason in _REFUSED_KEYS else status.code,
        retry_after_s=next((float(wait[1]) for wait in waits if wait), None),
    )


def _usage(counts: _Usage | None) -> Usage | None:
    """What was thought was written, and is billed so."""
    if counts is None:
        return None
    prompt = (counts.prompt_token_count or 0, counts.tool_use_prompt_token_count or 0)
    written = (counts.candidates_token_count or 0, counts.thoughts_token_count or 0)
    return usage(sum(prompt), sum(written))
