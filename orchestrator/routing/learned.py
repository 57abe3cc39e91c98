"""What was learned from rated answers, as plain numbers: to be stored, and asked for a lesson on each question."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Self

import numpy as np

from orchestrator.routing.bandit import WINDOW, Beliefs, Experience, Posterior
from orchestrator.routing.doubly_robust import Gain, Rated, gain
from orchestrator.routing.feedback import Feedback, Sign
from orchestrator.routing.lesson import Lesson
from orchestrator.routing.situation import Situation
from orchestrator.types import Decision, Route

CONTEXT: Final = "uplift"
"""The kind of context; another kind has another name, since lessons of both do not compare."""
_UNIT: Final = 0.2
"""Of uplift: a difference that is neither hardly any nor nearly all."""
_TRIAL: Final = 0.2
_ACTING: Final = 0.9
"""The learned policy's say while it is tried, and once it is proved. The router always keeps some, to be compared."""
_BEGINNING: Final = 10
"""Verdicts before anything is tried out."""
_FRESH: Final = timedelta(days=14)
"""Since the latest verdict: nothing is tried out on those who do not say what they think."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A decision between two routes with what became of it."""

    decision: Decision
    situation: Situation
    feedback: Feedback

    @property
    def chances(self) -> tuple[float, float]:
        """Of a good answer on the device and in the cloud, by the router."""
        assert self.situation.cloud is not None, "a choice has two routes"
        return self.situation.local.quality.expected, self.situation.cloud.quality.expected


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What is believed, from how much, and whether that was seen to be worth anything. Lists are `[context]` long."""

    basis: str
    local_mean: tuple[float, ...]
    local_covariance: tuple[tuple[float, ...], ...]
    cloud_mean: tuple[float, ...]
    cloud_covariance: tuple[tuple[float, ...], ...]
    verdicts: int = 0
    """That were told outright, among the latest."""
    signs: int = 0
    """Questions asked again, among the latest."""
    latest: datetime | None = None
    """When the latest verdict was told."""
    gain: Gain = field(default_factory=Gain)

    @classmethod
    def of(cls, verdicts: Sequence[Verdict], basis: str) -> Self:
        """Learn from the latest verdicts, oldest first. Those of another basis say nothing here.

        A pure function of them: whatever process learns, or learns again after a loss, comes to the same.
        """
        known = [v for v in verdicts if v.situation.lesson is not None and v.situation.lesson.basis == basis][-WINDOW:]
        told = [verdict for verdict in known if verdict.feedback.sign is Sign.TOLD]
        beliefs = Beliefs.of([_experience(verdict) for verdict in known], len(context(0.5, 0.5)))
        return cls(
            basis=basis,
            local_mean=_row(beliefs.local.mean),
            local_covariance=tuple(_row(row) for row in beliefs.local.covariance),
            cloud_mean=_row(beliefs.cloud.mean),
            cloud_covariance=tuple(_row(row) for row in beliefs.cloud.covariance),
            verdicts=len(told),
            signs=len(known) - len(told),
            latest=max((verdict.feedback.at for verdict in told), default=None),
            gain=gain([rated for rated in map(_rated, told) if rated is not None]),
        )

    def say(self, now: datetime) -> float:
        """The share of questions in which what was learned chooses."""
        if self.gain.proved:
            return _ACTING
        trying = self.verdicts >= _BEGINNING and self.latest is not None and now - self.latest <= _FRESH
        return _TRIAL if trying else 0.0

    def lesson(self, local: float, cloud: float, *, decision_id: str, say: float) -> Lesson:
        """On a question.

        Args:
            local: its chance of a good answer on the device, by the router.
            cloud: the same in the cloud.
            decision_id: which draws the lot.
            say: what share the learned policy gets.
        """
        numbers = context(local, cloud)
        beliefs = Beliefs(
            Posterior(np.array(self.local_mean), np.array(self.local_covariance)),
            Posterior(np.array(self.cloud_mean), np.array(self.cloud_covariance)),
        )
        return Lesson(
            context=numbers,
            basis=self.basis,
            local=beliefs.local.expected(numbers),
            cloud=beliefs.cloud.expected(numbers),
            spread=beliefs.spread(numbers),
            say=say,
            draw=_draw(decision_id),
        )


def context(local: float, cloud: float) -> tuple[float, ...]:
    """What errors of the router are explained by: that it errs at all, and more where it expects more of the cloud.

    What the question is about is not in it: docs/learning.md has the comparison.
    """
    return (1.0, (cloud - local) / _UNIT)


def _experience(verdict: Verdict) -> Experience:
    lesson = verdict.situation.lesson
    assert lesson is not None, "only verdicts with a lesson are learned from"
    local, cloud = verdict.chances
    chance = cloud if verdict.decision.route is Route.CLOUD else local
    return Experience(
        context=lesson.context,
        route=verdict.decision.route,
        error=verdict.feedback.good - chance,
        weight=verdict.feedback.weight,
    )


def _rated(verdict: Verdict) -> Rated | None:
    """As the estimate of the gain takes it; None where one route had to be, or the learned policy had no say: what is
    never tried is never proved."""
    choice, lesson = verdict.decision.choice, verdict.situation.lesson
    if choice is None or lesson is None or lesson.say == 0:
        return None
    local, cloud = verdict.chances
    return Rated(
        lesson=lesson,
        gap_usd=choice.gap_usd,
        good_answer_usd=verdict.situation.prices.good_answer_usd,
        local_chance=local,
        cloud_chance=cloud,
        cloud=verdict.decision.route is Route.CLOUD,
        probability=choice.probability,
        good=verdict.feedback.good,
    )


def _draw(decision_id: str) -> float:
    """A number from 0 to below 1 that is even over ids, and the same for the same id."""
    digest = hashlib.blake2b(decision_id.encode(), digest_size=8, person=b"edgewise:lot").digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53


def _row(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
