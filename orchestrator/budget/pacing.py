"""Pacing: while a window is spent faster than planned, the price of spending from it rises.

Taking the route with the best value less price times cost, and moving the price by how far spending is off its target,
is dual mirror descent on the budget's Lagrangian (Balseiro, Lu, Mirrokni, "The best of many worlds: dual mirror descent
for online allocation problems", Operations Research 2023, arXiv 2011.10124). Here the mirror map is the negative
entropy, so steps multiply the price; the target is the plan's share of what is left, and a step counts against it:

    d log(price) = steepness * (spent - target) / left        target = left * (the plan's step) / (the plan's rest)

The steps add up to a closed form, price = start * (plan's rest / rest of the limit) ** steepness, so the price follows
from the account and the clock alone. Nothing is written for it with each question, processes cannot race for it, and
a restart or a refund needs no care.

What a period starts with is learnt from the one before, whose questions are kept as a sample of what comes: each with
the highest price at which it would still have spent, and when it came. The one price at which that sample spends just
the limit, and how its spending lies in time, are the new start and plan (one sample is enough: Balseiro, Kumar,
Mirrokni, Sivan, Wang, "Robust budget pacing with a single sample", ICML 2023, arXiv 2302.02006).

The very first period has no sample but its own questions so far: its price is the one at which what is left would do,
if the rest were like them (Agrawal, Wang, Ye, "A dynamic near-optimal algorithm for online linear programming",
Operations Research 2014, arXiv 0911.2974).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from orchestrator.budget.window import Account, Resource

PACED: Final = (Resource.DEVICE_JOULES, Resource.USD, Resource.CLOUD_REQUESTS)
"""A share needs no pace: it holds at every moment."""
SLICES: Final = 24
"""A period's plan is made of so many equal slices: the hours of a day."""
_DEAREST: Final = 1e4
"""Nothing is worth ten thousand times its price: beyond, the hard limit does the rest."""
_STEP: Final = math.log(2) / 2
"""Two levels of price lie this far apart: a factor of 1.4."""
_TOP: Final = math.ceil(math.log(_DEAREST) / _STEP)
"""The level of what is spent at any price."""
_LEAST: Final = 1e-3
"""What is left counts as no less than this share of the limit."""
_STEEPNESS: Final = 0.7
"""Around a price that was right for the last period, only errors of the sample are corrected."""
_TRUST: Final = 0.5
"""How far price and plan move from the last period's to those of its sample."""
_UNFORESEEN: Final = 0.1
"""The share of every plan that is spread evenly: a period may always be unlike the last."""
_EVENLY: Final = (1 / SLICES,) * SLICES


@dataclass(frozen=True, slots=True)
class Bid:
    """What a question would spend of one resource, up to a price."""

    price: float
    """Times the configured price; infinity for what it spends on every route."""
    amount: float
    """As expected, in the resource's unit."""

    @property
    def level(self) -> int:
        """Its price on a scale of whole numbers."""
        return _TOP if self.price >= _DEAREST else int(math.log(max(1.0, self.price)) / _STEP)


@dataclass(frozen=True, slots=True)
class Demand:
    """A bid as the books keep it: added up by slice and level."""

    account: Account
    slice: int
    level: int
    amount: float

    @classmethod
    def of(cls, bid: Bid, account: Account, at: datetime) -> Demand:
        """A bid that was made `at` a moment of the account's period."""
        position = (at.timestamp() - account.start_s) / account.period_s
        return cls(account, min(SLICES - 1, max(0, int(position * SLICES))), bid.level, bid.amount)


@dataclass(frozen=True, slots=True)
class Pace:
    """What a period of a window starts with."""

    price: float = 1.0
    """Times the configured price, while spending goes as planned."""
    plan: tuple[float, ...] = _EVENLY
    """The share of the limit to be spent in each slice; together 1."""
    learnt: bool = False
    """Whether an earlier period was its sample."""

    def price_at(self, elapsed: float, used: float) -> float:
        """How many times the configured price spending costs now. Never below 1: that one is the least.

        Args:
            elapsed: of the period, 0 to 1.
            used: of the limit, spent and reserved; 1 where it is used up.
        """
        rest = max(0.0, 1 - self._planned(elapsed)) / max(_LEAST, 1 - used)
        return min(_DEAREST, max(1.0, self.price * math.pow(rest, _STEEPNESS)))

    def after(self, demand: Mapping[tuple[int, int], float]) -> Pace:
        """What the next period starts with.

        Args:
            demand: the bids of this period, by slice and level, as shares of the limit.
        """
        if not any(demand.values()):
            return self
        price, spent = _cleared(demand)
        trust = _TRUST if self.learnt else 1.0
        even, total = _UNFORESEEN / SLICES, sum(spent)
        sample = [(1 - _UNFORESEEN) * (part / total) + even for part in spent] if total else _EVENLY
        return Pace(
            math.exp((1 - trust) * math.log(self.price) + trust * math.log(price)),
            tuple((1 - trust) * old + trust * new for old, new in zip(self.plan, sample, strict=True)),
            learnt=True,
        )

    def _planned(self, elapsed: float) -> float:
        """The share of the limit that is to be spent by then."""
        position = min(1.0, max(0.0, elapsed)) * SLICES
        whole = min(SLICES - 1, int(position))
        return sum(self.plan[:whole]) + self.plan[whole] * (position - whole)


def first_price(demand: Mapping[tuple[int, int], float], elapsed: float, used: float) -> float:
    """The price in a window's very first period; see above.

    Args:
        demand: the bids so far, by slice and level, as shares of the limit.
        elapsed: of the period, 0 to 1.
        used: of the limit, spent and reserved.
    """
    if not demand:
        return 1.0
    seen = max(1 / SLICES, elapsed - min(part for part, _ in demand) / SLICES)
    rest = max(0.0, 1 - elapsed) / seen / max(_LEAST, 1 - used)
    price, _ = _cleared({key: amount * rest for key, amount in demand.items()})
    return min(_DEAREST, price)


def _cleared(demand: Mapping[tuple[int, int], float]) -> tuple[float, list[float]]:
    """The price at which just the whole limit is spent, and what is spent then in each slice.

    The dearest bids come first. The level at the limit is served in part, and its price lies as far within the level.
    """
    levels: dict[int, float] = defaultdict(float)
    for (_, level), amount in demand.items():
        levels[level] += amount
    shares: dict[int, float] = {}
    left, price = 1.0, 1.0
    for level in sorted(levels, reverse=True):
        share = min(1.0, left / levels[level]) if levels[level] > 0 else 1.0
        shares[level] = share
        left -= share * levels[level]
        if share < 1:
            price = math.exp(min(_TOP, level + 1 - share) * _STEP)
            break
    spent = [0.0] * SLICES
    for (part, level), amount in demand.items():
        spent[part] += amount * shares.get(level, 0.0)
    return price, spent
