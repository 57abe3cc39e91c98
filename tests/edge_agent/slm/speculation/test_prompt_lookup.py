"""What is copied from the prompt and from what was written."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.slm.speculation.costs import PassCosts
from edge_agent.slm.speculation.pace import Pace
from edge_agent.slm.speculation.prompt_lookup import PromptLookup, lookup_pace


def eager() -> Pace:
    """Proposes whatever there is: it costs nothing and is always right."""
    costs = PassCosts()
    costs.observe(1, 1.0)
    costs.observe(2, 1.0)
    return Pace(costs, [1.0] * 16)


def proposed(tokens: Sequence[int], most: int = 16) -> list[int]:
    return PromptLookup(eager()).propose(tokens, most)


@pytest.mark.parametrize(
    ("tokens", "following"),
    [
        ([], []),
        ([1, 2, 3], []),
        ([1, 2, 3, 4, 5, 1, 2], [3, 4, 5, 1]),
        ([1, 2, 3, 9, 2, 7, 1, 2], [3, 9, 2, 7]),  # the longer match, though it is further back
        ([1, 2, 3, 9, 1, 2, 7, 8, 1, 2], [7, 8, 1, 2]),  # of equals the latest
        ([1, 2, 3, 2], [3, 2, 3, 2]),  # what goes round goes on going round
        ([5, 5], [5, 5, 5, 5]),
    ],
)
def test_what_followed_the_longest_match_is_proposed(tokens: list[int], following: list[int]) -> None:
    assert proposed(tokens, 4) == following


def test_no_more_than_is_asked_for() -> None:
    assert proposed([1, 2, 3, 4, 1], 2) == [2, 3]
    assert proposed([1, 2, 3, 4, 1], 0) == []


@given(tokens=st.lists(st.integers(0, 5), min_size=1, max_size=80), cuts=st.sets(st.integers(1, 79)))
def test_an_index_that_grew_is_the_same_as_a_new_one(tokens: list[int], cuts: set[int]) -> None:
    grown = PromptLookup(eager())
    for cut in sorted(cuts):
        grown.propose(tokens[:cut], 16)
    assert grown.propose(tokens, 16) == proposed(tokens)


def test_a_sequence_that_was_taken_back_is_read_anew() -> None:
    lookup = PromptLookup(eager())
    lookup.propose([1, 2, 3, 1, 4], 4)
    assert lookup.propose([1, 2, 3, 1], 4) == [2, 3, 1, 2]


def test_it_learns_from_guesses_that_it_did_not_propose() -> None:
    costs = PassCosts()
    costs.observe(1, 1.0)
    costs.observe(2, 1.5)
    lookup = PromptLookup(lookup_pace(costs))
    prompt = [token for pair in range(60) for token in (7, 100 + pair)] + [7]
    assert lookup.propose(prompt, 16) == []  # one token in common says too little
    same = [token for _ in range(60) for token in (7, 200)]
    proposals = [lookup.propose(prompt + same[:at], 16) for at in range(1, len(same))]
    assert proposals[-1]
