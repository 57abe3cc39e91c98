"""What a question would spend at which price."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from orchestrator.budget import Resource
from orchestrator.budget.pacing import Bid
from orchestrator.routing.bids import bids
from orchestrator.routing.value import Prices, value_usd
from orchestrator.types import Prediction, Route
from orchestrator.units import Interval


def prediction(route: Route, quality: float, *, joules: float, usd: float) -> Prediction:
    exactly = Interval.exactly
    return Prediction(
        route=route,
        quality=exactly(quality),
        first_token_ms=exactly(100),
        total_ms=exactly(1000),
        device_joules=exactly(joules),
        cloud_joules=exactly(0),
        usd=exactly(usd),
    )


DEVICE = prediction(Route.LOCAL, 0.3, joules=10, usd=0)
CLOUD = prediction(Route.CLOUD, 0.9, joules=1, usd=0.001)
PRICES = Prices()


def test_at_the_price_of_its_bid_a_question_could_as_well_stay() -> None:
    (bid,) = bids([DEVICE, CLOUD], PRICES, PRICES)[Resource.USD]
    assert bid.amount == 0.001
    dear = PRICES.times({Resource.USD: bid.price})
    assert value_usd(CLOUD, dear) == pytest.approx(value_usd(DEVICE, dear))


def test_bids_do_not_depend_on_the_price_of_their_own_resource() -> None:
    dear = PRICES.times({Resource.USD: 7.0})
    (now,), (usually,) = (bids([DEVICE, CLOUD], prices, PRICES)[Resource.USD] for prices in (dear, PRICES))
    assert now.price == pytest.approx(usually.price)
    assert now.amount == usually.amount


def test_what_every_route_takes_is_taken_at_any_price() -> None:
    assert bids([DEVICE], PRICES, PRICES)[Resource.DEVICE_JOULES] == [Bid(math.inf, 10)]
    assert bids([DEVICE, CLOUD], PRICES, PRICES)[Resource.DEVICE_JOULES] == [Bid(math.inf, 1)]


def test_a_question_that_the_device_answers_better_bids_joules() -> None:
    clever = replace(DEVICE, quality=Interval.exactly(0.95))
    found = bids([clever, CLOUD], PRICES, PRICES)
    assert found[Resource.DEVICE_JOULES][0] == Bid(math.inf, 1)
    assert found[Resource.DEVICE_JOULES][1].amount == 9
    assert found[Resource.USD] == []


def test_what_has_no_price_has_no_bids() -> None:
    free = Prices(device_joule_usd=0.0)
    assert Resource.DEVICE_JOULES not in bids([DEVICE, CLOUD], free, free)
    assert bids([], PRICES, PRICES) == {}
