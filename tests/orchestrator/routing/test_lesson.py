"""What was learned has its say only among the routes that may be taken, and its probability is the true one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.routing.lesson import Lesson
from orchestrator.routing.policy import decide
from orchestrator.routing.promise import Pledge, Promise
from orchestrator.routing.situation import Situation
from orchestrator.types import Route, RoutePreference
from tests.orchestrator.routing.test_policy import REQUEST, SITUATION

LESSON = Lesson(context=(1.0, 0.0), basis="prior:uplift", local=0.5, cloud=-0.5, spread=0.1, say=1.0, draw=0.5)
SHARES = st.floats(0, 1)
LESSONS = st.builds(
    Lesson,
    context=st.just((1.0, 0.0)),
    basis=st.just("prior:uplift"),
    local=st.floats(-1, 1),
    cloud=st.floats(-1, 1),
    spread=SHARES,
    say=SHARES,
    draw=st.floats(0, 1, exclude_max=True),
)


@settings(max_examples=30)
@given(LESSONS, st.floats(-0.02, 0.02))
def test_the_choice_has_the_probability_that_is_stored(lesson: Lesson, gap_usd: float) -> None:
    choices = [replace(lesson, draw=(number + 0.5) / 200).chosen(gap_usd, 0.01) for number in range(200)]
    for route in (True, False):
        probabilities = [probability for leaves, probability in choices if leaves is route]
        assert all(0 < probability <= 1 for probability in probabilities)
        if probabilities:
            assert len(probabilities) / 200 == pytest.approx(probabilities[0], abs=0.006)


@pytest.mark.parametrize(("gap_usd", "leaves"), [(0.001, True), (-0.001, False)])
def test_without_a_say_the_router_decides(gap_usd: float, leaves: bool) -> None:
    for draw in (0.0, 0.5, 0.999):
        assert replace(LESSON, say=0.0, draw=draw).chosen(gap_usd, 0.01) == (leaves, 1.0)


def test_a_strong_lesson_turns_the_decision_and_is_told() -> None:
    assert decide(SITUATION, REQUEST, "d").route is Route.CLOUD
    taught = decide(replace(SITUATION, lesson=LESSON), REQUEST, "d")
    assert (taught.route, taught.rule) == (Route.LOCAL, "learned")
    assert taught.choice is not None
    assert taught.choice.gap_usd > 0
    assert 0.9 < taught.choice.probability <= 1


@given(LESSONS, SHARES, st.sampled_from(["at_most_worse", "at_most_leaving"]), st.floats(-1, 1))
def test_no_lesson_leaves_what_a_promise_allows(lesson: Lesson, limit: float, kind: str, uplift: float) -> None:
    limits = {kind: min(0.99, max(0.01, limit))}
    pledge = Pledge(promise=Promise(**limits), threshold=0.1, calibration="c", uplift=uplift)
    decision = decide(replace(SITUATION, pledge=pledge, lesson=lesson), REQUEST, "d")
    assert decision.route is not pledge.forbidden
    assert (decision.choice is None) == (pledge.forbidden is not None)


@given(LESSONS)
def test_no_lesson_leaves_rules_wishes_or_budgets(lesson: Lesson) -> None:
    taught = replace(SITUATION, lesson=lesson)
    wished = replace(taught, preference=RoutePreference.LOCAL)
    empty = replace(taught, headroom=replace(taught.headroom, cloud_requests=0.0))
    for situation in (replace(taught, local_only=True), replace(taught, structured=True), wished, empty):
        decision = decide(situation, REQUEST, "d")
        assert (decision.route, decision.choice) == (Route.LOCAL, None)


@given(LESSONS)
def test_a_stored_lesson_replays_to_the_same_route(lesson: Lesson) -> None:
    situation = replace(SITUATION, lesson=lesson)
    again = Situation.from_dict(situation.to_dict())
    assert again == situation
    assert decide(again, REQUEST, "d") == decide(situation, REQUEST, "d")
