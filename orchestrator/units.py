"""Quantities that carry their unit in the name, their source and their uncertainty (law 6)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum


class EnergySource(StrEnum):
    """Where a joule figure comes from. Only `MODELLED` is not a measurement."""

    RAPL = "rapl"
    BATTERY = "battery"
    NVML = "nvml"
    MODELLED = "modelled"


@dataclass(frozen=True, slots=True)
class Energy:
    """An amount of energy in joules, with one standard uncertainty in joules and its source."""

    joules: float
    uncertainty_joules: float
    source: EnergySource

    def __add__(self, other: Energy) -> Energy:
        """The sum of independent amounts: uncertainties add in quadrature.

        One modelled part makes it modelled; of two measurements the larger gives its name.
        """
        sources = {self.source, other.source}
        source = max(self, other, key=lambda part: part.joules).source
        if EnergySource.MODELLED in sources:
            source = EnergySource.MODELLED
        return Energy(self.joules + other.joules, math.hypot(self.uncertainty_joules, other.uncertainty_joules), source)


NO_ENERGY = Energy(0.0, 0.0, EnergySource.MODELLED)


@dataclass(frozen=True, slots=True)
class Interval:
    """A prediction: the expected value between a low and a high bound (about 90 % of outcomes)."""

    low: float
    expected: float
    high: float

    def __post_init__(self) -> None:
        if not self.low <= self.expected <= self.high:
            raise ValueError(f"an interval needs low <= expected <= high, not {self.low}, {self.expected}, {self.high}")

    @classmethod
    def exactly(cls, value: float) -> Interval:
        """An interval without width."""
        return cls(value, value, value)

    @classmethod
    def around(cls, expected: float, spread: float) -> Interval:
        """`expected` plus and minus `spread`, never below zero: for times, joules and money."""
        return cls(max(0.0, expected - spread), expected, expected + spread)

    def __add__(self, other: Interval) -> Interval:
        """Bounds add: right for fully dependent parts, cautious for independent ones."""
        return Interval(self.low + other.low, self.expected + other.expected, self.high + other.high)
