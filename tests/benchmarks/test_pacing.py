"""Replayed days: what pacing gains, and that hindsight bounds every plan."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.pacing import streams
from benchmarks.pacing.__main__ import MONEY, measured
from benchmarks.pacing.replay import PRICES, Replay, hindsight_usd, prepared
from orchestrator.budget import Resource, Window
from orchestrator.routing.value import amount, value_usd
from orchestrator.types import Route


@pytest.mark.parametrize("stream", [streams.even, streams.evening_gains])
def test_a_paced_day_beats_first_come_and_comes_near_to_hindsight(stream: streams.Stream) -> None:
    result = measured("a day", stream, (MONEY,), days=2, seeds=1)
    assert result.first_come < result.first_day
    assert 0.9 < result.paced <= 1.0
    assert result.first_come < 0.7


def test_hindsight_is_what_the_best_questions_are_worth_and_no_replay_exceeds_it() -> None:
    asked = prepared(streams.even(np.random.default_rng(3)))
    home = [max(0.0, value_usd(question.routes[Route.LOCAL], PRICES)) for question in asked]
    gains = [
        (value_usd(question.routes[Route.CLOUD], PRICES) - worth, amount(question.routes[Route.CLOUD], Resource.USD))
        for question, worth in zip(asked, home, strict=True)
    ]
    left, best = MONEY.limit, sum(home)
    for gain, usd in sorted(gains, key=lambda pair: pair[0] / pair[1], reverse=True):  # Dantzig's greedy is the optimum
        share = min(1.0, left / usd)
        if gain > 0:
            best, left = best + share * gain, left - share * usd
    bound = hindsight_usd(asked, (MONEY,))
    assert bound == pytest.approx(best, rel=1e-6)
    for pacing in (True, False):
        assert Replay((MONEY,), pacing=pacing).day(asked).worth_usd <= bound


def test_a_second_window_can_only_lower_the_bound() -> None:
    asked = prepared(streams.even(np.random.default_rng(4))[::8])
    energy = Window("energy", Resource.DEVICE_JOULES, 300, 86_400)
    small = replace(MONEY, limit=MONEY.limit / 8)
    assert hindsight_usd(asked, (small, energy)) < hindsight_usd(asked, (small,))
