"""Strategies over recorded samples: how often they are right, and what that takes."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import mean

from benchmarks.effort.recording import TEMPERATURE, Recorded, Row
from orchestrator.budget import Deadline
from orchestrator.clock import SystemClock
from orchestrator.effort.extraction import number
from orchestrator.effort.sampling import Halt, Task
from orchestrator.effort.strategy import BestOfN, Strategy, Voting
from orchestrator.routing.costs import RouteCosts
from orchestrator.types import Completed, Message, Sampling, TextDelta

PROMPT_USD, COMPLETION_USD = 0.15e-6, 0.60e-6
"""A token, as the demo's gateway bills."""
_Z = 1.96


@dataclass(frozen=True, slots=True)
class Answered:
    """One question as a strategy answered it. Tokens of the device's prompt count once."""

    right: bool
    device_read: int
    device_written: int
    cloud_read: int = 0
    cloud_written: int = 0

    @property
    def usd(self) -> float:
        """At the demo's prices."""
        return self.cloud_read * PROMPT_USD + self.cloud_written * COMPLETION_USD

    @property
    def joules(self) -> float:
        """Of the device, by the cost model that estimates start from: a usual laptop, and what a cloud call takes."""
        device, cloud = RouteCosts.of_device(), RouteCosts.of_cloud()
        return (
            self.device_read * device.prefill_joules.first.mean
            + self.device_written * device.decode_joules.first.mean
            + self.cloud_read * cloud.prefill_joules.first.mean
            + self.cloud_written * cloud.decode_joules.first.mean
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """A strategy over all questions; amounts are for one question.

    Attributes:
        mix_joules, mix_usd: what the device and the cloud alone would take, if as many questions were sent at random
            as it needs to be as often right.
        odds: of a right answer, against the device alone; of a check, against the cloud alone.
    """

    name: str
    right: float
    right_ci: tuple[float, float]
    device_tokens: float
    cloud_read: float
    cloud_written: float
    joules: float
    usd: float
    mix_joules: float
    mix_usd: float
    odds: float


def compare(rows: Sequence[Row]) -> list[Outcome]:
    """Every strategy over the same rows."""
    ways: dict[str, Callable[[Row], Answered]] = {"device alone": _device}
    for n in (3, 5, 9):
        ways[f"vote of {n}, weighted"] = _sampled(partial(Voting, n, number, weighted=True))
        ways[f"vote of {n}, counted"] = _sampled(partial(Voting, n, number, weighted=False))
        ways[f"best of {n}"] = _sampled(partial(BestOfN, n))
    ways |= {"REBASE, 5 samples": _rebase, "verify": _verified, "cloud alone": _cloud}
    answers = {name: [answer(row) for row in rows] for name, answer in ways.items()}
    device, cloud = _rate(answers["device alone"]), _rate(answers["cloud alone"])
    ends = answers["device alone"], answers["cloud alone"]
    return [
        _outcome(name, given, ends, against=cloud if name == "verify" else device) for name, given in answers.items()
    ]


def _outcome(
    name: str, given: list[Answered], ends: tuple[list[Answered], list[Answered]], *, against: float
) -> Outcome:
    right, (home, away) = _rate(given), (_rate(end) for end in ends)
    share = min(1.0, max(0.0, (right - home) / (away - home))) if away > home else 0.0

    def mixed(of: Callable[[Answered], float]) -> float:
        one, other = (mean(map(of, end)) for end in ends)
        return one + share * (other - one)

    return Outcome(
        name=name,
        right=right,
        right_ci=_wilson(right, len(given)),
        device_tokens=mean(a.device_written for a in given),
        cloud_read=mean(a.cloud_read for a in given),
        cloud_written=mean(a.cloud_written for a in given),
        joules=mean(a.joules for a in given),
        usd=mean(a.usd for a in given),
        mix_joules=mixed(lambda a: a.joules),
        mix_usd=mixed(lambda a: a.usd),
        odds=_odds(right, len(given)) / _odds(against, len(given)),
    )


def _device(row: Row) -> Answered:
    return Answered(_is_right(row, row.device.text), row.device.prompt_tokens, row.device.completion_tokens)


def _cloud(row: Row) -> Answered:
    return Answered(_is_right(row, row.cloud.text), 0, 0, row.cloud.prompt_tokens, row.cloud.completion_tokens)


def _rebase(row: Row) -> Answered:
    return Answered(_is_right(row, row.rebase.text), row.device.prompt_tokens, row.rebase.completion_tokens)


def _verified(row: Row) -> Answered:
    text = row.device.text if row.confirmed else row.check.text
    return Answered(
        _is_right(row, text),
        row.device.prompt_tokens,
        row.device.completion_tokens,
        row.check.prompt_tokens,
        row.check.completion_tokens,
    )


def _sampled(strategy: Callable[[], Strategy]) -> Callable[[Row], Answered]:
    return lambda row: asyncio.run(_played(row, strategy()))


async def _played(row: Row, strategy: Strategy) -> Answered:
    task = Task(
        model=Recorded(row),
        messages=(Message("user", row.text),),
        sampling=Sampling(temperature=TEMPERATURE),
        deadline=Deadline.after(SystemClock(), None),
    )
    text, end = "", None
    async for event in strategy.run(task, Halt()):
        match event:
            case TextDelta():
                text += event.text
            case Completed():
                end = event
    assert end is not None, "a strategy completes"
    return Answered(_is_right(row, text), row.device.prompt_tokens, end.usage.completion_tokens)


def _is_right(row: Row, text: str) -> bool:
    return number(text) == row.gold


def _rate(given: Sequence[Answered]) -> float:
    return mean(answer.right for answer in given)


def _odds(rate: float, n: int) -> float:
    """With half a question on either side (Haldane), so that none is infinite."""
    return (rate * n + 0.5) / ((1 - rate) * n + 0.5)


def _wilson(rate: float, n: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927)."""
    middle = (rate + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * math.sqrt(rate * (1 - rate) / n + _Z**2 / (4 * n**2))
    return middle - half, middle + half
