"""Users with real questions: at first of subjects that the router was fitted on, then of others."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_agent.routing.fitting import Sample, fit_expert
from edge_agent.routing.labels import Labels
from edge_agent.routing.training import read
from edge_agent.slm.progress import Quiet
from orchestrator.routing.reading import Reading
from orchestrator.routing.router import chances_of

Rows = NDArray[np.intp]
Floats = NDArray[np.float64]

SHAPES: dict[str, Callable[[str], bool] | None] = {
    "no shift": None,
    "to mathematics and statistics": lambda subject: "math" in subject or "statistics" in subject,
    "to law": lambda subject: "law" in subject or "jurisprudence" in subject,
    "to any three subjects": lambda subject: zlib.crc32(subject.encode()) % 2 == 0,
}
"""The subjects that users turn to, and on which the router was not fitted."""
_OF_EACH: Final = {"to any three subjects": 3}
"""How many of them a single user turns to, where that is not all."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """Users of one shape.

    Attributes:
        chances: of the frozen router, device and cloud; `[questions, 2]`.
        right: what is true; the same shape.
        before: questions of the subjects that the router knows, less those that it was fitted on.
        after: questions of those that the users turn to.
        subjects: of all questions.
        of_each: how many subjects one user turns to; 0 for all.
        threshold: the uplift from which on it is worth to leave: the router's median, so that it has a choice.
    """

    chances: Floats
    right: Floats
    before: Rows
    after: Rows
    subjects: NDArray[np.str_]
    of_each: int
    threshold: float

    def stream(self, random: np.random.Generator, shift: int, length: int) -> Rows:
        """One user's questions, no question twice: `shift` of the known subjects, and then of the others."""
        first = random.choice(self.before, min(shift, len(self.before) // 2), replace=False)
        left = np.setdiff1d(self.after, first)
        if self.of_each:
            chosen = random.choice(np.unique(self.subjects[left]), self.of_each, replace=False)
            left = left[np.isin(self.subjects[left], chosen)]
        return np.concatenate([first, random.choice(left, min(length - len(first), len(left)), replace=False)])


def crowds(labels: Labels, seed: int) -> dict[str, Crowd]:
    """Users of all shapes; for each, a router is fitted on half of the questions of the other subjects."""
    readings = read(labels.questions, None, Quiet())
    sample = Sample(readings, labels.outcomes)
    half = np.random.default_rng(seed).random(labels.size) < 0.5
    right = np.stack([labels.outcomes.device, labels.outcomes.cloud], axis=1).astype(np.float64)
    found: dict[str, Crowd] = {}
    for name, turns_to in SHAPES.items():
        new = np.array([turns_to is not None and turns_to(subject) for subject in labels.domains])
        chances = _chances(sample, readings, np.flatnonzero(~new & half), seed)
        before = np.flatnonzero(~new & ~half)
        found[name] = Crowd(
            chances=chances,
            right=right,
            before=before,
            after=np.flatnonzero(new) if new.any() else before,
            subjects=np.array(labels.domains),
            of_each=_OF_EACH.get(name, 0),
            threshold=float(np.median(chances[before, 1] - chances[before, 0])),
        )
    return found


def _chances(sample: Sample, readings: list[Reading], rows: Rows, seed: int) -> Floats:
    expert = fit_expert(sample, rows, seed=seed)
    judged = (chances_of(expert.log_odds(reading)) for reading in readings)
    return np.array([(chances.device, chances.cloud) for chances in judged])
