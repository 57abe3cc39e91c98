"""The estimate of one route for one question: what it would be worth, take and cost."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, replace

from orchestrator.routing.costs import RouteCosts
from orchestrator.types import Effort, Prediction, Route, Spend, Terms
from orchestrator.units import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteEstimate:
    """Everything that the decision needs to know of a route; scales with the length of the answer."""

    route: Route
    terms: Terms
    prompt_tokens: int
    quality: Interval
    first_token_ms: Interval
    decode_ms: Interval
    """For each token of the answer."""
    prompt_joules: Interval
    """Of the device, to the first token."""
    decode_joules: Interval
    """Of the device, for each token of the answer."""
    cloud_joules: Interval
    """For each token of the answer."""
    answer_tokens: Interval
    billed_share: float = 1.0
    """Of the price of the answer's tokens, what is expected to be billed: less than 1 where the cloud often need not
    write it."""
    effort: Effort = Effort.NONE

    @classmethod
    def of(
        cls,
        route: Route,
        costs: RouteCosts,
        *,
        terms: Terms,
        prompt_tokens: int,
        quality: Interval,
        speed: float = 1.0,
    ) -> RouteEstimate:
        """Put a question's size and a route's statistics together.

        Args:
            route, costs, terms: of the model that would answer.
            prompt_tokens: of the prompt that it would be shown.
            quality: chance of a good answer.
            speed: share of its full clock that the device is allowed now; what computes waits that much longer.
        """
        middle = prompt_tokens + costs.answer_tokens.mean / 2
        reading = _scaled(costs.prefill_ms.after(prompt_tokens / 2), prompt_tokens)
        return cls(
            route=route,
            terms=terms,
            prompt_tokens=prompt_tokens,
            quality=quality,
            first_token_ms=_scaled(costs.overhead_ms.interval + reading, 1 / speed),
            decode_ms=_scaled(costs.decode_ms.after(middle), 1 / speed),
            prompt_joules=_scaled(costs.prefill_joules.after(prompt_tokens / 2), prompt_tokens),
            decode_joules=costs.decode_joules.after(middle),
            cloud_joules=costs.cloud_joules.interval,
            answer_tokens=costs.answer_tokens.interval,
        )

    def behind(self, tokens: int) -> RouteEstimate:
        """The estimate of going on from an answer of which `tokens` are written: they are read with the prompt.

        The time to the first token stays: an answer's tokens are few next to what is waited for besides.
        """
        if not tokens:
            return self
        share = (self.prompt_tokens + tokens) / max(1, self.prompt_tokens)
        joules = _scaled(self.prompt_joules, share)
        return replace(self, prompt_tokens=self.prompt_tokens + tokens, prompt_joules=joules)

    @property
    def is_known(self) -> bool:
        """Whether every figure is a number. A gateway may name prices that are none, and such a route is not taken."""
        intervals = (self.quality, self.first_token_ms, self.decode_ms, self.prompt_joules, self.decode_joules)
        highs = [interval.high for interval in (*intervals, self.cloud_joules, self.answer_tokens)]
        prices = (self.terms.prompt_usd, self.terms.completion_usd)
        return all(map(math.isfinite, highs)) and all(0 <= price < math.inf for price in prices)

    @property
    def leaves(self) -> bool:
        """Whether anything leaves the device for it."""
        return self.route is Route.CLOUD

    @property
    def room_tokens(self) -> int:
        """Tokens of answer that the model's window has room for; a rolling one, for any number behind its prompt."""
        room = self.terms.context_tokens - self.prompt_tokens
        return sys.maxsize if self.terms.rolling and room > 0 else room

    def predict(self, max_tokens: int) -> Prediction:
        """The prediction for an answer of at most `max_tokens`. An answer cut short is worth its share."""
        tokens = _capped(self.answer_tokens, max_tokens)
        total = self.first_token_ms + _times(self.decode_ms, tokens)
        share = tokens.expected / self.answer_tokens.expected if self.answer_tokens.expected else 1.0
        return Prediction(
            route=self.route,
            quality=_scaled(self.quality, share),
            first_token_ms=self.first_token_ms,
            total_ms=total,
            device_joules=self.prompt_joules + _times(self.decode_joules, tokens),
            cloud_joules=_times(self.cloud_joules, tokens),
            usd=_scaled(tokens, self.terms.completion_usd * self.billed_share)
            + Interval.exactly(self.terms.prompt_usd * self.prompt_tokens),
            effort=self.effort,
        )

    def worst_case(self, max_tokens: int) -> Spend:
        """The most that an answer of `max_tokens` may spend: the high bounds of energy; prices are exact."""
        return Spend(
            device_joules=self.prompt_joules.high + self.decode_joules.high * max_tokens,
            usd=self.terms.prompt_usd * self.prompt_tokens + self.terms.completion_usd * max_tokens,
            cloud_requests=int(self.leaves),
            questions=1,
        )

    def affordable_tokens(self, *, device_joules: float, usd: float, total_ms: float) -> int:
        """The longest answer whose worst case stays within joules and dollars, and whose expected time within ms.

        Zero or less where not even the prompt is affordable.
        """
        tokens = self._tokens_within(device_joules, usd, total_ms)
        worst = self.worst_case(tokens)
        # The quotient of round prices may be rounded up to the next token, which the ledger would not hold.
        return tokens - 1 if worst.usd > usd or worst.device_joules > device_joules else tokens

    def _tokens_within(self, device_joules: float, usd: float, total_ms: float) -> int:
        bounds = [
            _tokens(usd - self.terms.prompt_usd * self.prompt_tokens, self.terms.completion_usd),
            _tokens(device_joules - self.prompt_joules.high, self.decode_joules.high),
            _tokens(total_ms - self.first_token_ms.expected, self.decode_ms.expected),
        ]
        return int(min([*bounds, 1_000_000_000]))


def _tokens(left: float, each: float) -> float:
    if left < 0:
        return 0
    return math.inf if each <= 0 or math.isinf(left) else left / each


def _capped(interval: Interval, limit: float) -> Interval:
    return Interval(min(interval.low, limit), min(interval.expected, limit), min(interval.high, limit))


def _scaled(interval: Interval, factor: float) -> Interval:
    return Interval(interval.low * factor, interval.expected * factor, interval.high * factor)


def _times(a: Interval, b: Interval) -> Interval:
    """The product of two amounts that are never negative."""
    return Interval(a.low * b.low, a.expected * b.expected, a.high * b.high)
