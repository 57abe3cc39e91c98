"""The model servers behind the gateway."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from cloud_gateway.sections.kinds import EnvironmentName, Seconds, Weight
from orchestrator.settings import Section

UpstreamName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}\Z")]
"""In small letters, as environment variables give it."""


class UpstreamSection(Section):
    """A model server behind the gateway."""

    base_url: Annotated[str, Field(pattern=r"^https?://[^\s/]+")]
    """Up to and with its version: `http://127.0.0.1:8642/v1`."""
    api_key_env: EnvironmentName | None = None
    format: Literal["openai", "anthropic", "gemini"] = "openai"
    """What it speaks."""
    continuation: Literal["vllm", "mistral", "prefill", "ask"] | None = None
    """How its models are brought to go on from the beginning of an answer; by default `vllm` where it speaks OpenAI's
    format, else `ask`."""
    sampling: bool | None = None
    """Whether its models take a temperature; by default all but Anthropic's do."""
    prompt_cache: bool = False
    """Have Anthropic keep what it read for the next turn."""
    weight: Weight = 1.0
    """Its share of the answers, beside the others of its priority."""
    priority: int = 0
    """The lowest goes first; the others are for when all of it are down or full."""
    max_concurrent: int = Field(default=8192, ge=1)
    """Answers that it writes at once, of all models together."""
    connect_s: Seconds = 5.0
    """How long connecting may take."""
    first_token_s: Seconds = 120.0
    """How long a stream may take to its first text."""
    between_tokens_s: Seconds = 30.0
    """How long a stream may say nothing after that."""
    whole_answer_s: Seconds = 600.0
    """How long an answer may take that comes as one piece."""
    health_interval_s: Seconds = 5.0
    """How often it is asked whether it is there."""

    @model_validator(mode="after")
    def _check_format(self) -> UpstreamSection:
        if self.format != "openai" and self.continuation in ("vllm", "mistral"):
            raise ValueError(f"{self.continuation} is a way of OpenAI-compatible servers: give prefill or ask")
        if self.prompt_cache and self.format != "anthropic":
            raise ValueError("prompt_cache belongs to format: anthropic; other servers keep prompts unasked")
        return self
