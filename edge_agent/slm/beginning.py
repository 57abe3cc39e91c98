"""What two sequences of tokens have in common from the first on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Tokens = Sequence[int] | NDArray[np.int64]


def common(one: Tokens, other: Tokens) -> int:
    """With how many equal tokens two sequences begin."""
    most = min(len(one), len(other))
    different = np.flatnonzero(np.asarray(one[:most]) != np.asarray(other[:most]))
    return int(different[0]) if different.size else most
