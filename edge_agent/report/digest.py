"""How many questions went where, when and why, and what they took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import median
from typing import Final, Self

from edge_agent.journal import StoredDecision
from orchestrator.types import Answer

_BARS: Final = 42
"""The most that a timeline has: more are not told apart on a phone."""
_HOUR_S: Final = 3600
_STEPS_S: Final = tuple(hours * _HOUR_S for hours in (1, 3, 6, 24, 7 * 24, 28 * 24))


class Outcome(StrEnum):
    """How a question ended."""

    LOCAL = "on the device"
    CLOUD = "in the cloud"
    HANDOFF = "handed over"
    FAILED = "no answer"
    RUNNING = "not ended"

    @classmethod
    def of(cls, row: StoredDecision) -> Self:
        """Of a row of the journal."""
        if row.answer is not None:
            return cls[row.answer.route.name]
        return cls["FAILED" if row.ended_at else "RUNNING"]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the timeline."""

    begins: datetime
    """In the zone of the device."""
    counts: dict[Outcome, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """The journal's rows of a time, counted and added up."""

    outcomes: dict[Outcome, int]
    """Without those that no question had."""
    rules: dict[str, int]
    """What chose the route, the most frequent first."""
    errors: dict[str, int]
    """The types of the errors that questions ended in."""
    timeline: tuple[Stretch, ...]
    step_s: int
    """The length of a stretch."""
    device_joules: float
    cloud_joules: float
    usd: float
    left: int
    """Questions that left the device."""
    first_token_ms: float | None
    """The median; None where nothing was answered."""

    @classmethod
    def of(cls, rows: Sequence[StoredDecision]) -> Self:
        """Of rows in the order of time."""
        outcomes = [Outcome.of(row) for row in rows]
        answers = [row.answer for row in rows if row.answer is not None]
        times = [row.at.astimezone() for row in rows]
        step_s = _step_s(times)
        return cls(
            outcomes=_counted(outcomes),
            rules=_by_frequency(row.decision.rule for row in rows if row.decision),
            errors=_by_frequency(row.error_type for row in rows if row.error_type),
            timeline=tuple(_timeline(times, outcomes, step_s)),
            step_s=step_s,
            device_joules=sum(answer.device_energy.joules for answer in answers),
            cloud_joules=sum(answer.cloud_energy.joules for answer in answers),
            usd=sum(answer.usd for answer in answers),
            left=sum(answer.egress.sent for answer in answers),
            first_token_ms=_median_ms(answers),
        )

    @property
    def questions(self) -> int:
        """All of them."""
        return sum(self.outcomes.values())

    @property
    def answered(self) -> int:
        """Those that were answered, on whichever route."""
        return self.questions - self.outcomes.get(Outcome.FAILED, 0) - self.outcomes.get(Outcome.RUNNING, 0)


def _median_ms(answers: Sequence[Answer]) -> float | None:
    return median(answer.latency.first_token_ms for answer in answers) if answers else None


def _counted(outcomes: Sequence[Outcome]) -> dict[Outcome, int]:
    counts = Counter(outcomes)
    return {outcome: counts[outcome] for outcome in Outcome if counts[outcome]}


def _by_frequency(names: Iterable[str]) -> dict[str, int]:
    return dict(Counter(names).most_common())


def _step_s(times: Sequence[datetime]) -> int:
    """The shortest step that makes few enough bars."""
    span_s = (times[-1] - times[0]).total_seconds() if times else 0.0
    return next((step for step in _STEPS_S if span_s / step < _BARS), _STEPS_S[-1])


def _timeline(times: Sequence[datetime], outcomes: Sequence[Outcome], step_s: int) -> list[Stretch]:
    """Equal steps from a midnight on, also those in which nothing was asked."""
    if not times:
        return []
    midnight = times[0].replace(hour=0, minute=0, second=0, microsecond=0)
    numbers = [int((time - midnight).total_seconds() // step_s) for time in times]
    steps: dict[int, list[Outcome]] = {number: [] for number in range(min(numbers), max(numbers) + 1)}
    for number, outcome in zip(numbers, outcomes, strict=True):
        steps[number].append(outcome)
    return [Stretch(midnight + timedelta(seconds=n * step_s), _counted(found)) for n, found in steps.items()]
