"""The OpenAI-compatible wire format: what is posted, and what comes back. Pure functions, no network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from cloud_gateway.upstreams.formats.continuing import Continuation, turns
from cloud_gateway.upstreams.formats.format import Fault, Part, usage
from orchestrator.chat import Chat
from orchestrator.errors import CloudInternal
from orchestrator.types import FinishReason, Usage


class _Text(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Text | None = None
    message: _Text | None = None
    finish_reason: str | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Body(msgspec.Struct):
    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: Fault | str | None = None


_DECODER: Final = msgspec.json.Decoder(_Body)
_DONE: Final = (b"[DONE]", "[DONE]")
_END: Final = Part(last=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAiFormat:
    """Chat completions, as OpenAI defined them and vLLM, llama.cpp's server, SGLang, Ollama and others serve them."""

    continuation: Continuation = "vllm"
    """OpenAI's own models know no other way than `ask`."""
    sampling: bool = True
    """OpenAI's models that think refuse a temperature, and want `max_completion_tokens`."""

    @property
    def probe_path(self) -> str:
        """The list of models."""
        return "models"

    def path(self, model: str, *, stream: bool) -> str:
        """One path for every model."""
        return "chat/completions"

    def headers(self, key: str | None) -> dict[str, str]:
        """A bearer's token."""
        return {"authorization": f"Bearer {key}"} if key else {}

    def body(self, chat: Chat, model: str, *, stream: bool) -> bytes:
        """The JSON to post. What has its default is left out: not every server knows every parameter."""
        sampling = chat.sampling
        messages: list[dict[str, Any]] = [
            {"role": role, "content": text} for role, text in turns(chat, self.continuation)
        ]
        content: dict[str, Any] = {"model": model, "messages": messages}
        if self.sampling:
            content |= {"max_tokens": sampling.max_tokens, "temperature": sampling.temperature}
            if sampling.temperature > 0:
                content["seed"] = sampling.seed
            if sampling.top_p < 1:
                content["top_p"] = sampling.top_p
            if sampling.min_p > 0:
                content["min_p"] = sampling.min_p
        else:
            content["max_completion_tokens"] = sampling.max_tokens
        if sampling.stop:
            content["stop"] = sampling.stop
        if chat.prefix and self.continuation == "vllm":
            content |= {"continue_final_message": True, "add_generation_prompt": False}
        if chat.prefix and self.continuation == "mistral":
            messages[-1]["prefix"] = True
        if stream:
            content |= {"stream": True, "stream_options": {"include_usage": True}}
        return msgspec.json.encode(content)

    def read(self, data: bytes | str) -> Part:
        """A whole answer; the chunks of a stream have the same shape.

        Raises:
            CloudInternal: it is not JSON, or not in this format.
        """
        try:
            decoded = _DECODER.decode(data)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            raise CloudInternal(
                "the upstream sent what is not the OpenAI-compatible format",
                remedy="the operator: check its base_url",
            ) from None
        if decoded.error is not None:
            return Part(fault=decoded.error if isinstance(decoded.error, Fault) else Fault())
        choice = decoded.choices[0] if decoded.choices else _Choice()
        text = choice.delta or choice.message or _Text()
        return Part(text.content or "", _reason(choice), choice.finish_reason == "content_filter", _usage(decoded))

    def read_event(self, data: bytes | str) -> Part:
        """A chunk of a stream, or the `[DONE]` behind the last of them."""
        return _END if data in _DONE else self.read(data)

    def read_fault(self, data: bytes) -> Fault:
        """What an error response says of itself; nothing where it is in another format."""
        try:
            return self.read(data).fault or Fault()
        except CloudInternal:
            return Fault()


def _reason(choice: _Choice) -> FinishReason | None:
    if choice.finish_reason is None:
        return None
    return FinishReason.LENGTH if choice.finish_reason == "length" else FinishReason.STOP


def _usage(decoded: _Body) -> Usage | None:
    if decoded.usage is None:
        return None
    return usage(decoded.usage.prompt_tokens, decoded.usage.completion_tokens)
