"""What feedback teaches about the router's errors: two Bayesian linear regressions, one a route.

This is the linear contextual bandit with knapsacks of Agrawal & Devanur 2016 (arXiv 1507.06738) with parts exchanged.
Its reward is the router's error, so that knowing nothing means trusting the router. Where their algorithm is optimistic
about rewards, a posterior is sampled (`lesson`). Where their dual prices come from online mirror descent, they are the
pacing's (`orchestrator.budget.pacing`), which stand in the decision's prices already. Topics shift, so only the latest
feedback counts (a sliding window: Cheung et al. 2019, arXiv 1810.03024).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from orchestrator.types import Route

Floats = NDArray[np.float64]

WINDOW: Final = 300
"""How many of the latest rated answers count."""
_NOISE: Final = 0.2
"""Variance of one verdict: that of a coin which falls on its head seven times of ten."""
_BOLDNESS: Final = 0.5
"""Of the posterior's standard deviation, the part that is sampled with: most who rate answers rate few of them, and
trying out costs them answers (a posterior's variance is scaled in the same way by Agrawal & Goyal 2013)."""
_PRIOR: Final = 0.08
"""Standard deviation of what may be learned for each number of the context, before any feedback."""


@dataclass(frozen=True, slots=True)
class Experience:
    """A rated answer."""

    context: tuple[float, ...]
    """Of its question."""
    route: Route
    """That was chosen: `LOCAL` or `CLOUD`."""
    error: float
    """1 or 0 for a good or a bad answer, less the router's chance; −1 to 1."""
    weight: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """What is believed about one route's errors.

    Attributes:
        mean: `[context]`.
        covariance: `[context, context]`.
    """

    mean: Floats
    covariance: Floats

    @classmethod
    def of(cls, experiences: Sequence[Experience], size: int) -> Self:
        """Fitted on all of a route, with contexts of `size` numbers. None at all leave what was believed before.

        The order does not matter: processes that saw the same feedback in another order believe the same, up to
        rounding.
        """
        contexts = np.array([each.context for each in experiences], np.float64).reshape(-1, size)
        weighted = contexts * np.array([each.weight for each in experiences], np.float64)[:, None]
        errors = np.array([each.error for each in experiences], np.float64)
        covariance = np.linalg.inv(weighted.T @ contexts / _NOISE + np.eye(size) / _PRIOR**2)
        mean = covariance @ (weighted.T @ errors) / _NOISE
        return cls(mean.astype(np.float64), covariance.astype(np.float64))

    def expected(self, context: Sequence[float]) -> float:
        """How far the router is probably off, −1 to 1."""
        return max(-1.0, min(1.0, float(self.mean @ np.asarray(context))))

    def variance(self, context: Sequence[float]) -> float:
        """Of that belief."""
        values = np.asarray(context)
        return max(0.0, float(values @ self.covariance @ values))


@dataclass(frozen=True, slots=True, eq=False)
class Beliefs:
    """What was learned about both routes."""

    local: Posterior
    cloud: Posterior

    @classmethod
    def of(cls, experiences: Sequence[Experience], size: int) -> Self:
        """Fitted on the latest `WINDOW` of them, oldest first; `size` is the contexts' length."""
        latest = experiences[-WINDOW:]
        local, cloud = (
            Posterior.of([each for each in latest if each.route is route], size) for route in (Route.LOCAL, Route.CLOUD)
        )
        return cls(local, cloud)

    def spread(self, context: Sequence[float]) -> float:
        """Standard deviation with which the difference of the two is sampled."""
        return _BOLDNESS * math.sqrt(self.local.variance(context) + self.cloud.variance(context))
