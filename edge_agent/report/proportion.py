"""What a share of a few may be in the long run."""

from __future__ import annotations

import math
from typing import Final

_Z: Final = 1.96
"""Standard errors to each side of a 95 % interval."""


def bounds(share: float, n: int) -> tuple[float, float]:
    """The bounds of a share that was seen `n` times, with 95 % confidence (Wilson's score interval, JASA 1927)."""
    z2 = _Z**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n**2))
    return max(0.0, centre - half), min(1.0, centre + half)
