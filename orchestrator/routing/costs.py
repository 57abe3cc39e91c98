"""What each route costs in time, joules and money: running statistics of what was seen.

Exponentially weighted mean and variance (T. Finch, "Incremental calculation of weighted mean and variance", 2009):
old questions fade, so the figures follow a device that gets warm or a link that gets slow. They start from what a
calibration of this device found, where there is one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

from orchestrator.types import Answer, Route
from orchestrator.units import Interval

_WEIGHT = 0.2
"""Share of the newest observation."""
_Z = 1.645
"""Standard deviations of a 90 % interval, were the errors normal."""
_LARGEST_STEP = 3.0
"""One observation counts for at most this many times the mean: a machine that stood still once is not slow for ever."""


@dataclass(slots=True)
class RunningStatistic:
    """A mean that forgets, and how far observations lie from it. Starts from a prior."""

    mean: float
    deviation: float

    def observe(self, value: float) -> None:
        """Take in one observation; anything that is not a finite number ≥ 0 is not one."""
        if not (math.isfinite(value) and value >= 0):
            return
        if self.mean > 0:
            value = min(value, _LARGEST_STEP * self.mean)
        difference = value - self.mean
        step = _WEIGHT * difference
        self.mean += step
        self.deviation = math.sqrt((1 - _WEIGHT) * (self.deviation**2 + difference * step))

    @property
    def interval(self) -> Interval:
        """The mean with its 90 % bounds."""
        return Interval.around(self.mean, _Z * self.deviation)


@dataclass(slots=True)
class TokenCost:
    """What each token takes: `first · (1 + growth · c)` behind c others, for attention makes later ones dearer."""

    first: RunningStatistic
    growth: float = 0.0

    def after(self, context: float) -> Interval:
        """Of a token behind `context` others."""
        share, known = 1 + self.growth * context, self.first.interval
        return Interval(known.low * share, known.expected * share, known.high * share)

    def observe(self, each: float, context: float) -> None:
        """Take in what a token behind `context` others took."""
        self.first.observe(each / (1 + self.growth * context))


@dataclass(slots=True)
class RouteCosts:
    """The running statistics of one route."""

    overhead_ms: RunningStatistic
    """Until the first token, beyond reading the prompt: link, queue, start."""
    prefill_ms: TokenCost
    """For each prompt token."""
    decode_ms: TokenCost
    """For each token of the answer."""
    prefill_joules: TokenCost
    """Of the device, for each prompt token."""
    decode_joules: TokenCost
    """Of the device, for each token of the answer."""
    cloud_joules: RunningStatistic
    """For each token of the answer; zero on the device."""
    answer_tokens: RunningStatistic

    @classmethod
    def of_device(cls) -> Self:
        """What is assumed of a device that nobody has calibrated: a two-core x86 laptop."""
        return cls(
            overhead_ms=_prior(30),
            prefill_ms=TokenCost(_prior(1.5)),
            decode_ms=TokenCost(_prior(10)),
            prefill_joules=TokenCost(_prior(0.015)),
            decode_joules=TokenCost(_prior(0.12)),
            cloud_joules=RunningStatistic(0, 0),
            answer_tokens=_prior(60),
        )

    @classmethod
    def of_cloud(cls) -> Self:
        """What is assumed of a nearby gateway."""
        return cls(
            overhead_ms=_prior(300),
            prefill_ms=TokenCost(_prior(2)),
            decode_ms=TokenCost(_prior(30)),
            prefill_joules=TokenCost(_prior(0.001)),
            decode_joules=TokenCost(_prior(0.005)),
            cloud_joules=_prior(2),
            answer_tokens=_prior(80),
        )

    def observe(self, answer: Answer, *, speed: float = 1.0) -> None:
        """Learn from an answer that one route gave alone; `speed` is the share of its full clock that it ran at."""
        prompt, written = answer.usage.prompt_tokens, answer.usage.completion_tokens
        first, total = answer.latency.first_token_ms * speed, answer.latency.total_ms * speed
        reading = self.prefill_ms.after(prompt / 2).expected * prompt
        self.overhead_ms.observe(max(0.0, first - reading))
        joules = answer.device_energy.joules
        before = first / total if total > 0 else 0.0
        if prompt:
            self.prefill_ms.observe(max(0.0, first - self.overhead_ms.mean) / prompt, prompt / 2)
            self.prefill_joules.observe(joules * before / prompt, prompt / 2)
        if written > 1:
            context = prompt + written / 2
            self.decode_ms.observe((total - first) / (written - 1), context)
            self.decode_joules.observe(joules * (1 - before) / (written - 1), context)
            self.cloud_joules.observe(answer.cloud_energy.joules / written)
        self.answer_tokens.observe(written)


def _prior(mean: float) -> RunningStatistic:
    return RunningStatistic(mean, mean / 2)


class CostHistory:
    """Running statistics of both routes.

    Joules are kept for each token, not for each second: a busy machine takes longer for a token, hardly more energy.
    Times of the device are kept at its full clock, and an estimate is made for the clock that it is allowed now.
    """

    def __init__(self, local: RouteCosts | None = None) -> None:
        """`local` is what a calibration knows of this device; without one, it is a usual laptop."""
        self._routes = {Route.LOCAL: local or RouteCosts.of_device(), Route.CLOUD: RouteCosts.of_cloud()}

    def observe(self, answer: Answer, *, speed: float = 1.0) -> None:
        """Learn from an answer. A handoff or a strategy tells nothing about either route alone, and words that no model
        wrote tell nothing about one: they are passed over.

        Args:
            answer: with its receipt.
            speed: share of its full clock that the device was allowed then.
        """
        if answer.route in self._routes and answer.usage.completion_tokens and answer.effort is None:
            self._routes[answer.route].observe(answer, speed=speed if answer.route is Route.LOCAL else 1.0)

    def of(self, route: Route) -> RouteCosts:
        """The statistics of `LOCAL` or `CLOUD`."""
        return self._routes[route]
