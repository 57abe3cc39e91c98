"""The threshold that keeps a promise: Learn-then-Test (Angelopoulos, Bates, Candès, Jordan and Lei, arXiv 2110.01052).

A question goes to the cloud where the router's uplift reaches a threshold. Thresholds are tested one by one, from the
most cautious on, in an order that does not look at the calibration data (fixed-sequence testing). Each is given a
p-value of "this threshold breaks the promise", and the walk ends at the first one that is not rejected. With p-values
that are valid in finite samples, all thresholds passed keep the promise at once, with the stated confidence, whatever
the router, the data and the shape of the risk: it needs not be monotone in the threshold.

**Share.** The loss of a question is 1 if it leaves, else 0; its sum is binomial, and the p-value is exact.

**Quality.** The loss of a kept question is cloud right − device right: −1, 0 or 1, and 0 for one that leaves. Its mean
is the accuracy lost against the cloud alone. Devices win questions too, so it falls here and there as fewer leave:
not monotone, and neither in [0, 1], which conformal risk control (arXiv 2208.02814) and the Hoeffding–Bentkus bound
ask for. Moved and squeezed into [0, 1] they would pay for the variance of a coin, while most losses are 0. So the
p-value is that of the three outcomes themselves. At the edge of the promise the loss is 1 with chance (d + a)/2 and
−1 with (d − a)/2, where a is the limit and d the unknown chance that the models differ on a kept question. The sum's
distribution is computed exactly, for the largest d that the data allow, and the chance that they allow too little is
added (Berger and Boos, JASA 89, 1994). Where they allow models that differ on more than every second question, the
largest d is not the worst: with few zeros, sums of the wrong parity are rare. There Hoeffding's inequality bounds all.

**Confidence.** Learn-then-Test speaks of the mean over all questions that could be asked. A user meets a batch, whose
own chance lies on top: a threshold at the very edge in the mean is over it in every second batch. So the tests run at
the level that keeps the promise, with the stated confidence, over as many fresh questions as the calibration has: the
noise of both is √2 times that of one, by the normal approximation. In the mean it then holds more surely, at 96.5 %
where 90 % is asked, and that is not approximate.
"""

from __future__ import annotations

import functools
import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from orchestrator.routing.calibration import Calibration
from orchestrator.routing.promise import Promise

_STEP = 0.005
"""Between two thresholds: half a right answer in a hundred questions."""
_THRESHOLDS = np.round(np.arange(-1.0, 1.0 + _STEP / 2, _STEP), 3)
"""All that are tested. Fixed, since thresholds read off the data would have to pay for having looked."""
_NUISANCE = 0.01
"""The part of the error allowed that goes into bounding d."""


def choose(promise: Promise, calibration: Calibration) -> float | None:
    """The threshold that keeps `promise`, with the fewest questions sent for quality, or the most for a share.

    Returns:
        The uplift from which on a question goes to the cloud; None where none can be promised from these data.
    """
    error = _error(promise.confidence)
    n = len(calibration)
    chosen: float | None = None
    if promise.about_quality:
        tested, sums = _THRESHOLDS, _losses(calibration)
    else:
        tested, sums = _THRESHOLDS[::-1], _departures(calibration)
    passed: tuple[int, ...] = ()
    for threshold, counts in zip(tested, sums, strict=True):
        if counts != passed:  # the same counts have the same p-value
            if _p_value(promise, counts, n, error) > error:
                break
            passed = counts
        chosen = float(threshold)
    return chosen


def _p_value(promise: Promise, counts: tuple[int, ...], n: int, error: float) -> float:
    if promise.about_quality:
        lost, differing = counts
        return quality_p_value(lost, differing, n, promise.limit, error)
    (leaving,) = counts
    return at_most(leaving, n, promise.limit)


def _error(confidence: float) -> float:
    """How often a threshold may fail in the mean, for `confidence` to hold over the next n questions."""
    normal = NormalDist()
    return normal.cdf(-math.sqrt(2) * normal.inv_cdf(confidence))


def quality_p_value(lost: int, differing: int, n: int, limit: float, error: float) -> float:
    """A p-value of "the mean loss is above `limit`", valid for every n.

    The derivative of P(sum ≤ `lost`) by d is n/2 (P(S = lost + 1) − P(S = lost)) for a sum S of n − 1 losses. Up to
    d = (1 + limit²) / 2 the generating function of a loss has real roots, so that S is a constant and a sum of 2(n − 1)
    independent indicators: it has one mode, less than 1 beside its mean (Darroch, Ann. Math. Statist. 35, 1964). So
    left of the mean the chance is largest at the largest d; right of it nothing is ever rejected. Beyond that d it is
    at most exp(−(n limit − lost)² / 2n) (Hoeffding, JASA 58, 1963), whatever d.

    Args:
        lost: the sum of the losses.
        differing: how many of them are not 0.
        n: how many there are.
        limit: above 0, below 1.
        error: the chance of a broken promise that is allowed, of which a hundredth is spent on d.
    """
    if lost + 1 > (n - 1) * limit:
        return 1.0
    spent = error * _NUISANCE
    largest, rising = _upper_bound(differing, n, spent), (1 + limit**2) / 2
    differ = min(max(limit, largest), rising)
    chance = _sum_at_most(lost, n, (differ + limit) / 2, (differ - limit) / 2)
    if largest > rising:
        chance = max(chance, math.exp(-((n * limit - lost) ** 2) / (2 * n)))
    return min(1.0, chance + spent)


def at_most(successes: int, n: int, chance: float) -> float:
    """P(X ≤ successes) for a binomial X of n trials."""
    if successes >= n:
        return 1.0
    k = np.arange(successes + 1)
    logs = _log_factorials(n)
    weights = logs[n] - logs[k] - logs[n - k] + k * math.log(chance) + (n - k) * math.log1p(-chance)
    return float(min(1.0, np.exp(weights).sum()))


def _losses(calibration: Calibration) -> list[tuple[int, ...]]:
    """For each threshold, rising: the sum of the losses of kept questions, and how many are not 0."""
    order = np.argsort(calibration.uplift, kind="stable")
    kept = np.searchsorted(calibration.uplift[order], _THRESHOLDS, side="left")
    lost = calibration.lost[order]
    sums, counts = _running(lost)[kept], _running(np.abs(lost))[kept]
    return list(zip(sums.tolist(), counts.tolist(), strict=True))


def _departures(calibration: Calibration) -> list[tuple[int, ...]]:
    """For each threshold, falling: how many questions leave."""
    kept = np.searchsorted(np.sort(calibration.uplift), _THRESHOLDS[::-1], side="left")
    return [(count,) for count in (len(calibration) - kept).tolist()]


def _running(values: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(values)])


def _upper_bound(successes: int, n: int, error: float) -> float:
    """Clopper and Pearson's bound of a binomial chance from above, by bisection; it errs upwards."""
    low, high = successes / n, 1.0
    while successes < n and high - low > 1e-6:
        middle = (low + high) / 2
        if at_most(successes, n, middle) > error:
            low = middle
        else:
            high = middle
    return high


def _sum_at_most(total: int, n: int, plus: float, minus: float) -> float:
    """P(S ≤ total) for the sum S of n independent values that are 1, −1 or 0: its characteristic function, inverted.

    Only as many values of S are told apart as have any chance: beyond twelve standard deviations and 32 is less than
    1e-25 (Bernstein's inequality).
    """
    reach = 12 * math.sqrt(n * (plus + minus)) + 32
    size = 1 << math.ceil(2 * reach).bit_length()
    angles = 2 * np.pi * np.arange(size // 2 + 1) / size
    one = 1 - plus - minus + plus * np.exp(-1j * angles) + minus * np.exp(1j * angles)
    mass = np.fft.irfft(one**n, size)
    lowest = round(n * (plus - minus)) - size // 2
    return float(np.clip(mass[np.arange(lowest, total + 1) % size].sum(), 0.0, 1.0))


@functools.lru_cache(maxsize=1)
def _log_factorials(n: int) -> NDArray[np.float64]:
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])
