"""What an answer is worth: quality, time, energy and money in one currency."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from orchestrator.budget import Resource
from orchestrator.types import Prediction


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What a good answer, a second of waiting, a joule of battery and staying at home are worth, in USD.

    They turn quality, time and energy into one currency; only their ratios matter.
    """

    good_answer_usd: float = 0.01
    second_usd: float = 0.0003
    device_joule_usd: float = 0.000005
    leave_usd: float = 0.001
    """What it is worth that a question does not leave the device at all."""
    dollar_usd: float = 1.0
    """A dollar is worth more than a dollar while a window's money runs short."""

    def of(self, resource: Resource) -> float:
        """The price of one unit; 0 for what has none."""
        return {
            Resource.DEVICE_JOULES: self.device_joule_usd,
            Resource.USD: self.dollar_usd,
            Resource.CLOUD_REQUESTS: self.leave_usd,
        }.get(resource, 0.0)

    def times(self, factors: Mapping[Resource, float]) -> Self:
        """The prices while windows run short: `factors` are 1 or more, and 1 where one is missing."""
        return replace(
            self,
            device_joule_usd=self.device_joule_usd * factors.get(Resource.DEVICE_JOULES, 1.0),
            dollar_usd=self.dollar_usd * factors.get(Resource.USD, 1.0),
            leave_usd=self.leave_usd * factors.get(Resource.CLOUD_REQUESTS, 1.0),
        )


def amount(prediction: Prediction, resource: Resource) -> float:
    """What a route is expected to spend of a resource that has a price."""
    match resource:
        case Resource.DEVICE_JOULES:
            return prediction.device_joules.expected
        case Resource.USD:
            return prediction.usd.expected
        case _:
            return float(prediction.leaves)


def value_usd(prediction: Prediction, prices: Prices) -> float:
    """The worth of a route's answer, less what it takes."""
    return (
        prediction.quality.expected * prices.good_answer_usd
        - prediction.usd.expected * prices.dollar_usd
        - prediction.device_joules.expected * prices.device_joule_usd
        - prediction.total_ms.expected / 1000 * prices.second_usd
        - (prices.leave_usd if prediction.leaves else 0.0)
    )
