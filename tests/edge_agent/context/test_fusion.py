"""Fusion: laws of the score, whatever the signs."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.context.fusion import SPEAKER, Signs, fuse

SIGNS = st.builds(
    Signs,
    fit=st.floats(0, 1),
    words=st.floats(0, 50),
    cosine=st.floats(-1, 1),
    by_named=st.booleans(),
    in_time=st.booleans(),
    thread=st.sampled_from(["", "a", "b"]),
    position=st.integers(0, 6),
)
POOLS = st.dictionaries(st.integers(1, 99), SIGNS, min_size=1, max_size=12)


@given(POOLS)
def test_every_candidate_has_one_finite_score_and_none_is_negative(signs: dict[int, Signs]) -> None:
    scores = fuse(signs)
    assert scores.keys() == signs.keys()
    assert all(0 <= score < 10 for score in scores.values())


@given(POOLS, st.data())
def test_what_speaks_for_a_record_never_lowers_it(signs: dict[int, Signs], data: st.DataObject) -> None:
    number = data.draw(st.sampled_from(sorted(signs)))
    better = replace(signs[number], by_named=True, in_time=True, fit=1.0)
    assert fuse({**signs, number: better})[number] >= fuse(signs)[number] - 1e-9


@given(POOLS)
def test_the_order_in_which_candidates_come_changes_nothing(signs: dict[int, Signs]) -> None:
    backwards = dict(reversed(signs.items()))
    assert {number: round(score, 9) for number, score in fuse(backwards).items()} == {
        number: round(score, 9) for number, score in fuse(signs).items()
    }


def test_an_answer_beside_the_matching_question_is_lifted() -> None:
    asked = Signs(words=8.0, cosine=0.6, thread="chat", position=3)
    answer = Signs(cosine=0.1, thread="chat", position=4)
    elsewhere = Signs(cosine=0.1, thread="chat", position=9)
    scores = fuse({1: asked, 2: answer, 3: elsewhere})
    assert scores[1] > scores[2] > scores[3]


def test_who_wrote_it_counts_as_much_as_it_says() -> None:
    same = Signs(words=1.0, cosine=0.5)
    scores = fuse({1: same, 2: replace(same, by_named=True)})
    assert round(scores[2] - scores[1], 9) == SPEAKER
