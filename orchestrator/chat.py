"""What goes to a gateway and what comes back, as values. The gateway and its clients share them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from orchestrator.privacy.egress import NO_TEXT, ClearText, OutboundMessage
from orchestrator.types import FinishReason, Sampling, Terms, Usage
from orchestrator.units import Energy

NANO: Final = 10**9
"""Nano-USD in a USD. The wire counts money in these, so that sums stay exact."""
_MILLION: Final = 10**6


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """A conversation that wants its next assistant message. The last message is the user's."""

    model: str
    messages: tuple[OutboundMessage, ...]
    sampling: Sampling
    prefix: ClearText = NO_TEXT
    """The beginning of the answer, where one was shown already; the answer goes on behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """A whole answer with its receipt."""

    text: str
    """Without the prefix."""
    model: str
    """The model that wrote it."""
    usage: Usage
    finish_reason: FinishReason
    usd: float
    """What was billed."""
    cloud_energy: Energy


@dataclass(frozen=True, slots=True)
class Price:
    """What tokens cost, in nano-USD per million of them: 150_000_000 is 0.15 USD per million."""

    prompt_nano_usd_per_million: int = 0
    completion_nano_usd_per_million: int = 0

    def cost_nano_usd(self, usage: Usage) -> int:
        """What `usage` costs in nano-USD, rounded up. Whole numbers throughout: no cent is lost to rounding."""
        prompt = usage.prompt_tokens * self.prompt_nano_usd_per_million
        completion = usage.completion_tokens * self.completion_nano_usd_per_million
        return -(-(prompt + completion) // _MILLION)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """A model that a gateway offers."""

    name: str
    context_tokens: int
    """Prompt and answer together may not exceed this."""
    price: Price = Price()

    @property
    def terms(self) -> Terms:
        """Its window, and its prices in USD a token."""
        return Terms(
            self.context_tokens,
            prompt_usd=self.price.prompt_nano_usd_per_million / (NANO * _MILLION),
            completion_usd=self.price.completion_nano_usd_per_million / (NANO * _MILLION),
        )
