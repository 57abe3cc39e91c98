"""The probe: a logistic regression of right answers on signs of doubt, with an intercept a task that is thrown away.

Tasks differ in how often the device is right, and that is known before the first token. What the probe is to learn is
what the tokens add: so each task has its own intercept, and only the weights are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.pair.labels import Label
from orchestrator.routing.probe import SIGNALS, Probe, signals_of

Floats = NDArray[np.float64]
Truths = NDArray[np.bool_]
Rows = NDArray[np.intp]

CHECKPOINTS: Final = (12,)
"""After so many tokens an answer is judged. After four nothing was known yet: docs/pair.md."""
MOMENTS: Final = (4, *CHECKPOINTS, None)
"""After so many tokens, and at the end, signals are told of."""
FOLDS: Final = 5
_RIDGE: Final = 100.0
"""Penalty on squared weights of standardised signals, in answers: weak signals get weak weights."""
_STEPS: Final = 50


@dataclass(frozen=True, slots=True)
class Answers:
    """The device's answers, as arrays.

    Attributes:
        signals: at each of `MOMENTS`, `[moments, n, signals]`.
        right: whether what was written is right, `[n]`.
        tasks: a number for the task of each, `[n]`.
    """

    signals: Floats
    right: Truths
    tasks: Rows

    @classmethod
    def of(cls, labels: Sequence[Label]) -> Answers:
        """Read them off labels."""
        values = [[list(signals_of(label.tokens[:n]).values()) for label in labels] for n in MOMENTS]
        tasks = np.unique(np.array([label.task for label in labels]), return_inverse=True)[1]
        return cls(np.array(values), np.array([label.written for label in labels]), tasks)

    def at(self, rows: Rows) -> Answers:
        """Some of them."""
        return Answers(self.signals[:, rows], self.right[rows], self.tasks[rows])


def fit(answers: Answers, *, model: str = "", fitted_on: str = "") -> Probe:
    """The probe of these answers: maximum likelihood with a ridge, by Newton's method."""
    judged = answers.signals[1:]
    flat, moments = np.concatenate(list(judged)), len(judged)
    centre, spread = flat.mean(axis=0), np.maximum(flat.std(axis=0), 1e-9)
    own = np.tile(np.eye(answers.tasks.max() + 1)[answers.tasks], (moments, 1))
    design = np.hstack([(flat - centre) / spread, own])
    penalty = np.diag([_RIDGE * moments] * len(SIGNALS) + [0.1 * moments] * own.shape[1])
    weights = _newton(design, np.tile(answers.right, moments).astype(np.float64), penalty)[: len(SIGNALS)] / spread
    return Probe(
        model=model,
        fitted_on=fitted_on,
        checkpoints=CHECKPOINTS,
        weights=dict(zip(SIGNALS, np.round(weights, 4).tolist(), strict=True)),
        centre=dict(zip(SIGNALS, np.round(centre, 4).tolist(), strict=True)),
    )


def _newton(design: Floats, right: Floats, penalty: Floats) -> Floats:
    weights = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-design @ weights))
        slope = design.T @ (right - chance) - penalty @ weights
        curvature = (design * (chance * (1 - chance))[:, None]).T @ design + penalty
        step = np.linalg.solve(curvature, slope)
        weights += step
        if np.abs(step).max() < 1e-8:
            break
    return weights


def folds(n: int, *, seed: int = 0) -> Rows:
    """A fold for each of `n` questions."""
    return np.random.default_rng(seed).permutation(n) % FOLDS


def auroc(scores: Floats, right: Truths, groups: Rows | None = None) -> float:
    """The chance that a right answer scores higher than a wrong one of the same group, ties counting half.

    NaN where no group has both.
    """
    groups = np.zeros(len(right), np.intp) if groups is None else groups
    wins = pairs = 0.0
    for group in np.unique(groups):
        good, bad = scores[(groups == group) & right], scores[(groups == group) & ~right]
        wins += float((good[:, None] > bad).sum() + 0.5 * (good[:, None] == bad).sum())
        pairs += good.size * bad.size
    return wins / pairs if pairs else float("nan")
