"""One user's questions through the product's own decision, lesson by lesson."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from benchmarks.learning.users import Crowd, Floats, Rows
from orchestrator.budget import Headroom
from orchestrator.routing.bandit import WINDOW
from orchestrator.routing.costs import CostHistory
from orchestrator.routing.estimate import RouteEstimate
from orchestrator.routing.feedback import Feedback
from orchestrator.routing.learned import Learned, Verdict
from orchestrator.routing.lesson import Lesson
from orchestrator.routing.policy import decide
from orchestrator.routing.situation import Situation
from orchestrator.routing.value import Prices
from orchestrator.types import (
    Budget,
    Choice,
    Decision,
    LinkState,
    Message,
    Request,
    Route,
    RoutePreference,
    Sensitivity,
    Terms,
)
from orchestrator.units import Interval

_NOW = datetime(2026, 1, 5, tzinfo=UTC)
_REQUEST = Request(id="replayed", messages=(Message("user", "a question"),))
_BASIS = "benchmark"
_TAUGHT_EVERY = 5
"""Verdicts from one lesson to the next; the product learns from each, which takes a replay five times as long."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How a user rates.

    Attributes:
        rate: share of the answers that are rated.
        mistaken: share of the verdicts that are wrong.
    """

    rate: float = 0.5
    mistaken: float = 0.05


@dataclass(frozen=True, slots=True)
class Course:
    """How it went, question by question; `[questions]`.

    Attributes:
        gained: worth of what was answered beyond what the frozen router's choice was worth, in good answers.
        possible: the same for somebody who knows both answers beforehand.
        acting: whether what was learned was proved then.
    """

    gained: Floats
    possible: Floats
    acting: Floats


def ask(crowd: Crowd, questions: Rows, habits: Habits, seed: int) -> Course:
    """Ask them one after another."""
    random = np.random.default_rng(seed)
    base = _base(crowd.threshold)
    verdicts: deque[Verdict] = deque(maxlen=WINDOW)
    learned = Learned.of([], _BASIS)
    course = Course(*(np.zeros(len(questions)) for _ in range(3)))
    rated = 0
    for number, row in enumerate(questions):
        device, cloud = (float(chance) for chance in crowd.chances[row])
        say = learned.say(_NOW)
        lesson = learned.lesson(device, cloud, decision_id=f"{seed}/{number}", say=say)
        situation = _expecting(base, device, cloud, lesson)
        decision = decide(situation, _REQUEST, str(number))
        worth = float(crowd.right[row][0]), float(crowd.right[row][1]) - crowd.threshold
        frozen = worth[int(_choice(decision).gap_usd > 0)]
        course.gained[number] = worth[int(decision.route is Route.CLOUD)] - frozen
        course.possible[number] = max(worth) - frozen
        course.acting[number] = learned.gain.proved
        if random.random() < habits.rate:
            good = bool(crowd.right[row][int(decision.route is Route.CLOUD)]) != (random.random() < habits.mistaken)
            verdicts.append(Verdict(decision=decision, situation=situation, feedback=Feedback(good, _NOW)))
            rated += 1
            if rated % _TAUGHT_EVERY == 0:
                learned = Learned.of(list(verdicts), _BASIS)
    return course


def _choice(decision: Decision) -> Choice:
    assert decision.choice is not None, "nothing forbids a route here"
    return decision.choice


def _base(threshold: float) -> Situation:
    """Both routes possible, no window short, and a price of leaving at which `threshold` of uplift is worth it."""
    costs = CostHistory()
    local, cloud = (
        RouteEstimate.of(route, costs.of(route), terms=terms, prompt_tokens=150, quality=Interval.exactly(0.5))
        for route, terms in (
            (Route.LOCAL, Terms(8192)),
            (Route.CLOUD, Terms(32_768, prompt_usd=1e-6, completion_usd=3e-6)),
        )
    )
    situation = Situation(
        preference=RoutePreference.AUTO,
        local_only=False,
        budget=Budget(),
        max_tokens=256,
        conversation_label=Sensitivity.PUBLIC,
        evidence=(),
        link=LinkState.UP,
        headroom=Headroom(device_joules=None, usd=None, cloud_requests=None),
        prices=Prices(),
        local=local,
        cloud=cloud,
    )
    good, leave = situation.prices.good_answer_usd, situation.prices.leave_usd
    cost_usd = -_choice(decide(situation, _REQUEST, "priced")).gap_usd
    return replace(situation, prices=replace(situation.prices, leave_usd=leave + threshold * good - cost_usd))


def _expecting(base: Situation, device: float, cloud: float, lesson: Lesson) -> Situation:
    assert base.cloud is not None
    return replace(
        base,
        local=replace(base.local, quality=Interval.exactly(device)),
        cloud=replace(base.cloud, quality=Interval.exactly(cloud)),
        lesson=lesson,
    )
