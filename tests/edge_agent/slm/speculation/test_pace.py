"""The draft length: as much as pays, and nothing where nothing pays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.slm.speculation.costs import PassCosts
from edge_agent.slm.speculation.pace import Pace
from edge_agent.slm.speculation.prompt_lookup import PromptLookup, lookup_pace

MOST = 16


def costing(slope: float) -> PassCosts:
    """Each further token of a pass adds `slope` passes over one."""
    costs = PassCosts()
    costs.observe(1, 1.0)
    for _ in range(3):
        costs.observe(2, 1.0 + slope)
    return costs


def spent(prompt: list[int], answer: list[int], slope: float) -> float:
    """The time of writing `answer` with prompt lookup, in that of plain decoding."""
    drafter, time, at = PromptLookup(lookup_pace(costing(slope))), 0.0, 0
    while at < len(answer):
        guess = drafter.propose(prompt + answer[:at], MOST)
        time += 1.0 + slope * len(guess)
        right = next((i for i, token in enumerate(guess) if answer[at + i : at + i + 1] != [token]), len(guess))
        at += 1 + right
    return time / len(answer)


@given(shares=st.lists(st.floats(0.0, 1.0), min_size=1, max_size=MOST), slope=st.floats(0.01, 1.0))
def test_the_length_is_the_best_one(shares: list[float], slope: float) -> None:
    pace = Pace(costing(slope), shares)
    rates = [1.0]
    for length in range(1, len(shares) + 1):
        expected = 1.0 + sum(np.cumprod(shares[:length]))
        rates.append(expected / (1.0 + slope * length))
    chosen = pace.length(list(range(len(shares))))
    assert rates[chosen] == pytest.approx(max(rates))


def test_guesses_that_fail_end_the_drafts_and_guesses_that_hold_bring_them_back() -> None:
    pace = Pace(costing(0.25), [0.6, 0.6])
    assert pace.length([0] * 4) > 0
    for _ in range(30):
        pace.observe([0], 0)
    assert pace.length([0] * 4) == 0
    assert pace.length([1] * 4) > 0  # of the other level nothing was said
    for _ in range(100):
        pace.observe([0, 0], 2)
    assert pace.length([0] * 4) == 4


def test_what_was_spent_on_a_draft_is_spent() -> None:
    pace = Pace(costing(0.25), [0.2])
    assert pace.length([0]) == 0
    assert not pace.goes_on([], spent=0.0, token_cost=0.0)
    sure = Pace(costing(0.25), [0.9])
    assert sure.goes_on([0], spent=0.2, token_cost=0.2)
    assert not sure.goes_on([0], spent=1.0, token_cost=1.0)
    assert Pace(costing(0.4), [0.35]).length([0]) == 0
    assert Pace(costing(0.4), [0.35]).length([0], spent=1.0) == 1


@pytest.mark.parametrize("slope", [0.1, 0.17, 0.25, 0.5])
@pytest.mark.parametrize("vocabulary", [4, 30, 300, 3000])
def test_where_nothing_can_be_copied_next_to_nothing_is_lost(slope: float, vocabulary: int) -> None:
    rng = np.random.default_rng(vocabulary)
    times = [
        spent(rng.integers(0, vocabulary, 300).tolist(), rng.integers(0, vocabulary, 200).tolist(), slope)
        for _ in range(10)
    ]
    assert np.mean(times) <= 1.03


@pytest.mark.parametrize("slope", [0.1, 0.25])
def test_what_is_copied_takes_less_than_half_the_time(slope: float) -> None:
    rng = np.random.default_rng(1)
    prompt = rng.integers(0, 3000, 300).tolist()
    answer = [*prompt[40:80], 3001, 3002, *prompt[150:200]]
    assert spent(prompt, answer, slope) < 0.5
