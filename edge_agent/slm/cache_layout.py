"""How the keys and values of one token lie in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class CacheLayout:
    """Shape and type of a model's keys and values: `arrays` of them, each [kv_heads, tokens, head_dim].

    Attributes:
        arrays: keys and values of all layers, in the order of the graph's cache inputs: twice the number of layers.
        dtype: float32 or float16.
    """

    arrays: int
    kv_heads: int
    head_dim: int
    dtype: np.dtype[np.floating]

    @property
    def bytes_per_token(self) -> int:
        """What one token takes in all layers."""
        return self.arrays * self.kv_heads * self.head_dim * self.dtype.itemsize

    def shape(self, tokens: int) -> tuple[int, int, int, int]:
        """Of the keys and values of `tokens` tokens in one array: [arrays, kv_heads, tokens, head_dim]."""
        return self.arrays, self.kv_heads, tokens, self.head_dim
