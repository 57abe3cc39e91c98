"""A request to an upstream as a span, by OpenTelemetry's conventions for generative models. Never with its content."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from cloud_gateway.upstreams.member import Offer
from orchestrator.chat import Chat
from orchestrator.tracing import NO_SPAN, Attributes, Kind, Span, Value, spanning
from orchestrator.types import Completed


def attempted(parent: Span, offer: Offer, chat: Chat) -> AbstractContextManager[Span]:
    """The span of one request, which ends with the block: with the last token, or with what went wrong."""
    if parent is NO_SPAN:
        return nullcontext(NO_SPAN)
    attributes: dict[str, Value] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": offer.model,
        "gen_ai.request.max_tokens": chat.sampling.max_tokens,
        "edgewise.upstream": offer.name,
        "edgewise.continues": bool(chat.prefix),
    }
    span = parent.child(f"chat {offer.model}", attributes | dict(offer.member.server.described), kind=Kind.CLIENT)
    return spanning(span)


def usage_of(receipt: Completed) -> Attributes:
    """What an answer used, and why it ended."""
    return {
        "gen_ai.usage.input_tokens": receipt.usage.prompt_tokens,
        "gen_ai.usage.output_tokens": receipt.usage.completion_tokens,
        "gen_ai.response.finish_reasons": (receipt.finish_reason.value,),
    }
