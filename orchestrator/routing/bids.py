"""What a question would spend at which price: the sample that pacing learns from."""

from __future__ import annotations

import math
from collections.abc import Iterable

from orchestrator.budget import Resource
from orchestrator.budget.pacing import PACED, Bid
from orchestrator.routing.value import Prices, amount, value_usd
from orchestrator.types import Prediction


def bids(predictions: Iterable[Prediction], prices: Prices, configured: Prices) -> dict[Resource, list[Bid]]:
    """The bids of a question, for each resource that has a price.

    What the thriftiest route spends is spent at any price. What the best of the others spends beyond it is spent up to
    the price at which the two are worth the same.

    Args:
        predictions: of the routes that the question could take.
        prices: as they are now.
        configured: of which the bids' prices are multiples.
    """
    routes = list(predictions)
    return {
        resource: _bids(routes, resource, prices, configured.of(resource))
        for resource in PACED
        if routes and configured.of(resource) > 0
    }


def _bids(routes: list[Prediction], resource: Resource, prices: Prices, unit_usd: float) -> list[Bid]:
    def free_usd(route: Prediction) -> float:
        return value_usd(route, prices) + amount(route, resource) * prices.of(resource)

    thrifty = min(routes, key=lambda route: amount(route, resource))
    best = max(routes, key=free_usd)
    least = amount(thrifty, resource)
    found = [Bid(math.inf, least)] if least > 0 else []
    more = amount(best, resource) - least
    if more > 0:
        price = (free_usd(best) - free_usd(thrifty)) / more / unit_usd
        if price > 1:
            found.append(Bid(price, more))
    return found
