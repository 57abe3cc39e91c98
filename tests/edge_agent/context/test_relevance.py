"""Relevance stays within 0 and 1, and grows with what is covered."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.context.question import read
from edge_agent.context.relevance import Fit, Match, rarity

NOW = datetime(2026, 11, 23, tzinfo=UTC)
QUESTION = read("Where is my grandmother's silver teapot recipe?", NOW)
NUMBERS = range(len(QUESTION.terms))
PLACES = st.lists(st.tuples(st.sampled_from(["title", "body", "people", "place"]), st.integers(0, 300)), min_size=1)
MATCHES = st.builds(
    Match, st.integers(0, 3000), st.dictionaries(st.sampled_from(NUMBERS), PLACES), st.sets(st.sampled_from(NUMBERS))
)
WEIGHTS = st.lists(st.floats(0, 12), min_size=len(NUMBERS), max_size=len(NUMBERS))


@given(match=MATCHES, weights=WEIGHTS, somebody=st.booleans())
def test_it_is_a_share(match: Match, weights: list[float], somebody: bool) -> None:
    assert 0 <= Fit(QUESTION, weights, somebody=somebody).relevance(match) <= 1


@given(match=MATCHES, weights=WEIGHTS, number=st.sampled_from(NUMBERS))
def test_covering_more_never_lowers_it(match: Match, weights: list[float], number: int) -> None:
    more = Match(match.body_characters, match.places, match.by_nature | {number})
    before = Fit(QUESTION, weights, somebody=False).relevance(match)
    assert Fit(QUESTION, weights, somebody=False).relevance(more) >= before - 1e-12


@given(records=st.integers(0, 10**7), share=st.floats(0, 1))
def test_rarer_words_weigh_more_and_none_weighs_nothing(records: int, share: float) -> None:
    holding = int(records * share)
    assert rarity(records, 0) >= rarity(records, holding) > 0


def test_words_close_together_fit_better_than_words_far_apart() -> None:
    weights = [5.0] * len(NUMBERS)
    close = Match(2000, {0: [("body", 10)], 1: [("body", 14)]})
    apart = Match(2000, {0: [("body", 10)], 1: [("body", 300)]})
    assert Fit(QUESTION, weights, somebody=False).relevance(close) > Fit(QUESTION, weights, somebody=False).relevance(
        apart
    )
