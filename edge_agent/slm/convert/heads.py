"""The dimensions of a head where `GroupQueryAttention` wants them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_Rows = npt.NDArray[np.float32]
# On the CPU the operator rotates heads of multiples of 16 only.
_MULTIPLE = 16


@dataclass(frozen=True, slots=True)
class HeadLayout:
    """Heads of `size` dimensions, of which the first `rotated` turn, in heads of `stored`, of which all turn.

    The operator turns the dimension i of a stored head with i + stored / 2, while a model pairs i with i + rotated / 2.
    So queries and keys are rearranged, both alike, which leaves their products as they are; what does not turn, turns
    by nothing. What a head lacks of a multiple of 16 is filled with zeros, which add nothing to any product.

    Attributes:
        size: dimensions of a head, as the model has them.
        rotated: how many of them turn; an even number.
    """

    size: int
    rotated: int

    @property
    def stored(self) -> int:
        """Dimensions of a head in the graph and in its cache."""
        return -(-self.size // _MULTIPLE) * _MULTIPLE

    def queries_or_keys(self, rows: _Rows) -> _Rows:
        """`[heads * size, ...]` as `[heads * stored, ...]`, rearranged and filled up."""
        return self._placed(rows, self._places())

    def values(self, rows: _Rows) -> _Rows:
        """`[heads * size, ...]` as `[heads * stored, ...]`, filled up."""
        return self._placed(rows, np.arange(self.size))

    def outputs(self, matrix: _Rows) -> _Rows:
        """The output matrix `[out, heads * size]` as `[out, heads * stored]`."""
        return matrix if self.size == self.stored else np.ascontiguousarray(self.values(matrix.T).T)

    def table(self, angles: _Rows, still: float) -> _Rows:
        """Cosines or sines `[positions, rotated / 2]` as `[positions, stored / 2]`; what does not turn has `still`."""
        missing = self.stored // 2 - self.rotated // 2
        return np.pad(angles, ((0, 0), (0, missing)), constant_values=still)

    def _places(self) -> npt.NDArray[np.intp]:
        """Where each dimension of a query or key goes."""
        half, stored_half = self.rotated // 2, self.stored // 2
        turning = np.arange(half)
        free = np.concatenate((np.arange(half, stored_half), np.arange(stored_half + half, self.stored)))
        return np.concatenate((turning, turning + stored_half, free[: self.size - self.rotated]))

    def _placed(self, rows: _Rows, places: npt.NDArray[np.intp]) -> _Rows:
        if self.size == self.stored == self.rotated:
            return rows
        heads = rows.reshape(-1, self.size, *rows.shape[1:])
        stored = np.zeros((len(heads), self.stored, *rows.shape[1:]), np.float32)
        stored[:, places] = heads
        return stored.reshape(-1, *rows.shape[1:])
