"""How wrong a decision's predictions were: what it foresaw of the route it chose, beside what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from orchestrator.types import Answer, Decision, Prediction
from orchestrator.units import Interval


class Quantity(StrEnum):
    """What is predicted as an amount, and seen afterwards. Values are the names of `Prediction`'s fields."""

    FIRST_TOKEN_MS = "first_token_ms"
    TOTAL_MS = "total_ms"
    DEVICE_JOULES = "device_joules"
    CLOUD_JOULES = "cloud_joules"
    USD = "usd"

    def foreseen(self, prediction: Prediction) -> Interval:
        """As predicted."""
        interval: Interval = getattr(prediction, self.value)
        return interval

    def seen(self, answer: Answer) -> float:
        """As it was, in the same unit."""
        match self:
            case Quantity.FIRST_TOKEN_MS:
                return answer.latency.first_token_ms
            case Quantity.TOTAL_MS:
                return answer.latency.total_ms
            case Quantity.DEVICE_JOULES:
                return answer.device_energy.joules
            case Quantity.CLOUD_JOULES:
                return answer.cloud_energy.joules
            case Quantity.USD:
                return answer.usd


@dataclass(frozen=True, slots=True)
class Forecast:
    """One amount, predicted and seen."""

    quantity: Quantity
    predicted: Interval
    actual: float

    @property
    def inside(self) -> bool:
        """Whether it fell into the interval, as about 90 % should. Rounding of the last digit is no miss."""
        slack = 1e-9 * max(abs(self.predicted.high), abs(self.actual)) if self.predicted.high < float("inf") else 0.0
        return self.predicted.low - slack <= self.actual <= self.predicted.high + slack

    @property
    def error(self) -> float:
        """Actual less expected, in the quantity's unit."""
        return self.actual - self.predicted.expected


def hindsight(decision: Decision, answer: Answer) -> tuple[Forecast, ...]:
    """The forecasts for the route or strategy that was chosen, whichever route the answer then took.

    Empty where there is nothing to compare: no model wrote a word of the answer, or nothing was predicted. What was
    sure to be nothing and was nothing (the price of the device's own answer) is left out.
    """
    chosen = decision.route, decision.effort
    predicted = next((p for p in decision.predictions if (p.route, p.effort) == chosen), None)
    if predicted is None or not answer.usage.completion_tokens:
        return ()
    forecasts = (Forecast(q, q.foreseen(predicted), q.seen(answer)) for q in Quantity)
    return tuple(forecast for forecast in forecasts if forecast.predicted.high or forecast.actual)
