"""A vote ends when it is settled, never before, and asks for no ballot in vain."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.effort.vote import Vote

BALLOT = st.tuples(st.sampled_from(["a", "b", "c", None]), st.floats(0, 1))


def test_of_five_three_that_agree_are_enough() -> None:
    vote = Vote(5)
    assert vote.needed == 3
    for _ in range(3):
        vote.cast("43")
    assert vote.settled
    assert (vote.winner, vote.weights, vote.left) == ("43", (3.0,), 2)


def test_a_vote_of_none_has_no_winner() -> None:
    vote = Vote(2)
    vote.cast(None)
    assert not vote.settled
    vote.cast(None)
    assert vote.settled
    assert vote.winner is None


def test_a_ballot_too_many_or_too_heavy_is_refused() -> None:
    with pytest.raises(ValueError, match="ballot"):
        Vote(1).cast("a", 1.5)
    vote = Vote(1)
    vote.cast("a")
    with pytest.raises(ValueError, match="ballot"):
        vote.cast("a")


@given(st.lists(BALLOT, min_size=1, max_size=9))
def test_once_settled_the_rest_changes_nothing(ballots: list[tuple[str | None, float]]) -> None:
    vote, winner = Vote(len(ballots)), None
    for choice, weight in ballots:
        settled = vote.settled
        if settled:
            winner = vote.winner
        vote.cast(choice, weight)
        assert not settled or vote.winner == winner


@given(st.lists(BALLOT, max_size=8))
def test_no_fewer_ballots_than_are_needed_could_settle_it(ballots: list[tuple[str | None, float]]) -> None:
    vote = Vote(9)
    for choice, weight in ballots:
        vote.cast(choice, weight)
    needed = vote.needed
    assert vote.settled == (needed == 0)
    for _ in range(needed):
        assert not vote.settled
        vote.cast(vote.winner or "a", 1.0)
    assert vote.settled
