"""Rotary positions, and the ways to stretch them over longer texts than a model was first trained on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

_Table = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Rotary:
    """Rotary positions (Su et al. 2021, arXiv 2104.09864) of half-split pairs.

    The pair i turns by `theta ** (-2 i / size) / divisors[i]` radians from one position to the next. Every way to
    stretch the positions is some choice of divisors (and, for some, a magnitude), fixed when the graph is made.

    Attributes:
        theta: the base of the frequencies.
        size: how many of a head's dimensions turn, the first ones; an even number.
        divisors: one a pair, or empty for ones.
        magnitude: factor of cosines and sines, with which queries and keys grow.
    """

    theta: float
    size: int
    divisors: tuple[float, ...] = ()
    magnitude: float = 1.0

    @property
    def frequencies(self) -> npt.NDArray[np.float64]:
        """Radians a position, `[size / 2]`."""
        plain: npt.NDArray[np.float64] = self.theta ** -(np.arange(0, self.size, 2, dtype=np.float64) / self.size)
        return plain / np.array(self.divisors) if self.divisors else plain

    def tables(self, positions: int) -> tuple[_Table, _Table]:
        """Cosines and sines `[positions, size / 2]`."""
        angles = np.outer(np.arange(positions), self.frequencies)
        cosines, sines = np.cos(angles) * self.magnitude, np.sin(angles) * self.magnitude
        return cosines.astype(np.float32), sines.astype(np.float32)


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a model's positions go, in tokens.

    Attributes:
        trained: what its configuration calls the longest sequence.
        window: the longest sequence that the graph is made for.
    """

    trained: int
    window: int


def _linear(plain: Rotary, scaling: Mapping[str, Any], reach: Reach) -> Rotary:
    """Every position counts as 1 / factor (Chen et al. 2023, arXiv 2306.15595)."""
    return replace(plain, divisors=(float(scaling["factor"]),) * (plain.size // 2))


def _dynamic(plain: Rotary, scaling: Mapping[str, Any], reach: Reach) -> Rotary:
    """A larger base for texts beyond the trained length: the one for the whole window, whatever a text's length.

    Made anew for each length, as the method has it, it would not fit the keys that are cached already.
    """
    factor = float(scaling["factor"])
    growth = factor * max(reach.window, reach.trained) / reach.trained - (factor - 1)
    return replace(plain, theta=plain.theta * growth ** (plain.size / (plain.size - 2)))


def _yarn(plain: Rotary, scaling: Mapping[str, Any], reach: Reach) -> Rotary:
    """Slow pairs are interpolated, fast ones stay (Peng et al. 2023, arXiv 2309.00071)."""
    original = int(scaling.get("original_max_position_embeddings") or reach.trained)
    factor = float(scaling.get("factor") or reach.trained / original)

    def pair_that_turns(times: float) -> float:
        return plain.size * math.log(original / (times * 2 * math.pi)) / (2 * math.log(plain.theta))

    low = pair_that_turns(float(scaling.get("beta_fast") or 32))
    high = pair_that_turns(float(scaling.get("beta_slow") or 1))
    if scaling.get("truncate", True):
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, plain.size - 1)
    ramp = np.clip((np.arange(plain.size // 2) - low) / max(high - low, 0.001), 0, 1)
    divisors = 1 / ((1 - ramp) + ramp / factor)
    magnitude = scaling.get("attention_factor") or _yarn_magnitude(factor, scaling)
    return replace(plain, divisors=tuple(divisors.tolist()), magnitude=float(magnitude))


def _yarn_magnitude(factor: float, scaling: Mapping[str, Any]) -> float:
    def growth(weight: float) -> float:
        return 1.0 if factor <= 1 else 0.1 * weight * math.log(factor) + 1

    weight, below = scaling.get("mscale"), scaling.get("mscale_all_dim")
    return growth(float(weight)) / growth(float(below)) if weight and below else growth(1)


def _longrope(plain: Rotary, scaling: Mapping[str, Any], reach: Reach) -> Rotary:
    """Searched divisors, one list for short texts and one for long ones (Ding et al. 2024, arXiv 2402.13753).

    The list goes by the window, not by the text: keys that were cached under the short list would not fit the long one.
    """
    original = int(scaling.get("original_max_position_embeddings") or reach.trained)
    divisors = tuple(float(one) for one in scaling["long_factor" if reach.window > original else "short_factor"])
    if len(divisors) != plain.size // 2:
        raise ValueError(f"{len(divisors)} factors for {plain.size // 2} pairs")
    factor = float(scaling.get("factor") or reach.trained / original)
    magnitude = 1.0 if factor <= 1 else math.sqrt(1 + math.log(factor) / math.log(original))
    return replace(plain, divisors=divisors, magnitude=float(scaling.get("attention_factor") or magnitude))


def _llama3(plain: Rotary, scaling: Mapping[str, Any], reach: Reach) -> Rotary:
    """Pairs that turn seldom within the first training's length are slowed down (Llama 3.1's model card and code)."""
    original = float(scaling.get("original_max_position_embeddings") or reach.trained)
    factor, low, high = (float(scaling[key]) for key in ("factor", "low_freq_factor", "high_freq_factor"))
    turns = original * plain.frequencies / (2 * math.pi)
    kept = np.clip((turns - low) / (high - low), 0, 1)
    return replace(plain, divisors=tuple((1 / (kept + (1 - kept) / factor)).tolist()))


#: The ways to stretch, by the hub's `rope_type`: from plain positions and the rest of its `rope_parameters`.
#: Raise KeyError, TypeError, ValueError or ZeroDivisionError where a number is missing or cannot be.
STRETCHES: Mapping[str, Callable[[Rotary, Mapping[str, Any], Reach], Rotary]] = {
    "default": lambda plain, scaling, reach: plain,
    "linear": _linear,
    "dynamic": _dynamic,
    "yarn": _yarn,
    "longrope": _longrope,
    # What Phi-3's first configurations called it.
    "su": _longrope,
    "llama3": _llama3,
}
