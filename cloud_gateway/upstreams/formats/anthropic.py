"""Anthropic's Messages API: what is posted, and what comes back.

Source: the API's reference, platform.claude.com/docs/en/api: messages, streaming, errors, versioning.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

import msgspec

from cloud_gateway.upstreams.formats.continuing import Continuation, turns
from cloud_gateway.upstreams.formats.format import Fault, Part, usage
from orchestrator.chat import Chat
from orchestrator.errors import CloudInternal
from orchestrator.types import FinishReason, Sampling, Usage

_VERSION: Final = "2026-10-21"
_VERSION_WITH_SAMPLING: Final = "2023-06-01"
"""The last one that takes a temperature."""
_HTTP_STATUS: Final = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
_CUT: Final = frozenset({"max_tokens", "model_context_window_exceeded"})
_CACHED: Final = {"cache_control": {"type": "ephemeral"}}


class _Block(msgspec.Struct):
    text: str | None = None
    """None of a block that holds no text: thinking, for instance."""


class _Delta(msgspec.Struct):
    text: str | None = None
    stop_reason: str | None = None


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens: int | None = None


class _Error(msgspec.Struct):
    type: str | None = None


class _Message(msgspec.Struct):
    usage: _Usage | None = None


class _Body(msgspec.Struct):
    """A whole answer, any event of a stream, or an error. All of them say which."""

    type: str
    content: list[_Block] = []
    content_block: _Block | None = None
    delta: _Delta | None = None
    message: _Message | None = None
    stop_reason: str | None = None
    usage: _Usage | None = None
    error: _Error | None = None


_DECODER: Final = msgspec.json.Decoder(_Body)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnthropicFormat:
    """The Messages API."""

    continuation: Continuation = "ask"
    """`prefill` is for models up to Claude 4.5: later ones refuse a conversation that ends with the assistant."""
    sampling: bool = False
    """Send a temperature, by an older version of the API. Models from Claude Opus 4.7 on refuse it."""
    prompt_cache: bool = False
    """Have the system prompt and the conversation so far kept for the next turn."""

    @property
    def probe_path(self) -> str:
        """The list of models."""
        return "models"

    def path(self, model: str, *, stream: bool) -> str:
        """One path for every model."""
        return "messages"

    def headers(self, key: str | None) -> dict[str, str]:
        """The version, without which nothing is answered, and the key."""
        version = _VERSION_WITH_SAMPLING if self.sampling else _VERSION
        return {"anthropic-version": version} | ({"x-api-key": key} if key else {})

    def body(self, chat: Chat, model: str, *, stream: bool) -> bytes:
        """The JSON to post.

        System messages stand apart, wherever they were; turns of one role in a row are one turn. The API knows no seed
        and no `min_p`.
        """
        said = [(role, text) for role, text in turns(chat, self.continuation) if text.strip()]
        if said and said[-1][0] == "assistant":
            said[-1] = ("assistant", said[-1][1].rstrip())  # white space at the end of a prefill is refused
        system = "\n\n".join(text for role, text in said if role == "system")
        content: dict[str, Any] = {
            "model": model,
            "max_tokens": chat.sampling.max_tokens,
            "messages": [
                {"role": role, "content": [{"type": "text", "text": text} for _, text in group]}
                for role, group in groupby((turn for turn in said if turn[0] != "system"), key=lambda turn: turn[0])
            ],
        }
        if system:
            content["system"] = [{"type": "text", "text": system} | (_CACHED if self.prompt_cache else {})]
        if self.prompt_cache:
            content |= _CACHED  # of the last block there is; it moves on with the conversation
        if self.sampling:
            content |= _sampling(chat.sampling)
        # A stop sequence of white space is refused. The gateway looks for every stop itself.
        if stops := [stop for stop in chat.sampling.stop if stop.strip()]:
            content["stop_sequences"] = stops
        if stream:
            content["stream"] = True
        return msgspec.json.encode(content)

    def read(self, data: bytes | str) -> Part:
        """A whole answer, or an event of a stream: both are told by their type. Types that are not known say nothing.

        Raises:
            CloudInternal: it is not JSON, or not in this format.
        """
        try:
            body = _DECODER.decode(data)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            raise CloudInternal(
                "the upstream sent what is not the format of Anthropic's Messages API",
                remedy="the operator: check upstream.base_url and upstream.format",
            ) from None
        match body.type:
            case "content_block_delta" if body.delta is not None:
                return Part(body.delta.text or "")
            case "content_block_start" if body.content_block is not None:
                return Part(body.content_block.text or "")
            case "message":
                text = "".join(block.text or "" for block in body.content)
                return _ended(body.stop_reason, text, _usage(body.usage))
            case "message_start" if body.message is not None:
                return Part(usage=_usage(body.message.usage))
            case "message_delta" if body.delta is not None:
                return _ended(body.delta.stop_reason, "", _usage(body.usage))
            case "message_stop":
                return Part(last=True)
            case "error":
                kind = body.error.type if body.error else None
                status = _HTTP_STATUS.get(kind or "")
                return Part(fault=Fault(type=kind if status else None, http_status=status))
        return Part()

    def read_event(self, data: bytes | str) -> Part:
        """An event of a stream."""
        return self.read(data)

    def read_fault(self, data: bytes) -> Fault:
        """What an error response says of itself; nothing where it is in another format."""
        try:
            fault = self.read(data).fault
        except CloudInternal:
            return Fault()
        return Fault(type=fault.type) if fault else Fault()


def _sampling(sampling: Sampling) -> dict[str, Any]:
    """The temperature, which ends at 1, or `top_p`: models from Claude 4.1 on take one of them."""
    if sampling.top_p < 1 and sampling.temperature == 1:
        return {"top_p": sampling.top_p}
    return {"temperature": min(sampling.temperature, 1.0)}


def _ended(stop_reason: str | None, text: str, counts: Usage | None) -> Part:
    if stop_reason is None:
        return Part(text, usage=counts)
    reason = FinishReason.LENGTH if stop_reason in _CUT else FinishReason.STOP
    return Part(text, reason, stop_reason == "refusal", counts)


def _usage(counts: _Usage | None) -> Usage | None:
    """All tokens that were read, from the cache or not; those that were written include what was thought."""
    if counts is None:
        return None
    read = (counts.input_tokens, counts.cache_creation_input_tokens, counts.cache_read_input_tokens)
    return usage(sum(count or 0 for count in read), counts.output_tokens or 0)
