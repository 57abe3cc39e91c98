"""The KV cache of one sequence: what attention keeps of the tokens that were read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from edge_agent.slm.prefixes import Kept
from edge_agent.slm.session import Session


class KVCache(ABC):
    """Keys and values of `tokens`, in all layers; separate from the model, so that one model serves many.

    A pass is `bind` (make room and say where keys and values are), a run of the session, and `commit`. A pass that was
    not committed, for instance because it was interrupted, leaves the cache as it was.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._binding = session.binding()
        self.tokens: list[int] = []
        self.prefilled = 0
        """How many of the first tokens came in passes of two or more: these are bit for bit what any prefill makes of
        them. A pass over a single token goes through other kernels, which round differently."""

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

    def restore(self, tokens: Sequence[int], kept: Kept) -> None:
        """Hold what is kept of `tokens` and nothing else, as if it had just been read."""
        self.truncate(0)
        self._fill(kept)
        self.tokens = list(tokens[: kept.length])
        self.prefilled = kept.length

    @abstractmethod
    def _fill(self, kept: Kept) -> None:
        """Put what is kept into the buffers of an empty cache."""

    @abstractmethod
    def fork(self) -> KVCache:
        """A copy that goes its own way."""


class SharedCache(KVCache):
    """Past and present in one buffer a layer, which the graph appends to in place.

    The buffers start small and double up to the window: a whole window set aside at once is hundreds of megabytes that
    most conversations never fill, and speed is the same.
    """

    _FIRST = 256

    def __init__(self, session: Session, window: int) -> None:
        super().__init__(session)
        self._window = window
        self._buffers: list[NDArray[np.floating]] = []
        self._capacity = 0

    def bind(self, new: int) -> onnxruntime.IOBinding:
        self._make_room(len(self) + new)
        return self._binding

    @property
    def buffers(self) -> list[NDArray[np.floating]]:
        return self._buffers

    def _fill(self, kept: Kept) -> None:
        self._make_room(kept.length)
        kept.copy_to(self._buffers)

    def _make_room(self, length: int) -> None:
        if length > self._window:
            raise ValueError(f"{length} tokens in a window of {self._window}")
        if length > self._capacity:
            self._grow(min(self._window, max(length, 2 * self._capacity, self._FIRST)))

    def fork(self) -> SharedCache:
        twin = SharedCache(self._session, self._window)
        twin.tokens, twin.prefilled = self.tokens.copy(), self.prefilled
        twin._buffers = self._buffers.copy()
        if self._capacity:
            twin._grow(self._capacity)
        return twin

    def _grow(self, capacity: int) -> None:
        """Move to new buffers of `capacity` tokens, one at a time, so that old and new never exist all at once."""
        signature, held = self._session.signature, len(self)
        shape = (1, signature.kv_heads, capacity, signature.head_dim)
        for index, (past, present) in enumerate(zip(signature.past, signature.present, strict=True)):
            buffer = np.zeros(shape, signature.cache_type)
            if index < len(self._buffers):
                buffer[:, :, :held] = self._buffers[index][:, :, :held]
                self._buffers[index] = buffer
            else:
                self._buffers.append(buffer)
            place = ("cpu", 0, signature.cache_type, shape, buffer.ctypes.data)
            self._binding.bind_input(past, *place)
            self._binding.bind_output(present, *place)
        self._capacity = capacity


class GrownCache(KVCache):
    """Past and present apart, as any graph in the hub's layout has them: each pass returns a longer copy.

    They stay where the session's provider computes: on its device between passes, and copied from there when a part of
    them is kept or cut off.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
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

    def _fill(self, kept: Kept) -> None:
        layout = self._session.signature.cache_layout
        filled = [np.empty((1, *layout.shape(kept.length)[1:]), layout.dtype) for _ in self._values]
        kept.copy_to(filled)
        self._take(filled)

    def truncate(self, length: int) -> None:
        if length < len(self):
            super().truncate(length)
            self._take(np.ascontiguousarray(buffer[:, :, :length]) for buffer in self.buffers)

    def _take(self, arrays: Iterable[NDArray[np.floating]]) -> None:
        memory = self._session.memory
        self._values = [onnxruntime.OrtValue.ortvalue_from_numpy(array, memory) for array in arrays]

    def fork(self) -> GrownCache:
        twin = GrownCache(self._session)
        twin.tokens, twin.prefilled = self.tokens.copy(), self.prefilled
        twin._values = self._values.copy()  # a pass writes new values and never into these
        return twin


def new_cache(session: Session, window: int) -> KVCache:
    """An empty cache of the kind that the session's graph can use, for at most `window` tokens."""
    return SharedCache(session, window) if session.signature.shared_kv else GrownCache(session)
