"""The KV cache of one sequence: what attention keeps of the tokens that were read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from edge_agent.slm.prefixes import Buffers
from edge_agent.slm.session import Session


class Held(Protocol):
    """Keys and values of the first `length` tokens of some text."""

    @property
    def length(self) -> int:
        """Number of tokens."""
        ...

    def copy_to(self, buffers: Buffers) -> None:
        """Write them into the first `length` places of `buffers`."""
        ...


@dataclass(frozen=True, slots=True)
class _Beginning:
    """The first `length` tokens of a cache."""

    length: int
    _buffers: Buffers

    def copy_to(self, buffers: Buffers) -> None:
        for source, target in zip(self._buffers, buffers, strict=True):
            target[..., : self.length, :] = source[..., : self.length, :]


class KVCache(ABC):
    """Keys and values of some tokens, in all layers; separate from the model, so that one model serves many.

    A pass is `bind` (make room and say where keys and values are), a run of the session, and `commit`. A pass that was
    not committed, for instance because it was interrupted, leaves the cache as it was.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.tokens: list[int] = []
        self.prefilled = 0
        """How many of the first tokens are bit for bit what any prefill makes of them: those that came in passes of
        two or more. A pass over a single token may go through other kernels, which round differently; `Rounding`
        tells where it does not."""

    def __len__(self) -> int:
        """Number of tokens held."""
        return len(self.tokens)

    @abstractmethod
    def bind(self, new: int) -> onnxruntime.IOBinding:
        """The binding for a pass over `new` more tokens, with keys and values in place."""

    def commit(self, tokens: Sequence[int]) -> None:
        """Take over what the run has just computed for `tokens`."""
        if self.prefilled == len(self) and len(tokens) > 1:
            self.prefilled += len(tokens)
        self.tokens.extend(tokens)

    def truncate(self, length: int) -> None:
        """Forget everything behind the first `length` tokens."""
        del self.tokens[length:]
        self.prefilled = min(self.prefilled, length)

    @property
    @abstractmethod
    def buffers(self) -> list[NDArray[np.floating]]:
        """Keys and values as they are: one array a cache input, [1, kv_heads, at least `len(self)`, head_dim]."""

    def restore(self, tokens: Sequence[int], kept: Held) -> None:
        """Hold what is kept of `tokens` and nothing else, as if it had just been read."""
        self.truncate(0)
        self._fill(kept)
        self.tokens = list(tokens[: kept.length])
        self.prefilled = kept.length

    @abstractmethod
    def _fill(self, kept: Held) -> None:
        """Put what is kept into the buffers of an empty cache."""

    def fork(self, other: KVCache, length: int) -> None:
        """Hold a copy of the first `length` tokens of `other`, and nothing else."""
        self.restore(other.tokens, _Beginning(length, other.buffers))

    def close(self) -> None:
        """Give the memory back. The cache cannot be used afterwards."""
        self.truncate(0)


class GrownCache(KVCache):
    """Past and present apart, as any graph in the hub's layout has them: each pass returns a longer copy.

    They stay where the session's provider computes: on its device between passes, and copied from there when a part of
    them is kept or cut off.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._binding = session.binding()
        signature = session.signature
        shape = (1, signature.kv_heads, 0, signature.head_dim)
        empty = onnxruntime.OrtValue.ortvalue_from_shape_and_type(shape, signature.cache_type, session.memory)
        self._values = [empty] * len(signature.past)

    def bind(self, new: int) -> onnxruntime.IOBinding:
        signature = self._session.signature
        for past, present, value in zip(signature.past, signature.present, self._values, strict=True):
            self._binding.bind_ortvalue_input(past, value)
            self._binding.bind_output(present, self._session.memory)
        return self._binding

    def commit(self, tokens: Sequence[int]) -> None:
        super().commit(tokens)
        # Outputs come in the order in which they were first bound: the logits behind these.
        self._values = self._binding.get_outputs()[: len(self._values)]

    @property
    def buffers(self) -> list[NDArray[np.floating]]:
        return [value.numpy() for value in self._values]

    def _fill(self, kept: Held) -> None:
        layout = self._session.signature.cache_layout
        filled = [np.empty((1, *layout.shape(kept.length)[1:]), layout.dtype) for _ in self._values]
        kept.copy_to(filled)
        self._take(filled)

    def truncate(self, length: int) -> None:
        if length < len(self):
            super().truncate(length)
            # Copies, also of what is contiguous: an array may lead to the memory of the value that is let go.
            self._take(np.array(buffer[:, :, :length], order="C") for buffer in self.buffers)

    def _take(self, arrays: Iterable[NDArray[np.floating]]) -> None:
        memory = self._session.memory
        self._values = [onnxruntime.OrtValue.ortvalue_from_numpy(array, memory) for array in arrays]
