"""Feedback teaches how far the router is off, and acts only once that is proved to be no loss."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from orchestrator.routing.bandit import Experience, Posterior
from orchestrator.routing.doubly_robust import FEWEST, Gain, Rated, gain
from orchestrator.routing.feedback import Feedback, Sign
from orchestrator.routing.learned import Learned, Verdict
from orchestrator.routing.lesson import Lesson
from orchestrator.routing.policy import decide
from orchestrator.types import Route
from tests.orchestrator.routing.test_policy import REQUEST, SITUATION, estimate

NOW = datetime(2026, 1, 5, tzinfo=UTC)
BASIS = "prior:uplift"
UNDECIDED = replace(SITUATION, local=estimate(Route.LOCAL, quality=0.6), cloud=estimate(Route.CLOUD, quality=0.8))


def lived(
    n: int, *, device: float, cloud: float, seed: int = 0, sign: Sign = Sign.TOLD
) -> tuple[Learned, list[Verdict]]:
    """What is learned from `n` questions whose answers are good with these chances, each decided by what is known."""
    random = np.random.default_rng(seed)
    verdicts: list[Verdict] = []
    learned = Learned.of([], BASIS)
    for number in range(n):
        lesson = learned.lesson(0.6, 0.8, decision_id=f"{seed}/{number}", say=learned.say(NOW))
        situation = replace(UNDECIDED, lesson=lesson)
        decision = decide(situation, REQUEST, str(number))
        good = bool(random.random() < (cloud if decision.route is Route.CLOUD else device))
        verdicts.append(Verdict(decision=decision, situation=situation, feedback=Feedback(good, NOW, sign)))
        if number % 10 == 9:
            learned = Learned.of(verdicts, BASIS)
    return learned, verdicts


def test_a_router_that_is_wrong_is_corrected_and_the_correction_acts() -> None:
    learned, verdicts = lived(400, device=0.9, cloud=0.3)
    lesson = learned.lesson(0.6, 0.8, decision_id="next", say=0.9)
    assert lesson.local > 0.1
    assert lesson.cloud < -0.2
    assert learned.gain.proved
    assert learned.gain.expected > 0.1
    latest = [verdict.decision.route for verdict in verdicts[-100:]]
    assert latest.count(Route.LOCAL) > 60


def test_a_router_that_is_right_is_left_alone() -> None:
    learned, _ = lived(300, device=0.6, cloud=0.95)
    assert not learned.gain.proved or abs(learned.gain.expected) < 0.02


def test_little_or_old_feedback_tries_nothing_out() -> None:
    few, _ = lived(9, device=0.5, cloud=0.5)
    assert few.say(NOW) == 0
    some, _ = lived(20, device=0.5, cloud=0.5)
    assert 0 < some.say(NOW) < 0.5
    assert some.say(NOW + timedelta(days=15)) == 0


def test_the_order_of_feedback_does_not_matter_and_another_router_begins_anew() -> None:
    learned, verdicts = lived(60, device=0.8, cloud=0.4)
    backwards = Learned.of(verdicts[::-1], BASIS)
    np.testing.assert_allclose(backwards.local_mean, learned.local_mean, atol=1e-12)
    assert Learned.of(verdicts, "another:uplift").verdicts == 0


def test_asking_again_teaches_less_and_proves_nothing() -> None:
    one = Experience((1.0, 0.0), Route.LOCAL, -0.6)
    told, sign = (
        Posterior.of([one] * 5, 2),
        Posterior.of([replace(one, weight=Feedback(False, NOW, Sign.ASKED_AGAIN).weight)] * 5, 2),
    )
    assert told.expected((1.0, 0.0)) < sign.expected((1.0, 0.0)) < 0
    learned, _ = lived(60, device=0.2, cloud=0.2, sign=Sign.ASKED_AGAIN)
    assert (learned.verdicts, learned.signs, learned.gain.decisions) == (0, 60, 0)
    assert learned.say(NOW) == 0


def rated(random: np.random.Generator, lesson: Lesson, *, device: float, cloud: float) -> Rated:
    """A decision at a trial's probabilities, of a router that prefers the cloud and is wrong about both."""
    leaves, probability = replace(lesson, draw=random.random()).chosen(0.0005, 0.01)
    return Rated(
        lesson=lesson,
        gap_usd=0.0005,
        good_answer_usd=0.01,
        local_chance=0.5,
        cloud_chance=0.9,
        cloud=leaves,
        probability=probability,
        good=bool(random.random() < (cloud if leaves else device)),
    )


def test_the_gain_is_told_truly_though_the_model_of_answers_is_wrong() -> None:
    random = np.random.default_rng(0)
    lesson = Lesson(context=(1.0, 0.0), basis=BASIS, local=0.2, cloud=0.0, spread=0.1, say=0.3)
    decisions = [rated(random, lesson, device=0.8, cloud=0.6) for _ in range(20_000)]
    truth = (lesson.cloud_wins(0.0005, 0.01) - 1) * (0.6 - 0.8 - (0.9 - 0.5 - 0.05))
    assert gain(decisions).expected == pytest.approx(truth, abs=0.03)
    halves = [gain(decisions[start : start + 200]).low <= truth for start in range(0, 20_000, 200)]
    assert np.mean(halves) > 0.8, "a lower bound at 90 % lies below the truth about nine times of ten"


def test_few_decisions_prove_nothing() -> None:
    assert gain([]) == Gain()
    assert not Gain(decisions=FEWEST - 1, expected=1, low=1).proved
    assert not Gain(decisions=500, expected=0.1, low=-0.001).proved
    assert Gain(decisions=FEWEST, expected=0.1, low=0).proved
