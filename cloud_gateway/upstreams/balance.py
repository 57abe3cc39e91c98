"""Which of several upstreams is asked. Pure but for its random generator."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import Final, Protocol, TypeVar

from cloud_gateway.upstreams.affinity import preference

_BOUND: Final = 1.25
"""Times the mean load: above that an upstream gives conversations away."""
_AT_ONCE: Final = 4
"""So many it may always write: a server in batches is hardly slower for it."""


class Loaded(Protocol):
    """What can be chosen."""

    @property
    def name(self) -> str:
        """Of the upstream."""
        ...

    @property
    def weight(self) -> float:
        """Its share of the work, beside the others'."""
        ...

    @property
    def load(self) -> int:
        """Answers that it is writing."""
        ...


_L = TypeVar("_L", bound=Loaded)


def choose(among: Sequence[_L], key: bytes | None, random: Random) -> _L:
    """One of `among`, which is not empty: the one that knows the conversation `key`, or the less loaded of two."""
    if len(among) == 1:
        return among[0]
    return _less_loaded(among, random) if key is None else _acquainted(among, key)


def _less_loaded(among: Sequence[_L], random: Random) -> _L:
    """The power of two choices (Mitzenmacher, 2001): nearly as even as asking all, and replicas of the gateway, which
    do not know each other's load, do not all run to the same one."""
    first = random.choices(among, [one.weight for one in among])[0]
    others = [one for one in among if one is not first]
    second = random.choices(others, [one.weight for one in others])[0]
    return min(first, second, key=_pressure)


def _acquainted(among: Sequence[_L], key: bytes) -> _L:
    """Consistent hashing with bounded loads (Mirrokni, Thorup and Zadimoghaddam, 2018): the next one where the best is
    loaded well above the mean. One of them never is."""
    mean = (sum(one.load for one in among) + 1) / sum(one.weight for one in among)
    ranked = sorted(among, key=lambda one: preference(key, one.name, one.weight), reverse=True)
    return next(one for one in ranked if one.load < max(_AT_ONCE, math.ceil(_BOUND * mean * one.weight)))


def _pressure(one: Loaded) -> float:
    """What its load would be with one answer more, for its weight."""
    return (one.load + 1) / one.weight
