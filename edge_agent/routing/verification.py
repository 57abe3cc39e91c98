"""Whether a promise is kept: it is calibrated on one half of the questions and tried on the other, again and again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_agent.slm.progress import Progress, Quiet
from orchestrator.routing.calibration import Calibration
from orchestrator.routing.learn_then_test import choose
from orchestrator.routing.promise import Promise


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What a promise came to. Shares are 0 to 1, of questions or of splits."""

    promise: Promise
    questions: int
    threshold: float | None
    """Chosen on all questions; None where none can be promised and the cautious setting holds."""
    splits: int
    promised: float
    """The share of splits in which a threshold could be promised from the first half."""
    broken: float
    """The share of splits in which the second half broke the promise: it should be at most 1 − confidence."""
    worse: float
    """How much smaller the share of right answers was than the cloud's alone, in the second half, on average."""
    leaving: float
    """The share of questions of the second half that left, on average."""


def verify(
    promise: Promise, rows: Calibration, *, splits: int = 200, seed: int = 0, progress: Progress | None = None
) -> Verification:
    """Split `rows` in halves at random, `splits` times.

    The halves are fresh to each other if the scores are: the router may not have been fitted on these labels.
    """
    rng = np.random.default_rng(seed)
    half = len(rows) // 2
    promised, broken, worse, leaving = 0, 0, [], []
    with (progress or Quiet()).task(f"keeping: {promise}", splits, in_bytes=False) as advance:
        for done in range(1, splits + 1):
            order = rng.permutation(len(rows))
            threshold = choose(promise, rows[order[:half]]) if half else None
            promised += threshold is not None
            line = effective(promise, threshold)
            rest = rows[order[half:]]
            worse.append(rest.worse(line))
            leaving.append(rest.leaving(line))
            broken += (worse if promise.about_quality else leaving)[-1] > promise.limit
            advance(done)
    return Verification(
        promise=promise,
        questions=len(rows),
        threshold=choose(promise, rows),
        splits=splits,
        promised=promised / splits,
        broken=broken / splits,
        worse=float(np.mean(worse)),
        leaving=float(np.mean(leaving)),
    )


def effective(promise: Promise, threshold: float | None) -> float:
    """The threshold that is acted on: without one, everything leaves for quality, and nothing for a share."""
    if threshold is not None:
        return threshold
    return -np.inf if promise.about_quality else np.inf
