"""The format that an upstream's section asks for."""

from __future__ import annotations

from cloud_gateway.sections.upstreams import UpstreamSection
from cloud_gateway.upstreams.formats.anthropic import AnthropicFormat
from cloud_gateway.upstreams.formats.format import Format
from cloud_gateway.upstreams.formats.gemini import GeminiFormat
from cloud_gateway.upstreams.formats.openai import OpenAiFormat


def choose(section: UpstreamSection) -> Format:
    """The format of one server. What its section leaves open is as the newest models of that format want it."""
    match section.format:
        case "openai":
            return OpenAiFormat(continuation=section.continuation or "vllm", sampling=section.sampling is not False)
        case "anthropic":
            return AnthropicFormat(
                continuation=section.continuation or "ask",
                sampling=section.sampling is True,
                prompt_cache=section.prompt_cache,
            )
        case "gemini":
            return GeminiFormat(continuation=section.continuation or "ask", sampling=section.sampling is not False)
