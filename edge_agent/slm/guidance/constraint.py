"""What an answer may be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Constraint(Protocol):
    """Holds one answer to a form. It starts in front of the answer's first token."""

    @property
    def complete(self) -> bool:
        """Whether the answer may end here and nothing but its end can follow."""
        ...

    def mask(self) -> NDArray[np.bool_] | None:
        """Which tokens may come next, [V]; None where all may."""
        ...

    def advance(self, token: int) -> None:
        """`token` was written."""
        ...

    def forced(self) -> list[int]:
        """The tokens that must come next, as far as there is only one way; does not advance."""
        ...

    def accepts(self, tokens: Sequence[int]) -> int:
        """How many of `tokens`, from the first, may come next one after another; does not advance."""
        ...
