"""What accuracy costs: by asking the router before, by watching the answer, and by both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmarks.pair.fitting import CHECKPOINTS, Floats, Rows
from benchmarks.pair.labels import Label

SHARES: Final = np.linspace(0, 1, 21)
_HELD: Final = CHECKPOINTS[-1]
_BEFORE: Final = 0.5
"""Of all that both policies send, the share that leaves before a token was written."""


@dataclass(frozen=True, slots=True)
class Point:
    """A policy at one threshold, as means over all questions.

    Attributes:
        sent: share of the questions that the cloud answered.
        accuracy: share of right answers.
        device_joules: modelled, for each question.
        cloud_tokens: written by the cloud, for each question.
    """

    sent: float
    accuracy: float
    device_joules: float
    cloud_tokens: float


@dataclass(frozen=True, slots=True)
class Costs:
    """Device joules, fitted to what was metered: joules = prompt · `read` + written · `write`."""

    read: float
    write: float

    @classmethod
    def of(cls, labels: Sequence[Label]) -> Costs:
        """Least squares."""
        sizes = np.array([[label.prompt_tokens, label.length] for label in labels], np.float64)
        (read, write), *_ = np.linalg.lstsq(sizes, np.array([label.device_joules for label in labels]), rcond=None)
        return cls(float(read), float(write))


def frontier(labels: Sequence[Label], before: Floats, after: Floats) -> Mapping[str, list[Point]]:
    """The policies' points at all `SHARES`.

    Args:
        labels: of n questions.
        before: P(cloud right) − P(device right) by the router, that had not seen them; `[n]`.
        after: the same by the router and the probe, when twelve tokens are written; `[n]`.
    """
    run = _Run(labels)
    chance = np.random.default_rng(0).random(len(labels))
    oracle = run.cloud.astype(np.float64) - run.device
    policies: dict[str, Callable[[float], Point]] = {
        "random": lambda share: run.point(_top(chance, share)),
        "query only": lambda share: run.point(_top(before, share)),
        "cascade": lambda share: run.point(np.array([], np.intp), _top(after, share)),
        "both": lambda share: run.both(before, after, share),
        "oracle": lambda share: run.point(_top(oracle, share)),
    }
    return {name: [policy(float(share)) for share in SHARES] for name, policy in policies.items()}


class _Run:
    """The questions' outcomes and costs as arrays."""

    def __init__(self, labels: Sequence[Label]) -> None:
        costs = Costs.of(labels)
        self.device = np.array([label.device_right for label in labels])
        self.cloud = np.array([label.cloud_right for label in labels])
        self._tokens = np.array([float(label.cloud_tokens) for label in labels])
        prompts = np.array([label.prompt_tokens for label in labels])
        lengths = np.array([label.length for label in labels])
        self._whole = costs.read * prompts + costs.write * lengths
        self._begun = costs.read * prompts + costs.write * np.minimum(lengths, _HELD)

    def point(self, direct: Rows, handed: Rows | None = None) -> Point:
        """The means when `direct` go to the cloud at once, and `handed` after their first tokens."""
        handed = np.array([], np.intp) if handed is None else handed
        right, joules, tokens = self.device.astype(np.float64), self._whole.copy(), np.zeros(len(self.device))
        for rows, spent in ((direct, 0.0 * self._whole), (handed, self._begun)):
            right[rows], joules[rows], tokens[rows] = self.cloud[rows], spent[rows], self._tokens[rows]
        return Point((len(direct) + len(handed)) / len(right), *(float(x.mean()) for x in (right, joules, tokens)))

    def both(self, before: Floats, after: Floats, share: float) -> Point:
        """Half of what is sent leaves by the router's word; of the rest those go that look worst by then."""
        direct = _top(before, share * _BEFORE)
        left = np.setdiff1d(np.arange(len(before)), direct)
        most = round(share * len(before)) - len(direct)
        return self.point(direct, left[np.argsort(-after[left], kind="stable")[:most]])


def _top(scores: Floats, share: float) -> Rows:
    return np.argsort(-scores, kind="stable")[: round(share * len(scores))]
