"""Predictions beside the truth: which were kept, and how far the others were off."""

from __future__ import annotations

import math
from dataclasses import replace

from orchestrator.routing.hindsight import Forecast, Quantity, hindsight
from orchestrator.routing.policy import decide
from orchestrator.types import Answer, Egress, FinishReason, Latency, Route, Usage
from orchestrator.units import NO_ENERGY, Energy, EnergySource, Interval
from tests.orchestrator.routing.test_policy import REQUEST, SITUATION

DECISION = decide(SITUATION, REQUEST, "d")
ANSWER = Answer(
    text="",
    route=Route.CLOUD,
    reason="",
    finish_reason=FinishReason.STOP,
    decision_id="d",
    model="big",
    usage=Usage(50, 20),
    latency=Latency(first_token_ms=420, total_ms=1e6),
    device_energy=Energy(0.5, 0.1, EnergySource.RAPL),
    cloud_energy=Energy(12, 3, EnergySource.MODELLED),
    usd=0.0,
    egress=Egress(sent=True),
)


def test_each_amount_of_the_chosen_route_is_compared() -> None:
    assert DECISION.route is Route.CLOUD
    predicted = next(p for p in DECISION.predictions if p.route is Route.CLOUD)
    found = {forecast.quantity: forecast for forecast in hindsight(DECISION, ANSWER)}
    assert set(found) == set(Quantity)
    assert found[Quantity.FIRST_TOKEN_MS].predicted == predicted.first_token_ms
    assert found[Quantity.FIRST_TOKEN_MS].inside
    assert found[Quantity.TOTAL_MS].error == 1e6 - predicted.total_ms.expected
    assert not found[Quantity.TOTAL_MS].inside
    assert not found[Quantity.USD].inside, "it was sure to cost something"


def test_the_devices_answer_costs_nothing_and_that_is_no_forecast() -> None:
    local = replace(DECISION, route=Route.LOCAL)
    cheap = replace(ANSWER, route=Route.LOCAL, cloud_energy=NO_ENERGY)
    kinds = {forecast.quantity for forecast in hindsight(local, cheap)}
    assert kinds == {Quantity.FIRST_TOKEN_MS, Quantity.TOTAL_MS, Quantity.DEVICE_JOULES}


def test_words_that_no_model_wrote_are_no_outcome() -> None:
    assert hindsight(DECISION, replace(ANSWER, usage=Usage())) == ()
    assert hindsight(replace(DECISION, predictions=()), ANSWER) == ()


def test_the_last_digit_is_no_miss_and_no_bound_is_no_limit() -> None:
    assert Forecast(Quantity.USD, Interval.exactly(0.3), 0.1 + 0.2).inside
    assert Forecast(Quantity.TOTAL_MS, Interval(1, 2, math.inf), 1e12).inside
    assert not Forecast(Quantity.TOTAL_MS, Interval(1, 2, math.inf), 0.5).inside
