"""Days of questions: when each is asked, how likely each model answers it well, and how long it is."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
QUESTIONS = 400
"""A day."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question of a day.

    Attributes:
        at: 0 to 1, of the day.
        device: the chance that the device's model answers it well, as predicted.
        cloud: the same of the cloud's.
    """

    at: float
    device: float
    cloud: float
    prompt_tokens: int
    answer_tokens: int


Stream = Callable[[np.random.Generator], list[Question]]


def even(random: np.random.Generator) -> list[Question]:
    """Questions come at any time, and gain the same at any."""
    return _day(random, random.uniform(0, 1, QUESTIONS))


def bursts(random: np.random.Generator) -> list[Question]:
    """Most come in eight bursts of five minutes, every day at other times."""
    centres = random.uniform(0.02, 0.98, 8).repeat(QUESTIONS // 10)
    rest = random.uniform(0, 1, QUESTIONS - len(centres))
    return _day(random, np.concatenate([random.normal(centres, 0.003), rest]).clip(0, 0.9999))


def morning(random: np.random.Generator) -> list[Question]:
    """Most come before noon."""
    return _day(random, random.beta(2, 5, QUESTIONS))


def evening_gains(random: np.random.Generator) -> list[Question]:
    """They come at any time, and those of the last quarter gain four times as much."""
    times = random.uniform(0, 1, QUESTIONS)
    return _day(random, times, lift=np.where(times > 0.75, 2.0, 0.5))


def turning(random: np.random.Generator) -> list[Question]:
    """No day is like the one before: what gains comes on even days in the morning, on odd ones in the evening."""
    times = random.uniform(0, 1, QUESTIONS)
    late = random.integers(2)
    return _day(random, times, lift=np.where((times > 0.5) == late, 1.5, 0.5))


def plenty(random: np.random.Generator) -> list[Question]:
    """A tenth of the questions: the budget would do for all of them."""
    return even(random)[:: QUESTIONS // 40]


def labelled(file: Path, questions: int = QUESTIONS) -> Stream:
    """Questions of a file with labels, their chances predicted by what their domain's other questions say.

    Args:
        file: gzipped JSON lines with `prompt`, `weak_correct`, `strong_correct` and perhaps `domain`.
        questions: a day.
    """
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    chances = list(_left_out(rows))

    def draw(random: np.random.Generator) -> list[Question]:
        times = np.sort(random.uniform(0, 1, questions))
        picked = random.choice(len(rows), questions, replace=False)
        return [
            Question(
                float(at),
                device=chances[row][0],
                cloud=chances[row][1],
                prompt_tokens=len(rows[row]["prompt"]) // 4 + 1,
                answer_tokens=int(random.integers(20, 120)),
            )
            for at, row in zip(times, picked, strict=True)
        ]

    return draw


def _left_out(rows: list[dict[str, object]]) -> Iterator[tuple[float, float]]:
    """For each row, how often the two models are right on the other questions of its domain."""
    sums: dict[object, Floats] = defaultdict(lambda: np.zeros(3))
    for row in rows:
        sums[row.get("domain")] += _labels(row)
    for row in rows:
        weak, strong, count = sums[row.get("domain")] - _labels(row)
        yield float(weak / max(1, count)), float(strong / max(1, count))


def _labels(row: dict[str, object]) -> Floats:
    return np.array([bool(row["weak_correct"]), bool(row["strong_correct"]), 1.0])


def _day(random: np.random.Generator, times: Floats, *, lift: Floats | float = 1.0) -> list[Question]:
    gains = np.clip(random.beta(1, 3, len(times)) * lift, 0, 0.9)
    device = random.uniform(0.05, 1 - gains)
    prompts = random.lognormal(np.log(150), 0.7, len(times)).astype(int) + 10
    answers = random.lognormal(np.log(80), 0.6, len(times)).clip(8, 250).astype(int)
    return [
        Question(float(times[i]), float(device[i]), float(device[i] + gains[i]), int(prompts[i]), int(answers[i]))
        for i in np.argsort(times)
    ]
