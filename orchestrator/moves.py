"""Why a shown answer of the device was moved to the cloud in mid-stream, in plain values that are stored."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Cause(StrEnum):
    """What an answer failed by."""

    CONFIDENCE = "confidence"
    DEADLINE = "deadline"
    JOULES = "joules"
    LIMIT = "limit"
    """The tokens that the decision allowed it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveRules:
    """When an answer that was shown may move to the cloud."""

    unfinished: bool = True
    """Where the device will not finish it in time, in joules or in tokens, the cloud will, and it is worth it."""
    least_logprob: float | None = None
    """Where the mean log-probability of its latest tokens is below this, in nats. None: whatever it is."""
    window_tokens: int = 24
    """How many the latest are."""

    @property
    def forbid(self) -> bool:
        """Whether no answer ever moves by them."""
        return not self.unfinished and self.least_logprob is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an answer of the device stands in mid-stream: all that the judgement sees beside the situation.

    None means without limit.
    """

    rules: MoveRules
    written: int
    """Tokens."""
    limit: int
    """Tokens that it may have at home."""
    token_ms: float
    """As measured on this answer."""
    token_joules: float
    """Of the device, as measured on this answer."""
    left_ms: float | None
    """To its deadline."""
    joules: float | None
    """Of the device, that the question may still spend."""
    usd: float | None
    cloud_requests: float | None
    logprob: float | None
    """Mean of the latest tokens, nats; None while they are fewer than the rules want."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A shown answer goes on in the cloud."""

    cause: Cause
    standing: Standing
    rest: int
    """Tokens that it still wanted, as expected."""
    at_home: int
    """Of them, how many the device would have written."""
    max_tokens: int
    """That the cloud may write."""

    def __str__(self) -> str:
        standing = self.standing
        why = {
            Cause.CONFIDENCE: f"the device's latest {standing.rules.window_tokens} had a mean log-probability of "
            f"{standing.logprob or 0:.2f}",
            Cause.DEADLINE: f"the device had time for {self.at_home} of about {self.rest} more",
            Cause.JOULES: f"the device had joules for {self.at_home} of about {self.rest} more",
            Cause.LIMIT: f"the device was allowed {self.at_home} of about {self.rest} more",
        }
        return f"after {standing.written} tokens {why[self.cause]}"
