"""The watch on an answer's first words: judged at its checkpoints and at its end, by the prices of the decision."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.routing.confidence import ConfidenceMonitor, Doubt, hands_over
from orchestrator.routing.probe import PRIOR
from orchestrator.routing.situation import Situation
from orchestrator.testing import CONFIDENT, UNSURE
from orchestrator.types import Completed, FinishReason, Route, Started, TextDelta, TokenScore, Usage
from orchestrator.units import Interval
from tests.orchestrator.routing.test_policy import SITUATION, estimate

PROBE = replace(PRIOR, checkpoints=(2, 4))
GOOD_HERE = replace(SITUATION, local=estimate(Route.LOCAL, quality=0.8))


def monitor(situation: Situation = GOOD_HERE) -> ConfidenceMonitor:
    return ConfidenceMonitor(PROBE, situation, 256)


def token(score: TokenScore) -> TextDelta:
    return TextDelta("word ", (score,))


def end(reason: FinishReason = FinishReason.STOP) -> Completed:
    return Completed(Usage(10, 1), reason)


def test_an_unsure_answer_is_doubted_at_the_first_checkpoint() -> None:
    watch = monitor()
    assert [watch.doubt(event) for event in (Started("m"), TextDelta(""), token(UNSURE))] == [None] * 3
    doubt = watch.doubt(token(UNSURE))
    assert doubt is not None
    assert doubt.tokens == 2
    assert doubt.chance < doubt.cloud
    assert "after 2 tokens" in str(doubt)


def test_a_sure_answer_is_held_back_until_the_last_checkpoint() -> None:
    watch = monitor()
    assert [(watch.doubt(token(CONFIDENT)), watch.watches) for _ in range(4)] == [(None, True)] * 3 + [(None, False)]


def test_an_answer_that_begins_well_is_judged_again() -> None:
    watch = monitor()
    seen = [watch.doubt(token(score)) for score in (CONFIDENT, CONFIDENT, UNSURE)]
    assert seen == [None] * 3
    assert isinstance(watch.doubt(token(TokenScore(-8.0, 4.0))), Doubt)


def test_a_short_answer_is_judged_at_its_end() -> None:
    watch = monitor()
    assert watch.doubt(token(UNSURE)) is None
    assert watch.doubt(end()) is not None
    assert not watch.watches


@pytest.mark.parametrize("events", [[end()], [token(UNSURE), end(FinishReason.DEADLINE)]])
def test_an_answer_without_tokens_or_time_is_not_doubted(events: list[TextDelta | Completed]) -> None:
    watch = monitor()
    assert [watch.doubt(event) for event in events] == [None] * len(events)


def test_without_a_cloud_nothing_is_doubted() -> None:
    assert not hands_over(replace(GOOD_HERE, cloud=None), 0.0, written=12, max_tokens=256)


@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 300))
def test_a_better_chance_never_speaks_for_the_cloud(one: float, other: float, written: int) -> None:
    low, high = sorted((one, other))
    if hands_over(GOOD_HERE, high, written=written, max_tokens=256):
        assert hands_over(GOOD_HERE, low, written=written, max_tokens=256)


def test_dear_leaving_keeps_an_unsure_answer_at_home_and_replays() -> None:
    dear = replace(GOOD_HERE, prices=replace(GOOD_HERE.prices, leave_usd=1.0))
    assert monitor(dear).doubt(token(UNSURE)) is None
    for situation in (GOOD_HERE, dear):
        again = Situation.from_dict(situation.to_dict())
        first, second = (hands_over(each, 0.1, written=12, max_tokens=256) for each in (situation, again))
        assert first == second


def test_a_cloud_that_is_no_better_is_not_asked() -> None:
    weak = replace(GOOD_HERE, cloud=replace(estimate(Route.CLOUD), quality=Interval.exactly(0.2)))
    assert not hands_over(weak, 0.15, written=12, max_tokens=256)
