"""How good a router is: the curve of accuracy over the share of questions that it sends to the cloud.

The measure is RouteLLM's (Ong et al. 2024, arXiv 2406.18665): thresholds at the ten-quantiles of the scores and both
ends. APGR is the area between the curve and the device's accuracy, over the area between cloud and device; CPT(x) is
the share of questions that must go to the cloud to gain x of the gap. 0.5 is random; an oracle is above 1, since it
leaves those questions at home that only the device gets right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from orchestrator.errors import InvalidRequest

Floats = NDArray[np.float64]
Truths = NDArray[np.bool_]

_BINS: Final = 10
_RESAMPLES: Final = 1000


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Who got which question right.

    Attributes:
        device: of the weaker model, bool `[n]`.
        cloud: of the stronger one, bool `[n]`.
    """

    device: Truths
    cloud: Truths

    @property
    def gap(self) -> float:
        """How much more often the cloud is right, −1 to 1."""
        return float(self.cloud.mean() - self.device.mean())

    @property
    def uplift(self) -> Floats:
        """1 where only the cloud is right, −1 where only the device is, else 0; `[n]`."""
        return self.cloud.astype(np.float64) - self.device.astype(np.float64)

    def at(self, rows: NDArray[np.intp]) -> Outcomes:
        """Those of some questions."""
        return Outcomes(self.device[rows], self.cloud[rows])


@dataclass(frozen=True, slots=True)
class Curve:
    """Accuracy at eleven thresholds.

    Attributes:
        sent: share of the questions that went to the cloud, rising, 0 to 1; `[11]`.
        accuracy: share of right answers; `[11]`.
    """

    sent: Floats
    accuracy: Floats

    @classmethod
    def of(cls, scores: Floats, outcomes: Outcomes) -> Curve:
        """The curve of a router.

        Args:
            scores: high for questions that should leave; `[n]`, or `[draws, n]` for a router of chance, whose curve is
                the mean over its draws.
            outcomes: of the same questions.

        Raises:
            InvalidRequest: there is no question, a score is not a number, or both models are equally good, so that
                nothing can be gained.
        """
        return cls._through([_Ranking.of(row, outcomes) for row in np.atleast_2d(scores)])

    @classmethod
    def _through(cls, rankings: Sequence[_Ranking], times: Floats | None = None) -> Curve:
        points = np.mean([ranking.points(times) for ranking in rankings], axis=0)
        return cls(points[0], points[1])

    @property
    def apgr(self) -> float:
        """The average performance gap recovered."""
        device, cloud = self.accuracy[0], self.accuracy[-1]
        return float((np.trapezoid(self.accuracy, self.sent) - device) / (cloud - device))

    def cpt(self, share: float) -> float:
        """The calls needed for `share` of the gap, in percent of all questions.

        A curve may fall as well as rise. The reference interpolates such a one as if it rose, and so do we: figures
        stay comparable.
        """
        device, cloud = self.accuracy[0], self.accuracy[-1]
        return float(100 * np.interp(device + share * (cloud - device), self.accuracy, self.sent))


@dataclass(frozen=True, slots=True)
class _Ranking:
    """Questions in the order of their scores, those of one score together: sorted once, counted for every resample."""

    place: NDArray[np.intp]
    """Of each question: 0 for the highest score; `[n]`."""
    outcomes: Outcomes

    @classmethod
    def of(cls, scores: Floats, outcomes: Outcomes) -> _Ranking:
        if scores.size == 0 or scores.shape != outcomes.device.shape or not np.isfinite(scores).all():
            raise InvalidRequest("a router's scores must be numbers, one a question")
        if outcomes.gap == 0:
            raise InvalidRequest(
                "both models are right equally often: there is no gap to recover",
                remedy="give outcomes of two models of different strength",
            )
        return cls(np.unique(-scores, return_inverse=True)[1], outcomes)

    def points(self, times: Floats | None = None) -> Floats:
        """Shares sent and accuracies from none sent to all, `[2, 11]`.

        Args:
            times: how often each question counts, `[n]`; once, if absent.
        """
        times = np.ones(len(self.place)) if times is None else times
        n = times.sum()
        sent = np.cumsum(np.bincount(self.place, times))
        gained = np.cumsum(np.bincount(self.place, times * self.outcomes.uplift))
        # A threshold between two scores is reached by the upper one and all above it: the place of the rank above.
        # What rounding adds to a whole rank is none of it.
        ranks = n - 1 - np.ceil((n - 1) * np.linspace(0, 1, _BINS + 1) - 1e-9)[::-1]
        reached = np.searchsorted(sent, ranks, side="right")
        shares = np.concatenate([[0.0], sent[reached[1:]]])
        right = np.concatenate([[0.0], gained[reached[1:]]]) + times @ self.outcomes.device
        points: Floats = np.stack([shares, right]) / n
        return points


@dataclass(frozen=True, slots=True)
class Score:
    """What a table says of a router: APGR with its 95 % bootstrap interval, and calls in percent."""

    apgr: float
    apgr_ci: tuple[float, float]
    cpt20: float
    cpt50: float
    cpt80: float


def score(scores: Floats, outcomes: Outcomes, *, seed: int = 0) -> Score:
    """Measure a router on questions with known outcomes.

    The interval is the percentile bootstrap's (Efron 1979): 1,000 resamples of the questions.

    Args:
        scores: as for `Curve.of`.
        outcomes: of the same questions.
        seed: of the resamples; routers that are compared get the same.

    Raises:
        InvalidRequest: see `Curve.of`.
    """
    rankings = [_Ranking.of(row, outcomes) for row in np.atleast_2d(scores)]
    curve = Curve._through(rankings)
    rng = np.random.default_rng(seed)
    n = len(outcomes.device)
    resampled = []
    for _ in range(_RESAMPLES):
        times = np.bincount(rng.integers(0, n, n), minlength=n).astype(np.float64)
        if times @ outcomes.uplift != 0:
            resampled.append(Curve._through(rankings, times).apgr)
    low, high = np.quantile(resampled, [0.025, 0.975])
    return Score(curve.apgr, (float(low), float(high)), curve.cpt(0.2), curve.cpt(0.5), curve.cpt(0.8))
